"""Claim: the intervals of `evaluate` cover the true mean as often as they say, near 1 and 0 too.

Populations whose mean is known: values of 0 or 1, graded values that are mostly 1, and differences that are mostly 0.
From each, samples of 10 to 300 queries are drawn again and again; counted is how many of their 95 % intervals hold the
mean, for the bootstrap alone and for the bootstrap widened by what may have gone unseen.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from rankladder.evaluate import bootstrap_interval
from record import write_results

COUNTS = (10, 20, 43, 100, 300)
Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]


def noughts_and_ones(mean: float) -> Draw:
    return lambda random, count: (random.random(count) < mean).astype(float)


def graded(mean: float, *, nought: float = 0.0) -> Draw:
    """Mostly 1; of the others ``nought`` are 0 and the rest uniform between 0 and 1."""
    missed = (1 - mean) / (nought + (1 - nought) / 2)

    def draw(random: np.random.Generator, count: int) -> NDArray[np.float64]:
        below = np.where(random.random(count) < nought, 0.0, random.random(count))
        return np.where(random.random(count) < missed, below, 1.0)

    return draw


def differences(won: float, lost: float) -> Draw:
    def draw(random: np.random.Generator, count: int) -> NDArray[np.float64]:
        place = random.random(count)
        return np.where(place < won, 1.0, np.where(place < won + lost, -1.0, 0.0))

    return draw


def populations() -> Iterator[tuple[str, Draw, float, tuple[float, float]]]:
    for mean in (0.5, 0.8, 0.9, 0.95, 0.97, 0.99, 1.0):
        yield f"0 or 1, mean {mean}", noughts_and_ones(mean), mean, (0.0, 1.0)
    for mean in (0.75, 0.9, 0.97, 0.99):
        yield f"graded, mean {mean}", graded(mean), mean, (0.0, 1.0)
        yield f"graded with noughts, mean {mean}", graded(mean, nought=0.5), mean, (0.0, 1.0)
    for won, lost in ((0.3, 0.3), (0.1, 0.02), (0.03, 0.01), (0.03, 0.0), (0.0, 0.0)):
        yield f"differences, {won} won, {lost} lost", differences(won, lost), won - lost, (-1.0, 1.0)


def coverage(draw: Draw, mean: float, within: tuple[float, float], count: int, trials: int) -> dict[str, float]:
    random = np.random.default_rng(count)
    found = {"alone": 0.0, "widened": 0.0, "width_alone": 0.0, "width_widened": 0.0}
    for trial in range(trials):
        values = draw(random, count)
        for name, bounds in (("alone", None), ("widened", within)):
            one = bootstrap_interval(values, within=bounds, resamples=1000, seed=trial)
            assert one.low is not None
            assert one.high is not None
            found[name] += (one.low - 1e-9 <= mean <= one.high + 1e-9) / trials
            found[f"width_{name}"] += (one.high - one.low) / trials
    return {name: round(value, 4) for name, value in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000)
    trials = parser.parse_args().trials
    rows = {}
    for name, draw, mean, within in populations():
        rows[name] = {str(count): coverage(draw, mean, within, count, trials) for count in COUNTS}
        print(name, {count: (one["alone"], one["widened"]) for count, one in rows[name].items()}, flush=True)
    print(write_results("interval_coverage", {"trials": trials, "populations": rows}))


if __name__ == "__main__":
    main()
