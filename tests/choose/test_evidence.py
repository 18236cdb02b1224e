"""What differences can tell, held against scipy and against chance."""

from __future__ import annotations

import random

import pytest
import scipy.stats

from rankladder.choose.evidence import CAP, distance, queries_to_tell
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
    told = sum(
        distance(draw.choices(centred, k=40 + further.count), seed=number).answer == "meets" for number in range(60)
    )
    assert 0.65 < told / 60 <= 0.95


def test_half_of_the_queries_count_double() -> None:
    differences = [0.3, -0.2, 0.25, -0.1, 0.2, -0.15, 0.1, 0.05]
    whole, half = distance(differences).further, distance(differences, share=0.5).further
    assert whole is not None
    assert half is not None
    assert half.count == pytest.approx(2 * whole.count, abs=2)


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
