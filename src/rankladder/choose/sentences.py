"""Verdicts and the choice in words. Every figure in them is in the outcome's JSON too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rankladder.choose.amounts import figure, is_busy, percent, signed, spread, time_of
from rankladder.choose.contenders import Contender
from rankladder.choose.decision import Decision, Reason, Standing
from rankladder.choose.evidence import FEWEST, Evidence
from rankladder.choose.forecast import Further
from rankladder.choose.outcome import Confirmation, Versus
from rankladder.choose.wishes import Wishes
from rankladder.drawing.numbers import milliseconds

FEW = 20
"""Queries below which a sentence says how little they show."""


class Telling:
    """Says what came out; ``reference`` is the model whose ranking stands in for judgements, if any."""

    def __init__(
        self,
        measure: str,
        reference: str | None,
        wishes: Wishes,
        decision: Decision,
        rows: Mapping[str, Contender],
    ) -> None:
        self._measure, self._reference, self._wishes = measure, reference, wishes
        self._decision, self._rows = decision, rows

    def headline(self) -> str:
        """The choice, and how well it is known."""
        choice, evidence = self._decision.choice, self._evidence(self._decision.choice)
        if choice is None:
            return f"Nothing to choose: {self._why_nothing()}."
        if self._is_alone(choice) and self._wishes.target is not None:
            return f"Take {choice}: it is the only contender that ran{self._took(choice)}."
        match self._decision.standing:
            case Standing.SURE:
                return f"Take {choice}: beyond doubt it {self._claim}{self._took(choice)}."
            case Standing.PROBABLE:
                return (
                    f"Take {choice}: probably, {percent(evidence.probability)}, it {self._claim}{self._took(choice)}."
                )
        said = f"{percent(evidence.probability)} that it {self._claim}{self._took(choice)}"
        return f"Not settled. The best bet is {choice}: {said}."

    def verdict(self, one: Contender) -> str:
        """Why a contender was taken or passed over."""
        reason, spent, standing = self._decision.verdict(one.name).reason, one.spent, self._standing(one)
        match reason:
            case Reason.FAILED:
                return one.failed or ""
            case Reason.REFERENCE:
                return "its own ranking is the measure: its mean is 1 by definition, so it cannot be chosen"
            case Reason.OVER_BUDGET if spent is not None:
                busy = "; the machine was busy: measure again when it is quiet" if is_busy(spent) else ""
                return f"takes {time_of(spent)}, the budget is {milliseconds(self._wishes.budget_ms)}{busy}; {standing}"
            case Reason.TOO_MUCH_MEMORY if spent is not None:
                card = f" ({spent.device_memory_mb:,.0f} of it on the GPU)" if spent.device_memory_mb else ""
                limit = f"the limit is {self._wishes.memory_mb:,.0f} MiB"
                return f"holds {spent.memory_mb:,.0f} MiB{card}, {limit}; {standing}"
            case Reason.COST_UNKNOWN:
                return f"{one.cost_failed}; {standing}"
            case Reason.BELOW_TARGET:
                return f"{standing}: below the target beyond doubt"
            case Reason.LARGER_THAN_NEEDED if self._decision.choice is not None and spent is not None:
                other = self._rows[self._decision.choice].spent
                took = "–" if other is None else time_of(other)
                return f"{standing}; takes {time_of(spent)}, the choice takes {took}"
        return standing

    def sentences(
        self,
        current: str,
        *,
        further: Further | None,
        versus: Versus | None,
        confirmation: Confirmation | None,
        queries: int,
    ) -> list[str]:
        """The reasons for the headline, plain words first."""
        old = self._rows[current]
        told = [*self._found(old, queries), *self._cost_of_a_mistake(), *self._surely(), *self._more(further)]
        if confirmation is not None:
            told.append(self._confirmed(confirmation))
        if versus is not None:
            told.append(self._against(current, versus))
        elif old.failed is not None:
            told.append(f"{current}, which runs today, failed: nothing can be compared with it.")
        elif self._decision.choice == current:
            told.append(f"That is what runs today ({current}).")
        return [*told, *self._unknown(), *_few(queries)]

    @property
    def _claim(self) -> str:
        """What the choice is held to, after "it"."""
        if self._wishes.target_value is not None:
            return f"reaches {self._wishes.target_value:g} {self._noun}"
        if self._reference is not None:
            return f"keeps {100 * (self._wishes.target or 1):g} % of {self._reference}'s agreement with itself"
        return f"keeps {100 * (self._wishes.target or 1):g} % of the best {self._noun}"

    @property
    def _noun(self) -> str:
        return self._measure if self._reference is None else "agreement"

    @property
    def _judged(self) -> str:
        return "judged " if self._reference is None else ""

    def _evidence(self, name: str | None) -> Evidence:
        found = None if name is None else self._decision.verdict(name).evidence
        return found or Evidence(0.0, False, 1.0, None, 0.0, None)

    def _took(self, name: str) -> str:
        spent = self._rows[name].spent
        return "" if spent is None or not spent.latencies_ms else f"; it takes {time_of(spent)} a query"

    def _is_alone(self, name: str) -> bool:
        return all(other == name or row.failed is not None for other, row in self._rows.items())

    def _standing(self, one: Contender) -> str:
        """Where a contender stands: the probability, then its mean as a share of the best."""
        evidence = self._decision.verdict(one.name).evidence
        if evidence is None:
            return "a single query says nothing about quality"
        if self._nothing_found:
            return "nothing relevant was found"
        if one.name == self._decision.best and self._reference is None and self._wishes.target is not None:
            share = "the highest mean"
        elif evidence.share is None:
            share = f"a mean of {figure(_mean(one))}"
        else:
            share = f"{spread(evidence.share)} of {self._reference or 'the best'}"
        return f"{percent(evidence.probability)} that it {self._claim}; {share}"

    @property
    def _nothing_found(self) -> bool:
        """Whether even the best has a mean of 0."""
        return self._decision.best is not None and _mean(self._rows[self._decision.best]) == 0

    def _why_nothing(self) -> str:
        reasons = {verdict.reason for verdict in self._decision.verdicts} - {Reason.REFERENCE}
        if reasons == {Reason.FAILED}:
            return "every contender failed"
        if self._nothing_found:
            return f"no contender has any {self._noun}. Check that judgements and documents share their ids"
        if Reason.UNSETTLED in reasons:
            return self._probably_none()
        if Reason.BELOW_TARGET in reasons:
            rest = " that fits budget and memory" if reasons - {Reason.BELOW_TARGET} else ""
            return f"beyond doubt no contender{rest} {self._claim}"
        return f"no contender is left ({', '.join(sorted(map(str, reasons)))})"

    def _probably_none(self) -> str:
        able = [
            (verdict.evidence.probability, verdict.name)
            for verdict in self._decision.verdicts
            if verdict.reason is Reason.UNSETTLED and verdict.evidence is not None
        ]
        if not able:
            return "a single query says nothing about quality"
        probability, name = max(able)
        return (
            f"probably no contender that fits {self._claim}; the nearest is {name}, with a probability of "
            f"{percent(probability)}"
        )

    def _found(self, old: Contender, queries: int) -> Iterator[str]:
        """How often a right answer is near the top, in plain words."""
        if self._decision.choice is None:
            return
        one = self._rows[self._decision.choice]
        if one.near_top is None:
            return
        what = "a right answer" if self._reference is None else f"{self._reference}'s first document"
        today = ""
        if old.name != one.name and old.near_top is not None:
            today = f"; {old.name}, which runs today, for {old.near_top:,}"
        plural = "question" if queries == 1 else "questions"
        yield f"It puts {what} among the first three for {one.near_top:,} of {queries:,} {plural}{today}."

    def _cost_of_a_mistake(self) -> Iterator[str]:
        evidence = self._evidence(self._decision.choice)
        if self._decision.choice is None or evidence.loss_if_short is None or evidence.probability > 0.995:
            return
        yield (
            f"If that is wrong ({percent(1 - evidence.probability)}), it costs about "
            f"{figure(evidence.loss_if_short)} {self._noun} against the best contender; "
            f"the expected loss is {figure(evidence.loss)}."
        )

    def _surely(self) -> Iterator[str]:
        if self._decision.beyond_doubt is None or self._decision.choice is None:
            return
        one, choice = self._rows[self._decision.beyond_doubt], self._rows[self._decision.choice]
        times = ""
        if one.spent is not None and choice.spent is not None:
            times = f", at {time_of(one.spent)} a query in place of {time_of(choice.spent)}"
        yield f"Beyond doubt {one.name} {self._claim}{times}."

    def _more(self, further: Further | None) -> Iterator[str]:
        if further is None:
            return
        is_bet = self._decision.standing is Standing.BEST_BET
        aim = f"To choose with {percent(self._wishes.confidence)}" if is_bet else "To be beyond doubt"
        yield f"{aim} takes {further} further {self._judged}queries, according to four in five simulated futures."

    def _confirmed(self, found: Confirmation) -> str:
        on = f"On {found.queries:,} later queries"
        if found.evidence is None:
            return f"{on} nothing can be confirmed."
        said = f"{percent(found.evidence.probability)} that it {self._claim}"
        match found.answer:
            case "confirmed":
                return f"{on} this is confirmed: {said}."
            case "contradicted":
                return f"{on} this is contradicted: {said}. Do not rely on this choice."
        return f"{on} this is neither confirmed nor contradicted: {said}."

    def _against(self, current: str, versus: Versus) -> str:
        """Whether the choice is better than what runs today."""
        interval, p = versus.interval, versus.p
        if p is None or p > 0.05 or interval.low is None or interval.high is None:
            claim = "the queries do not separate the two"
        elif interval.low > 0:
            claim = "it is better"
        elif interval.high < 0:
            claim = "it is worse"
        else:
            claim = "the queries do not separate the two"
        test = "" if p is None else f", p {'at most' if versus.p_at_most else '='} {p:.2g}"
        return (
            f"{self._decision.choice} against {current}, which runs today: {claim}, {signed(interval)} {self._noun}"
            f"{test}; {versus.wins:,} better, {versus.ties:,} equal, {versus.losses:,} worse."
        )

    def _unknown(self) -> Iterator[str]:
        """Who could not be a contender."""
        failed, untimed = (
            [verdict.name for verdict in self._decision.verdicts if verdict.reason is reason]
            for reason in (Reason.FAILED, Reason.COST_UNKNOWN)
        )
        if failed and self._decision.choice is not None:
            yield f"Nothing is known about {_listed(failed)}: see the reason below."
        if untimed:
            yield f"Cannot be chosen, because the cost is not known: {_listed(untimed)}. See the reason below."


def _few(queries: int) -> Sequence[str]:
    """What so few queries can show."""
    if queries < FEWEST:
        return ("One query says nothing about quality; the costs below are measured all the same.",)
    if queries < FEW:
        return (
            f"{queries} queries show only a difference that appears on nearly every query, as between a good "
            "reranker and none; they do not separate similar models.",
        )
    return ()


def _mean(one: Contender) -> float:
    return sum(one.values.values()) / len(one.values)


def _listed(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
