"""What is said about a choice, and what later queries say to it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rankladder.choose import NO_RERANKER, Reason, Standing, Wishes
from rankladder.choose.contenders import Contender
from rankladder.choose.examples import changed_most
from rankladder.choose.judging import Conclusion, Question, judge

from .outcomes import drawn, ladder, spent

IDS = [f"q{number}" for number in range(60)]


def row(name: str, mean: float, time: float, *, queries: int = 60, busy: float = 0.0) -> Contender:
    """A contender with one mean, wavering a little."""
    values = {id: mean + 0.01 * (at % 3 - 1) for at, id in enumerate(IDS[:queries])}
    return Contender(name=name, values=values, spent=spent([time] * 20, busy=busy), current=name == "old")


def judged(rows: Sequence[Contender], wishes: Wishes | None = None, **later: float) -> Conclusion:
    """The conclusion; ``later`` are means on later queries, by contender."""
    question = Question(wishes=wishes or Wishes(), measure="nDCG@10", current="old")
    values = {name: {f"l{at}": mean + 0.01 * (at % 3 - 1) for at in range(30)} for name, mean in later.items()}
    return judge(rows, question, later=values or None)


def test_later_queries_that_say_the_same_confirm_the_choice() -> None:
    found = judged([row("old", 0.3, 1), row("new", 0.6, 2)], old=0.3, new=0.6)
    assert found.confirmation is not None
    assert (found.confirmation.answer, found.confirmation.queries) == ("confirmed", 30)
    assert any(sentence.startswith("On 30 later queries this is confirmed") for sentence in found.sentences)
    assert any("new against old, which runs today: it is better, +0.300" in sentence for sentence in found.sentences)


def test_the_smallest_p_that_was_drawn_is_said_to_be_a_bound() -> None:
    found = judged([row("old", 0.3, 1), row("new", 0.6, 2)])
    assert found.versus is not None
    assert found.versus.p_at_most
    assert any(", p at most 0.0001; 60 better" in sentence for sentence in found.sentences)
    few = judged([row("old", 0.3, 1, queries=8), row("new", 0.6, 2, queries=8)])
    assert few.versus is not None
    assert not few.versus.p_at_most
    assert any(", p = 0.0078; 8 better" in sentence for sentence in few.sentences)


def test_later_queries_contradict_a_choice_that_luck_made_and_do_not_change_it() -> None:
    rows = [row("old", 0.5, 1), row("lucky", 0.6, 2)]
    found = judged(rows, old=0.5, lucky=0.3)
    assert found.decision.choice == judged(rows).decision.choice == "lucky"
    assert found.confirmation is not None
    assert found.confirmation.answer == "contradicted"
    assert any("Do not rely on this choice" in sentence for sentence in found.sentences)


def test_later_queries_that_waver_settle_nothing() -> None:
    found = judged([row("old", 0.5, 1), row("new", 0.6, 2)], old=0.6, new=0.575)
    assert found.confirmation is not None
    assert found.confirmation.answer == "not settled"
    assert judged([row("old", 0.5, 1), row("new", 0.6, 2)]).confirmation is None


def test_the_headline_says_how_well_the_choice_is_known() -> None:
    sure = judged([row("old", 0.3, 1), row("new", 0.6, 2)])
    assert sure.headline == "Take new: beyond doubt it keeps 95 % of the best nDCG@10; it takes 2.0 ms (p95) a query."
    few = judged([row("old", 0.6, 1, queries=3), row("new", 0.6, 2, queries=3)])
    assert few.decision.standing is Standing.BEST_BET
    assert few.headline.startswith("Not settled. The best bet is old: 5")
    assert any("To choose with 80 % takes" in sentence for sentence in few.sentences)
    near = judged([row("old", 0.545, 1), row("new", 0.6, 20)], Wishes(budget_ms=10))
    assert near.headline.startswith("Nothing to choose: probably no contender that fits keeps 95 % of the best nDCG@10")
    assert "the nearest is old, with a probability of 1" in near.headline
    none = judged([row("old", 0.3, 1), row("new", 0.6, 20)], Wishes(budget_ms=10))
    assert none.headline == (
        "Nothing to choose: beyond doubt no contender that fits budget and memory keeps 95 % of the best nDCG@10."
    )


def test_a_probable_choice_says_what_an_error_would_cost_and_what_more_queries_would_do() -> None:
    outcome = ladder(queries=60, wishes=Wishes(target=0.93, budget_ms=500))
    assert outcome.standing is Standing.PROBABLE
    evidence = outcome.contender(outcome.choice or "").evidence
    assert evidence is not None
    assert outcome.headline.startswith(f"Take {outcome.choice}: probably, {100 * evidence.probability:.0f} %, it keeps")
    assert any(f"it costs about {evidence.loss_if_short:.3f}" in sentence for sentence in outcome.sentences)
    assert any(f"takes {outcome.further} further judged queries" in sentence for sentence in outcome.sentences)


def test_what_the_measure_means_is_said_in_plain_words_first() -> None:
    outcome = ladder(current="box")
    one, old = outcome.contender(outcome.choice or "").contender, outcome.contender("box").contender
    assert outcome.sentences[0] == (
        f"It puts a right answer among the first three for {one.near_top} of 120 questions; box, which runs today, for "
        f"{old.near_top}."
    )


def test_a_verdict_over_the_budget_that_rests_on_a_busy_machine_says_so() -> None:
    rows = [row("old", 0.3, 1), row("new", 0.6, 20, busy=0.7)]
    (said,) = [one.sentence for one in judged(rows, Wishes(budget_ms=10)).contenders if one.name == "new"]
    assert said.startswith("takes 20.0 ms (p95), the budget is 10.0 ms; the machine was busy")
    quiet = judged([row("old", 0.3, 1), row("new", 0.6, 20)], Wishes(budget_ms=10))
    assert not any("busy" in one.sentence for one in quiet.contenders)


def test_the_frontier_rises() -> None:
    outcome = ladder()
    means = [outcome.contender(name).overall for name in outcome.frontier]
    assert outcome.frontier[0] == NO_RERANKER
    assert [mean.mean for mean in means if mean] == sorted(mean.mean for mean in means if mean)


def test_the_reference_is_on_no_frontier() -> None:
    outcome = ladder(reference="ettin-150m", wishes=Wishes(target=0.5), current="box")
    assert "ettin-150m" not in outcome.frontier
    assert outcome.contender("ettin-150m").reason is Reason.REFERENCE


@pytest.mark.parametrize(
    ("queries", "said"),
    [(1, "One query says nothing"), (10, "they do not separate similar models"), (20, None)],
)
def test_few_queries_say_what_they_show(queries: int, said: str | None) -> None:
    outcome = drawn({NO_RERANKER: 0.2, "box": 0.7}, {NO_RERANKER: 0.0, "box": 40.0}, queries=queries)
    few = [sentence for sentence in outcome.sentences if "nothing about quality" in sentence or "separate" in sentence]
    assert [said in sentence for sentence in few if said] == ([True] if said else [])
    assert (outcome.choice is None) == (queries == 1)
    assert outcome.contender("box").contender.spent is not None


def test_what_runs_today_is_set_against_the_best_where_nothing_else_is_chosen() -> None:
    names = {NO_RERANKER: 0.0, "box": 40.0, "large": 900.0}
    stays = drawn({NO_RERANKER: 0.3, "box": 0.7, "large": 0.705}, names, current="box", wishes=Wishes(target=0.9))
    assert (stays.choice, stays.best, stays.compared) == ("box", "large", "large")
    alone = drawn({NO_RERANKER: 0.7, "box": 0.3, "large": 0.2}, names)
    assert (alone.choice, alone.best, alone.compared) == (NO_RERANKER, NO_RERANKER, "box")
    for outcome in (stays, alone):
        changes = outcome.to_dict()["changes"]
        assert (changes["before"], changes["after"]) == (outcome.current, outcome.compared)
        assert changes["better"] + changes["equal"] + changes["worse"] == 120
        assert outcome.versus is None
    taken = drawn({NO_RERANKER: 0.3, "box": 0.7}, names)
    assert (taken.choice, taken.compared) == ("box", "box")
    assert drawn({"box": 0.7, "old": 0.5}, names, current="old", failed={"old": "no key"}).compared is None
    assert drawn({NO_RERANKER: 0.7}, names).compared is None


def test_the_slowest_sample_is_called_so_wherever_it_is_taken_for_a_p95() -> None:
    few = drawn({NO_RERANKER: 0.2, "box": 0.7, "large": 0.7}, {NO_RERANKER: 0.0, "box": 40.0, "large": 90.0},
                samples=19, wishes=Wishes(target=0.9, budget_ms=500))  # fmt: skip
    for judged in few.contenders:
        cost = judged.contender.spent
        if cost is not None and cost.latencies_ms:
            assert cost.budget_ms == max(cost.latencies_ms)
    assert few.choice == "box"
    assert "(the slowest of 19)" in few.headline
    assert few.contender("large").sentence.count("(the slowest of 19)") == 2
    over = drawn(
        {NO_RERANKER: 0.2, "box": 0.7}, {NO_RERANKER: 0.0, "box": 40.0}, samples=19, wishes=Wishes(budget_ms=1)
    )
    assert "(the slowest of 19), the budget is" in over.contender("box").sentence


def test_what_runs_today_may_have_failed() -> None:
    outcome = drawn(
        {NO_RERANKER: 0.2, "box": 0.7, "old": 0.5},
        {NO_RERANKER: 0.0, "box": 40.0},
        current="old",
        failed={"old": "no key"},
    )
    assert outcome.choice == "box"
    assert any("old, which runs today, failed" in sentence for sentence in outcome.sentences)


def test_gains_and_losses_share_the_examples_and_fill_up_for_each_other() -> None:
    before = {"a": 0.5, "b": 0.5, "c": 0.5, "d": 0.5}
    assert changed_most(before, {"a": 0.9, "b": 0.1, "c": 0.6, "d": 0.4}, 2) == ["a", "b"]
    assert changed_most(before, {"a": 0.9, "b": 0.7, "c": 0.6, "d": 0.5}, 4) == ["a", "b", "c"]
    assert changed_most(before, {"a": 0.1, "b": 0.2, "c": 0.6, "d": 0.5}, 3) == ["c", "a", "b"]
    assert changed_most(before, before, 3) == []


def test_nothing_found_by_anyone_is_said_as_that() -> None:
    rows = [Contender(name=name, values=dict.fromkeys(IDS, 0.0), spent=spent([1.0] * 20)) for name in ("old", "new")]
    found = judged(rows)
    assert found.decision.choice is None
    assert found.headline == (
        "Nothing to choose: no contender has any nDCG@10. Check that judgements and documents share their ids."
    )
    assert {one.sentence for one in found.contenders} == {"nothing relevant was found"}


def test_a_choice_that_nobody_stood_against_is_not_called_the_best() -> None:
    outcome = drawn(
        {NO_RERANKER: 0.2, "box": 0.7, "api": 0.5},
        {NO_RERANKER: 0.0, "box": 40.0},
        failed={"box": "no memory", "api": "no key"},
    )
    assert outcome.headline == "Take no reranker: it is the only contender that ran."
    assert "Nothing is known about box and api: see the reason below." in outcome.sentences
    assert outcome.contender("api").sentence == "no key"


def test_with_a_reference_nothing_is_called_judged_or_quality() -> None:
    outcome = drawn(
        {NO_RERANKER: 0.5, "box": 0.6, "large": 1.0},
        {NO_RERANKER: 0.0, "box": 40.0, "large": 90.0},
        reference="large",
        wishes=Wishes(target=0.6),
        queries=6,
    )
    said = [outcome.headline, *outcome.sentences]
    assert any("further queries" in sentence for sentence in said)
    assert not any("judged" in sentence or "nDCG" in sentence for sentence in said)
    assert any("large's first document" in sentence for sentence in said)
