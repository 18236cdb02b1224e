"""Values in, verdicts out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rankladder.choose import Entry, Reason, Wishes, decide
from rankladder.choose.decision import Decision
from rankladder.errors import BadInput, BadOption

QUERIES = [f"q{number}" for number in range(480)]


def entry(name: str, *values: float, p95: float = 1.0, memory: float | None = None, queries: int = 480) -> Entry:
    """So many queries; the values are repeated."""
    row = values * (queries // len(values))
    return Entry(name=name, values=dict(zip(QUERIES, row, strict=False)), p95_ms=p95, memory_mb=memory)


def reasons(decision: Decision) -> dict[str, Reason]:
    return {verdict.name: verdict.reason for verdict in decision.verdicts}


def test_the_cheapest_that_surely_meets_the_target_is_chosen() -> None:
    found = decide([entry("none", 0.3, p95=0), entry("s", 0.695, p95=5), entry("l", 0.7, p95=50)], Wishes())
    assert (found.winner, found.best, found.leader) == ("s", "l", None)
    assert reasons(found) == {"none": Reason.BELOW_TARGET, "s": Reason.CHOSEN, "l": Reason.LARGER_THAN_NEEDED}


def test_a_budget_passes_over_the_best_but_the_target_stays_a_share_of_it() -> None:
    entries = [entry("s", 0.5, p95=5), entry("m", 0.65, p95=20), entry("l", 0.7, p95=50)]
    found = decide(entries, Wishes(budget_ms=30))
    assert (found.winner, found.leader, found.best) == (None, "m", "l")
    assert reasons(found) == {"s": Reason.BELOW_TARGET, "m": Reason.BELOW_TARGET, "l": Reason.OVER_BUDGET}
    assert decide(entries, Wishes(target=0.9, budget_ms=30)).winner == "m"


def test_memory_passes_over_and_what_runs_elsewhere_holds_none() -> None:
    entries = [entry("big", 0.7, p95=1, memory=900), entry("hosted", 0.7, p95=9, memory=None)]
    found = decide(entries, Wishes(memory_mb=500))
    assert reasons(found) == {"big": Reason.TOO_MUCH_MEMORY, "hosted": Reason.CHOSEN}


def test_what_costs_nobody_knows_how_much_is_not_chosen_and_is_still_the_best() -> None:
    unknown = replace(entry("fast", 0.7, p95=0), cost_known=False)
    found = decide([unknown, entry("s", 0.695, p95=5), entry("l", 0.7, p95=50)], Wishes())
    assert (found.winner, found.best) == ("s", "l")
    assert reasons(found) == {"fast": Reason.COST_UNKNOWN, "s": Reason.CHOSEN, "l": Reason.LARGER_THAN_NEEDED}
    alone = decide([unknown, entry("none", 0.3, p95=0)], Wishes(budget_ms=9.0))
    assert (alone.winner, alone.leader, alone.best) == (None, "none", "fast")


def test_what_straddles_the_target_cannot_be_told_and_does_not_win() -> None:
    wavering = [0.9, 0.5, 0.9, 0.5, 0.9, 0.5, 0.9, 0.5]
    found = decide([entry("s", *wavering, p95=1), entry("l", 0.71, p95=9)], Wishes())
    assert reasons(found) == {"s": Reason.CANNOT_TELL, "l": Reason.CHOSEN}
    further = found.verdict("s").distance
    assert further is not None
    assert further.further is not None
    assert further.further.count > 0


def test_what_is_slower_than_the_choice_is_larger_than_needed_though_it_cannot_be_told() -> None:
    wavering = [0.9, 0.5, 0.9, 0.5, 0.9, 0.5, 0.9, 0.5]
    found = decide([entry("s", 0.71, p95=1), entry("l", *wavering, p95=9)], Wishes())
    assert reasons(found) == {"s": Reason.CHOSEN, "l": Reason.LARGER_THAN_NEEDED}


def test_a_failure_is_a_verdict_and_the_others_are_decided() -> None:
    found = decide([Entry(name="broken", failed="no memory"), entry("s", 0.5)], Wishes())
    assert reasons(found) == {"broken": Reason.FAILED, "s": Reason.CHOSEN}
    assert decide([Entry(name="broken", failed="x")], Wishes()).verdicts[0].reason is Reason.FAILED


def test_a_reference_sets_the_measure_and_is_never_chosen() -> None:
    found = decide([entry("s", 0.95), entry("r", 1.0, p95=0)], Wishes(target=0.9), reference="r")
    assert (found.winner, found.best) == ("s", "r")
    assert reasons(found)["r"] is Reason.REFERENCE
    alone = decide([entry("none", 0.4), entry("r", 1.0)], Wishes(), reference="r")
    assert alone.winner is None


def test_a_value_to_reach_stands_in_place_of_a_share() -> None:
    wishes = Wishes(target=None, target_value=0.6)
    found = decide([entry("s", 0.5, p95=1), entry("m", 0.61, p95=2), entry("l", 0.9, p95=3)], wishes)
    assert reasons(found) == {"s": Reason.BELOW_TARGET, "m": Reason.CHOSEN, "l": Reason.LARGER_THAN_NEEDED}


def test_nothing_is_chosen_where_nobody_found_anything() -> None:
    found = decide([entry("s", 0.0), entry("l", 0.0)], Wishes())
    assert (found.winner, found.leader) == (None, None)
    assert set(reasons(found).values()) == {Reason.CANNOT_TELL}


def test_few_queries_show_who_is_better_but_not_who_is_as_good() -> None:
    def few(name: str, mean: float, p95: float) -> Entry:
        return Entry(name=name, values=dict.fromkeys(QUERIES[:10], mean), p95_ms=p95)

    assert decide([few("none", 0.2, 0), few("s", 0.7, 5)], Wishes()).winner == "s"
    wavering = [entry("s", 0.8, 0.6, p95=5, queries=10), entry("l", 0.6, 0.82, p95=9, queries=10)]
    highest = decide(wavering, Wishes()).verdict("l").distance
    assert highest is not None
    assert str(highest.further) == "at least 30"  # half of 40 are held out
    found = decide([few("none", 0.2, 0), few("s", 0.7, 5), few("l", 0.7, 9)], Wishes())
    assert found.winner is None
    assert reasons(found) == {"none": Reason.BELOW_TARGET, "s": Reason.CANNOT_TELL, "l": Reason.CANNOT_TELL}
    unsettled = found.verdict("s").distance
    assert unsettled is not None
    assert str(unsettled.further) == "about 202"
    assert decide([entry("s", 0.7, p95=5, queries=212), entry("l", 0.7, p95=9, queries=212)], Wishes()).winner == "s"


def test_with_few_queries_what_is_far_above_the_target_meets_it_though_another_is_better() -> None:
    """Half of .80 is asked for, and .75 is there: that the large one is better is no doubt about that."""
    entries = [entry("s", 0.75, p95=5, queries=10), entry("l", 0.8, p95=500, queries=10)]
    found = decide(entries, Wishes(target=0.5, budget_ms=100))
    assert reasons(found) == {"s": Reason.CHOSEN, "l": Reason.OVER_BUDGET}
    near = decide(entries, Wishes(target=0.98, budget_ms=100))
    assert near.winner is None


def test_one_model_under_two_names_does_not_stand_against_itself() -> None:
    """The same scores by law, at two costs: the cheaper is as good as the other, however few the queries."""
    rest = entry("none", 0.2, p95=0, queries=10)
    slow, fast = entry("one thread", 0.7, p95=9, queries=10), entry("two threads", 0.7, p95=5, queries=10)
    assert decide([rest, slow, fast], Wishes()).winner is None
    same = [replace(one, digest="d") for one in (slow, fast)]
    found = decide([rest, *same], Wishes())
    assert reasons(found)["two threads"] is Reason.CHOSEN
    assert reasons(found)["one thread"] is Reason.LARGER_THAN_NEEDED


def test_the_reference_cannot_be_chosen_under_another_name() -> None:
    same = [replace(entry(name, 1.0, p95=p95), digest="d") for name, p95 in (("r", 9.0), ("./r", 5.0))]
    found = decide([entry("s", 0.95, p95=1), *same], Wishes(target=0.97), reference="r")
    assert (found.winner, found.best) == (None, "r")
    assert [reasons(found)[name] for name in ("r", "./r")] == [Reason.REFERENCE] * 2


@pytest.mark.parametrize("queries", [6, 10, 19, 20, 24])
def test_a_handful_of_equal_values_is_never_surely_as_good(queries: int) -> None:
    """Whatever the mark is: a value to reach, the best's mean, or a reference's."""
    few = {"queries": queries}
    reached = decide([entry("s", 1.0, **few)], Wishes(target=None, target_value=0.9))
    alike = decide([entry("s", 0.7, **few), entry("l", 0.7, p95=9, **few)], Wishes(target=0.95))
    agreeing = decide([entry("s", 0.95, **few), entry("r", 1.0, **few)], Wishes(target=0.9), reference="r")
    for found in (reached, alike, agreeing):
        assert found.winner is None
        assert reasons(found)["s"] is Reason.CANNOT_TELL


def test_few_values_far_above_the_mark_meet_it() -> None:
    found = decide([entry("s", 1.0, queries=10)], Wishes(target=None, target_value=0.5))
    assert found.winner == "s"


def test_the_highest_mean_is_chosen_where_nothing_cheaper_surely_comes_near() -> None:
    found = decide([entry("s", 0.69, p95=5, queries=24), entry("l", 0.7, p95=50, queries=24)], Wishes())
    assert reasons(found) == {"s": Reason.CANNOT_TELL, "l": Reason.CHOSEN}


def test_one_query_tells_nothing() -> None:
    entries = [Entry(name="s", values={"q": 1.0}), Entry(name="l", values={"q": 0.2}, p95_ms=9)]
    assert {verdict.reason for verdict in decide(entries, Wishes()).verdicts} == {Reason.CANNOT_TELL}


@pytest.mark.parametrize(
    ("entries", "reference"),
    [
        ([entry("s", 0.5), entry("s", 0.6)], None),
        ([entry("s", 0.5)], "nobody"),
        ([entry("s", 0.5), Entry(name="l", values={"other": 0.5})], None),
        ([Entry(name="s")], None),
    ],
    ids=["a name twice", "no such reference", "other queries", "no values"],
)
def test_what_does_not_fit_together_is_refused(entries: list[Entry], reference: str | None) -> None:
    with pytest.raises(BadInput):
        decide(entries, Wishes(), reference=reference)


@pytest.mark.parametrize(
    "wish",
    [
        {"target": 0.0},
        {"target": 1.01},
        {"target": None},
        {"target": 0.9, "target_value": 0.5},
        {"budget_ms": 0.0},
        {"budget_ms": float("nan")},
        {"memory_mb": -1.0},
    ],
    ids=str,
)
def test_wishes_out_of_range_are_refused(wish: dict[str, float]) -> None:
    with pytest.raises(BadOption):
        Wishes(**wish)  # type: ignore[arg-type]


GRADES = st.integers(0, 10).map(lambda n: n / 10)
ENTRIES = st.lists(
    st.tuples(
        st.lists(GRADES, min_size=8, max_size=8),
        st.sampled_from([0.0, 1.0, 5.0, 20.0]),
        st.sampled_from([None, 10.0, 99.0]),
    ),
    min_size=1,
    max_size=5,
).map(
    lambda rows: [
        entry(f"c{at}", *values, p95=p95, memory=memory, queries=24) for at, (values, p95, memory) in enumerate(rows)
    ]
)
WISHES = st.builds(
    Wishes,
    target=st.sampled_from([0.5, 0.9, 0.98, 1.0]),
    budget_ms=st.sampled_from([None, 0.5, 5.0]),
    memory_mb=st.sampled_from([None, 50.0]),
)


@settings(max_examples=60, deadline=None)
@given(ENTRIES, WISHES)
def test_every_candidate_gets_one_verdict_and_the_winner_deserves_it(entries: list[Entry], wishes: Wishes) -> None:
    found = decide(entries, wishes)
    by_name = {one.name: one for one in entries}
    assert [verdict.name for verdict in found.verdicts] == [one.name for one in entries]
    chosen = [verdict.name for verdict in found.verdicts if verdict.reason is Reason.CHOSEN]
    assert chosen == ([found.winner] if found.winner else [])
    for verdict in found.verdicts:
        one = by_name[verdict.name]
        over = wishes.budget_ms is not None and one.p95_ms > wishes.budget_ms
        assert over == (verdict.reason is Reason.OVER_BUDGET)
        if found.winner and one.price < by_name[found.winner].price:
            assert verdict.reason not in {Reason.CHOSEN, Reason.LARGER_THAN_NEEDED}
    if found.winner:
        distance = found.verdict(found.winner).distance
        assert distance is not None
        assert distance.answer == "meets"
        assert wishes.memory_mb is None or (by_name[found.winner].memory_mb or 0) <= wishes.memory_mb


@settings(max_examples=30, deadline=None)
@given(ENTRIES, WISHES, st.randoms())
def test_the_order_of_the_candidates_decides_nothing(entries: list[Entry], wishes: Wishes, draw: object) -> None:
    shuffled = list(entries)
    draw.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = decide(entries, wishes), decide(shuffled, wishes)
    assert (one.winner, one.best, one.leader) == (other.winner, other.best, other.leader)
    assert reasons(one) == reasons(other)


@settings(max_examples=30, deadline=None)
@given(ENTRIES)
def test_a_tighter_budget_never_chooses_a_slower_one(entries: list[Entry]) -> None:
    wide, tight = decide(entries, Wishes()), decide(entries, Wishes(budget_ms=5.0))
    times = {one.name: one.p95_ms for one in entries}
    if wide.winner and tight.winner:
        assert tight.winner == wide.winner
        assert times[tight.winner] <= 5.0
