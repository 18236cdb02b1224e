"""How many tokens a batch may have by default."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from rankladder.errors import DeviceMemoryFull
from rankladder.rerank.device.device import NO_CAPTURE_MEANWHILE, free_kept_memory, is_out_of_memory
from rankladder.rerank.pairs import TokenPair

CPU_TOKENS = 4096
"""On the CPU: enough for large matrix products, and a few tens of MB."""

MPS_TOKENS = 16384
"""On MPS, whose free memory torch does not tell. A guess."""

MOST_TOKENS = 65536
"""On CUDA: beyond it a batch only delays the first score. A guess, not measured on a card."""

SHARE = 0.5
"""Of the free memory that a batch may take."""

_PROBE_ROWS, _PROBE_TOKENS = (64, 32, 16, 8, 4, 2, 1), 128
"""Sequences of the batch that is measured, fewer where they do not fit, and their length."""


def default_budget(
    device: torch.device, forward: Callable[[list[TokenPair]], object], *, longest: int, share: float = SHARE
) -> int:
    """Tokens a batch: on CUDA as many as a share of the free memory holds, by what a trial batch takes.

    ``forward`` scores a batch; ``longest`` is the most tokens that the model reads.

    Raises DeviceMemoryFull where not even a trial of one sequence fits.
    """
    if device.type == "cpu":
        return CPU_TOKENS
    if device.type == "mps":
        return MPS_TOKENS
    length = min(_PROBE_TOKENS, longest)
    for rows in _PROBE_ROWS:
        trial = [TokenPair(np.zeros(length, dtype=np.int32), length // 2)] * rows
        try:
            taken = _bytes_taken(device, forward, trial)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise  # else acted on outside: the error holds the failed batch's tensors
        else:
            free, _ = torch.cuda.mem_get_info(device)
            return tokens_that_fit(free, taken / (rows * length), share=share)
        free_kept_memory(device)
    raise DeviceMemoryFull(
        f"beside the weights a sequence of {length} tokens does not fit in the memory of {device}",
        hint="a smaller model, a number format of 16 bits, or another device",
    )


def _bytes_taken(device: torch.device, forward: Callable[[list[TokenPair]], object], trial: list[TokenPair]) -> int:
    """The most CUDA memory that a batch's computation holds at once."""
    with NO_CAPTURE_MEANWHILE:
        forward(trial)  # kernels load their workspaces, which are not paid a second time
        torch.cuda.synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        forward(trial)
        torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device) - before


def tokens_that_fit(free_bytes: int, bytes_per_token: float, *, share: float = SHARE) -> int:
    """Tokens of a batch that takes a share of the free memory, at most MOST_TOKENS and at least 512.

    >>> tokens_that_fit(2**30, 32768), tokens_that_fit(80 * 2**30, 8192), tokens_that_fit(0, 8192)
    (16384, 65536, 512)
    """
    return max(512, min(MOST_TOKENS, int(share * free_bytes / max(bytes_per_token, 1))))
