"""What finds candidates: one small protocol, so that any search engine fits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from rankladder.arguments import checked
from rankladder.values import Query, Ranking


class Retriever(Protocol):
    """The first stage: rankladder's own index, or a search engine that somebody already runs."""

    def retrieve(self, query: Query, *, k: int) -> Ranking:
        """The best ``k`` documents for a query, fewer where fewer match. Raises BadOption for ``k`` below 1."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What one stage returned, and how long it took."""

    ranking: Ranking
    milliseconds: float


@runtime_checkable
class StagedRetriever(Protocol):
    """A retriever that works in stages and shows them."""

    def retrieve_stages(self, query: Query, *, k: int) -> list[Stage]:
        """The stages in order; the last one's ranking is what ``retrieve`` returns."""


@checked
def retrieve_many(retriever: Retriever, queries: Sequence[Query], *, k: int) -> Iterable[Ranking]:
    """One ranking for each query; a retriever with a ``retrieve_many`` of its own is asked for all at once."""
    many = getattr(retriever, "retrieve_many", None)
    return many(queries, k=k) if many is not None else (retriever.retrieve(query, k=k) for query in queries)


def timed(step: Callable[[], Ranking]) -> Stage:
    """The ranking that a step returns, and how long it took."""
    start = time.perf_counter()
    ranking = step()
    return Stage(ranking, (time.perf_counter() - start) * 1000)
