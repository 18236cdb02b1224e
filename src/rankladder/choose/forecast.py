"""How many further judged queries would settle the choice: a range, from futures that the queries so far allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rankladder.choose.evidence import SURE, Matrix, keep_probabilities, unseen_values

FUTURES = 100
CAP = 10_000
"""Further queries beyond which no number is named."""
LOOKS = tuple(round(5 * 2 ** (step / 2)) for step in range(23))
"""Further queries after which a future looks again: 5 to 10,240."""
_DRAWS = 1_000


@dataclass(frozen=True, slots=True)
class Further:
    """How many further queries settle it in four of five futures: at least ``low`` and at most ``high``; ``high`` is
    None where more than one future in ten takes more than ``CAP``, and ``low`` too where nine in ten do.
    """

    low: int | None
    high: int | None

    def __str__(self) -> str:
        if self.low is None:
            return f"more than {CAP:,}"
        if self.high is None:
            return f"{self.low:,} or many more"
        return f"{self.low:,}" if self.low == self.high else f"{self.low:,} to {self.high:,}"


def further_queries(
    values: Matrix,
    able: Sequence[int],
    *,
    level: float,
    target: float | None,
    value: float | None = None,
    perfect: int | None = None,
    seed: int = 0,
) -> Further:
    """Further queries until a contender keeps the target with a probability of ``level``, or beyond doubt none does.

    Each future draws how frequent every query seen is (a Bayesian bootstrap, with a kind that was not seen), draws
    further queries by that, and asks again after each number in ``LOOKS``; there the means are drawn from a normal
    distribution, which the bootstrap is close to by then.

    Args:
        values: Shape (N, M), N at least 2.
        able: Columns of the contenders that could be chosen.
        level: The probability to reach.
        target: As in ``evidence.weigh``.
        value: As there.
        perfect: As there.
        seed: Of the futures.
    """
    random = np.random.default_rng(seed)
    taken = [_future(values, able, random, level, target, value, perfect) for _ in range(FUTURES)]
    low, high = (sorted(taken)[place] for place in (FUTURES // 10, FUTURES - 1 - FUTURES // 10))
    return Further(*(None if number > CAP else number for number in (low, high)))


def _future(
    values: Matrix,
    able: Sequence[int],
    random: np.random.Generator,
    level: float,
    target: float | None,
    value: float | None,
    perfect: int | None,
) -> int:
    """The first look at which it is settled; beyond ``CAP`` where none is."""
    rows, width = values.shape
    unseen = unseen_values(1, width, perfect, random)
    kinds = np.vstack([values, unseen])
    frequent = random.dirichlet(np.ones(rows + 1))
    counts = np.append(np.ones(rows, dtype=np.int64), 0)
    judged = 0
    for look in LOOKS:
        counts += random.multinomial(look - judged, frequent)
        judged = look
        drawn = _normal_means(kinds, counts, perfect, random)
        found = keep_probabilities(drawn, target=target, value=value, perfect=perfect)
        highest = found[list(able)].max()
        if highest >= level or highest <= 1 - SURE:
            return look
    return LOOKS[-1] + CAP


def _normal_means(
    values: Matrix, counts: NDArray[np.int64], perfect: int | None, random: np.random.Generator
) -> Matrix:
    """As ``evidence.draw_means``, the bootstrap's part normal."""
    size, width = int(counts.sum()), values.shape[1]
    centre = counts @ values / size
    spread = (values - centre) * np.sqrt(counts / (size * (size - 1)))[:, None]
    # The rows' triangle has the same covariance as the rows themselves.
    triangle = np.linalg.qr(spread, mode="r")
    normal = random.standard_normal((_DRAWS, len(triangle))) @ triangle
    means = centre + normal * np.sqrt((size - 1) / random.chisquare(size - 1, _DRAWS))[:, None]
    share = random.beta(1, size, _DRAWS)[:, None]
    drawn: Matrix = (1 - share) * means + share * unseen_values(_DRAWS, width, perfect, random)
    return drawn
