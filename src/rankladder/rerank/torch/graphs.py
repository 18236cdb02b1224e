"""CUDA graphs: a batch's hundreds of kernel launches replayed as one, for buckets of like batches.

Not yet measured on a card: the engine uses them only where ``cuda_graphs=True`` asks for it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from rankladder.rerank.device.device import NO_CAPTURE_MEANWHILE
from rankladder.rerank.torch.batches import Packed

MOST_GRAPHS = 64
"""Graphs kept; the one not used for longest makes room. They share one pool of working memory."""

_SMALLEST = 256, 8  # tokens, sequences

_PADDING = 256
"""Most tokens of one sequence of padding: attention's work grows with the square. No more than the smallest bucket has,
so that none is longer for its padding.
"""


@dataclass(frozen=True, slots=True)
class Bucket:
    """The shape of a graph: batches of up to so many tokens and sequences, padding's own sequences included."""

    tokens: int
    rows: int
    longest: int

    @classmethod
    def holding(cls, batch: Packed) -> Bucket:
        """The smallest bucket for a batch: each number is a power of two or one and a half of it.

        The padding is sequences of its own, and there are rows for them.
        """
        tokens = rounded(len(batch.ids), least=_SMALLEST[0])
        rows = len(batch.ends) - 1 + -(-(tokens - len(batch.ids)) // _PADDING)
        longest = min(tokens, rounded(batch.longest, least=_SMALLEST[0]))
        return cls(tokens, rounded(rows, least=_SMALLEST[1]), longest)


def rounded(number: int, *, least: int) -> int:
    """The next of least, 1.5 · least, 2 · least, 3 · least, 4 · least …

    >>> [rounded(number, least=8) for number in (1, 8, 9, 13, 17, 25)]
    [8, 8, 12, 16, 24, 32]
    """
    size = least
    while size < number:
        if size + size // 2 >= number:
            return size + size // 2
        size *= 2
    return size


Forward = Callable[[Packed], Tensor]


class Capture(Protocol):
    """Records computations."""

    def __call__(self, compute: Callable[[], Tensor]) -> tuple[Callable[[], object], Tensor]:
        """What replays a computation, and the tensor that a replay fills."""
        ...

    def forget(self) -> None:
        """What was recorded is not replayed any more, and its memory is wanted."""
        ...


class CudaCapture:
    """Captures into graphs that share one pool of memory. Source: torch.cuda.graph's documentation."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pool = torch.cuda.graph_pool_handle()
        self._side = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        """Kept: torch holds memory apart for every stream that there was. A first run and its recording are both on it:
        what cuBLAS keeps for a stream lies outside the pool then, and torch's own stream for recordings may be another
        device's.
        """

    def __call__(self, compute: Callable[[], Tensor]) -> tuple[Callable[[], object], Tensor]:
        """See Capture."""
        with NO_CAPTURE_MEANWHILE:
            self._side.wait_stream(torch.cuda.current_stream(self._device))
            with torch.cuda.stream(self._side):
                compute()  # what is set up on a first run may not be captured
            torch.cuda.current_stream(self._device).wait_stream(self._side)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=self._pool, stream=self._side, capture_error_mode="thread_local"):
                out = compute()
        return graph.replay, out

    def forget(self) -> None:
        """Records into a new pool from now on: one that no graph uses any more is gone."""
        self._pool = torch.cuda.graph_pool_handle()


@dataclass(frozen=True, slots=True)
class _Recorded:
    inputs: Packed
    replay: Callable[[], object]
    out: Tensor


class Graphs:
    """A forward pass that replays recorded ones. One caller at a time (the engine's lock sees to it).

    A bucket is recorded when it is met a second time: a recording waits for the device and empties its caches, which
    costs more than many plain passes.
    """

    def __init__(self, forward: Forward, capture: Capture, *, most: int = MOST_GRAPHS) -> None:
        self._forward = forward
        self._capture = capture
        self._most = most
        self._recorded: OrderedDict[Bucket, _Recorded] = OrderedDict()
        self._seen: set[Bucket] = set()

    def __len__(self) -> int:
        return len(self._recorded)

    def __call__(self, batch: Packed) -> Tensor:
        """Logits (B,), as the forward pass gives them."""
        bucket = Bucket.holding(batch)
        if bucket not in self._seen:
            self._seen.add(bucket)
            return self._forward(batch)
        recorded = self._recorded.pop(bucket, None)
        if recorded is None:
            while len(self._recorded) >= self._most:
                self._seen.discard(self._recorded.popitem(last=False)[0])
            inputs = empty_batch(bucket, batch.ids.device)
            fill(inputs, batch)
            replay, out = self._capture(lambda: self._forward(inputs))
            recorded = _Recorded(inputs, replay, out)
        self._recorded[bucket] = recorded
        fill(recorded.inputs, batch)
        recorded.replay()
        return recorded.out[: len(batch.ends) - 1].clone()

    def clear(self) -> None:
        """Forgets every graph, and with them the memory that they hold."""
        self._recorded.clear()
        self._seen.clear()
        self._capture.forget()


def empty_batch(bucket: Bucket, device: torch.device) -> Packed:
    """Buffers in the shape of a bucket."""

    def zeros(size: int) -> Tensor:
        return torch.zeros(size, dtype=torch.int32, device=device)

    return Packed(zeros(bucket.tokens), zeros(bucket.rows + 1), zeros(bucket.rows), bucket.longest, ())


def fill(buffers: Packed, batch: Packed) -> None:
    """Copies a batch into a bucket's buffers: sequences of padding follow it, then empty ones."""
    rows, tokens = len(batch.ends) - 1, len(batch.ids)
    buffers.ids[:tokens].copy_(batch.ids)
    buffers.ids[tokens:].zero_()
    buffers.ends[: rows + 1].copy_(batch.ends)
    padding = torch.arange(1, len(buffers.ends) - rows, device=buffers.ends.device, dtype=torch.int32)
    buffers.ends[rows + 1 :].copy_((tokens + _PADDING * padding).clamp_(max=len(buffers.ids)))
    buffers.document_starts[:rows].copy_(batch.document_starts)
    buffers.document_starts[rows:].zero_()
