"""What queries can show: held against scipy, against chance, and against what was not seen."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray

from rankladder.choose.evidence import SURE, draw_means, keep_probabilities, passes, unseen_values, weigh
from rankladder.choose.forecast import CAP, FUTURES, further_queries

Matrix = NDArray[np.float64]


def drawn(count: int, means: tuple[float, ...], *, seed: int = 0, noise: float = 0.12) -> Matrix:
    """Values of contenders that share what makes a query hard."""
    random = np.random.default_rng(seed)
    hard = random.normal(0, 0.3, (count, 1))
    return np.clip(np.array(means) + hard + random.normal(0, noise, (count, len(means))), 0, 1)


def test_a_mean_is_drawn_with_the_spread_of_students_t() -> None:
    """Away from the share that was not seen, whose part is known."""
    values = np.random.default_rng(1).normal(0.5, 0.1, (9, 1))
    means = draw_means(values, draws=60_000, seed=3)[:, 0]
    low, high = scipy.stats.t.interval(0.5, 8, values.mean(), values.std(ddof=1) / 3)
    unseen = np.random.default_rng(4).beta(1, 9, 60_000)
    guarded = (1 - unseen) * scipy.stats.t.rvs(8, values.mean(), values.std(ddof=1) / 3, 60_000, random_state=5)
    guarded += unseen * np.random.default_rng(6).integers(0, 2, 60_000)
    assert np.quantile(means, [0.1, 0.5, 0.9]) == pytest.approx(np.quantile(guarded, [0.1, 0.5, 0.9]), abs=0.006)
    assert np.mean((means > low) & (means < high)) < 0.5


def test_the_test_of_a_rival_is_the_one_sided_t_test() -> None:
    for seed in range(40):
        values = drawn(30, (0.62, 0.65), seed=seed)
        test = scipy.stats.ttest_1samp(values[:, 0] - 0.9 * values[:, 1], 0, alternative="greater")
        if abs(test.pvalue - (1 - SURE)) > 1e-3:  # the t quantile is a series
            assert passes(values, 0, [1], 0.9, None) == (test.pvalue < 1 - SURE)


@pytest.mark.parametrize("target", [0.9, 0.95, 0.98])
@pytest.mark.parametrize("value", [0.2, 0.7, 1.0])
def test_equal_values_on_a_few_queries_are_no_certainty(target: float, value: float) -> None:
    """Two models that agree on every query seen may part on those not seen; the fewer, the likelier."""
    found = [weigh(np.full((count, 2), value), target=target)[0].probability for count in (2, 5, 8, 20, 50, 400)]
    assert all(more >= fewer - 0.02 for fewer, more in itertools.pairwise(found))
    assert found[0] < 0.65
    assert found[2] < 0.8
    assert found[-1] > 0.9


def test_a_rare_loss_that_no_query_shows_is_allowed_for() -> None:
    """A share of queries is lost altogether, so that the target is just missed; no sample without one may be sure."""
    for target in (0.9, 0.95, 0.98):
        lost = 1 - target + 0.005
        for count in range(2, 400, 7):
            if (1 - lost) ** count > 0.05:  # this often, a sample shows nothing of it
                assert not weigh(np.full((count, 2), 0.7), target=target, draws=2_000)[0].sure


def test_what_was_not_seen_speaks_for_and_against_each_alike() -> None:
    random = np.random.default_rng(0)
    for width in (2, 3, 6):
        values = unseen_values(8_000, width, None, random)
        assert set(np.unique(values)) == {0.0, 1.0}
        assert (values.min(axis=1) < values.max(axis=1)).all()
        assert values.mean(axis=0) == pytest.approx(0.5, abs=0.03)
    assert (unseen_values(50, 3, 1, random)[:, 1] == 1.0).all()


def test_there_is_no_cliff_at_any_number_of_queries() -> None:
    """One query more of the same kind moves the probability by little, whatever the number."""
    pattern = np.array([[0.6, 0.7], [0.9, 0.8], [0.3, 0.45], [0.8, 0.75], [0.5, 0.55]])
    values = np.tile(pattern, (20, 1))
    found = [weigh(values[:count], target=0.95)[0].probability for count in range(5, 101, 5)]
    assert max(abs(a - b) for a, b in itertools.pairwise(found)) < 0.12


def test_what_is_sure_is_wrong_about_as_rarely_as_it_says() -> None:
    """A contender just below the target is called sure about once in a hundred runs, or less."""
    wrong = 0
    for run in range(400):
        values = drawn(60, (0.61, 0.65), seed=run)  # the true share is about 0.94
        wrong += weigh(values, target=0.95, draws=1_000, seed=run)[0].sure
    assert wrong <= 8


def test_below_the_target_is_corrected_for_the_rivals() -> None:
    wrong = 0
    for run in range(300):
        values = drawn(50, (0.65,) * 5, seed=run)
        wrong += any(one.below <= 0.05 / 5 for one in weigh(values, target=0.98, draws=1_000, seed=run))
    assert wrong / 300 < 0.08


def test_the_loss_is_what_the_draws_lose_against_their_best() -> None:
    values = drawn(80, (0.5, 0.66))
    low, high = weigh(values, target=0.95)
    assert low.loss == pytest.approx(0.16, abs=0.05)
    assert high.loss < 0.001
    assert low.loss_if_short == pytest.approx(low.loss, abs=0.01)
    assert low.share is not None
    assert high.share is not None
    assert high.share.mean == 1.0


def test_a_value_to_reach_and_a_reference_are_marks_of_their_own() -> None:
    values = drawn(60, (0.5, 0.65))
    reached = weigh(values, target=None, value=0.55)
    assert reached[0].probability < 0.3
    assert reached[1].probability > 0.9
    agreed = weigh(np.stack([np.full(60, 0.92), np.ones(60)], axis=1), target=0.9, perfect=1)
    assert agreed[0].probability < SURE  # 0.92 - 0.9 may be lost on 2 of 100 queries
    assert agreed[1].probability == 1.0


def test_further_queries_are_a_range_in_which_real_futures_lie() -> None:
    """Four in five are meant; the futures are drawn from the population itself."""
    population = drawn(4_000, (0.62, 0.66), seed=9)
    inside = counted = 0
    for run in range(12):
        random = np.random.default_rng(run)
        values = population[random.integers(0, 4_000, 700)]
        named = further_queries(values[:30], [0, 1], level=0.99, target=0.95, seed=run)
        taken = CAP
        for more in range(20, 671, 20):
            means = draw_means(values[: 30 + more], draws=800, seed=run)
            if keep_probabilities(means, target=0.95, value=None, perfect=None).max() >= 0.99:
                taken = more
                break
        counted += 1
        inside += (named.low or CAP) * 0.7 - 20 <= taken <= (named.high or CAP) * 1.4 + 20
    assert FUTURES >= 100
    assert inside / counted >= 0.6


def test_no_number_is_named_that_nobody_would_judge() -> None:
    """Where the truth is the mark itself, no number of queries settles it."""
    assert str(further_queries(np.tile([[0.5], [0.7]], (500, 1)), [0], level=0.99, target=None, value=0.6)).endswith(
        ("many more", f"more than {CAP:,}")
    )
    soon = further_queries(np.full((300, 2), 0.7), [0], level=0.99, target=0.95)
    assert (soon.low, soon.high) == (5, 5)
    assert str(soon) == "5"
