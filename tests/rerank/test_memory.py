"""Scoring goes on for days in the memory that it took at first."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from checkpoints import TEXT, write_ettin
from rankladder import Reranker

WORDS = TEXT.split()
GROWTH_MB = 16
"""Some three times what the allocator moves from load to load; a memory plan kept for every length adds some 100."""


def anonymous_mb() -> float:
    """What this process holds of memory that no file backs."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("RssAnon"))


def mixed_pairs(seed: int) -> list[tuple[str, str]]:
    """1,500 pairs, from a word to some 2,000 tokens."""
    draw = random.Random(seed)
    lengths = [draw.randint(1, draw.choice([3, 30, 90, 200, 1200])) for _ in range(1500)]
    return [(" ".join(draw.choices(WORDS, k=5)), " ".join(draw.choices(WORDS, k=length))) for length in lengths]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells how much memory is held")
def test_a_second_load_of_mixed_lengths_holds_no_more_memory_than_the_first(tmp_path: Path) -> None:
    reranker = Reranker.open(write_ettin(tmp_path / "model", positions=3000), dtype="fp32", threads=2)
    held = []
    for seed in range(2):
        reranker.predict(mixed_pairs(seed), progress=False)
        held.append(anonymous_mb())
    assert held[1] - held[0] < GROWTH_MB
