"""From what was measured to what it means: the decision, its check on held-out queries, and the sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rankladder.choose.decision import Decision, Entry, Reason, Wishes, decide, distance_to_target
from rankladder.choose.evidence import CONFIDENCE, Answer, Distance, distance
from rankladder.choose.outcome import Confirmation, Measured, Versus
from rankladder.choose.sentences import Telling
from rankladder.choose.split import Split
from rankladder.evaluate.statistics import Interval, bootstrap_interval, randomisation_test

_ANSWERS: Mapping[Answer, Literal["confirmed", "contradicted", "not settled"]] = {
    "meets": "confirmed",
    "fails": "contradicted",
    "cannot tell": "not settled",
}


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The candidates with their verdicts, and the choice; the fields are those of ``Outcome``."""

    candidates: tuple[Measured, ...]
    decision: Decision
    confirmation: Confirmation | None
    versus: Mapping[str, Versus]
    frontier: tuple[str, ...]
    compared: str | None
    sentences: tuple[str, ...]


def conclude(
    candidates: Sequence[Measured],
    parts: Split,
    wishes: Wishes,
    *,
    measure: str,
    current: str,
    reference: str | None = None,
    seed: int = 0,
) -> Conclusion:
    """Chooses among candidates that have values, costs, or a failure. Pure: nothing is measured here.

    Args:
        candidates: All with values for every query of the parts, or ``failed``.
        parts: The choice is made on the selection and checked on the held-out part.
        wishes: Target, budget, memory.
        measure: What the values are.
        current: The candidate that runs today.
        reference: The candidate whose own ranking stands in for judgements.
        seed: Of the intervals and the tests.

    Raises BadInput as ``decide``.
    """
    share = len(parts.selection) / (len(parts.selection) + len(parts.held_out))
    decision = decide(
        [_entry(one, parts.selection) for one in candidates], wishes, reference=reference, share=share, seed=seed
    )
    best = next((one for one in candidates if one.name == decision.best), None)
    rows = {one.name: _with_intervals(one, parts, decision, wishes, best, seed) for one in candidates}
    telling = Telling(measure, reference, wishes, decision)
    rows = {name: replace(one, sentence=telling.verdict(one, rows)) for name, one in rows.items()}
    winner = rows.get(decision.winner or "")
    confirmation = None if winner is None else _confirmation(winner, rows, parts, wishes, decision, seed)
    shown, old = rows.get(decision.winner or decision.leader or ""), rows[current]
    versus = {
        part: _versus(shown, old, ids, seed)
        for part, ids in (("selection", parts.selection), ("held_out", parts.held_out))
        if shown is not None and shown.name != current and old.failed is None and ids
    }
    sentences = [*telling.choice(rows), *telling.cheaper(rows), *telling.without_cost(rows)]
    if confirmation is not None:
        sentences.append(telling.confirmation(confirmation))
    if shown is not None and versus:
        part = "held_out" if "held_out" in versus else "selection"
        sentences.append(telling.versus(shown.name, current, versus[part], part.replace("_", "-")))
    elif old.failed is not None:
        sentences.append(f"{current}, which runs today, failed: nothing can be compared with it.")
    elif shown is not None and shown.name == current:
        sentences.append(f"That is what runs today ({current}).")
    sentences += telling.few_queries(len(parts.selection) + len(parts.held_out), len(parts.selection))
    return Conclusion(
        tuple(rows.values()),
        decision,
        confirmation,
        versus,
        _frontier(rows.values()),
        _compared(rows, decision, current),
        tuple(sentences),
    )


def _entry(one: Measured, queries: Sequence[str]) -> Entry:
    if one.failed is not None:
        return Entry(name=one.name, failed=one.failed)
    return Entry(
        name=one.name,
        values={query: one.values[query] for query in queries},
        digest=one.digest,
        p95_ms=one.spent.budget_ms if one.spent else 0.0,
        memory_mb=one.spent.memory_mb if one.spent else None,
        cost_known=one.cost_failed is None,
        parameters=one.parameters,
    )


def _with_intervals(
    one: Measured, parts: Split, decision: Decision, wishes: Wishes, best: Measured | None, seed: int
) -> Measured:
    verdict = decision.verdict(one.name)
    if one.failed is not None or best is None:
        return replace(one, reason=verdict.reason)

    def interval(queries: Sequence[str]) -> Interval:
        values = [one.values[query] for query in queries]
        return bootstrap_interval(values, confidence=CONFIDENCE, seed=seed)

    selection = interval(parts.selection)
    return replace(
        one,
        overall=interval(sorted((*parts.selection, *parts.held_out))),
        selection=selection,
        held_out=interval(parts.held_out) if parts.held_out else None,
        share=None if verdict.distance is None else _share(verdict.distance, wishes, best, parts.selection),
        reason=verdict.reason,
        distance=verdict.distance,
    )


def _share(away: Distance, wishes: Wishes, best: Measured, queries: Sequence[str]) -> Interval | None:
    """The share of the best's mean. The ends are those of the distance to the target, as shares of the best's mean:
    so they lie on the side of the target that the verdict names.
    """
    mean = sum(best.values[query] for query in queries) / len(queries)
    if wishes.target is None or mean == 0:
        return None
    low, middle, high = (
        None if end is None else wishes.target + end / mean
        for end in (away.interval.low, away.interval.mean, away.interval.high)
    )
    return None if middle is None else Interval(low, middle, high)


def _confirmation(
    winner: Measured, rows: Mapping[str, Measured], parts: Split, wishes: Wishes, decision: Decision, seed: int
) -> Confirmation | None:
    """The winner against the best of the selection, or against the next best where the winner is that itself."""
    others = [
        one
        for one in rows.values()
        if not one.is_same_model(winner) and one.failed is None and one.reason is not Reason.REFERENCE
    ]
    best = rows[decision.best or winner.name]
    is_best = winner.is_same_model(best)
    rival = max(others, key=lambda one: one.selection.mean if one.selection else 0.0, default=None) if is_best else best
    if not parts.held_out or (rival is None and wishes.target_value is None):
        return None
    values = {query: winner.values[query] for query in parts.held_out}
    held = None if rival is None else rival.values
    claims_best = is_best or (held is not None and sum(values.values()) == sum(held[query] for query in values))
    cautious = held if claims_best and rival is not None and rival.reason is not Reason.REFERENCE else None
    away = distance_to_target(values, held or {}, wishes, rival=cautious, share=0.5, seed=seed)
    against = None if wishes.target_value is not None or rival is None else rival.name
    return Confirmation(_ANSWERS[away.answer], against, away)


def _versus(shown: Measured, current: Measured, queries: Sequence[str], seed: int) -> Versus:
    new, old = ([one.values[query] for query in queries] for one in (shown, current))
    differences = [a - b for a, b in zip(new, old, strict=True)]
    return Versus(
        distance(differences, seed=seed).interval,
        None if len(queries) < 2 else randomisation_test(new, old, seed=seed),
        sum(one > 0 for one in differences),
        sum(one == 0 for one in differences),
        sum(one < 0 for one in differences),
        len(queries),
    )


def _compared(rows: Mapping[str, Measured], decision: Decision, current: str) -> str | None:
    """Who is set against what runs today: the chosen one, else the nearest, else the best, else the next best."""
    if rows[current].failed is not None:
        return None
    ran = [one for one in rows.values() if one.selection is not None]
    ordered = sorted(ran, key=lambda one: (-one.selection.mean if one.selection else 0.0, one.name))
    names = (decision.winner or decision.leader, decision.best, *(one.name for one in ordered))
    return next((name for name in names if name is not None and name != current), None)


def _frontier(rows: Iterable[Measured]) -> tuple[str, ...]:
    """Those that none beats on both the mean and what is held against a budget, fastest first; the reference is no
    candidate.
    """
    ran = [
        (one.spent.budget_ms, -one.overall.mean, one.name)
        for one in rows
        if one.overall is not None and one.spent is not None and one.reason is not Reason.REFERENCE
    ]
    found: list[str] = []
    highest = float("-inf")
    for _, minus, name in sorted(ran):
        if -minus > highest:
            highest = -minus
            found.append(name)
    return tuple(found)
