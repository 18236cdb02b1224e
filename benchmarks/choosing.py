"""Claim: how often ``rankladder choose`` chooses rightly, how often wrongly, and what a wrong choice costs.

Populations are made of real values of nDCG@10 by query (``choosing_values.py``), correlated as they are: the systems of
each collection; a stronger system beside a weaker one that equals it on most queries, so that its true share of the
best lies just below, at or above the target; a copy that loses everything on a few queries. Queries are drawn from a
population again and again, the rule chooses, and its choice is held against the population's own means. The same draws
are seen by our rule, by the test I at 95 % alone, by P >= .95 of a plain Bayesian bootstrap, and by the rule before
(two halves, the highest mean untested). Contenders are in order of price, the cheapest first.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from choosing_values import VALUES
from rankladder.choose.decision import Standing, pick
from rankladder.choose.evidence import SURE, draw_means, weigh
from rankladder.choose.forecast import CAP, LOOKS, further_queries
from rankladder.evaluate.statistics import expanded, holm
from record import HERE, command_line, write_results

Matrix = NDArray[np.float64]
SIZES = (10, 20, 50, 100, 200, 500, 1000)
PEEKS = tuple(range(20, 301, 20))
BINS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0 + 1e-9)
ROWS = 4_000
"""Queries of a mixed population."""


@dataclass(frozen=True, slots=True)
class Population:
    """Values, shape (rows, contenders), the cheapest contender first."""

    name: str
    kind: str
    values: Matrix

    def keeps(self, target: float) -> NDArray[np.bool_]:
        """Which contenders truly keep the target."""
        means = self.values.mean(axis=0)
        kept: NDArray[np.bool_] = means >= target * means.max() - 1e-9
        return kept


def populations(rows: dict[str, dict[str, list[float]]], target: float) -> list[Population]:
    """The real ones of every collection, and the mixed ones around ``target``."""
    found = []
    for name, systems in rows.items():
        values = np.array([*systems.values()]).T
        labels = [*systems]
        rerankers = [at for at, label in enumerate(labels) if "box" in label]
        retrievers = [at for at in range(len(labels)) if at not in rerankers]
        rungs = ("BM25", "older box, 64 tokens", "box int8, 40 tokens", "box int8, 64 tokens")
        ladder = [labels.index(one) for one in rungs]
        formats = [labels.index("box int8"), labels.index("box fp32")]
        found += [
            Population(f"{name}: ladder of six", "real", values[:, [*ladder, *formats]]),
            Population(f"{name}: retrievers and box", "real", values[:, [*retrievers, formats[0]][:6]]),
            Population(f"{name}: two number formats", "near tie", values[:, formats]),
        ]
        means = values.mean(axis=0)
        best, weak = int(means.argmax()), int(means.argmin())
        for kind, shares in mixtures(target).items():
            found.append(Population(f"{name}: {kind}", kind, mixed(values[:, best], values[:, weak], shares)))
    return found


def mixtures(target: float) -> dict[str, list[float | None]]:
    """True shares of the best, cheapest first; None is a copy that differs by chance alone."""
    found: dict[str, list[float | None]] = {
        "just below, and the best": [target - 0.005, 1.0],
        "two just below, and the best": [target - 0.005, target - 0.004, 1.0],
        "five just below, and the best": [*[target - 0.005] * 5, 1.0],
        "ladder with one above": [0.68, target - 0.05, target - 0.02, target + 0.01, 1.0],
        "halfway above, and the best": [(1 + target) / 2, 1.0],
        "two equals": [None, 1.0],
        "three equals": [None, None, 1.0],
        "copy with rare losses": [-(target - 0.005), 1.0],
    }
    return found


def mixed(best: Matrix, weak: Matrix, shares: Sequence[float | None]) -> Matrix:
    """Contenders that have the best's value on most queries and the weak one's on the others, as many as give the
    share; for a negative share 0 on the others. An equal has the best's mean, with a third of the queries exchanged.
    """
    random = np.random.default_rng(7)
    at = random.integers(0, len(best), ROWS)
    top, low = best[at], weak[at]
    columns = []
    for share in shares:
        mine = top.copy()
        if share is None:
            some = random.permutation(ROWS)[: ROWS // 3]
            mine[some] = top[random.permutation(some)]
        elif abs(share) < 1:
            mine = _lowered(top, low if share > 0 else np.zeros(ROWS), abs(share), random)
        columns.append(mine)
    return np.stack(columns, axis=1)


def _lowered(top: Matrix, low: Matrix, share: float, random: np.random.Generator) -> Matrix:
    order = random.permutation(ROWS)
    taken = np.cumsum((top - low)[order])
    wanted = (1 - share) * top.sum()
    enough = np.flatnonzero(taken >= wanted)
    mine = top.copy()
    if len(enough):
        some = order[: enough[0] + 1]
        mine[some] = low[some]
        return mine
    mine = low.copy()  # the weak one is not weak enough: it loses the rest on queries of its own
    order = order[np.cumsum(mine[order]) <= mine.sum() - share * top.sum()]
    mine[order] = 0.0
    return mine


@dataclass(slots=True)
class Tally:
    """What a rule did over the runs of a cell."""

    runs: int = 0
    says: int = 0
    false: int = 0
    right: int = 0
    losses: list[float] = field(default_factory=list)

    def add(self, place: int | None, means: Matrix, keeps: NDArray[np.bool_]) -> None:
        """A choice, or none."""
        self.runs += 1
        if place is None:
            return
        self.says += 1
        self.false += not keeps[place]
        self.right += place == int(np.argmax(keeps))
        if not keeps[place]:
            self.losses.append(float(means.max() - means[place]))

    def told(self) -> dict[str, Any]:
        """Shares of all runs, and the mean loss of a false choice."""
        loss = round(sum(self.losses) / len(self.losses), 4) if self.losses else None
        shares = {name: round(getattr(self, name) / self.runs, 4) for name in ("says", "false", "right")}
        return {**shares, "loss": loss}


def intersection_union(values: Matrix, target: float, level: float) -> int | None:
    """The first contender whose one-sided bound of contender - target x rival is at least 0 for every rival."""
    count = len(values)
    reach = NormalDist().inv_cdf((1 + expanded(2 * level - 1, count)) / 2) / math.sqrt(count)
    for place in range(values.shape[1]):
        away = values[:, [place]] - target * values
        if (away.mean(axis=0) - reach * away.std(axis=0) >= -1e-9).all():
            return place
    return None


def plain_bootstrap(values: Matrix, target: float, level: float, random: np.random.Generator) -> int | None:
    """The first contender that keeps the target in ``level`` of the draws of a Bayesian bootstrap without guards."""
    weights = random.standard_exponential((1_000, len(values)))
    means = weights @ values / weights.sum(axis=1, keepdims=True)
    kept = (means >= target * means.max(axis=1, keepdims=True) - 1e-9).mean(axis=0) >= level
    return int(kept.argmax()) if kept.any() else None


def halves(values: Matrix, target: float) -> int | None:
    """The rule before: on one half, the cheapest whose two-sided 95 % interval of contender - target x best is above 0,
    lowered by the rule of three over all queries; the highest mean untested from 20 queries of a half on.
    """
    half = values[: (len(values) + 1) // 2]
    count, means = len(half), half.mean(axis=0)
    best = int(means.argmax())
    reach = NormalDist().inv_cdf((1 + expanded(0.95, count)) / 2) / math.sqrt(count)
    unseen = -math.expm1(math.log(0.05) / len(values))
    for place in range(values.shape[1]):
        if place == best:
            ahead = half[:, [best]] - np.delete(half, best, axis=1)
            if count >= 20 or (ahead.mean(axis=0) - reach * ahead.std(axis=0) > 0).all():
                return place
            continue
        away = half[:, place] - target * half[:, best]
        low = min(away.mean() - reach * away.std(), (1 - unseen) * away.mean() - unseen * target)
        if low >= 0:
            return place
    return None


@dataclass(slots=True)
class Reliability:
    """How often what is said with a probability is true, by bins of the probability."""

    said: list[float] = field(default_factory=lambda: [0.0] * (len(BINS) - 1))
    count: list[int] = field(default_factory=lambda: [0] * (len(BINS) - 1))
    true: list[int] = field(default_factory=lambda: [0] * (len(BINS) - 1))

    def add(self, probability: float, truth: bool) -> None:
        """One statement."""
        place = int(np.searchsorted(BINS, probability, side="right")) - 1
        self.said[place] += probability
        self.count[place] += 1
        self.true[place] += truth

    def told(self) -> list[dict[str, float]]:
        """Bins that hold anything."""
        shares = [(at, n, self.said[at] / n, self.true[at] / n) for at, n in enumerate(self.count) if n]
        return [
            {"from": BINS[at], "said": round(said, 3), "true": round(true, 3), "statements": n}
            for at, n, said, true in shares
        ]


def simulate(
    every: Sequence[Population], target: float, *, sizes: Sequence[int], runs: int, draws: int, seed: int = 0
) -> dict[str, Any]:
    """Every population at every size. Returns the cells, and how reliable the stated probabilities are."""
    of_choice, of_all, cells = Reliability(), Reliability(), []
    for number, population in enumerate(every):
        means, keeps = population.values.mean(axis=0), population.keeps(target)
        for size in sizes:
            random = np.random.default_rng([seed, number, size])
            rules = {name: Tally() for name in ("sure", "at .80", "I at 95 %", "P >= .95", "before")}
            below = 0
            for run in range(runs):
                values = population.values[random.integers(0, len(population.values), size)]
                evidence = weigh(values, target=target, draws=draws, seed=run)
                below_beyond_doubt = [p <= 1 - SURE + 1e-12 for p in holm([one.below for one in evidence])]
                below += any(said and kept for said, kept in zip(below_beyond_doubt, keeps, strict=True))
                picked = pick(evidence, 0.8, below_beyond_doubt)
                is_chosen = picked.standing in {Standing.SURE, Standing.PROBABLE}
                beyond_doubt = next((at for at, one in enumerate(evidence) if one.sure), None)
                rules["sure"].add(beyond_doubt, means, keeps)
                rules["at .80"].add(picked.place if is_chosen else None, means, keeps)
                rules["I at 95 %"].add(intersection_union(values, target, 0.95), means, keeps)
                rules["P >= .95"].add(plain_bootstrap(values, target, 0.95, random), means, keeps)
                rules["before"].add(halves(values, target), means, keeps)
                if picked.place is not None:
                    of_choice.add(evidence[picked.place].probability, bool(keeps[picked.place]))
                for place, one in enumerate(evidence):
                    of_all.add(one.probability, bool(keeps[place]))
            cells.append(
                {
                    "population": population.name, "kind": population.kind, "queries": size,
                    "below falsely": round(below / runs, 4),
                    **{name: rule.told() for name, rule in rules.items()},
                }
            )  # fmt: skip
    return {"cells": cells, "reliability": {"of the choice": of_choice.told(), "of every contender": of_all.told()}}


def peeking(every: Sequence[Population], target: float, *, runs: int, draws: int) -> list[dict[str, Any]]:
    """People who look after every 20 queries, to 300, and stop where something is sure."""
    rows = []
    for number, population in enumerate(every):
        random = np.random.default_rng([1, number])
        keeps, said, false, first = population.keeps(target), 0, 0, 0
        for run in range(runs):
            values = population.values[random.integers(0, len(population.values), PEEKS[-1])]
            for look in PEEKS:
                evidence = weigh(values[:look], target=target, draws=draws, seed=run)
                beyond_doubt = next((at for at, one in enumerate(evidence) if one.sure), None)
                if beyond_doubt is not None:
                    said += 1
                    false += not keeps[beyond_doubt]
                    first += look
                    break
        rows.append(
            {
                "population": population.name, "kind": population.kind,
                "says": round(said / runs, 4), "false": round(false / runs, 4),
                "queries": round(first / said) if said else None,
            }
        )  # fmt: skip
    return rows


def coverage(every: Sequence[Population], target: float, *, size: int, level: float, runs: int) -> dict[str, Any]:
    """How often the further queries that it then takes lie in the range that was named (80 % are meant)."""
    inside = too_low = too_high = open_ended = count = 0
    for number, population in enumerate(every):
        random = np.random.default_rng([3, number])
        able = [*range(population.values.shape[1])]
        for run in range(runs):
            values = population.values[random.integers(0, len(population.values), size + LOOKS[16])]
            if _settled(values[:size], target, level, run):
                continue
            named = further_queries(values[:size], able, level=level, target=target, seed=run)
            taken = next((look for look in LOOKS[:17] if _settled(values[: size + look], target, level, run)), CAP + 1)
            low, high = named.low or CAP, named.high or math.inf
            count += 1
            open_ended += named.high is None
            too_low += taken > high
            too_high += taken < low
            inside += low <= taken <= high
    shares = {"inside": inside, "took longer": too_low, "took less": too_high, "without an upper end": open_ended}
    return {
        "queries": size,
        "level": level,
        "runs": count,
        **{k: round(v / max(1, count), 3) for k, v in shares.items()},
    }


def _settled(values: Matrix, target: float, level: float, seed: int) -> bool:
    drawn = draw_means(values, draws=1_000, seed=seed)
    kept = (drawn >= target * drawn.max(axis=1, keepdims=True) - 1e-9).mean(axis=0)
    return bool(kept.max() >= level)


def summed(cells: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The means over the populations of a kind, by size; for what is called sure, the worst population too."""
    rules = ("sure", "at .80", "I at 95 %", "P >= .95", "before")
    found = []
    for size in sorted({cell["queries"] for cell in cells}):
        some = [cell for cell in cells if cell["queries"] == size]
        row: dict[str, Any] = {"queries": size, "below falsely": _mean([cell["below falsely"] for cell in some])}
        for rule in rules:
            said, false = (_mean([cell[rule][word] for cell in some]) for word in ("says", "false"))
            losses = [cell[rule]["loss"] for cell in some if cell[rule]["loss"] is not None]
            row[rule] = {
                "says": said, "false": false, "false of said": round(false / said, 4) if said else None,
                "right": _mean([cell[rule]["right"] for cell in some]),
                "worst": max(cell[rule]["false"] for cell in some),
                "loss": _mean(losses) if losses else None,
            }  # fmt: skip
        found.append(row)
    return found


def _mean(numbers: Sequence[float]) -> float:
    return round(sum(numbers) / len(numbers), 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100, help="of a population at a size")
    parser.add_argument("--draws", type=int, default=1_000, help="of the Bayesian bootstrap")
    parser.add_argument(
        "--target", type=float, action="append", help="these alone; others keep their figures  [default: 0.95 and 0.98]"
    )
    options = parser.parse_args()
    rows, start = json.loads(VALUES.read_text()), time.perf_counter()
    kept = HERE / "results" / "choosing.json"
    for target in options.target or (0.95, 0.98):
        every = populations(rows, target)
        result = simulate(every, target, sizes=SIZES, runs=options.runs, draws=options.draws)
        figures = {
            "command": command_line(),
            "seconds": round(time.perf_counter() - start),
            "runs": options.runs,
            "draws": options.draws,
            "by size": summed(result["cells"]),
            "by kind": {
                kind: summed([cell for cell in result["cells"] if cell["kind"] == kind])
                for kind in dict.fromkeys(population.kind for population in every)
            },
            "reliability": result["reliability"],
            "peeking": peeking(every, target, runs=max(1, options.runs // 4), draws=options.draws),
            "further queries": [
                coverage(every, target, size=size, level=level, runs=max(1, options.runs // 100))
                for size in (20, 100)
                for level in (0.8, 0.99)
            ],
        }
        for row in figures["by size"]:
            print(target, json.dumps(row), flush=True)
        targets = json.loads(kept.read_text())["targets"] if kept.exists() else {}
        targets = dict(sorted({**targets, f"{target:g}": figures}.items()))
        counts = {name: len(next(iter(systems.values()))) for name, systems in rows.items()}
        print(write_results("choosing", {"collections": counts, "targets": targets}), flush=True)


if __name__ == "__main__":
    main()
