"""What differences can tell, held against scipy and against chance."""

from __future__ import annotations

import random

import pytest
import scipy.stats

from rankladder.choose.evidence import CAP, distance, queries_missing, queries_to_tell
from rankladder.choose.split import split_queries


def test_the_fewest_queries_are_those_of_the_sign_test() -> None:
    least = queries_to_tell(0.95)
    assert scipy.stats.binomtest(least, least).pvalue < 0.05 < scipy.stats.binomtest(least - 1, least - 1).pvalue


def test_the_answer_is_wrong_about_as_rarely_as_it_says() -> None:
    draw, wrong = random.Random(1), 0
    for _ in range(300):
        differences = [draw.gauss(0.0, 0.2) for _ in range(15)]
        wrong += distance(differences).answer != "cannot tell"
    assert wrong / 300 < 0.09  # 5 % where nothing is there


def test_the_further_queries_named_suffice_about_four_times_in_five() -> None:
    draw = random.Random(2)
    seen = [draw.gauss(0.02, 0.1) for _ in range(40)]
    mean = sum(seen) / len(seen)
    centred = [one - mean + 0.02 for one in seen]
    further = distance(centred).further
    assert further is not None
    assert further.kind == "about"
    selection = (40 + further.count) // 2
    told = sum(distance(draw.choices(centred, k=selection), seed=number).answer == "meets" for number in range(60))
    assert 0.65 < told / 60 <= 0.95


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_with_the_further_queries_that_are_named_the_selection_is_as_large_as_it_has_to_be(share: float) -> None:
    differences = [0.3, -0.2, 0.25, -0.1, 0.2, -0.15, 0.1, 0.05]
    further = distance(differences, share=share).further
    assert further is not None
    assert further.kind == "about"
    whole = len(differences) / share + further.count
    assert len(split_queries(map(str, range(int(whole)))).selection) == 90  # (2.8 deviations / mean) squared


@pytest.mark.parametrize(
    ("needed", "there"), [(6, 1), (6, 5), (11, 10), (12, 10), (20, 1), (20, 10), (20, 14), (99, 40)]
)
def test_queries_that_are_missing_count_those_that_will_be_held_out(needed: int, there: int) -> None:
    now = len(split_queries(map(str, range(there))).selection)
    missing = queries_missing(needed, now, share=now / there)
    assert len(split_queries(map(str, range(there + missing))).selection) == needed


def test_a_loss_that_no_query_shows_is_allowed_for() -> None:
    """A tenth of all queries lose 0.5, and none of those drawn does: a claim must be wrong once in twenty at most."""
    for count in range(6, 120):
        if 0.9**count > 0.05:  # this often, a sample shows nothing of them
            assert distance([0.04] * count, worst=-0.9).answer == "cannot tell"
    assert distance([0.04] * 100, worst=-0.9).answer == "meets"


def test_what_may_be_unseen_widens_the_interval_downwards_and_never_narrows_it() -> None:
    for differences in ([0.2] * 30, [0.5, -0.4] * 30, [-0.1, -0.3] * 10):
        plain, wide = distance(differences).interval, distance(differences, worst=-1.0).interval
        assert (wide.mean, wide.high) == (plain.mean, plain.high)
        assert wide.low is not None
        assert plain.low is not None
        assert wide.low <= plain.low


def test_the_further_queries_named_make_up_for_what_may_be_unseen() -> None:
    further = distance([0.014] * 20, worst=-0.98, share=0.5).further
    assert further is not None
    enough = 20 + further.count // 2
    assert distance([0.014] * enough, worst=-0.98, share=0.5).answer == "meets"
    assert distance([0.014] * (enough - 1), worst=-0.98, share=0.5).answer == "cannot tell"
    assert str(distance([0.0] * 20, worst=-1.0).further) == f"more than {CAP:,}"


def test_no_number_is_named_that_nobody_would_judge() -> None:
    further = distance([0.5, -0.5] * 10).further
    assert further is not None
    assert str(further) == f"more than {CAP:,}"


def test_fewer_queries_than_can_tell_say_how_many_it_takes_at_least() -> None:
    assert str(distance([0.5]).further) == "at least 5"
    assert str(distance([0.5, 0.5, 0.4]).further) == "at least 3"
    assert distance([0.0] * 6).answer == "meets"


def test_the_split_is_in_halves_whatever_the_order_and_another_for_another_seed() -> None:
    ids = [f"q{number}" for number in range(101)]
    parts = split_queries(ids)
    assert (len(parts.selection), len(parts.held_out)) == (51, 50)
    assert set(parts.selection) | set(parts.held_out) == set(ids)
    assert split_queries(reversed(ids)) == parts
    assert split_queries(ids, seed=1).selection != parts.selection
    grown = split_queries([*ids, "new"])
    assert len(set(parts.selection) ^ set(grown.selection)) <= 2


@pytest.mark.parametrize(
    ("count", "held_out", "word"), [(1, 0, "too few"), (11, 0, "too few"), (12, 6, "weak"), (40, 20, None)]
)
def test_the_split_says_what_its_size_means(count: int, held_out: int, word: str | None) -> None:
    parts = split_queries(map(str, range(count)))
    assert len(parts.held_out) == held_out
    assert (parts.remark is None) if word is None else (word in (parts.remark or ""))
