"""Reciprocal rank fusion, and the retriever that fuses several."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import fsum, isfinite

from rankladder.arguments import checked
from rankladder.errors import BadInput, BadOption
from rankladder.retrieve.retriever import Retriever, Stage, retrieve_many, timed
from rankladder.values import Document, Hit, Query, Ranking

CONSTANT = 60
DEPTH = 100


@checked
def reciprocal_rank_fusion(rankings: Sequence[Ranking], *, k: int | None = None, constant: float = CONSTANT) -> Ranking:
    """Rankings of one query, fused: a document's score is the sum of ``1 / (constant + rank)``, ranks from 1.

    A document that a ranking lacks gets nothing from it. Equal scores are ordered by the best rank, then by the order
    of the rankings. Source: Cormack, Clarke and Büttcher, SIGIR 2009, doi:10.1145/1571941.1572114; 60 is theirs.

    >>> query, a, b, c = Query("q", "?"), *(Document(id, id) for id in "abc")
    >>> lexical = Ranking.of(query, [Hit(a, 9.0, 0), Hit(b, 8.0, 1)], "bm25")
    >>> dense = Ranking.of(query, [Hit(b, 0.7, 0), Hit(c, 0.6, 1)], "dense")
    >>> [(hit.document.id, round(hit.score, 5)) for hit in reciprocal_rank_fusion([lexical, dense])]
    [('b', 0.03252), ('a', 0.01639), ('c', 0.01613)]

    Args:
        rankings: At least one; all of the same query.
        k: Keep the best ``k``; None keeps all.
        constant: How little the first places count above the rest; at least 0.

    Raises:
        BadInput: No ranking, or rankings of different queries.
        BadOption: ``k`` below 1, or ``constant`` below 0.
    """
    if not rankings:
        raise BadInput("expected at least one ranking to fuse, got none")
    if k is not None and k < 1:
        raise BadOption(f"k must be at least 1, got {k}")
    if not (isfinite(constant) and constant >= 0):
        raise BadOption(f"constant must be at least 0, got {constant}")
    query = rankings[0].query
    if other := next((ranking.query for ranking in rankings if ranking.query != query), None):
        raise BadInput(f"expected rankings of one query, got {query.id!r} and {other.id!r}")
    documents: dict[str, Document] = {}
    ranks: dict[str, list[int]] = {}
    for ranking in rankings:
        for rank, hit in enumerate(ranking, start=1):
            documents.setdefault(hit.document.id, hit.document)
            ranks.setdefault(hit.document.id, []).append(rank)
    scores = {
        id: fsum(1 / (constant + rank) for rank in at) for id, at in ranks.items()
    }  # fsum: order is nothing to it
    best_first = sorted(documents, key=lambda id: (-scores[id], min(ranks[id])))
    hits = [Hit(documents[id], scores[id], place) for place, id in enumerate(best_first)]
    return Ranking.of(query, hits, "fused", top_k=k)


class HybridRetriever:
    """Several retrievers as one: each gives its best documents, and reciprocal rank fusion orders them.

    ``depth`` is how many each is asked for; None asks for ``max(k, 100)``.
    """

    name = "hybrid"

    @checked
    def __init__(
        self, retrievers: Sequence[Retriever], *, depth: int | None = None, constant: float = CONSTANT
    ) -> None:
        if len(retrievers) < 2:
            raise BadInput(f"expected at least two retrievers to fuse, got {len(retrievers)}")
        if depth is not None and depth < 1:
            raise BadOption(f"depth must be at least 1, got {depth}")
        self.retrievers = tuple(retrievers)
        self.depth = depth
        self.constant = constant

    @checked
    def retrieve(self, query: Query, *, k: int) -> Ranking:
        """The best ``k`` of what the retrievers found. Raises BadOption for ``k`` below 1 or above ``depth``."""
        return self.retrieve_stages(query, k=k)[-1].ranking

    @checked
    def retrieve_stages(self, query: Query, *, k: int) -> list[Stage]:
        """What each retriever found, then what was made of it, with the time that each took."""
        depth = self._depth_for(k)
        stages = [timed(partial(retriever.retrieve, query, k=depth)) for retriever in self.retrievers]
        found = [stage.ranking for stage in stages]
        return [*stages, timed(lambda: reciprocal_rank_fusion(found, k=k, constant=self.constant))]

    @checked
    def retrieve_many(self, queries: Sequence[Query], *, k: int) -> list[Ranking]:
        """``retrieve`` for each query, each retriever asked for all of them at once where it can be."""
        depth = self._depth_for(k)
        found = zip(*(retrieve_many(retriever, queries, k=depth) for retriever in self.retrievers), strict=True)
        return [reciprocal_rank_fusion(rankings, k=k, constant=self.constant) for rankings in found]

    def _depth_for(self, k: int) -> int:
        """How many each retriever is asked for."""
        if k < 1:
            raise BadOption(f"k must be at least 1, got {k}")
        depth = max(k, DEPTH) if self.depth is None else self.depth
        if k > depth:
            raise BadOption(f"k is {k}, above the depth of {depth} at which each retriever is called")
        return depth
