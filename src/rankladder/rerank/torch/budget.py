"""How many tokens a batch may have by default."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from rankladder.rerank.pairs import TokenPair

CPU_TOKENS = 4096
"""On the CPU: enough for large matrix products, and a few tens of MB."""

MPS_TOKENS = 16384
"""On MPS, whose free memory torch does not tell. A guess."""

MOST_TOKENS = 65536
"""On CUDA: beyond it a batch only delays the first score. A guess, not measured on a card."""

SHARE = 0.5
"""Of the free memory that a batch may take."""

_PROBE = 64, 128  # sequences and their length in the batch that is measured


def default_budget(device: torch.device, forward: Callable[[list[TokenPair]], object], *, longest: int) -> int:
    """Tokens a batch: on CUDA as many as a share of the free memory holds, by what a trial batch takes.

    ``forward`` scores a batch; ``longest`` is the most tokens that the model reads.
    """
    if device.type == "cpu":
        return CPU_TOKENS
    if device.type == "mps":
        return MPS_TOKENS
    rows, length = _PROBE[0], min(_PROBE[1], longest)
    trial = [TokenPair(np.zeros(length, dtype=np.int32), length // 2)] * rows
    forward(trial)  # kernels load their workspaces, which are not paid a second time
    torch.cuda.synchronize(device)
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    forward(trial)
    torch.cuda.synchronize(device)
    taken = torch.cuda.max_memory_allocated(device) - before
    free, _ = torch.cuda.mem_get_info(device)
    return tokens_that_fit(free, taken / (rows * length))


def tokens_that_fit(free_bytes: int, bytes_per_token: float) -> int:
    """Tokens of a batch that takes SHARE of the free memory, at most MOST_TOKENS and at least 512.

    >>> tokens_that_fit(2**30, 32768), tokens_that_fit(80 * 2**30, 8192), tokens_that_fit(0, 8192)
    (16384, 65536, 512)
    """
    return max(512, min(MOST_TOKENS, int(SHARE * free_bytes / max(bytes_per_token, 1))))
