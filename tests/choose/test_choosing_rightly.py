"""The short form of ``benchmarks/choosing.py``: what is sure is hardly ever wrong, what is stated is as often true.

The populations are made here, of values such as nDCG@10 has: many 0 and 1, hard queries hard for all.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from rankladder.choose.decision import Standing, pick
from rankladder.choose.evidence import Evidence, weigh

Matrix = NDArray[np.float64]
TARGET = 0.95
RUNS = 60


def population(*shares: float, seed: int = 0, agreeing: float = 0.6) -> Matrix:
    """4,000 queries on which contenders agree on a part, and whose means are these shares of the last one's."""
    random = np.random.default_rng(seed)
    hard = random.normal(0.6, 0.4, 4_000)
    best = np.clip(hard + random.normal(0, 0.15, 4_000), 0, 1)
    columns = []
    for share in shares:
        other = np.clip(hard + random.normal(0, 0.15, 4_000), 0, 1)
        mine = np.where(random.random(4_000) < agreeing, best, other)
        order = random.permutation(4_000)
        surplus = mine.sum() - share * best.sum()
        lost = order[np.cumsum(mine[order]) <= max(0.0, surplus)]
        mine[lost] = 0.0
        columns.append(mine)
    return np.stack([*columns, best], axis=1)


POPULATIONS = {
    "just below": population(0.945),
    "two just below": population(0.945, 0.946, seed=1),
    "a ladder": population(0.7, 0.9, 0.94, 0.97, seed=2),
    "equals": population(1.0, 1.0, seed=3),
    "a copy with rare losses": population(0.945, seed=4, agreeing=1.0),
}


def runs(values: Matrix, size: int) -> list[tuple[list[Evidence], NDArray[np.bool_]]]:
    """The evidence of samples of a size, and which contenders truly keep the target."""
    means = values.mean(axis=0)
    keeps = means >= TARGET * means.max() - 1e-9
    random = np.random.default_rng(size)
    samples = (values[random.integers(0, len(values), size)] for _ in range(RUNS))
    return [(weigh(one, target=TARGET, draws=500, seed=run), keeps) for run, one in enumerate(samples)]


@pytest.mark.parametrize("size", [10, 40, 150])
def test_what_is_called_sure_is_false_in_one_run_of_twenty_at_most(size: int) -> None:
    sure = false = 0
    for values in POPULATIONS.values():
        wrong = 0
        for evidence, keeps in runs(values, size):
            place = next((at for at, one in enumerate(evidence) if one.sure), None)
            sure += place is not None
            wrong += place is not None and not keeps[place]
        assert wrong <= 0.05 * RUNS
        false += wrong
    assert false <= max(1, 0.05 * sure)


def test_a_stated_probability_is_about_as_often_true() -> None:
    said: list[tuple[float, bool]] = []
    for size in (20, 80):
        for values in POPULATIONS.values():
            for evidence, keeps in runs(values, size):
                said += [(one.probability, bool(kept)) for one, kept in zip(evidence, keeps, strict=True)]
    for low, high in ((0.0, 0.3), (0.7, 0.9), (0.9, 1.01)):
        inside = [(p, kept) for p, kept in said if low <= p < high]
        stated, true = (sum(part) / len(inside) for part in zip(*inside, strict=True))
        assert true == pytest.approx(stated, abs=0.13), (low, high, len(inside))


def test_more_queries_choose_more_often_and_rightly() -> None:
    values = POPULATIONS["a ladder"]
    right = []
    for size in (15, 60, 240):
        found = 0
        for evidence, keeps in runs(values, size):
            picked = pick(evidence, 0.8, [False] * len(evidence))
            chosen = picked.standing in {Standing.SURE, Standing.PROBABLE}
            found += chosen and picked.place == int(np.argmax(keeps))
        right.append(found / RUNS)
    assert right == sorted(right)
    assert right[-1] > 0.4
