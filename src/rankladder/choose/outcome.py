"""What a choice found: every candidate's quality, cost and verdict, and the choice itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from rankladder.choose.decision import Reason, Wishes
from rankladder.choose.evidence import Distance
from rankladder.evaluate.statistics import Interval

FORMAT = 1
"""Of the JSON that ``Outcome.to_dict`` gives."""
NO_RERANKER = "no reranker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What one candidate costs on this machine, at the data's own lengths and list sizes. None: not measured, or too
    few samples for that percentile (p95 wants 20, p99 wants 100).
    """

    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    worst_ms: float | None
    latencies_ms: tuple[float, ...]
    """One query's pass, sample by sample."""
    pairs_per_second: float | None
    tokens_per_second: float | None
    memory_mb: float | None
    """Peak memory of a process that holds this model alone, MiB: resident, and what it held on a GPU besides."""
    per_1000_queries: float | None
    """None where no price is given, or the service does not count what the price is of."""
    price: str | None
    """As it was given."""
    device_memory_mb: float | None = None
    """The part of ``memory_mb`` that lies on a GPU; None without one."""
    waited: int = 0
    """Samples that are not among these, because a hosted service was busy or failed and had to be asked again."""

    @property
    def budget_ms(self) -> float:
        """What is held against a budget: the p95, the largest sample where there are too few, 0 without any."""
        return self.p95_ms if self.p95_ms is not None else self.worst_ms or 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One candidate as a row.

    Attributes:
        name: As it was asked for; ``no reranker`` for the retriever alone. Unique.
        model: The model's own name and number format; "" for the retriever.
        about: The model's own line on number format and engine.
        digest: Another wherever a score could differ.
        parameters: Of the network; None where unknown (hosted) or none.
        also: Other names that it was asked for by: the same model in the same format, measured once.
        current: Whether it is what runs today.
        failed: Why nothing of it could be measured; None where something was.
        cost_failed: Why its cost, or its memory where that is limited, could not be measured though its quality was;
            None where it was. It cannot be chosen.
        values: The measure, query by query.
        overall: The mean over all queries, with its interval.
        selection: The same over the part that the choice was made on.
        held_out: The same over the held-out part; None where nothing is held out.
        share: Of the best one's mean, on the selection; the interval is that of the distance to the target. None
            where the target is a value.
        spent: None where it or its timing failed, and of a reference that does not run today.
        pairs: Pairs that it scored.
        truncated: How many of them were cut.
        reason: The verdict.
        sentence: The verdict, said.
        distance: From the target, on the selection.
    """

    name: str
    model: str = ""
    about: str = ""
    digest: str = ""
    parameters: int | None = None
    also: tuple[str, ...] = ()
    current: bool = False
    failed: str | None = None
    cost_failed: str | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    overall: Interval | None = None
    selection: Interval | None = None
    held_out: Interval | None = None
    share: Interval | None = None
    spent: Spent | None = None
    pairs: int = 0
    truncated: int = 0
    reason: Reason = Reason.FAILED
    sentence: str = ""
    distance: Distance | None = None

    def is_same_model(self, other: Measured) -> bool:
        """Whether both give the same scores by law, and only their costs may differ."""
        return self.name == other.name or (self.digest != "" and self.digest == other.digest)


@dataclass(frozen=True, slots=True)
class Versus:
    """The chosen one against another over some queries: the difference of means, its interval, a paired p."""

    interval: Interval
    p: float | None
    """Two-sided, of a randomisation test; None for a single query."""
    wins: int
    ties: int
    losses: int
    queries: int


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Whether the held-out queries bear out that the chosen one meets the target."""

    answer: Literal["confirmed", "contradicted", "not settled"]
    against: str | None
    """Whose mean the target is a share of here: the best on the selection, the next best where that is the chosen one
    itself; None where the target is a value."""
    distance: Distance


@dataclass(frozen=True, slots=True)
class ShownDocument:
    """A document at the head of a list. ``tokens_cut`` is None where no model read it."""

    rank: int
    id: str
    title: str
    text: str
    grade: int | None
    score: float | None
    tokens_read: int | None
    tokens_cut: int | None


@dataclass(frozen=True, slots=True)
class ShownList:
    """The head of one candidate's list for a query, and the measure there."""

    candidate: str
    value: float
    documents: tuple[ShownDocument, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """One query, side by side."""

    query: str
    text: str
    before: ShownList
    after: ShownList


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a choice found.

    Attributes:
        dataset: Name, digest, counts.
        retriever: Name and digest of the candidate lists, and how long they are, cut at ``top_k``: the mean of all.
        measure: ``nDCG@10``.
        reference: The model whose ranking stands in for judgements; None where people judged.
        wishes: What was asked for.
        selection: Ids of the queries that the choice was made on.
        held_out: Ids of the queries that it was confirmed on.
        candidates: In the order asked for, no reranker first.
        winner: The chosen candidate; None where the evidence chooses none.
        leader: Who comes nearest where there is no winner.
        best: Whose mean the target is a share of.
        sentences: The choice and what stands behind it, said.
        confirmation: On the held-out part; None without winner or without such a part.
        current: What runs today: a candidate's name.
        versus: The winner (else the leader) against ``current`` by part: ``selection``, ``held_out``.
        frontier: Candidates that no other beats on both quality and p95 (or slowest sample, without one), fastest
            first.
        compared: Who is set against ``current`` query by query: the winner (else the leader), or, where that runs
            today already, the best of the others.
        examples: Queries side by side, ``current`` before and ``compared`` after.
        remarks: What else the reader should know.
        reproduce: Command, versions, machine, date, seed.
    """

    dataset: Mapping[str, Any]
    retriever: Mapping[str, Any]
    measure: str
    reference: str | None
    wishes: Wishes
    selection: tuple[str, ...]
    held_out: tuple[str, ...]
    queries: Mapping[str, str]
    candidates: tuple[Measured, ...]
    winner: str | None
    leader: str | None
    best: str | None
    sentences: tuple[str, ...]
    confirmation: Confirmation | None
    current: str
    versus: Mapping[str, Versus]
    frontier: tuple[str, ...]
    compared: str | None
    examples: tuple[Example, ...]
    remarks: tuple[str, ...]
    reproduce: Mapping[str, Any]

    @property
    def measured(self) -> str:
        """What the figures are, in words: a measure of quality, or agreement with a reference."""
        return self.measure if self.reference is None else agreement(self.reference)

    @property
    def shown(self) -> str | None:
        """The winner, else the leader: who is set against what runs today."""
        return self.winner or self.leader

    def candidate(self, name: str) -> Measured:
        """The candidate of a name. Raises KeyError."""
        for one in self.candidates:
            if one.name == name:
                return one
        raise KeyError(name)

    def _changes(self) -> dict[str, Any] | None:
        """What becomes of each query with the one that is compared in place of the current one."""
        if self.compared is None:
            return None
        old, new = self.candidate(self.current), self.candidate(self.compared)
        differences = {query: new.values[query] - value for query, value in old.values.items()}
        return {
            "before": old.name,
            "after": new.name,
            "differences": differences,
            "better": sum(value > 0 for value in differences.values()),
            "equal": sum(value == 0 for value in differences.values()),
            "worse": sum(value < 0 for value in differences.values()),
        }

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON holds it; the report is drawn from this and nothing else."""
        held_out = set(self.held_out)
        whole = {
            "format": FORMAT,
            "dataset": dict(self.dataset),
            "retriever": dict(self.retriever),
            "measure": self.measure,
            "measured": self.measured,
            "reference": self.reference,
            "wishes": asdict(self.wishes),
            "selection": len(self.selection),
            "held_out": len(self.held_out),
            "choice": {
                "winner": self.winner,
                "leader": self.leader,
                "best": self.best,
                "sentences": list(self.sentences),
                "confirmation": None if self.confirmation is None else asdict(self.confirmation),
                "current": self.current,
                "versus": {part: asdict(one) for part, one in self.versus.items()},
            },
            "candidates": [_row(one) for one in self.candidates],
            "frontier": list(self.frontier),
            "changes": self._changes(),
            "queries": [
                {"id": id, "text": text, "part": "held out" if id in held_out else "selection"}
                for id, text in self.queries.items()
            ],
            "examples": [asdict(one) for one in self.examples],
            "remarks": list(self.remarks),
            "reproduce": dict(self.reproduce),
        }
        plain: dict[str, Any] = _plain(whole)
        return plain


def agreement(reference: str) -> str:
    """How figures are called that a model's own ranking stands behind."""
    return f"agreement with {reference}, not quality"


def _row(one: Measured) -> dict[str, Any]:
    # A Mapping that is not a dict has no deep copy: asdict is kept to the small values.
    parts = ("overall", "selection", "held_out", "share", "spent", "distance")
    row = {name: getattr(one, name) for name in Measured.__dataclass_fields__ if name not in parts}
    return {
        **row,
        "values": dict(one.values),
        "reason": str(one.reason),
        **{name: None if getattr(one, name) is None else asdict(getattr(one, name)) for name in parts},
    }


def _plain(value: Any) -> Any:
    """Tuples as lists and enums as texts, as they come back from JSON."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Reason) else value
