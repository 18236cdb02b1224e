"""Which sequences share a batch, and how a batch lies in memory: end to end, nothing padded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rankladder.rerank.pairs import TokenPair, check_ids


def plan_batches(lengths: Sequence[int], *, max_tokens: int) -> list[list[int]]:
    """Row numbers grouped so that the tokens of a group sum to at most ``max_tokens``, longest first.

    A longer row is a batch alone. Equal lengths keep the order given.

    >>> plan_batches([3, 9, 3, 3], max_tokens=9), plan_batches([4, 20, 5, 6], max_tokens=10)
    ([[1], [0, 2, 3]], [[1], [3], [2, 0]])
    """
    plan: list[list[int]] = []
    filled = 0
    for row in sorted(range(len(lengths)), key=lambda r: -lengths[r]):
        if plan and filled + lengths[row] <= max_tokens:
            plan[-1].append(row)
            filled += lengths[row]
        else:
            plan.append([row])
            filled = lengths[row]
    return plan


@dataclass(frozen=True, slots=True)
class Packed:
    """B sequences of T tokens in all, on a device."""

    ids: Tensor
    """int32 (T,)"""
    ends: Tensor
    """int32 (B + 1,): 0, then where each sequence ends (what attention kernels call ``cu_seqlens``)."""
    document_starts: Tensor
    """int32 (B,): place in its sequence of each document's first token."""
    longest: int
    """Tokens of the longest sequence, or more."""
    lengths: tuple[int, ...]
    """Tokens of each sequence, known to the host; empty inside a CUDA graph, which serves many batches."""


@dataclass(frozen=True, slots=True)
class HostBatch:
    """A batch on the host, as one block so that one copy moves it."""

    block: NDArray[np.int32]
    """(T + 2B + 1,): ids, ends, document starts."""
    lengths: tuple[int, ...]

    @property
    def tokens(self) -> int:
        """T."""
        return len(self.block) - 2 * len(self.lengths) - 1

    @classmethod
    def of(cls, pairs: Sequence[TokenPair], *, vocabulary: int) -> HostBatch:
        """The pairs end to end, at least one.

        Raises BadInput for a token id outside the vocabulary: a GPU would stop the whole process for it.
        """
        lengths = tuple(len(pair.ids) for pair in pairs)
        tokens = sum(lengths)
        block = np.empty(tokens + 2 * len(pairs) + 1, dtype=np.int32)
        ids = block[:tokens]
        np.concatenate([pair.ids for pair in pairs], out=ids)
        check_ids(ids, vocabulary=vocabulary)
        block[tokens] = 0
        np.cumsum(lengths, out=block[tokens + 1 : tokens + len(pairs) + 1])
        block[tokens + len(pairs) + 1 :] = [pair.document_start for pair in pairs]
        return cls(block, lengths)

    def to(self, device: torch.device) -> Packed:
        """The batch on a device. To CUDA the copy runs beside the computation, from a pinned buffer that torch's own
        allocator keeps until the copy is over.
        """
        host = torch.from_numpy(self.block)
        if device.type == "cuda":
            host = host.pin_memory()
        block = host.to(device, non_blocking=device.type == "cuda")
        last = self.tokens + len(self.lengths) + 1
        return Packed(block[: self.tokens], block[self.tokens : last], block[last:], max(self.lengths), self.lengths)


class Layout:
    """The place of each token of a packed batch, computed once and used by every layer. All on the device."""

    def __init__(self, batch: Packed) -> None:
        tokens, rows = len(batch.ids), len(batch.ends) - 1
        index = torch.arange(tokens, device=batch.ids.device, dtype=torch.int32)
        self.ends = batch.ends
        self.longest = batch.longest
        self.lengths = batch.lengths
        self.owner = torch.searchsorted(batch.ends[1:], index, right=True).clamp_(max=rows - 1)
        """int64 (T,): the sequence that each token belongs to."""
        self.positions = index - batch.ends[self.owner]
        """int32 (T,): its place there."""
        self.first = batch.ends[:-1].long().clamp_(max=tokens - 1)
        """int64 (B,): the first token of each sequence."""
        self.one_each = torch.arange(rows + 1, device=batch.ids.device, dtype=torch.int32)
        """int32 (B + 1,): the ends of B sequences of one token."""
        self.masks: dict[object, object] = {}
        """What a way of attending computes once for a batch, by a key of its own."""

    @property
    def rows(self) -> int:
        """B."""
        return len(self.first)
