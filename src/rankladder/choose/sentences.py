"""Verdicts and the choice in words. Every figure in them stands in the outcome's JSON too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rankladder.choose.decision import FEW, Decision, Reason, Wishes
from rankladder.choose.evidence import Distance, queries_to_tell
from rankladder.choose.outcome import Confirmation, Measured, Spent, Versus
from rankladder.evaluate.statistics import Interval


def figure(value: float | None, digits: int = 3) -> str:
    """A score to ``digits`` places; a dash for None.

    >>> figure(0.98765), figure(None)
    ('0.988', '–')
    """
    return "–" if value is None else f"{value:.{digits}f}"


def spread(interval: Interval) -> str:
    """A mean with its interval: ``0.676 [0.624, 0.727]``; the mean alone for a single query."""
    if interval.low is None:
        return figure(interval.mean)
    return f"{figure(interval.mean)} [{figure(interval.low)}, {figure(interval.high)}]"


def signed(interval: Interval) -> str:
    """A difference with its interval: ``+0.021 [+0.004, +0.038]``."""
    if interval.low is None:
        return f"{interval.mean:+.3f}"
    return f"{interval.mean:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"


def milliseconds(value: float | None) -> str:
    """A time as people read it.

    >>> milliseconds(3.14159), milliseconds(1234.5), milliseconds(0.0)
    ('3.1 ms', '1,234 ms', '0 ms')
    """
    if value is None:
        return "–"
    return f"{value:.1f} ms" if 0 < value < 100 else f"{value:,.0f} ms"


class Telling:
    """Says what came out; ``reference`` is the model whose ranking stands in for judgements, if any."""

    def __init__(self, measure: str, reference: str | None, wishes: Wishes, decision: Decision) -> None:
        self.measure = measure
        self.reference = reference
        self.wishes = wishes
        self.decision = decision

    def verdict(self, one: Measured, rows: Mapping[str, Measured]) -> str:
        """Why a candidate was taken or passed over."""
        spent, standing = one.spent, self.standing(one)
        match one.reason:
            case Reason.FAILED:
                return one.failed or ""
            case Reason.REFERENCE:
                return "its own ranking is the measure: 1 by definition, and not to be chosen by it"
            case Reason.OVER_BUDGET if spent is not None:
                return f"takes {time_of(spent)}, the budget is {milliseconds(self.wishes.budget_ms)}; {standing}"
            case Reason.TOO_MUCH_MEMORY if spent is not None:
                card = f" ({spent.device_memory_mb:,.0f} of it on the GPU)" if spent.device_memory_mb else ""
                limit = f"the limit is {self.wishes.memory_mb:,.0f} MiB"
                return f"holds {spent.memory_mb:,.0f} MiB{card}, {limit}; {standing}"
            case Reason.COST_UNKNOWN:
                return f"{one.cost_failed}; {standing}"
            case Reason.BELOW_TARGET:
                return f"{standing}: surely less than {self.target}"
            case Reason.CHOSEN if one.name == self.decision.best and self.wishes.target is not None:
                return f"{standing}, and nothing cheaper surely keeps {self.wishes.target:g} of it"
            case Reason.CHOSEN:
                return f"{standing}: surely at least {self.target}, and the cheapest of which that can be said"
            case Reason.LARGER_THAN_NEEDED if self.decision.winner is not None and spent is not None:
                other = rows[self.decision.winner].spent
                took = "–" if other is None else time_of(other)
                return f"{standing}; {self.decision.winner} meets {self.target} in {took}, not {time_of(spent)}"
        if self._nothing_found(rows):
            return "nothing relevant was found"
        if one.name == self.decision.best and self.wishes.target is not None:
            return f"{standing}, but is not surely better than the next: {self._missing(one.distance)} to tell"
        return f"{standing}: {self._missing(one.distance)} to tell whether that reaches {self.target}"

    @property
    def target(self) -> str:
        """What is to be reached, as a noun."""
        if self.wishes.target_value is not None:
            return f"{self.wishes.target_value:g}"
        return f"{self.wishes.target:g} of {'it' if self.reference else 'the best'}"

    def standing(self, one: Measured) -> str:
        """Where a candidate stands, on the selection part."""
        if self.wishes.target_value is not None and one.selection is not None:
            return f"{self._noun} is {spread(one.selection)}"
        if one.share is None:
            return f"no {self._noun} to compare"
        if self.reference is not None:
            return f"agrees with {self.reference} to {spread(one.share)}"
        return "has the highest mean" if one.name == self.decision.best else f"keeps {spread(one.share)} of the best"

    def choice(self, rows: Mapping[str, Measured]) -> Sequence[str]:
        """What to take, or why nothing can be said and what it would need."""
        decision = self.decision
        if decision.winner is not None:
            one = rows[decision.winner]
            took = (
                "" if one.spent is None or not one.spent.latencies_ms else f", and takes {time_of(one.spent)} a query"
            )
            failed = [row.name for row in rows.values() if row.reason is Reason.FAILED]
            alone = len(failed) + 1 == len(rows) and one.name == decision.best
            standing = "is the only candidate that ran" if alone else self._joined(one)
            unknown = f"Nothing is known of {_listed(failed, 'and')}: see why below."
            return (f"Take {one.name}: it {standing}{took}.", *([unknown] if failed else []))
        if self._nothing_found(rows):
            return (f"No candidate has any {self._noun}: check that judgements and documents share their ids.",)
        able = [one for one in rows.values() if one.reason in {Reason.CANNOT_TELL, Reason.BELOW_TARGET}]
        if not able:
            reasons = sorted({str(one.reason) for one in rows.values()})
            return (f"No candidate is left to choose: {', '.join(reasons)}.",)
        leader = rows[decision.leader] if decision.leader else able[0]
        undecided = [one for one in able if one.reason is Reason.CANNOT_TELL]
        if not undecided:
            nearest = f"The nearest is {leader.name}: it {self._joined(leader)}."
            return (f"No candidate that fits reaches {self.target}.", nearest)
        names = [one.name for one in undecided]
        several = _listed(names, "or")
        to_take = self.wishes.target is not None and decision.best in names
        question = f"whether to take {several}" if to_take else f"whether {several} reaches {self.target}"
        missing = "; ".join(f"for {one.name} {self._missing(one.distance)}" for one in undecided)
        return (
            f"Cannot tell yet {question}.",
            f"Of those that fit, {leader.name} has the highest mean, {spread_of(leader)}.",
            f"To tell, {missing}.",
        )

    def cheaper(self, rows: Mapping[str, Measured]) -> Sequence[str]:
        """What is not known of the candidates that are cheaper than the chosen one."""
        if self.decision.winner is None:
            return ()
        return tuple(
            f"Cannot tell yet whether the cheaper {one.name} reaches {self.target}: {self._missing(one.distance)}."
            for one in rows.values()
            if one.reason is Reason.CANNOT_TELL
        )

    def without_cost(self, rows: Mapping[str, Measured]) -> Sequence[str]:
        """Who was not a candidate for want of a cost."""
        names = [one.name for one in rows.values() if one.reason is Reason.COST_UNKNOWN]
        return [f"Not to be chosen, as the cost is not known: {_listed(names, 'and')}. See why below."] if names else []

    def confirmation(self, confirmation: Confirmation) -> str:
        """Whether the held-out part agrees."""
        on = f"On the {confirmation.distance.queries} held-out queries"
        target = self.target if confirmation.against is None else f"{self.wishes.target:g} of {confirmation.against}"
        where = f"its mean lies {signed(confirmation.distance.interval)} from {target}"
        match confirmation.answer:
            case "confirmed":
                return f"{on} this is confirmed: {where}, surely not below."
            case "contradicted":
                return f"{on} this is contradicted: {where}, surely below. Do not rely on this choice."
        missing = self._missing(confirmation.distance)
        return f"{on} this is neither confirmed nor contradicted: {where}; {missing} to settle it."

    def versus(self, shown: str, current: str, versus: Versus, part: str) -> str:
        """Whether the chosen one is better than what runs today."""
        interval = versus.interval
        if interval.low is None or interval.high is None or versus.queries < queries_to_tell():
            claim = f"{versus.queries} {'query' if versus.queries == 1 else 'queries'} cannot tell whether it is better"
        elif interval.low > 0:
            claim = "it is better"
        elif interval.high < 0:
            claim = "it is worse"
        else:
            claim = "no difference can be told"
        p = "" if versus.p is None else f", p = {versus.p:.2g}"
        return (
            f"{shown} against {current} on the {part} queries: {claim}, {signed(interval)} {self._noun}{p}; "
            f"{versus.wins} better, {versus.ties} equal, {versus.losses} worse."
        )

    def few_queries(self, count: int, chosen_on: int) -> Sequence[str]:
        """What so few queries can tell and what not: ``count`` in all, the choice made on ``chosen_on`` of them."""
        if count == 1:
            return ("One query says nothing about quality; the costs below are measured all the same.",)
        if count < queries_to_tell():
            return (
                f"{count} queries cannot tell two models apart, however they differ: it takes {queries_to_tell()} that "
                "all agree. The costs below are measured all the same.",
            )
        if chosen_on < FEW:
            halved = "" if chosen_on == count else f", of which the choice is made on {chosen_on},"
            return (
                f"{count} queries{halved} can tell apart what differs on nearly every one of them, such as a good "
                "reranker from none; they cannot tell neighbouring models apart.",
            )
        return ()

    def _nothing_found(self, rows: Mapping[str, Measured]) -> bool:
        """Whether even the best has a mean of 0."""
        best = None if self.decision.best is None else rows[self.decision.best].selection
        return best is not None and best.mean == 0

    @property
    def _noun(self) -> str:
        return self.measure if self.reference is None else "agreement"

    def _joined(self, one: Measured) -> str:
        """The standing as the end of a sentence about the candidate."""
        standing = self.standing(one)
        return f"has {standing.replace(' is ', ' of ', 1)}" if standing.startswith(self._noun) else standing

    def _missing(self, distance: Distance | None) -> str:
        judged = "judged " if self.reference is None else ""
        if distance is None or distance.further is None:
            return f"more {judged}queries are needed"
        plural = "query" if distance.further.count == 1 else "queries"
        return f"it takes {distance.further} further {judged}{plural}"


def _listed(names: Sequence[str], word: str) -> str:
    *first, last = names or [""]
    return f"{', '.join(first)} {word} {last}" if first else last


def time_of(spent: Spent) -> str:
    """The time that is held against a budget, and what it is."""
    if not spent.latencies_ms:
        return milliseconds(spent.budget_ms)
    if spent.p95_ms is not None:
        return f"{milliseconds(spent.p95_ms)} (p95)"
    return f"{milliseconds(spent.worst_ms)} (the slowest of {len(spent.latencies_ms)})"


def spread_of(one: Measured) -> str:
    """A candidate's mean on the selection part, with its interval."""
    return "–" if one.selection is None else spread(one.selection)
