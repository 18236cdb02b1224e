"""Claim: the CPU engine scores pairs several times faster than Sentence Transformers does, with the same scores.

The 17M shape (random weights, written by Sentence Transformers), pairs of natural length: log-normal, mean about 148
tokens, 20 to 500. The peer is ``CrossEncoder.predict`` with its defaults. Peer and engines run in turns, pass by pass;
a ratio is the median over the passes. ``--shape`` takes any other shape of tests/checkpoints.py.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import CrossEncoder
from tokenizers import Tokenizer

from rankladder import Reranker
from rankladder.checkpoint import open_checkpoint
from rankladder.rerank.processor import usable_cores
from record import HERE, write_results

sys.path.insert(0, str(HERE.parent / "tests"))
import checkpoints

MEAN_TOKENS, SPREAD = 148, 0.6


def natural_pairs(tokenizer: Tokenizer, count: int, seed: int) -> tuple[list[tuple[str, str]], float]:
    """Pairs whose sequences have a natural distribution of lengths, and their mean length in tokens."""
    draw, words = random.Random(seed), checkpoints.TEXT.split()
    wanted = np.random.default_rng(seed).lognormal(np.log(MEAN_TOKENS) - SPREAD**2 / 2, SPREAD, count).clip(20, 500)
    pairs, total = [], 0
    for length in wanted.astype(int):
        text = " ".join(draw.choice(words) for _ in range(length))
        encoding = tokenizer.encode(text, add_special_tokens=False)
        text = text[: encoding.offsets[min(length - 14, len(encoding) - 1)][1]]
        pair = ("why is the sky blue", text)
        total += len(tokenizer.encode(*pair))
        pairs.append(pair)
    return pairs, total / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", default="ettin-17m", choices=[*checkpoints.ETTIN, *checkpoints.MINILM])
    parser.add_argument("--pairs", type=int, default=320)
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        write = checkpoints.write_rung if options.shape in checkpoints.ETTIN else checkpoints.write_minilm
        write(folder, options.shape, seed=options.seed)
        ours = {dtype: Reranker.open(folder, dtype=dtype) for dtype in ("fp32", "int8")}
        pairs, mean = natural_pairs(open_checkpoint(folder).tokenizer, options.pairs, options.seed)
        peer = CrossEncoder(str(folder), device="cpu", activation_fn=torch.nn.Identity())
        runs: dict[str, Callable[[], Any]] = {
            "sentence-transformers": lambda: peer.predict(pairs, show_progress_bar=False),
            **{dtype: partial(reranker.predict, pairs) for dtype, reranker in ours.items()},
        }
        scores = {name: run() for name, run in runs.items()}  # the warm-up, and the check that all compute the same
        rates: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(options.passes):
            for name, run in runs.items():
                start = time.perf_counter()
                run()
                rates[name].append(len(pairs) / (time.perf_counter() - start))
    reference = scores["sentence-transformers"]
    figures: dict[str, Any] = {
        "shape": options.shape,
        "pairs": options.pairs,
        "mean_tokens": round(mean, 1),
        "threads": {"sentence-transformers": torch.get_num_threads(), "rankladder": usable_cores()},
        "rows": {
            name: {
                "pairs_per_second": round(statistics.median(rate), 1),
                "ratio": round(
                    statistics.median(r / p for r, p in zip(rate, rates["sentence-transformers"], strict=True)), 2
                ),
                "largest_difference": round(float(np.abs(scores[name] - reference).max()), 6),
            }
            for name, rate in rates.items()
        },
    }
    for name, row in figures["rows"].items():
        print(f"{options.shape} {name}: {row}")
    print(write_results(f"cpu_engine_{options.shape}", figures))


if __name__ == "__main__":
    main()
