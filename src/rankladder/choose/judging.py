"""From what was measured to what it means: the decision, what further queries would do, and the sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rankladder.choose.contenders import Contender
from rankladder.choose.decision import Decision, Entry, Reason, Standing, decide, distinct, matrix_of, passed_over
from rankladder.choose.evidence import FEWEST, SURE, weigh
from rankladder.choose.forecast import Further, further_queries
from rankladder.choose.outcome import Confirmation, Judged, Versus
from rankladder.choose.sentences import Telling
from rankladder.choose.wishes import Wishes
from rankladder.evaluate.statistics import at_most, bootstrap_interval, randomisation_test

LATER_LEVEL = 0.95
"""The probability from which later queries confirm a choice, and the level at which they contradict it: one contender
is looked at once.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the contenders are judged by.

    Attributes:
        wishes: Target, confidence, budget, memory.
        measure: What the values are.
        current: The contender that runs today.
        reference: The contender whose own ranking stands in for judgements.
        seed: Of the draws, the intervals and the tests.
    """

    wishes: Wishes
    measure: str
    current: str
    reference: str | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The contenders with their verdicts, and the choice; the fields are those of ``Outcome``."""

    contenders: tuple[Judged, ...]
    decision: Decision
    further: Further | None
    confirmation: Confirmation | None
    versus: Versus | None
    frontier: tuple[str, ...]
    compared: str | None
    headline: str
    sentences: tuple[str, ...]


def judge(
    contenders: Sequence[Contender],
    question: Question,
    *,
    later: Mapping[str, Mapping[str, float]] | None = None,
) -> Conclusion:
    """Chooses among the contenders. Pure: nothing is measured here.

    Args:
        contenders: All with values for the same queries, or ``failed``.
        question: What they are judged by.
        later: Values on later queries, by contender; the choice is made without them.

    Raises BadInput as ``decide``.
    """
    entries = [_entry(contender) for contender in contenders]
    decision = decide(entries, question.wishes, reference=question.reference, seed=question.seed)
    further = _further(entries, decision, question)
    rows = {contender.name: contender for contender in contenders}
    telling = Telling(question.measure, question.reference, question.wishes, decision, rows)
    judged = [_judged(contender, decision, telling, question.seed) for contender in contenders]
    choice = None if decision.choice is None else rows[decision.choice]
    versus = None if choice is None else _versus(choice, rows[question.current], question.seed)
    confirmation = None if later is None or choice is None else _confirmation(choice, later, question)
    sentences = telling.sentences(
        question.current, further=further, versus=versus, confirmation=confirmation, queries=_count(contenders)
    )
    return Conclusion(
        tuple(judged),
        decision,
        further,
        confirmation,
        versus,
        _frontier(judged),
        _compared(judged, decision, question.current),
        telling.headline(),
        tuple(sentences),
    )


def _entry(contender: Contender) -> Entry:
    if contender.failed is not None:
        return Entry(name=contender.name, failed=contender.failed)
    return Entry(
        name=contender.name,
        values=contender.values,
        digest=contender.digest,
        p95_ms=contender.spent.budget_ms if contender.spent else 0.0,
        memory_mb=contender.spent.memory_mb if contender.spent else None,
        cost_known=contender.cost_failed is None,
        parameters=contender.parameters,
    )


def _judged(contender: Contender, decision: Decision, telling: Telling, seed: int) -> Judged:
    verdict = decision.verdict(contender.name)
    values = [contender.values[query] for query in sorted(contender.values)]
    return Judged(
        contender=contender,
        overall=None if contender.failed is not None else bootstrap_interval(values, within=(0.0, 1.0), seed=seed),
        reason=verdict.reason,
        evidence=verdict.evidence,
        sentence=telling.verdict(contender),
    )


def _further(entries: Sequence[Entry], decision: Decision, question: Question) -> Further | None:
    """Further queries until the choice is beyond doubt, or, for a best bet, until a contender can be chosen."""
    if decision.standing not in {Standing.PROBABLE, Standing.BEST_BET} or decision.choice is None:
        return None
    running = [entry for entry in entries if entry.failed is None]
    if len(running[0].values) < FEWEST:
        return None
    models = distinct(sorted(running, key=lambda entry: entry.name))
    places = {entry.name: next(at for at, one in enumerate(models) if one.is_same_model(entry)) for entry in running}
    is_bet = decision.standing is Standing.BEST_BET
    reasons = {Reason.BEST_BET, Reason.UNSETTLED}
    able = [
        places[entry.name]
        for entry in running
        if (decision.verdict(entry.name).reason in reasons if is_bet else entry.name == decision.choice)
        and passed_over(entry, question.wishes) is None
    ]
    return further_queries(
        matrix_of(models),
        able,
        level=question.wishes.confidence if is_bet else SURE,
        target=question.wishes.target,
        value=question.wishes.target_value,
        perfect=None if question.reference is None else places[question.reference],
        seed=question.seed,
    )


def _confirmation(
    choice: Contender, later: Mapping[str, Mapping[str, float]], question: Question
) -> Confirmation | None:
    """What the later queries say of the choice alone; None where it failed on them."""
    if choice.name not in later:
        return None
    entries = [Entry(name=name, values=values) for name, values in sorted(later.items())]
    count = len(entries[0].values)
    means = {entry.name: entry.mean for entry in entries}
    if count < FEWEST:
        return Confirmation("not settled", count, means, None)
    names = [entry.name for entry in entries]
    evidence = weigh(
        matrix_of(entries),
        target=question.wishes.target,
        value=question.wishes.target_value,
        perfect=None if question.reference is None else names.index(question.reference),
        seed=question.seed,
    )[names.index(choice.name)]
    if evidence.probability >= LATER_LEVEL:
        return Confirmation("confirmed", count, means, evidence)
    contradicted = evidence.below <= 1 - LATER_LEVEL
    return Confirmation("contradicted" if contradicted else "not settled", count, means, evidence)


def _versus(choice: Contender, current: Contender, seed: int) -> Versus | None:
    if choice.name == current.name or current.failed is not None:
        return None
    new, old = ([one.values[query] for query in sorted(choice.values)] for one in (choice, current))
    differences = [a - b for a, b in zip(new, old, strict=True)]
    p = None if len(differences) < FEWEST else randomisation_test(new, old, seed=seed)
    return Versus(
        bootstrap_interval(differences, within=(-1.0, 1.0), seed=seed),
        p,
        sum(one > 0 for one in differences),
        sum(one == 0 for one in differences),
        sum(one < 0 for one in differences),
        len(differences),
        p is not None and at_most(p),
    )


def _count(contenders: Sequence[Contender]) -> int:
    return max((len(contender.values) for contender in contenders), default=0)


def _compared(rows: Sequence[Judged], decision: Decision, current: str) -> str | None:
    """The contender set against what runs today: the choice, else the best, else the next best."""
    if any(row.name == current and row.overall is None for row in rows):
        return None
    ran = [row for row in rows if row.overall is not None]
    ordered = sorted(ran, key=lambda row: (-row.overall.mean if row.overall else 0.0, row.name))
    names = (decision.choice, decision.best, *(row.name for row in ordered))
    return next((name for name in names if name is not None and name != current), None)


def _frontier(rows: Iterable[Judged]) -> tuple[str, ...]:
    """Those that none beats on both the mean and what is held against a budget, fastest first; no reference."""
    ran = [
        (row.contender.spent.budget_ms, -row.overall.mean, row.name)
        for row in rows
        if row.overall is not None and row.contender.spent is not None and row.reason is not Reason.REFERENCE
    ]
    found: list[str] = []
    highest = float("-inf")
    for _, minus, name in sorted(ran):
        if -minus > highest:
            highest = -minus
            found.append(name)
    return tuple(found)
