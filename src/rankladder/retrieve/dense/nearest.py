"""Exact search: the rows with the largest dot products, a part of the rows at a time."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

_PART_BYTES = 64_000_000
_QUERIES_AT_ONCE = 128


class Rows(Protocol):
    """A matrix (N, D) of float32 that need not be in memory."""

    @property
    def shape(self) -> tuple[int, int]:
        """N and D."""

    def take(self, places: NDArray[np.int64]) -> NDArray[np.float32]:
        """The rows at the places given, (len(places), D)."""


def nearest(rows: Rows, queries: NDArray[np.float32], k: int) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """For each query (Q, D) the places of its ``k`` best rows and their dot products, best first; ties by place.

    Rows are chosen by blocked float32 products, with a margin above what rounding can do to them ((D + 2) · 2⁻²⁴ of the
    lengths' product), and then scored again in float64 row by row. So equal rows have equal scores, and a score
    depends neither on the other queries nor on where its row lies. Memory: about 64 MB of rows, and 128 queries' scores
    of them.
    """
    count, width = rows.shape
    k = min(k, count)
    part = max(1, _PART_BYTES // (4 * max(1, width)))
    lengths = np.linalg.norm(queries, axis=1)
    places = [np.empty(0, np.int64) for _ in queries]
    scores = [np.empty(0, np.float32) for _ in queries]
    longest = 0.0
    for start in range(0, count, part):
        here = np.arange(start, min(start + part, count))
        values = rows.take(here)
        longest = max(longest, float(np.linalg.norm(values, axis=1).max()))
        for first in range(0, len(queries), _QUERIES_AT_ONCE):
            products = queries[first : first + _QUERIES_AT_ONCE] @ values.T
            for query, found in enumerate(products, start=first):
                margin = 2 * (width + 2) * 2.0**-24 * float(lengths[query]) * longest
                near = found >= _kth(found, k) - margin
                both = np.concatenate([scores[query], found[near]])
                kept = both >= _kth(both, k) - margin
                places[query] = np.concatenate([places[query], here[near]])[kept]
                scores[query] = both[kept]
    return [_best(rows, query, candidates, k) for query, candidates in zip(queries, places, strict=True)]


def _kth(scores: NDArray[np.float32], k: int) -> float:
    """The ``k``-th largest, minus infinity where there are fewer."""
    return float(np.partition(scores, len(scores) - k)[len(scores) - k]) if len(scores) >= k else -np.inf


def _best(
    rows: Rows, query: NDArray[np.float32], places: NDArray[np.int64], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    exact = (rows.take(places).astype(np.float64) * query.astype(np.float64)).sum(axis=1)
    order = np.lexsort((places, -exact))[:k]
    return places[order], exact[order]
