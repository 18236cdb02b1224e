"""Intervals and tests, against scipy's and against definitions written out."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from rankladder.errors import BadInput, BadOption
from rankladder.evaluate import (
    at_most,
    bootstrap_interval,
    holm,
    holm_at_most,
    randomisation_test,
    unseen_share,
)
from rankladder.evaluate.statistics import expanded

VALUES = st.lists(st.integers(0, 8).map(lambda n: n / 8), min_size=2, max_size=12)


@pytest.mark.parametrize("count", [6, 10, 30, 300])
def test_the_confidence_asked_of_the_bootstrap_is_that_of_a_t_interval(count: int) -> None:
    wide = (count / (count - 1)) ** 0.5 * scipy.stats.t.ppf(0.975, count - 1)
    assert expanded(0.95, count) == pytest.approx(2 * scipy.stats.norm.cdf(wide) - 1, abs=2e-4)


def test_the_interval_agrees_with_scipys_percentile_bootstrap() -> None:
    values = np.random.default_rng(1).beta(2, 3, 200)
    ours = bootstrap_interval(values)
    theirs = scipy.stats.bootstrap(
        (values,), np.mean, n_resamples=10_000, method="percentile", confidence_level=expanded(0.95, len(values)), rng=2
    )
    assert ours.mean == pytest.approx(values.mean())
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=2e-3)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=2e-3)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(3)
    hits = 0
    for _ in range(200):
        found = bootstrap_interval(random.random(60), resamples=500)
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= 0.5 <= found.high
    assert 0.88 <= hits / 200 <= 0.99


@pytest.mark.parametrize("count", [10, 20, 43, 100])
@pytest.mark.parametrize("truth", [0.5, 0.97, 0.99, 0.01], ids=str)
def test_the_interval_of_a_saturated_measure_covers_the_truth(truth: float, count: int) -> None:
    random = np.random.default_rng(count)
    trials = 200
    hits = 0
    for _ in range(trials):
        found = bootstrap_interval((random.random(count) < truth).astype(float), within=(0.0, 1.0), resamples=300)
        assert found.low is not None
        assert found.high is not None
        hits += found.low - 1e-9 <= truth <= found.high + 1e-9
    assert hits / trials >= 0.9


@pytest.mark.parametrize("count", [10, 20, 43, 100])
def test_the_interval_of_rare_differences_covers_the_truth(count: int) -> None:
    random = np.random.default_rng(count)
    hits = 0
    for _ in range(200):
        values = (random.random(count) < 0.03).astype(float)  # one in 33 queries is won, none is lost
        found = bootstrap_interval(values, within=(-1.0, 1.0), resamples=300)
        assert found.low is not None
        assert found.high is not None
        hits += found.low - 1e-9 <= 0.03 <= found.high + 1e-9
    assert hits / 200 >= 0.9


def test_what_may_be_unseen_widens_both_ends_and_changes_nothing_where_values_spread() -> None:
    ones, noughts = (bootstrap_interval([value] * 20, within=(0.0, 1.0)) for value in (1.0, 0.0))
    assert (ones.low, ones.high) == (pytest.approx(1 - unseen_share(20)), 1.0)
    assert (noughts.low, noughts.high) == (0.0, pytest.approx(unseen_share(20)))
    spread = np.random.default_rng(0).random(50)
    assert bootstrap_interval(spread, within=(0.0, 1.0)) == bootstrap_interval(spread)
    assert bootstrap_interval([2.0] * 9, within=(0.0, 1.0)).high == 2.0


def test_only_the_smallest_p_that_was_drawn_is_an_upper_bound() -> None:
    best, worst = [1.0] * 40, [0.0] * 40
    assert at_most(randomisation_test(best, worst, resamples=1000), resamples=1000)
    assert not at_most(randomisation_test(best[:8], worst[:8], resamples=1000), resamples=1000)  # counted, not drawn
    smallest = 1 / 1001
    assert holm_at_most([0.2, smallest, 0.0011], resamples=1000) == [False, True, True]
    assert holm([0.2, smallest, 0.0011])[2] == pytest.approx(3 * smallest)  # a bound that it has from the other


def test_the_same_seed_gives_the_same_interval_and_more_confidence_a_wider_one() -> None:
    values = list(np.random.default_rng(0).random(50))
    assert bootstrap_interval(values, seed=7) == bootstrap_interval(values, seed=7)
    assert bootstrap_interval(values, seed=7) != bootstrap_interval(values, seed=8)
    narrow, wide = bootstrap_interval(values, confidence=0.5), bootstrap_interval(values, confidence=0.99)
    assert wide.low < narrow.low < narrow.high < wide.high  # type: ignore[operator]


def test_a_single_value_has_a_mean_and_no_interval() -> None:
    found = bootstrap_interval([0.7])
    assert (found.low, found.mean, found.high) == (None, 0.7, None)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_the_exact_test_agrees_with_scipys(data: st.DataObject) -> None:
    a = data.draw(VALUES)
    b = data.draw(st.lists(st.integers(0, 8).map(lambda n: n / 8), min_size=len(a), max_size=len(a)))
    theirs = scipy.stats.permutation_test(
        (np.array(a), np.array(b)),
        lambda x, y, axis: np.mean(x, axis=axis) - np.mean(y, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=10_000,  # more than 2^12: scipy then counts them all
    )
    assert randomisation_test(a, b) == pytest.approx(theirs.pvalue)


def test_the_drawn_test_agrees_with_the_exact_one() -> None:
    random = np.random.default_rng(4)
    a, b = random.random(18), random.random(18) + 0.15  # 18 differ: drawn; 2^18 can still be counted
    signs = 1 - 2 * (np.arange(2**18)[:, None] >> np.arange(18) & 1)
    exact = np.mean(np.abs(signs @ (a - b)) >= abs((a - b).sum()) - 1e-9)
    assert randomisation_test(a, b, resamples=40_000) == pytest.approx(exact, abs=0.01)


def test_p_does_not_depend_on_which_system_comes_first() -> None:
    random = np.random.default_rng(5)
    a, b = random.random(100), random.random(100)
    assert randomisation_test(a, b) == randomisation_test(b, a)


def test_equal_systems_have_p_one_and_a_drawn_p_is_never_zero() -> None:
    assert randomisation_test([0.1] * 40, [0.1] * 40) == 1.0
    assert randomisation_test([1.0] * 1000, [0.0] * 1000) == pytest.approx(1 / 10_001)


def test_under_the_null_p_is_small_as_rarely_as_it_says() -> None:
    random = np.random.default_rng(6)
    small = sum(randomisation_test(random.random(10), random.random(10)) <= 0.05 for _ in range(400))
    assert small / 400 < 0.09


def test_ten_thousand_queries_take_bounded_memory() -> None:
    import tracemalloc

    random = np.random.default_rng(7)
    a, b = random.random(10_000), random.random(10_000)
    tracemalloc.start()
    bootstrap_interval(a, resamples=1000)
    randomisation_test(a, b, resamples=1000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000_000


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_the_closed_test_over_bonferroni(p_values: list[float]) -> None:
    places = range(len(p_values))
    for place, corrected in enumerate(holm(p_values)):
        families = (
            family for size in range(1, len(p_values) + 1) for family in combinations(places, size) if place in family
        )
        closed = max(min(1.0, len(family) * min(p_values[one] for one in family)) for family in families)
        assert corrected == pytest.approx(closed)


def test_holm_of_nothing_is_nothing() -> None:
    assert holm([]) == []


@pytest.mark.parametrize("values", [[], [[0.1], [0.2]], [0.1, float("nan")]], ids="none shape nan".split())
def test_values_that_have_no_mean_are_refused(values: list[float]) -> None:
    with pytest.raises(BadInput):
        bootstrap_interval(values)
    with pytest.raises(BadInput):
        randomisation_test(values, values)


def test_options_out_of_their_range_are_refused() -> None:
    with pytest.raises(BadOption, match="confidence"):
        bootstrap_interval([0.1, 0.2], confidence=1.0)
    with pytest.raises(BadOption, match="resamples"):
        bootstrap_interval([0.1, 0.2], resamples=0)
    for options, said in (({"resamples": 0}, "resamples"), ({"seed": -1}, "seed")):
        with pytest.raises(BadOption, match=said):
            bootstrap_interval([0.1], **options)
        with pytest.raises(BadOption, match=said):
            randomisation_test([0.1], [0.2], **options)
    with pytest.raises(BadInput, match="two values a query"):
        randomisation_test([0.1], [0.1, 0.2])
    with pytest.raises(BadInput, match="between 0 and 1"):
        holm([1.5])
