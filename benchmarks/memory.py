"""Claim: memory is bounded and flat, however many pairs a process scores.

400,000 pairs of mixed lengths (log-normal, 5 to 500 tokens) in one process, then as many again. Resident memory is
read every 5,000 pairs; ``--shape tiny`` (4 layers, width 64) takes minutes where the 17M shape takes half an hour.
Growth counts from the end of the warm-up (the first 20,000 pairs), by the least-squares line and not by two single
readings; the second load is compared with the first. With ``--long`` one pair in 500 has 1,000 tokens and more, up to
what the model reads (7,999).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from rankladder import Reranker
from record import HERE, write_results

sys.path.insert(0, str(HERE.parent / "tests"))
import checkpoints

STEP, WARM_UP = 5_000, 20_000
LONG_EVERY, LONG_FROM = 500, 1_000
TOKENS_A_WORD = 1.4  # about, of the checkpoints' tokenizer on their text


def resident_mb() -> float:
    """Resident memory of this process, without pages of files that the system may drop."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    sys.exit("this system does not tell a process's resident memory")


def load(reranker: Reranker, pairs: int, seed: int) -> list[float]:
    """Scores ``pairs`` pairs, long ones among them where the model reads such; resident memory after every step."""
    rng = np.random.default_rng(seed)
    words = checkpoints.TEXT.split()
    readings = []
    for _ in range(pairs // STEP):
        lengths = rng.lognormal(np.log(18), 0.8, STEP).clip(2, 240).astype(int)
        starts = rng.integers(0, len(words), STEP)
        reads = reranker.max_tokens or 0
        if reads > LONG_FROM:
            tokens = rng.integers(LONG_FROM, reads, len(lengths[::LONG_EVERY]))
            lengths[::LONG_EVERY] = tokens / TOKENS_A_WORD
        source = words * (2 + lengths.max() // len(words))
        texts = [" ".join(source[start : start + length]) for start, length in zip(starts, lengths, strict=True)]
        reranker.predict([("why is the sky blue", text) for text in texts], progress=False)
        readings.append(round(resident_mb(), 1))
        print(f"{len(readings) * STEP:,} pairs: {readings[-1]} MB", file=sys.stderr, flush=True)
    return readings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=400_000)
    parser.add_argument("--shape", default="ettin-17m", choices=["tiny", *checkpoints.ETTIN])
    parser.add_argument("--dtype", default="int8")
    parser.add_argument("--long", action="store_true", help="one pair in 500 of 1,000 tokens and more")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        write = checkpoints.write_ettin if options.shape == "tiny" else checkpoints.write_rung
        folder = Path(temporary) / "model"
        tiny = {"positions": checkpoints.ETTIN_POSITIONS}
        write(folder, **(tiny if options.shape == "tiny" else {"name": options.shape}))
        reranker = Reranker.open(folder, dtype=options.dtype, max_tokens=None if options.long else 512)
        start = time.perf_counter()
        first, second = (load(reranker, options.pairs, seed) for seed in (0, 1))
        seconds = time.perf_counter() - start
    warm = first[WARM_UP // STEP - 1 :]
    slope = float(np.polyfit(np.arange(len(warm)), warm, 1)[0]) * len(warm)
    figures = {
        "shape": options.shape,
        "dtype": options.dtype,
        "max_tokens": reranker.max_tokens,
        "pairs": options.pairs,
        "pairs_per_second": round(2 * options.pairs / seconds),
        "warm_up_pairs": WARM_UP,
        "after_warm_up_mb": warm[0],
        "growth_first_load_percent": round(100 * slope / warm[0], 2),
        "growth_second_load_percent": round(100 * (float(np.median(second)) / float(np.median(warm)) - 1), 2),
        "readings_mb": [first, second],
    }
    print({key: value for key, value in figures.items() if key != "readings_mb"})
    print(write_results("memory", figures))


if __name__ == "__main__":
    main()
