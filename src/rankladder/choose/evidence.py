"""What the judged queries say about the contenders' true means: joint draws, the probability to keep the target, tests.

The draws are a Bayesian bootstrap (Rubin 1981, doi:10.1214/aos/1176345338): each draw weighs the queries anew, the same
weights for all contenders, so that what the contenders have in common cancels. Two guards make up for what a bootstrap
of few queries cannot know. Its spread is that of Student's t with N - 1 degrees of freedom. And each draw holds a share
of queries of a kind that was not seen: Beta(1, N), whose 95 % point is the rule of three (Hanley and Lippman-Hand 1983,
doi:10.1001/jama.1983.03330370053031). On these each contender has 1 or 0 at random.
``benchmarks/choosing.py`` shows how often the statements are wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from rankladder.evaluate.statistics import Interval, expanded

Matrix = NDArray[np.float64]

DRAWS = 10_000
SURE = 0.99
"""A statement is beyond doubt from this probability on. 0.99 and not 0.95, so that it stands when people look again
after every few queries.
"""
FEWEST = 2
"""Queries below which there is no probability: a single query shows no spread."""
_CELLS = 2_000_000  # numbers drawn at a time: bounds the memory for any number of queries
_ROUNDING = 1e-9


def draw_means(
    values: Matrix,
    *,
    counts: NDArray[np.int64] | None = None,
    perfect: int | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Matrix:
    """Draws of the contenders' true means, given their values on the queries judged.

    Args:
        values: Shape (N, M): N queries, at least ``FEWEST``, M contenders.
        counts: How often each row stands for a query; once by default.
        perfect: A contender that has 1 on every query that was not seen either: a reference.
        draws: How many.
        seed: Of the draws.

    Returns shape (draws, M).
    """
    random = np.random.default_rng(seed)
    rows, width = values.shape
    size = rows if counts is None else int(counts.sum())
    centre = values.mean(axis=0) if counts is None else counts @ values / size
    parts = []
    for some in _blocks(draws, rows):
        weights = random.standard_exponential((some, rows)) if counts is None else random.gamma(counts, 1, (some, rows))
        parts.append(weights @ values / weights.sum(axis=1, keepdims=True))
    means = np.concatenate(parts)
    freedom = size - 1
    wider = np.sqrt(freedom / random.chisquare(freedom, draws) * (size + 1) / (size - 1))
    means = centre + wider[:, None] * (means - centre)
    share = random.beta(1, size, draws)[:, None]
    drawn: Matrix = (1 - share) * means + share * unseen_values(draws, width, perfect, random)
    return drawn


def unseen_values(draws: int, width: int, perfect: int | None, random: np.random.Generator) -> Matrix:
    """What ``width`` contenders have on a query of a kind that was not seen: 1 or 0 each, at random, and never all the
    same where there are several. So it speaks against each contender as often as for it. Shape (draws, width).
    """
    found = random.integers(0, 2, (draws, width)).astype(np.float64)
    if width > 1:
        alike = (found == found[:, :1]).all(axis=1)
        odd = random.integers(0, width, draws)
        found[alike, odd[alike]] = 1 - found[alike, odd[alike]]
    if perfect is not None:
        found[:, perfect] = 1.0
    return found


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the queries say of one contender.

    Attributes:
        probability: That its true mean keeps the target.
        sure: Whether that is beyond doubt: ``probability`` is at least ``SURE``, and a one-sided test at that level,
            rival by rival, says so too.
        below: The p of the test that it keeps the target, corrected for all its rivals; not yet for the other
            contenders.
        share: Its mean as a share of the best one's, with a 95 % interval; None where the target is a value or the
            best one's mean is 0.
        loss: The expected loss of the measure against the best contender, were this one taken.
        loss_if_short: The same, were it true that it misses the target; None where no draw says so.
    """

    probability: float
    sure: bool
    below: float
    share: Interval | None
    loss: float
    loss_if_short: float | None


def weigh(
    values: Matrix,
    *,
    target: float | None,
    value: float | None = None,
    perfect: int | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> list[Evidence]:
    """The evidence on each contender, in the order of the columns.

    Args:
        values: Shape (N, M), N at least ``FEWEST``; contenders that are one model stand in one column.
        target: The share of the best contender's mean to keep; or
        value: the mean to reach.
        perfect: The column of the reference, against which alone the target is a share.
        draws: How many.
        seed: Of the draws.
    """
    drawn = draw_means(values, perfect=perfect, draws=draws, seed=seed)
    rivals = [*range(values.shape[1])] if perfect is None else [perfect]
    best = drawn[:, rivals].max(axis=1)
    top = max(rivals, key=lambda place: (float(values[:, place].mean()), -place))
    found = []
    for place in range(values.shape[1]):
        mean = drawn[:, place]
        keeps = mean >= (value if value is not None else (target or 1.0) * best) - _ROUNDING
        probability = float(keeps.mean())
        others = [other for other in rivals if other != place]
        short = best[~keeps] - mean[~keeps]
        found.append(
            Evidence(
                probability=probability,
                sure=probability >= SURE and passes(values, place, others, target, value),
                below=_below(drawn, place, others, target, value),
                share=None if value is not None else _share(values, drawn, place, top),
                loss=float((best - mean).mean()),
                loss_if_short=float(short.mean()) if len(short) else None,
            )
        )
    return found


def keep_probabilities(drawn: Matrix, *, target: float | None, value: float | None, perfect: int | None) -> Matrix:
    """The share of the draws in which each contender keeps the target; shape (M,)."""
    best = drawn[:, [perfect]] if perfect is not None else drawn.max(axis=1, keepdims=True)
    found: Matrix = (drawn >= (value if value is not None else (target or 1.0) * best) - _ROUNDING).mean(axis=0)
    return found


def passes(values: Matrix, place: int, rivals: list[int], target: float | None, value: float | None) -> bool:
    """Whether the one-sided ``SURE`` bound of contender - target x rival is at least 0 for every rival: an
    intersection-union test (Berger 1982, doi:10.1080/00401706.1982.10487790), which needs no correction.
    """
    mine = values[:, [place]]
    differences = mine - value if value is not None else mine - (target or 1.0) * values[:, rivals]
    count = len(differences)
    reach = NormalDist().inv_cdf((1 + expanded(2 * SURE - 1, count)) / 2) / math.sqrt(count)
    return bool((differences.mean(axis=0) - reach * differences.std(axis=0) >= -_ROUNDING).all())


def _below(drawn: Matrix, place: int, others: list[int], target: float | None, value: float | None) -> float:
    """The smallest p, over the rivals, of the hypothesis that it keeps the target of that rival (Bonferroni)."""
    mean = drawn[:, [place]]
    keeps = mean >= (value if value is not None else (target or 1.0) * drawn[:, others]) - _ROUNDING
    if keeps.shape[1] == 0:
        return 1.0
    smallest = (1 + int(keeps.sum(axis=0).min())) / (1 + len(drawn))
    return min(1.0, float(smallest * keeps.shape[1]))


def _share(values: Matrix, drawn: Matrix, place: int, top: int) -> Interval | None:
    best = float(values[:, top].mean())
    if best == 0:
        return None
    mean = float(values[:, place].mean()) / best
    if place == top:
        return Interval(1.0, 1.0, 1.0)
    low, high = np.quantile(drawn[:, place] / np.maximum(drawn[:, top], _ROUNDING), [0.025, 0.975])
    return Interval(float(low), mean, float(high))


def _blocks(draws: int, width: int) -> Iterator[int]:
    """How many to draw at a time."""
    step = max(1, _CELLS // width)
    for start in range(0, draws, step):
        yield min(step, draws - start)
