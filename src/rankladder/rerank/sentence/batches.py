"""Which sequences share a padded batch, and the loop that scores them: order kept, memory errors survived."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from rankladder.errors import DeviceMemoryFull
from rankladder.rerank.pairs import TokenPair
from rankladder.rerank.torch.scheduling import TokenBudget


def plan_padded(lengths: Sequence[int], *, max_tokens: int) -> list[list[int]]:
    """Row numbers grouped so that a group, padded to its longest, holds at most ``max_tokens``; longest first.

    A row longer than that stands alone. Equal lengths keep the order given.

    >>> plan_padded([3, 9, 3, 3], max_tokens=9)
    [[1], [0, 2, 3]]
    """
    plan: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lambda r: -lengths[r]):
        if plan and (len(plan[-1]) + 1) * lengths[plan[-1][0]] <= max_tokens:
            plan[-1].append(row)
        else:
            plan.append([row])
    return plan


def score_padded(
    pairs: Sequence[TokenPair],
    *,
    budget: TokenBudget,
    forward: Callable[[Sequence[TokenPair]], NDArray[np.float32]],
    release: Callable[[], object],
    done: Callable[[int], object],
) -> NDArray[np.float32]:
    """Logits (N,) in the order of the pairs; ``done(B)`` after each batch.

    A batch that does not fit (``torch.OutOfMemoryError`` and no other error) halves the budget, for later calls too.

    Raises DeviceMemoryFull where one sequence alone does not fit.
    """
    logits = np.empty(len(pairs), dtype=np.float32)
    left = list(range(len(pairs)))
    while left:
        plan = plan_padded([len(pairs[row].ids) for row in left], max_tokens=budget.tokens)
        scored: set[int] = set()
        for places in plan:
            rows = [left[place] for place in places]
            try:
                logits[rows] = forward([pairs[row] for row in rows])
            except torch.OutOfMemoryError:
                break  # acted on outside: the error holds the failed batch's tensors
            scored.update(rows)
            done(len(rows))
        else:
            return logits
        release()
        longest = len(pairs[rows[0]].ids)
        if len(rows) == 1:
            raise DeviceMemoryFull(
                f"a sequence of {longest} tokens does not fit in the device's memory by itself",
                hint="open the model with a lower max_tokens, or on another device",
            )
        budget.halve(longest * len(rows))
        left = [row for row in left if row not in scored]
    return logits
