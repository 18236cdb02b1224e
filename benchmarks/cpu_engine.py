"""Claim: the CPU engine scores pairs faster than every other way we know of running the same model, with its scores.

A model of random weights (``--shape``), written by Sentence Transformers or transformers, and pairs of natural length:
log-normal, mean about 148 tokens, 20 to 500. The other ways are in peers.py; the baseline among them is
``CrossEncoder.predict`` with its defaults. All run in one process, in turns, round by round; a ratio is the median over
the rounds. A way whose fp32 scores differ from the baseline's by more than 1e-3 is not timed, one whose library is not
installed is left out, and the results say so.

Run it on a quiet machine: ``load_before`` in the results is the load average that it met, and ways that split one call
over all cores suffer from company more than ways that do not.

``--seconds`` is about how long the rounds take together: the number of pairs follows from it. Writing, exporting and
quantising the model come on top, one to five minutes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pairs import Pairs, natural_pairs
from peers import BASELINE, INSTALL, OTHERS, PACKAGES, Exports, Predict, Way
from rankladder import Reranker
from rankladder.rerank.processor import usable_cores
from record import HERE, write_results

sys.path.insert(0, str(HERE.parent / "tests"))
import checkpoints

OURS = (
    Way("rankladder", "fp32", lambda exports: Reranker.open(exports.model, dtype="fp32").predict),
    Way("rankladder", "int8", lambda exports: Reranker.open(exports.model, dtype="int8").predict),
)
WAYS = {f"{way.name}, {way.dtype}": way for way in (BASELINE, *OTHERS, *OURS)}
BASE = next(iter(WAYS))

STEP, MOST_PAIRS = 32, 320
"""The number of pairs is a multiple of a batch of the baseline; so many make the medians steady."""
TOLERANCE = 1e-3


def open_ways(
    exports: Exports, wanted: Mapping[str, Way], probe: Pairs
) -> tuple[dict[str, Predict], dict[str, str], float]:
    """The ways that open and agree with the baseline, why the rest do not, and what a pair costs in all, in seconds."""
    opened: dict[str, Predict] = {}
    left_out: dict[str, str] = {}
    reference = np.empty(0, dtype=np.float32)
    cost = 0.0
    for name, way in wanted.items():
        try:
            predict = way.open(exports)
            scores = predict(probe)
            if name == BASE:
                reference = scores
            difference = float(np.abs(scores - reference).max())
            if way.dtype == "fp32" and difference > TOLERANCE:
                left_out[name] = f"its scores differ from the baseline's by {difference:.2g}"
        except Exception as error:  # another project's library may fail in any way; the results say so
            left_out[name] = f"{type(error).__name__}: {error}"[:300]
        if name in left_out:
            print(f"{name}: left out. {left_out[name]}", file=sys.stderr)
            continue
        start = time.perf_counter()
        predict(probe)
        seconds = (time.perf_counter() - start) / len(probe)
        print(f"{name}: ready, about {1 / seconds:.0f} pairs a second", file=sys.stderr)
        opened[name] = predict
        cost += seconds
    return opened, left_out, cost


def time_in_turns(ways: Mapping[str, Predict], pairs: Pairs, rounds: int) -> dict[str, list[float]]:
    """Pairs a second of every way in every round."""
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, predict in ways.items():
            start = time.perf_counter()
            predict(pairs)
            rates[name].append(len(pairs) / (time.perf_counter() - start))
    return rates


def best_other(rates: Mapping[str, list[float]], dtype: str) -> str | None:
    """The fastest way of others, in fp32 alone for an fp32 row; None where every other way was left out."""
    others = [name for name in rates if WAYS[name] in OTHERS and (dtype == "int8" or WAYS[name].dtype == "fp32")]
    return max(others, key=lambda name: statistics.median(rates[name]), default=None)


def rank_correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Spearman's rho; the scores of random weights have no ties."""
    return float(np.corrcoef(np.argsort(np.argsort(a)), np.argsort(np.argsort(b)))[0, 1])


def ratio(rates: list[float], to: list[float]) -> float:
    return round(statistics.median(rate / base for rate, base in zip(rates, to, strict=True)), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", default="ettin-17m", choices=[*checkpoints.ETTIN, *checkpoints.MINILM])
    parser.add_argument("--seconds", type=float, default=300, help="about how long the rounds take together")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ways", help="part of the names of the peers to time  [default: all]")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    always = (BASELINE, *OURS)
    wanted = {n: way for n, way in WAYS.items() if way in always or options.ways is None or options.ways in n}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ["RANKLADDER_CACHE"] = str(folder / "cache")
        write = checkpoints.write_rung if options.shape in checkpoints.ETTIN else checkpoints.write_minilm
        write(folder / "model", options.shape, seed=options.seed)
        words = checkpoints.TEXT.split()
        exports = Exports(folder / "model", folder, words)
        drawn, lengths = natural_pairs(exports.tokenizer, MOST_PAIRS, words, options.seed)
        ways, left_out, cost = open_ways(exports, wanted, drawn[:STEP])
        left_out |= {name: "not asked for (--ways)" for name in WAYS if name not in wanted}
        count = min(MOST_PAIRS, max(STEP, int(options.seconds / (options.rounds + 1) / cost) // STEP * STEP))
        pairs = drawn[:count]
        print(f"{count} pairs, {options.rounds} rounds", file=sys.stderr)
        scores = {name: predict(pairs) for name, predict in ways.items()}  # also the warm-up of every length
        rates = time_in_turns(ways, pairs, options.rounds)
    rows: dict[str, Any] = {}
    for name, of_way in rates.items():
        best = best_other(rates, WAYS[name].dtype)
        rows[name] = {
            "way": WAYS[name].name,
            "dtype": WAYS[name].dtype,
            "pairs_per_second": round(statistics.median(of_way), 1),
            "slowest_and_fastest_round": [round(min(of_way), 1), round(max(of_way), 1)],
            "ratio_to_sentence_transformers": ratio(of_way, rates[BASE]),
            "ratio_to_best_other": ratio(of_way, rates[best]) if best else None,
            "best_other": best,
            "largest_difference": round(float(np.abs(scores[name] - scores[BASE]).max()), 6),
            "rank_correlation": round(rank_correlation(scores[name], scores[BASE]), 5),
        }
        print(f"{options.shape} {name}: {rows[name]}")
    figures = {
        "shape": options.shape,
        "pairs": count,
        "rounds": options.rounds,
        "mean_tokens": round(statistics.mean(lengths[:count]), 1),
        "threads": {"torch": torch.get_num_threads(), "rankladder": usable_cores()},
        "load_before": round(load, 2),
        "install": INSTALL,
        "peer_versions": {name: version(name) for name in PACKAGES if find_spec(name)},
        "left_out": left_out,
        "rows": rows,
    }
    print(write_results(f"cpu_engine_{options.shape}", figures))


if __name__ == "__main__":
    main()
