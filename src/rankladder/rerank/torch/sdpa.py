"""Attention over packed sequences with torch's own scaled_dot_product_attention: runs on every device and dtype."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import cast

import torch
import torch.nn.functional as nn
from torch import Tensor

from rankladder.rerank.torch.batches import Layout

QUERIES_AT_ONCE = 1024
"""Queries of one call in a global layer: where torch has no fused kernel, memory grows with this × the sequence."""

_FEW = 8
"""Queries for which torch's function on MPS takes kernels that read keys and values of some strides and lengths wrongly
(pytorch#163597, #169222, #181133).
"""

SMALLEST_BLOCK = 64
"""Queries of one block in a sliding-window layer: the window's side, or this where the side is less."""


@dataclass(frozen=True, slots=True)
class Sdpa:
    """Global layers: one call for each run of sequences of equal length. Sliding windows: one call for the whole batch,
    in blocks of queries that see the keys around them, so that time and memory grow with the tokens alone.
    """

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, at: Layout, *, window: int | None, first: bool) -> Tensor:
        """See ``attention.Attend``."""
        if first:
            return attend_from_first(q, k, v, at)
        if window is not None and at.longest > window + 1:
            return attend_in_blocks(q, k, v, at, window=window)
        return attend_globally(q, k, v, at)


def attend_globally(q: Tensor, k: Tensor, v: Tensor, at: Layout) -> Tensor:
    """Every token sees its whole sequence: (T, heads, head size) → the same."""
    out = torch.empty_like(q, memory_format=torch.contiguous_format)
    for start, rows, length in runs(at.lengths):
        place = slice(start, start + rows * length)
        # (rows, heads, length, head size), as views
        query, key, value, result = (x[place].view(rows, length, *x.shape[1:]).transpose(1, 2) for x in (q, k, v, out))
        for top in range(0, length, QUERIES_AT_ONCE):
            some = slice(top, top + QUERIES_AT_ONCE)
            few = q.device.type == "mps" and query[:, :, some].shape[2] <= _FEW
            attend = attend_plainly if few else nn.scaled_dot_product_attention
            result[:, :, some] = attend(query[:, :, some], key, value)
    return out


def attend_plainly(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """What the fused function gives, step by step: (rows, heads, queries, head size), softmax in fp32."""
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
    out: Tensor = scores.float().softmax(-1).to(value.dtype) @ value
    return out


def runs(lengths: tuple[int, ...]) -> Iterator[tuple[int, int, int]]:
    """First token, number of sequences and their length, for each run of neighbours of equal length.

    >>> list(runs((5, 5, 3)))
    [(0, 2, 5), (10, 1, 3)]
    """
    start = 0
    for length, group in groupby(lengths):
        rows = len(list(group))
        yield start, rows, length
        start += rows * length


def attend_in_blocks(q: Tensor, k: Tensor, v: Tensor, at: Layout, *, window: int) -> Tensor:
    """Every token sees ``window`` tokens to each side in its sequence: (T, heads, head size) → the same.

    The packed tokens are cut into blocks without regard to where sequences end; a mask keeps them apart.
    """
    tokens = len(q)
    size = max(window, SMALLEST_BLOCK)
    blocks = -(-tokens // size)
    last = blocks * size - tokens  # padding that fills the last block
    query = nn.pad(q, (0, 0, 0, 0, 0, last)).view(blocks, size, *q.shape[1:]).transpose(1, 2)
    key, value = (_windows(nn.pad(x, (0, 0, 0, 0, window, last + window)), size, window) for x in (k, v))
    if window not in at.masks:
        at.masks[window] = _band(at.owner, tokens, blocks, size, window)
    out = nn.scaled_dot_product_attention(query, key, value, attn_mask=cast(Tensor, at.masks[window]))
    return out.transpose(1, 2).flatten(0, 1)[:tokens]


def _windows(x: Tensor, size: int, window: int) -> Tensor:
    """(window + blocks · size + window, heads, head size) → a view (blocks, heads, size + 2 · window, head size)."""
    return x.unfold(0, size + 2 * window, size).transpose(2, 3)


def _band(owner: Tensor, tokens: int, blocks: int, size: int, window: int) -> Tensor:
    """Bool (blocks, 1, size, size + 2 · window): whether a query sees a key."""
    device = owner.device
    rows = torch.arange(size, device=device)[:, None]
    columns = torch.arange(-window, size + window, device=device)[None, :]
    near = (rows - columns).abs() <= window
    starts = torch.arange(blocks, device=device)[:, None, None] * size
    key = starts + columns  # (blocks, 1, size + 2 · window)
    inside = (key >= 0) & (key < tokens)
    of_query = owner[(starts + rows).clamp(max=tokens - 1)]
    of_key = owner[key.clamp(0, tokens - 1)]
    return (near & inside & (of_query == of_key)).unsqueeze(1)


def attend_from_first(q: Tensor, k: Tensor, v: Tensor, at: Layout) -> Tensor:
    """Each sequence's first token sees its whole sequence: q (B, heads, head size) → the same. Softmax in fp32."""
    scale = q.shape[-1] ** -0.5
    scores = (q.float()[at.owner] * k).sum(-1) * scale  # (T, heads)
    owner = at.owner[:, None].expand_as(scores)
    largest = scores.new_full((at.rows, scores.shape[1]), -torch.inf).scatter_reduce_(0, owner, scores, "amax")
    shares = (scores - largest[at.owner]).exp_()
    total = torch.zeros_like(largest).index_add_(0, at.owner, shares)
    mixed = torch.zeros(q.shape, device=q.device).index_add_(0, at.owner, shares[:, :, None] * v)
    return (mixed / total[:, :, None]).to(q.dtype)
