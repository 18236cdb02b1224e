"""Pairs → requests: one query each, within what the service takes at once."""

from __future__ import annotations

from collections.abc import Sequence


def plan_requests(pairs: Sequence[tuple[str, str]], *, max_documents: int, max_bytes: int) -> list[range]:
    """Rows of ``pairs`` for each request, in order: neighbours with one query, at most ``max_documents`` of them.

    A request holds at most ``max_bytes`` of UTF-8, the query counted with each document as services do; a single pair
    longer than that goes alone, and the service decides.

    >>> plan_requests([("q", "a"), ("q", "b"), ("q", "c"), ("other", "a")], max_documents=2, max_bytes=1000)
    [range(0, 2), range(2, 3), range(3, 4)]
    >>> plan_requests([("q", "aaaa"), ("q", "b")], max_documents=9, max_bytes=5)
    [range(0, 1), range(1, 2)]
    """
    plan: list[range] = []
    held = 0
    for row, (query, text) in enumerate(pairs):
        size = _bytes(query) + _bytes(text)
        if plan and pairs[plan[-1].start][0] == query and len(plan[-1]) < max_documents and held + size <= max_bytes:
            plan[-1] = range(plan[-1].start, row + 1)
            held += size
        else:
            plan.append(range(row, row + 1))
            held = size
    return plan


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
