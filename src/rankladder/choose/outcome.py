"""What a choice found: every contender's quality, cost and verdict, and the choice itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Literal

from rankladder.choose.contenders import Contender
from rankladder.choose.decision import Reason, Standing
from rankladder.choose.evidence import Evidence
from rankladder.choose.forecast import Further
from rankladder.choose.wishes import Wishes
from rankladder.evaluate.statistics import Interval

FORMAT = 2
"""Of the JSON that ``Outcome.to_dict`` gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A contender with what it means.

    Attributes:
        contender: What was measured of it.
        overall: The mean over all queries, with its interval; None where it failed.
        reason: The verdict.
        evidence: What the queries say of it; None where it failed, and of a single query.
        sentence: The verdict in words.
    """

    contender: Contender
    overall: Interval | None
    reason: Reason
    evidence: Evidence | None
    sentence: str

    @property
    def name(self) -> str:
        """The contender's."""
        return self.contender.name


@dataclass(frozen=True, slots=True)
class Versus:
    """The choice against what runs today: the difference of means, its interval, a paired p."""

    interval: Interval
    p: float | None
    """Two-sided, of a randomisation test; None for a single query."""
    wins: int
    ties: int
    losses: int
    queries: int
    p_at_most: bool = False
    """Whether p is the smallest that the resamples can give: the true one may be smaller."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What later queries say of the choice, which was made without them."""

    answer: Literal["confirmed", "contradicted", "not settled"]
    queries: int
    means: Mapping[str, float]
    """The measure on the later queries, by contender."""
    evidence: Evidence | None
    """Of the choice, on the later queries alone; None for a single query."""


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
    """The head of one contender's list for a query, and the measure there."""

    contender: str
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
        queries: The text of every judged query, by id.
        contenders: In the order asked for, no reranker first.
        standing: How well it is known that the choice is right.
        choice: The contender that is chosen or the best bet; None where there is nothing to choose.
        beyond_doubt: The cheapest contender whose claim is beyond doubt, where that is not the choice.
        best: The contender whose mean the target is a share of.
        further: How many further queries would settle more; None where it is settled or nothing can be said.
        headline: The choice, in a sentence.
        sentences: The reasons for it.
        confirmation: On later queries; None without them or without a choice.
        current: What runs today: a contender's name.
        versus: The choice against ``current``; None where it is that, or there is none.
        frontier: Contenders that no other beats on both quality and p95 (or slowest sample), fastest first.
        compared: The contender that is set against ``current`` query by query: the choice, or, where that runs today
            already, the best of the others.
        examples: Queries side by side, ``current`` before and ``compared`` after.
        remarks: What else the reader should know.
        reproduce: Command, versions, machine, date, seed.
    """

    dataset: Mapping[str, Any]
    retriever: Mapping[str, Any]
    measure: str
    reference: str | None
    wishes: Wishes
    queries: Mapping[str, str]
    contenders: tuple[Judged, ...]
    standing: Standing
    choice: str | None
    beyond_doubt: str | None
    best: str | None
    further: Further | None
    headline: str
    sentences: tuple[str, ...]
    confirmation: Confirmation | None
    current: str
    versus: Versus | None
    frontier: tuple[str, ...]
    compared: str | None
    examples: tuple[Example, ...]
    remarks: tuple[str, ...]
    reproduce: Mapping[str, Any]

    @property
    def measured(self) -> str:
        """What the figures are, in words: a measure of quality, or agreement with a reference."""
        return self.measure if self.reference is None else agreement(self.reference)

    def contender(self, name: str) -> Judged:
        """The contender of a name. Raises KeyError."""
        for judged in self.contenders:
            if judged.name == name:
                return judged
        raise KeyError(name)

    def _changes(self) -> dict[str, Any] | None:
        """What becomes of each query with the contender that is compared in place of the current one."""
        if self.compared is None:
            return None
        old, new = self.contender(self.current).contender, self.contender(self.compared).contender
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
        whole = {
            "format": FORMAT,
            "dataset": dict(self.dataset),
            "retriever": dict(self.retriever),
            "measure": self.measure,
            "measured": self.measured,
            "reference": self.reference,
            "wishes": asdict(self.wishes),
            "choice": {
                "standing": self.standing,
                "name": self.choice,
                "beyond_doubt": self.beyond_doubt,
                "best": self.best,
                "headline": self.headline,
                "sentences": self.sentences,
                "further": None if self.further is None else {**asdict(self.further), "words": str(self.further)},
                "confirmation": None if self.confirmation is None else _confirmation(self.confirmation),
                "current": self.current,
                "versus": None if self.versus is None else asdict(self.versus),
            },
            "contenders": [_row(judged) for judged in self.contenders],
            "frontier": self.frontier,
            "changes": self._changes(),
            "queries": [{"id": id, "text": text} for id, text in self.queries.items()],
            "examples": [asdict(example) for example in self.examples],
            "remarks": self.remarks,
            "reproduce": dict(self.reproduce),
        }
        plain: dict[str, Any] = _plain(whole)
        return plain


def agreement(reference: str) -> str:
    """How figures are called that a model's own ranking stands behind."""
    return f"agreement with {reference}, not quality"


def _row(judged: Judged) -> dict[str, Any]:
    # A Mapping that is not a dict has no deep copy: asdict is kept to the small values.
    contender = judged.contender
    row = {name: getattr(contender, name) for name in Contender.__dataclass_fields__ if name not in {"values", "spent"}}
    return {
        **row,
        "cut": contender.cut,
        "overall": None if judged.overall is None else asdict(judged.overall),
        "reason": judged.reason,
        "sentence": judged.sentence,
        "evidence": None if judged.evidence is None else asdict(judged.evidence),
        "spent": None if contender.spent is None else asdict(contender.spent),
        "values": dict(contender.values),
    }


def _confirmation(found: Confirmation) -> dict[str, Any]:
    evidence = None if found.evidence is None else asdict(found.evidence)
    return {"answer": found.answer, "queries": found.queries, "means": dict(found.means), "evidence": evidence}


def _plain(value: Any) -> Any:
    """Tuples as lists and enums as texts, as they come back from JSON."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, StrEnum) else value
