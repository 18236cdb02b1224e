"""Attention over packed sequences with FlexAttention: one call a layer, the sequences kept apart by a block mask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

from rankladder.rerank.torch.batches import Layout
from rankladder.rerank.torch.sdpa import attend_from_first


@dataclass(frozen=True, slots=True)
class Flex:
    """FlexAttention over the whole batch as one sequence of T tokens. Not yet run on a card."""

    attention: Callable[..., Any]
    make_mask: Callable[..., Any]

    @classmethod
    def compiled(cls) -> Flex:
        """With both functions compiled: uncompiled, either holds T × T values."""
        return cls(torch.compile(flex_attention, dynamic=True), torch.compile(create_block_mask, dynamic=True))

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, at: Layout, *, window: int | None, first: bool) -> Tensor:
        """See ``attention.Attend``."""
        if first:
            return attend_from_first(q, k, v, at)
        if window is not None and at.longest <= window + 1:
            window = None
        key = ("flex", window)
        if key not in at.masks:
            at.masks[key] = self.make_mask(sees(at.owner, window), None, None, len(q), len(q), device=str(q.device))
        query, keys, values = (x.transpose(0, 1).unsqueeze(0) for x in (q, k, v))  # (1, heads, T, head size)
        out: Tensor = self.attention(query, keys, values, block_mask=at.masks[key])
        return out.squeeze(0).transpose(0, 1)


def sees(owner: Tensor, window: int | None) -> Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]:
    """FlexAttention's ``mask_mod``: same sequence, and inside the window where there is one."""

    def same(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return owner[query] == owner[key]

    if window is None:
        return same
    side = window

    def near(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return same(batch, head, query, key) & ((query - key).abs() <= side)

    return near
