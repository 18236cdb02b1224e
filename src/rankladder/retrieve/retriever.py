"""What finds candidates: one small protocol, so that any search engine can stand here."""

from __future__ import annotations

from typing import Protocol

from rankladder.values import Query, Ranking


class Retriever(Protocol):
    """The first stage: rankladder's own index, or a search engine that somebody already runs."""

    def retrieve(self, query: Query, *, k: int) -> Ranking:
        """The best ``k`` documents for a query, fewer where fewer match. Raises BadOption for ``k`` below 1."""
