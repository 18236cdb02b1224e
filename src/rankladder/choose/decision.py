"""The choice: the cheapest contender that is good enough, and how well that is known. Pure: values in, verdicts out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from rankladder.arguments import checked
from rankladder.choose.evidence import FEWEST, SURE, Evidence, Matrix, weigh
from rankladder.choose.wishes import Wishes
from rankladder.errors import BadInput
from rankladder.evaluate.statistics import holm


class Standing(StrEnum):
    """How well it is known that the choice is right."""

    SURE = "beyond doubt"
    PROBABLE = "probably"
    BEST_BET = "best bet"
    NOTHING = "nothing to choose"


class Reason(StrEnum):
    """Why a contender was chosen or passed over."""

    CHOSEN = "chosen"
    BEST_BET = "best bet"
    LARGER_THAN_NEEDED = "larger than needed"
    UNSETTLED = "not settled"
    BELOW_TARGET = "below the target"
    OVER_BUDGET = "over the budget"
    TOO_MUCH_MEMORY = "too much memory"
    COST_UNKNOWN = "cost not known"
    REFERENCE = "the reference"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the decision knows of one contender; ``values[query id]`` over all queries."""

    name: str
    values: Mapping[str, float] = field(default_factory=dict)
    digest: str = ""
    """Contenders that share a digest are the same model, whatever they are called; "" is shared with none."""
    p95_ms: float = 0.0
    """Of one query's pass; the slowest sample where there are too few for a p95."""
    memory_mb: float | None = None
    """None where nothing of it runs on this machine."""
    cost_known: bool = True
    """False where its cost could not be measured: it may not be the cheapest, nor within a budget."""
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
    """What became of one contender. ``evidence`` is None where it failed, and with fewer than ``FEWEST`` queries."""

    name: str
    reason: Reason
    evidence: Evidence | None


@dataclass(frozen=True, slots=True)
class Decision:
    """The choice.

    Attributes:
        standing: How well it is known.
        choice: The contender that is chosen or the best bet; None where there is nothing to choose.
        beyond_doubt: The cheapest contender whose claim is beyond doubt, where that is another one than ``choice``.
        best: The contender whose mean the target is a share of: the highest, or the reference.
        verdicts: One per contender, in the order given.
    """

    standing: Standing
    choice: str | None
    beyond_doubt: str | None
    best: str | None
    verdicts: tuple[Verdict, ...]

    def verdict(self, name: str) -> Verdict:
        """The verdict on one contender. Raises KeyError for a name that was not decided on."""
        for verdict in self.verdicts:
            if verdict.name == name:
                return verdict
        raise KeyError(name)


@checked
def decide(entries: Sequence[Entry], wishes: Wishes, *, reference: str | None = None, seed: int = 0) -> Decision:
    """The cheapest contender (p95, then memory, then parameters) within budget and memory that keeps the target with
    at least the confidence that was asked for; where there is none, the one with the highest probability is the best
    bet. A contender whose cost is not known, or that is below the target beyond doubt, is neither; and there is no bet
    where probably none of them keeps it.

    The target is a share of the highest true mean of all contenders, those over the budget too; or of the
    ``reference``, which cannot be chosen under any of its names. Every contender is held to the same test, the highest
    mean as well. "Below the target" is corrected for the number of contenders (Holm).

    Args:
        entries: The contenders, each name once. All that did not fail have values for the same queries.
        wishes: Target, confidence, budget and memory.
        reference: The contender whose own ranking stands in for judgements.
        seed: Of the draws.

    >>> values = {f"q{n}": 0.5 for n in range(400)}
    >>> small, large = Entry(name="s", values=values, p95_ms=5), Entry(name="l", values=values, p95_ms=50)
    >>> found = decide([large, small], Wishes())
    >>> str(found.standing), [str(verdict.reason) for verdict in found.verdicts]
    ('beyond doubt', ['larger than needed', 'chosen'])

    Raises BadInput for a name given twice, an unknown reference, or values of different queries.
    """
    running = _checked(entries, reference)
    best = min(running, key=lambda entry: (entry.name != reference, -entry.mean, entry.price), default=None)
    if best is None:
        verdicts = tuple(Verdict(entry.name, Reason.FAILED, None) for entry in entries)
        return Decision(Standing.NOTHING, None, None, None, verdicts)
    stand_in = None if reference is None else best
    evidence = _evidence(running, stand_in, wishes, seed)
    below = _below_beyond_doubt(running, stand_in, evidence)
    able = [
        entry
        for entry in sorted(running, key=lambda entry: entry.price)
        if passed_over(entry, wishes) is None and not (stand_in and entry.is_same_model(stand_in))
    ]
    weighed = [entry for entry in able if entry.name in evidence and best.mean > 0]
    picked = pick(
        [evidence[entry.name] for entry in weighed], wishes.confidence, [entry.name in below for entry in weighed]
    )
    choice = None if picked.place is None else weighed[picked.place]
    beyond_doubt = next((entry for entry in weighed if evidence[entry.name].sure and entry is not choice), None)
    is_chosen = picked.standing in {Standing.SURE, Standing.PROBABLE}

    def reason(entry: Entry) -> Reason:
        if entry.failed is not None:
            return Reason.FAILED
        if entry is choice:
            return Reason.CHOSEN if is_chosen else Reason.BEST_BET
        if stand_in is not None and entry.is_same_model(stand_in):
            return Reason.REFERENCE
        if (excess := passed_over(entry, wishes)) is not None:
            return excess
        if entry.name in below and best.mean > 0:
            return Reason.BELOW_TARGET
        is_larger = choice is not None and is_chosen and choice.price < entry.price
        return Reason.LARGER_THAN_NEEDED if is_larger else Reason.UNSETTLED

    verdicts = tuple(Verdict(entry.name, reason(entry), evidence.get(entry.name)) for entry in entries)
    return Decision(
        picked.standing,
        choice.name if choice else None,
        beyond_doubt.name if beyond_doubt else None,
        best.name,
        verdicts,
    )


@dataclass(frozen=True, slots=True)
class Pick:
    """Which of the contenders that could be chosen, and how well it is known; ``place`` is None where there is none."""

    place: int | None
    standing: Standing


def pick(rising: Sequence[Evidence], confidence: float, below: Sequence[bool]) -> Pick:
    """The first, which is the cheapest, that keeps the target with at least ``confidence``; where there is none, the
    one with the highest probability of those that are not below the target beyond doubt. None where even together these
    are so improbable that, with ``confidence``, none of them keeps it.
    """
    for place, evidence in enumerate(rising):
        if evidence.probability >= confidence:
            return Pick(place, Standing.SURE if evidence.sure else Standing.PROBABLE)
    bets = [place for place in range(len(rising)) if not below[place]]
    if not bets or sum(rising[place].probability for place in bets) <= 1 - confidence:
        return Pick(None, Standing.NOTHING)
    # Two hundredths are less than the draws show apart: the cheaper is the better bet then.
    highest = max(rising[place].probability for place in bets)
    return Pick(next(place for place in bets if rising[place].probability >= highest - 0.02), Standing.BEST_BET)


def matrix_of(entries: Sequence[Entry]) -> Matrix:
    """The values, shape (N, M): a row for each query in the order of ids, a column for each entry."""
    queries = sorted(entries[0].values)
    return np.array([[entry.values[query] for entry in entries] for query in queries])


def distinct(entries: Sequence[Entry]) -> list[Entry]:
    """One entry of each model."""
    found: list[Entry] = []
    for entry in entries:
        if not any(entry.is_same_model(other) for other in found):
            found.append(entry)
    return found


def passed_over(entry: Entry, wishes: Wishes) -> Reason | None:
    """Why a contender cannot be chosen however good it is; None where it can."""
    if wishes.budget_ms is not None and entry.p95_ms > wishes.budget_ms:
        return Reason.OVER_BUDGET
    if wishes.memory_mb is not None and (entry.memory_mb or 0) > wishes.memory_mb:
        return Reason.TOO_MUCH_MEMORY
    return None if entry.cost_known else Reason.COST_UNKNOWN


def _evidence(running: Sequence[Entry], stand_in: Entry | None, wishes: Wishes, seed: int) -> dict[str, Evidence]:
    """By name; empty with fewer than ``FEWEST`` queries. The models are ordered by name, so that their order as given
    decides nothing.
    """
    if len(running[0].values) < FEWEST:
        return {}
    models = distinct(sorted(running, key=lambda entry: entry.name))
    perfect = None if stand_in is None else next(at for at, one in enumerate(models) if one.is_same_model(stand_in))
    found = weigh(matrix_of(models), target=wishes.target, value=wishes.target_value, perfect=perfect, seed=seed)
    return {
        entry.name: found[next(at for at, model in enumerate(models) if entry.is_same_model(model))]
        for entry in running
    }


def _below_beyond_doubt(running: Sequence[Entry], stand_in: Entry | None, evidence: Mapping[str, Evidence]) -> set[str]:
    tested = [
        entry.name for entry in running if entry.name in evidence and not (stand_in and entry.is_same_model(stand_in))
    ]
    corrected = holm([evidence[name].below for name in tested])
    return {name for name, p in zip(tested, corrected, strict=True) if p <= 1 - SURE + 1e-12}


def _checked(entries: Sequence[Entry], reference: str | None) -> list[Entry]:
    """Those that did not fail."""
    names = [entry.name for entry in entries]
    if len(set(names)) < len(names):
        raise BadInput(f"a contender appears twice among {', '.join(names)}")
    running = [entry for entry in entries if entry.failed is None]
    if reference is not None and reference not in {entry.name for entry in running}:
        raise BadInput(f"the reference {reference!r} is not among the contenders that ran")
    for entry in running:
        if not entry.values or entry.values.keys() != running[0].values.keys():
            raise BadInput(f"{entry.name}: expected values for the same queries as {running[0].name}, at least one")
    return running
