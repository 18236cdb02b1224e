"""How sure a figure is: intervals for a mean over queries, and paired tests between two systems."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from rankladder.arguments import checked
from rankladder.errors import BadInput, BadOption

EXACT_UP_TO = 15
"""Queries that two systems differ on, up to which all 2^n ways of swapping are counted instead of drawn."""
_CELLS = 2_000_000  # numbers drawn at a time: bounds the memory for any number of queries


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over queries and the interval around it; ``low`` and ``high`` are None for a single query."""

    low: float | None
    mean: float
    high: float | None


_MOST_RESAMPLES = 10_000_000


@checked
def bootstrap_interval(
    values: Sequence[float] | NDArray[np.float64],
    *,
    within: tuple[float, float] | None = None,
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Interval:
    """The expanded percentile bootstrap interval of a mean: queries are drawn again with replacement, ``resamples``
    times, and the percentiles are taken further out the fewer they are, so that it covers what it says.

    The bootstrap draws only what was seen: ten values of 1 give it no width. With ``within``, the least and the most
    that a value can be, the interval reaches at least to the two means that there would be if ``unseen_share`` of all
    queries lay at the least, or at the most. A value outside ``within`` moves that end to itself.

    One value has a mean and no interval. Sources: Efron and Tibshirani 1993, chapter 13; Hesterberg 2015, "What
    teachers should know about the bootstrap", doi:10.1080/00031305.2015.1089789.

    >>> bootstrap_interval([0.5, 0.5, 0.5])
    Interval(low=0.5, mean=0.5, high=0.5)
    >>> bootstrap_interval([1.0] * 100, within=(0.0, 1.0)).low > 0.97, bootstrap_interval([0.25])
    (True, Interval(low=None, mean=0.25, high=None))

    Raises BadInput for no value or one that is not finite, BadOption for an option outside its range.
    """
    if not 0 < confidence < 1:
        raise BadOption(f"confidence must be between 0 and 1, got {confidence}")
    check_draws(resamples, seed)
    data = _values(values, "values")
    mean = math.fsum(data) / len(data)
    if len(data) == 1:
        return Interval(None, mean, None)
    random = np.random.default_rng(seed)
    means = np.concatenate(
        [data[random.integers(0, len(data), (rows, len(data)))].mean(axis=1) for rows in _rows(resamples, len(data))]
    )
    wide = expanded(confidence, len(data))
    low, high = np.quantile(means, [(1 - wide) / 2, (1 + wide) / 2])
    if within is not None:
        unseen = unseen_share(len(data), confidence)
        low = min(low, mean + unseen * (min(within[0], *data) - mean))
        high = max(high, mean + unseen * (max(within[1], *data) - mean))
    return Interval(float(low), mean, float(high))


def unseen_share(count: int, confidence: float = 0.95) -> float:
    """The largest part of all queries that may be of a kind that none of ``count`` drawn at random is of: about
    3 / count at 95 %, the rule of three.

    Source: Hanley and Lippman-Hand 1983, "If nothing goes wrong, is everything all right?",
    doi:10.1001/jama.1983.03330370053031.

    >>> round(unseen_share(100), 3)
    0.03
    """
    return -math.expm1(math.log(1 - confidence) / count)


def check_draws(resamples: int, seed: int) -> None:
    """Raises BadOption for fewer than one resample, and for a negative seed."""
    if not 1 <= resamples <= _MOST_RESAMPLES:
        raise BadOption(f"resamples must be at least 1 and at most {_MOST_RESAMPLES:,}, got {resamples}")
    if seed < 0:
        raise BadOption(f"seed must be at least 0, got {seed}")


def expanded(confidence: float, count: int) -> float:
    """The confidence to ask of a percentile bootstrap of ``count`` values so that it covers as a t interval would.

    >>> [round(expanded(0.95, count), 4) for count in (6, 30, 1000)]
    [0.9951, 0.9625, 0.9504]
    """
    if count < 3:
        return confidence
    normal = NormalDist()
    wide = math.sqrt(count / (count - 1)) * _student(normal.inv_cdf((1 + confidence) / 2), count - 1)
    return 2 * normal.cdf(wide) - 1


def _student(z: float, freedom: int) -> float:
    """Student's t at the level of the normal quantile z (Cornish-Fisher; Abramowitz and Stegun 26.7.5)."""
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )


@checked
def randomisation_test(
    a: Sequence[float] | NDArray[np.float64],
    b: Sequence[float] | NDArray[np.float64],
    *,
    resamples: int = 10_000,
    seed: int = 0,
) -> float:
    """The two-sided p of a paired randomisation test on two means; ``a[i]`` and ``b[i]`` are of one query.

    Where the two systems do not differ, each query's values may be swapped: p is the share of swaps whose difference
    is at least as large as the one seen. All swaps are counted where the values differ on at most ``EXACT_UP_TO``
    queries; else ``resamples`` are drawn and p is (1 + count) / (1 + resamples), never 0.

    Source: Smucker, Allan and Carterette, CIKM 2007, doi:10.1145/1321440.1321528.

    >>> randomisation_test([1.0, 1.0, 1.0], [0.0, 0.0, 0.0])
    0.25

    Raises BadInput where the two are not of one length, and as ``bootstrap_interval``.
    """
    check_draws(resamples, seed)
    first, second = _values(a, "a"), _values(b, "b")
    if len(first) != len(second):
        raise BadInput(f"a paired test needs two values a query, got {len(first)} and {len(second)}")
    differences = first - second
    differences = differences[differences != 0]
    if not len(differences):
        return 1.0
    # Sums of the same numbers in another order differ in their last bits: such a swap counts as equally large.
    seen = abs(math.fsum(differences)) - 1e-9 * float(np.abs(differences).sum())
    if len(differences) <= EXACT_UP_TO:
        swaps = np.arange(2 ** len(differences))[:, None] >> np.arange(len(differences)) & 1
        return float(np.mean(np.abs((1 - 2 * swaps) @ differences) >= seen))
    random = np.random.default_rng(seed)
    count = sum(
        int(np.sum(np.abs((1 - 2 * random.integers(0, 2, (rows, len(differences)), np.int8)) @ differences) >= seen))
        for rows in _rows(resamples, len(differences))
    )
    return (1 + count) / (1 + resamples)


def at_most(p: float, *, resamples: int = 10_000) -> bool:
    """Whether a p of ``randomisation_test`` is the smallest that so many drawn resamples can give: the true one may
    be smaller.

    >>> at_most(1 / 10_001), at_most(2 / 10_001), at_most(0.5**14)
    (True, False, False)
    """
    return p == 1 / (1 + resamples)


def holm_at_most(p_values: Sequence[float], *, resamples: int = 10_000) -> list[bool]:
    """Whether each p that ``holm`` gives is an upper bound only: it would be lower if those that are ``at_most`` were.

    >>> holm_at_most([1 / 10_001, 0.04, 0.5])
    [True, False, False]
    """
    least = [0.0 if at_most(p, resamples=resamples) else p for p in p_values]
    return [one < other for one, other in zip(holm(least), holm(p_values), strict=True)]


@checked
def holm(p_values: Sequence[float]) -> list[float]:
    """Each p corrected for the number of tests, in the order given: reject where it is at most alpha.

    The smallest p is multiplied by the number of tests, the next by one less, and so on; none falls below a smaller
    one's, none is above 1. Keeps the chance of any false rejection at alpha, also for dependent tests.
    Source: Holm 1979, Scandinavian Journal of Statistics 6(2).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]

    Raises BadInput for a p outside 0 to 1.
    """
    for p in p_values:
        if not 0 <= p <= 1:
            raise BadInput(f"a p-value must be between 0 and 1, got {p}")
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        largest = max(largest, min(1.0, p_values[place] * (len(p_values) - rank)))
        corrected[place] = largest
    return corrected


def _values(values: Sequence[float] | NDArray[np.float64], what: str) -> NDArray[np.float64]:
    data = np.asarray(values, dtype=np.float64)
    if data.ndim != 1 or not len(data):
        raise BadInput(f"{what}: expected one value a query, got {'none' if not data.size else f'shape {data.shape}'}")
    if not np.isfinite(data).all():
        raise BadInput(f"{what}: a value is not finite")
    return data


def _rows(resamples: int, width: int) -> Iterator[int]:
    """How many resamples to draw at a time."""
    step = max(1, _CELLS // width)
    for start in range(0, resamples, step):
        yield min(step, resamples - start)
