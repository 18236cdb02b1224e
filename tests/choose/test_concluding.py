"""What is said about a choice, and what the held-out queries say to it."""

from __future__ import annotations

import pytest

from rankladder.choose import NO_RERANKER, Measured, Reason, Wishes
from rankladder.choose.concluding import conclude
from rankladder.choose.examples import changed_most
from rankladder.choose.split import split_queries

from .outcomes import drawn, ladder, spent

IDS = [f"q{number}" for number in range(40)]
PARTS = split_queries(IDS)


def row(name: str, selection: float, held_out: float, time: float) -> Measured:
    """A candidate with one value on each part, wavering a little."""
    means = dict.fromkeys(PARTS.selection, selection) | dict.fromkeys(PARTS.held_out, held_out)
    values = {id: mean + 0.01 * (at % 3 - 1) for at, (id, mean) in enumerate(means.items())}
    return Measured(name=name, values=values, spent=spent([time] * 20), current=name == "old")


def test_a_choice_that_holds_on_the_other_half_is_confirmed() -> None:
    rows = [row("old", 0.3, 0.3, 1), row("new", 0.6, 0.6, 2)]
    found = conclude(rows, PARTS, Wishes(), measure="nDCG@10", current="old")
    assert found.confirmation is not None
    assert (found.confirmation.answer, found.confirmation.against) == ("confirmed", "old")
    assert found.versus["held_out"].wins == 20
    assert any(
        "new against old on the held-out queries: it is better, +0.300" in sentence for sentence in found.sentences
    )


def test_a_choice_that_luck_made_is_contradicted() -> None:
    rows = [row("old", 0.5, 0.5, 1), row("lucky", 0.6, 0.3, 2)]
    found = conclude(rows, PARTS, Wishes(), measure="nDCG@10", current="old")
    assert found.decision.winner == "lucky"
    assert found.confirmation is not None
    assert found.confirmation.answer == "contradicted"
    assert any("Do not rely on this choice" in sentence for sentence in found.sentences)
    assert any("it is worse" in sentence for sentence in found.sentences)


def test_the_share_lies_on_the_side_of_the_target_that_the_verdict_names() -> None:
    for one in ladder().candidates:
        assert one.share is not None
        assert one.share.low is not None
        assert one.share.high is not None
        if one.reason is Reason.BELOW_TARGET:
            assert one.share.high < 0.98
        if one.reason is Reason.CANNOT_TELL:
            assert one.share.low < 0.98 <= one.share.high


def test_the_frontier_rises() -> None:
    outcome = ladder()
    means = [outcome.candidate(name).overall for name in outcome.frontier]
    assert outcome.frontier[0] == NO_RERANKER
    assert [mean.mean for mean in means if mean] == sorted(mean.mean for mean in means if mean)


def test_the_reference_is_on_no_frontier() -> None:
    outcome = ladder(reference="ettin-150m", wishes=Wishes(target=0.5), current="box")
    assert "ettin-150m" not in outcome.frontier
    assert outcome.candidate("ettin-150m").reason is Reason.REFERENCE


@pytest.mark.parametrize(
    ("queries", "said"),
    [(1, "One query says nothing"), (4, "cannot tell two models apart"), (10, "cannot tell neighbouring models apart")],
)
def test_few_queries_say_what_they_can_tell(queries: int, said: str) -> None:
    outcome = drawn({NO_RERANKER: 0.2, "box": 0.7}, {NO_RERANKER: 0.0, "box": 40.0}, queries=queries)
    assert any(said in sentence for sentence in outcome.sentences)
    assert (outcome.winner is None) == (queries < 6)
    assert outcome.candidate("box").spent is not None


@pytest.mark.parametrize(("queries", "said"), [(14, True), (20, True), (38, True), (39, False)])
def test_queries_are_few_where_the_half_that_the_choice_is_made_on_is(queries: int, said: bool) -> None:
    outcome = drawn({NO_RERANKER: 0.2, "box": 0.7}, {NO_RERANKER: 0.0, "box": 40.0}, queries=queries)
    half = f"{queries} queries, of which the choice is made on {len(outcome.selection)}, can tell apart"
    assert any(sentence.startswith(half) for sentence in outcome.sentences) == said
    assert any("cannot tell neighbouring models apart" in sentence for sentence in outcome.sentences) == said


def test_a_few_held_out_queries_confirm_a_share_of_one_that_is_better() -> None:
    """Ten of them, on which half of .80 is far exceeded by .75: that .80 is more is nothing against it."""
    ids = [f"q{number}" for number in range(20)]
    parts = split_queries(ids)
    rows = [
        Measured(name=name, values=dict.fromkeys(ids, mean), spent=spent([time] * 20), digest=name)
        for name, mean, time in (("s", 0.75, 5.0), ("l", 0.8, 500.0))
    ]
    found = conclude(rows, parts, Wishes(target=0.5, budget_ms=100), measure="nDCG@10", current="l")
    assert found.decision.winner == "s"
    assert found.confirmation is not None
    assert (found.confirmation.answer, found.confirmation.against) == ("confirmed", "l")


def test_what_runs_today_is_set_against_the_best_where_nothing_else_is_chosen() -> None:
    names = {NO_RERANKER: 0.0, "box": 40.0, "large": 900.0}
    stays = drawn({NO_RERANKER: 0.3, "box": 0.7, "large": 0.705}, names, current="box", wishes=Wishes(target=0.9))
    assert (stays.winner, stays.best, stays.compared) == ("box", "large", "large")
    alone = drawn({NO_RERANKER: 0.7, "box": 0.3, "large": 0.2}, names)
    assert (alone.winner, alone.best, alone.compared) == (NO_RERANKER, NO_RERANKER, "box")
    for outcome in (stays, alone):
        changes = outcome.to_dict()["changes"]
        assert (changes["before"], changes["after"]) == (outcome.current, outcome.compared)
        assert changes["better"] + changes["equal"] + changes["worse"] == 120
        assert outcome.versus == {}
    taken = drawn({NO_RERANKER: 0.3, "box": 0.7}, names)
    assert (taken.winner, taken.compared) == ("box", "box")
    assert drawn({"box": 0.7, "old": 0.5}, names, current="old", failed={"old": "no key"}).compared is None
    assert drawn({NO_RERANKER: 0.7}, names).compared is None


def test_the_slowest_sample_is_called_so_wherever_it_stands_in_for_a_p95() -> None:
    few = drawn({NO_RERANKER: 0.2, "box": 0.7, "large": 0.7}, {NO_RERANKER: 0.0, "box": 40.0, "large": 90.0},
                samples=19, wishes=Wishes(target=0.9, budget_ms=500))  # fmt: skip
    for one in few.candidates:
        if one.spent is not None and one.spent.latencies_ms:
            assert one.spent.budget_ms == max(one.spent.latencies_ms)
    assert few.winner == "box"
    assert few.candidate("large").sentence.count("(the slowest of 19)") == 2
    over = drawn(
        {NO_RERANKER: 0.2, "box": 0.7}, {NO_RERANKER: 0.0, "box": 40.0}, samples=19, wishes=Wishes(budget_ms=1)
    )
    assert "(the slowest of 19), the budget is" in over.candidate("box").sentence


def test_what_runs_today_may_have_failed() -> None:
    outcome = drawn(
        {NO_RERANKER: 0.2, "box": 0.7, "old": 0.5},
        {NO_RERANKER: 0.0, "box": 40.0},
        current="old",
        failed={"old": "no key"},
    )
    assert outcome.winner == "box"
    assert any("old, which runs today, failed" in sentence for sentence in outcome.sentences)


def test_a_missing_p95_is_called_by_what_stands_in_for_it() -> None:
    outcome = drawn({NO_RERANKER: 0.2, "box": 0.7}, {NO_RERANKER: 0.0, "box": 40.0}, samples=5)
    assert "(the slowest of 5)" in outcome.sentences[0]


def test_gains_and_losses_share_the_examples_and_fill_up_for_each_other() -> None:
    before = {"a": 0.5, "b": 0.5, "c": 0.5, "d": 0.5}
    assert changed_most(before, {"a": 0.9, "b": 0.1, "c": 0.6, "d": 0.4}, 2) == ["a", "b"]
    assert changed_most(before, {"a": 0.9, "b": 0.7, "c": 0.6, "d": 0.5}, 4) == ["a", "b", "c"]
    assert changed_most(before, {"a": 0.1, "b": 0.2, "c": 0.6, "d": 0.5}, 3) == ["c", "a", "b"]
    assert changed_most(before, before, 3) == []


def test_nothing_found_by_anyone_is_said_as_that() -> None:
    rows = [row("old", 0.01, 0.01, 1), row("new", 0.01, 0.01, 2)]
    rows = [Measured(name=one.name, values=dict.fromkeys(IDS, 0.0), spent=one.spent) for one in rows]
    found = conclude(rows, PARTS, Wishes(), measure="nDCG@10", current="old")
    assert found.decision.winner is None
    assert found.sentences[0] == "No candidate has any nDCG@10: check that judgements and documents share their ids."
    assert {one.sentence for one in found.candidates} == {"nothing relevant was found"}


def test_a_choice_that_nobody_stood_against_is_not_called_the_best() -> None:
    outcome = drawn(
        {NO_RERANKER: 0.2, "box": 0.7, "api": 0.5},
        {NO_RERANKER: 0.0, "box": 40.0},
        failed={"box": "no memory", "api": "no key"},
    )
    assert outcome.sentences[0] == "Take no reranker: it is the only candidate that ran."
    assert outcome.sentences[1] == "Nothing is known of box and api: see why below."
    assert outcome.candidate("api").sentence == "no key"


def test_a_single_candidate_that_cannot_be_told_is_not_asked_which_it_is() -> None:
    rows = [row("old", 0.6, 0.6, 1), row("new", 0.2, 0.2, 2)]
    found = conclude(rows, PARTS, Wishes(target=None, target_value=0.6005), measure="nDCG@10", current="old")
    assert found.sentences[0] == "Cannot tell yet whether old reaches 0.6005."
    alike = drawn({NO_RERANKER: 0.5, "box": 0.5}, {NO_RERANKER: 0.0, "box": 40.0}, queries=4)
    assert alike.sentences[0] == "Cannot tell yet whether to take no reranker or box."


def test_with_a_stand_in_for_judgements_the_queries_that_are_missing_need_none() -> None:
    outcome = drawn(
        {NO_RERANKER: 0.5, "box": 0.6, "large": 1.0},
        {NO_RERANKER: 0.0, "box": 40.0, "large": 90.0},
        reference="large",
        queries=4,
    )
    assert any("further quer" in sentence for sentence in outcome.sentences)
    assert not any("judged" in sentence for sentence in outcome.sentences)
