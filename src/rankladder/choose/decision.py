"""The choice: the cheapest candidate that the evidence says is good enough. Pure: values in, verdicts out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from rankladder.arguments import check_fields, checked
from rankladder.choose.evidence import CONFIDENCE, Distance, Further, distance, queries_missing
from rankladder.errors import BadInput, BadOption

FEW = 20
"""Queries below which having the highest mean is not enough: being better than the next must be shown."""


class Reason(StrEnum):
    """Why a candidate was taken or passed over."""

    CHOSEN = "chosen"
    LARGER_THAN_NEEDED = "larger than needed"
    CANNOT_TELL = "cannot tell yet"
    BELOW_TARGET = "below the target"
    OVER_BUDGET = "over the budget"
    TOO_MUCH_MEMORY = "too much memory"
    COST_UNKNOWN = "cost not known"
    REFERENCE = "the reference"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the choice has to satisfy.

    ``target`` is a share of the best candidate's mean, in (0, 1]; ``target_value`` a mean itself, in place of it.
    ``budget_ms`` bounds the p95 of one query's pass; ``memory_mb`` the peak memory, MiB.
    """

    target: float | None = 0.98
    target_value: float | None = None
    budget_ms: float | None = None
    memory_mb: float | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        if (self.target is None) == (self.target_value is None):
            raise BadOption("expected a share of the best or a value to reach, one of the two")
        for name in ("target", "target_value"):
            value = getattr(self, name)
            if value is not None and not 0 < value <= 1:
                raise BadOption(f"{name} must be above 0 and at most 1, got {value}")
        for name in ("budget_ms", "memory_mb"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise BadOption(f"{name} must be above 0, got {value}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the decision knows of one candidate; ``values[query id]`` on the part of the queries that it is made on."""

    name: str
    values: Mapping[str, float] = field(default_factory=dict)
    digest: str = ""
    """Candidates that share one are the same model, whatever they are called; "" is shared with none."""
    p95_ms: float = 0.0
    """Of one query's pass; the slowest sample where there are too few for a p95."""
    memory_mb: float | None = None
    """None where nothing of it runs on this machine."""
    cost_known: bool = True
    """False where its cost could not be measured: nobody can say that it is the cheapest, or within a budget."""
    parameters: int | None = None
    failed: str | None = None
    """The message of what went wrong; then nothing else is read."""

    @property
    def mean(self) -> float:
        """The mean over the queries."""
        return math.fsum(self.values.values()) / len(self.values)

    @property
    def price(self) -> tuple[bool, float, float, int, str]:
        """Cheaper sorts first: p95, then memory, then parameters; the name settles ties. An unknown cost comes last."""
        return not self.cost_known, self.p95_ms, self.memory_mb or 0, self.parameters or 0, self.name

    def is_same_model(self, other: Entry) -> bool:
        """Whether both give the same scores by law: then only their costs may differ."""
        return self is other or (self.digest != "" and self.digest == other.digest)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one candidate. ``distance`` is how far its mean lies above the mark; None where it failed."""

    name: str
    reason: Reason
    distance: Distance | None


@dataclass(frozen=True, slots=True)
class Decision:
    """``winner`` is None where the evidence chooses nobody; ``leader`` then names who comes nearest among those that
    are known to satisfy budget and memory, where there is one.
    """

    winner: str | None
    leader: str | None
    best: str | None
    """Whose mean the target is a share of: the highest, or the reference."""
    verdicts: tuple[Verdict, ...]
    """One per candidate, in the order given."""

    def verdict(self, name: str) -> Verdict:
        """The verdict on one candidate. Raises KeyError for a name that was not decided on."""
        for verdict in self.verdicts:
            if verdict.name == name:
                return verdict
        raise KeyError(name)


@checked
def decide(
    entries: Sequence[Entry],
    wishes: Wishes,
    *,
    reference: str | None = None,
    share: float = 1.0,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Decision:
    """The cheapest candidate (p95, then memory, then parameters) within budget and memory whose mean surely meets the
    target: the interval of mean(candidate) - target * mean(best), over the same queries, lies at or above 0. One whose
    cost is not known cannot be chosen.

    The best is the highest mean of all, those over the budget too; or the ``reference``, which cannot be chosen under
    any of its names. Of two models that share the highest mean neither is taken for the best: each is held against the
    other. What "surely" takes with few queries, ``distance_to_target`` says.

    Args:
        entries: The candidates, each name once. All that did not fail have values for the same queries.
        wishes: Target, budget and memory.
        reference: The candidate whose own ranking stands in for judgements.
        share: The part of all queries that the values are of; see ``evidence.distance``.
        confidence: Of the intervals.
        seed: Of the bootstrap.

    >>> values = {f"q{n}": 0.5 for n in range(400)}
    >>> small, large = Entry(name="s", values=values, p95_ms=5), Entry(name="l", values=values, p95_ms=50)
    >>> [str(verdict.reason) for verdict in decide([large, small], Wishes()).verdicts]
    ['larger than needed', 'chosen']

    Raises BadInput for a name given twice, an unknown reference, or values of different queries.
    """
    if not 0 < share <= 1:
        raise BadOption(f"share must be above 0 and at most 1, got {share}")
    running = _checked(entries, reference)
    if not running:
        return Decision(None, None, None, tuple(Verdict(one.name, Reason.FAILED, None) for one in entries))
    best = min(running, key=lambda one: (one.name != reference, -one.mean, one.price))
    others = [one for one in running if not one.is_same_model(best)]
    second = min(others, key=lambda one: (-one.mean, one.price), default=None)
    tied = second if reference is None and second is not None and second.mean == best.mean else None
    distances = {
        one.name: distance_to_target(
            best.values if one.is_same_model(best) else one.values,
            tied.values if tied is not None and one.is_same_model(best) else best.values,
            wishes,
            rival=None if reference is not None else _rival(one, best, second),
            share=share,
            confidence=confidence,
            seed=seed,
        )
        for one in running
    }
    stand_ins = [] if reference is None else [one.name for one in running if one.is_same_model(best)]
    within = [one for one in running if _excess(one, wishes) is None and one.name not in stand_ins]
    nothing_found = best.mean == 0
    good = [] if nothing_found else [one for one in within if distances[one.name].answer == "meets"]
    winner = min(good, key=lambda one: one.price, default=None)

    def reason(one: Entry) -> Reason:
        if one.failed is not None:
            return Reason.FAILED
        if one is winner:
            return Reason.CHOSEN
        if one.name in stand_ins:
            return Reason.REFERENCE
        if (excess := _excess(one, wishes)) is not None:
            return excess
        if nothing_found:
            return Reason.CANNOT_TELL
        if distances[one.name].answer == "fails":
            return Reason.BELOW_TARGET
        return Reason.LARGER_THAN_NEEDED if winner is not None and winner.price < one.price else Reason.CANNOT_TELL

    verdicts = tuple(Verdict(one.name, reason(one), distances.get(one.name)) for one in entries)
    leader = None
    if winner is None and within and not nothing_found:
        leader = min(within, key=lambda one: (-one.mean, one.price)).name
    return Decision(winner.name if winner else None, leader, best.name, verdicts)


def distance_to_target(
    values: Mapping[str, float],
    best: Mapping[str, float],
    wishes: Wishes,
    *,
    rival: Mapping[str, float] | None = None,
    share: float = 1.0,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Distance:
    """How far the mean of ``values`` lies above the mark that the wishes set, query by query against the best's.

    Two candidates often agree on every query that was judged. So what meets the mark allows for queries that were not
    seen, on which ``values`` would have 0 and the best 1 (``distance``); measures lie between the two. ``best`` may be
    ``values`` itself, which is never below itself: with fewer than ``FEW`` queries it has to be surely better than the
    ``rival``, the next best, where one is given.
    """
    mark = wishes.target_value if wishes.target_value is not None else wishes.target or 1.0
    if wishes.target_value is not None:
        differences = [value - mark for value in values.values()]
    else:
        differences = [value - mark * best[query] for query, value in values.items()]
    itself = wishes.target_value is None and values is best
    away = distance(differences, worst=None if itself else -mark, confidence=confidence, share=share, seed=seed)
    if away.answer != "meets" or rival is None or wishes.target_value is not None or len(values) >= FEW:
        return away
    ahead = distance(
        [value - rival[query] for query, value in values.items()], confidence=confidence, seed=seed
    ).interval
    if ahead.low is not None and ahead.low > 0:
        return away
    missing = queries_missing(FEW, len(values), share=share)
    return replace(away, answer="cannot tell", further=Further(missing, "at least"))


def _rival(one: Entry, best: Entry, second: Entry | None) -> Mapping[str, float] | None:
    """Whom a candidate has to be surely better than with few queries: the best, the next best; one that shares the
    highest mean, the best; any other none, since it claims no more than a share.
    """
    if one.is_same_model(best):
        return None if second is None else second.values
    return best.values if one.mean == best.mean else None


def _excess(one: Entry, wishes: Wishes) -> Reason | None:
    if wishes.budget_ms is not None and one.p95_ms > wishes.budget_ms:
        return Reason.OVER_BUDGET
    if wishes.memory_mb is not None and (one.memory_mb or 0) > wishes.memory_mb:
        return Reason.TOO_MUCH_MEMORY
    return None if one.cost_known else Reason.COST_UNKNOWN


def _checked(entries: Sequence[Entry], reference: str | None) -> list[Entry]:
    """Those that did not fail."""
    names = [one.name for one in entries]
    if len(set(names)) < len(names):
        raise BadInput(f"a candidate stands twice among {', '.join(names)}")
    running = [one for one in entries if one.failed is None]
    if reference is not None and reference not in {one.name for one in running}:
        raise BadInput(f"the reference {reference!r} is not among the candidates that ran")
    for one in running:
        if not one.values or one.values.keys() != running[0].values.keys():
            raise BadInput(f"{one.name}: expected values for the same queries as {running[0].name}, at least one")
    return running
