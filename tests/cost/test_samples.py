"""Percentiles, medians, the search for a setting: figures that a reader can check by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankladder.cost import Latency, Throughput, percentile
from rankladder.cost.search import climb, powers_of_two


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=150), st.sampled_from([50, 95, 99]))
def test_a_percentile_is_numpys_nearest_rank_where_the_samples_tell_it_from_the_largest(
    samples: list[float], percent: int
) -> None:
    found = percentile(samples, percent)
    if percent > 50 and len(samples) < 100 / (100 - percent):
        assert found is None
    else:
        assert found == np.percentile(samples, percent, method="inverted_cdf")


def test_too_few_samples_have_a_median_and_a_worst_but_no_tail() -> None:
    latency = Latency((3.0, 1.0, 2.0), 100)
    assert (latency.p50, latency.p95, latency.p99, latency.worst) == (2.0, None, None, 3.0)
    assert (Latency((), 100).p50, Latency((), 100).worst) == (None, None)


def test_a_rate_is_that_of_the_median_pass() -> None:
    throughput = Throughput(100, 15_000, (2.0, 1.0, 10.0))
    assert throughput.pairs_per_second == 50
    assert throughput.tokens_per_second == 7500
    assert throughput.spread == (10, 100)


def test_a_ratio_is_taken_pass_by_pass_so_that_a_busy_moment_hurts_both() -> None:
    busy_in_the_middle = Throughput(10, 10, (1.0, 8.0, 1.0))
    peer = Throughput(10, 10, (2.0, 16.0, 2.0))
    assert busy_in_the_middle.ratio_to(peer) == 2.0
    assert peer.ratio_to(peer) == 1.0


@pytest.mark.parametrize(
    ("rates", "best", "tried"),
    [
        ({8: 1.0, 16: 2.0, 32: 3.0, 64: 4.0, 128: 5.0}, 128, [32, 64, 128]),
        ({8: 5.0, 16: 4.0, 32: 3.0, 64: 2.0, 128: 1.0}, 8, [32, 64, 16, 8]),
        ({8: 1.0, 16: 1.0, 32: 1.0, 64: 1.01, 128: 9.0}, 32, [32, 64, 16]),
    ],
)
def test_a_setting_is_followed_for_as_long_as_it_gains(rates: dict[int, float], best: int, tried: list[int]) -> None:
    asked: list[int] = []

    def rate(setting: int) -> float:
        asked.append(setting)
        return rates[setting]

    assert climb(sorted(rates), 32, rate) == best
    assert asked == tried


def test_powers_of_two_end_where_they_are_told() -> None:
    assert powers_of_two(1, 1) == [1]
    assert powers_of_two(8, 64) == [8, 16, 32, 64]
