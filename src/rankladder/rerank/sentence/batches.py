"""Which sequences share a padded batch."""

from __future__ import annotations

from collections.abc import Sequence


def plan_padded(lengths: Sequence[int], *, max_tokens: int) -> list[list[int]]:
    """Row numbers grouped so that a group, padded to its longest, holds at most ``max_tokens``; longest first.

    A longer row is a batch alone. Equal lengths keep the order given.

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


def padded_tokens(lengths: Sequence[int]) -> int:
    """Tokens of a group, padded to its longest: what ``plan_padded`` bounds.

    >>> padded_tokens([9, 3, 3])
    27
    """
    return len(lengths) * max(lengths, default=0)
