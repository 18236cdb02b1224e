"""Search: retrieve candidates, then rerank them; every stage kept, so that a reader can see what each did."""

from __future__ import annotations

from dataclasses import dataclass

from rankladder.arguments import checked
from rankladder.errors import BadOption
from rankladder.rerank import Long, Reranker
from rankladder.retrieve.retriever import Retriever, Stage, StagedRetriever, timed
from rankladder.values import Query, Ranking


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The stages of one search in order; the last one's ranking is the answer.

    ``retrieved`` is the place of the retriever's own answer, which the reranker read: 0, but for a retriever that works
    in stages.
    """

    stages: tuple[Stage, ...]
    top_k: int
    retrieved: int = 0

    @property
    def ranking(self) -> Ranking:
        """The answer: the ``top_k`` best of the last stage."""
        last = self.stages[-1].ranking
        return Ranking.of(last.query, last.hits[: self.top_k], last.stage)

    @checked
    def rank_in(self, stage: int) -> dict[str, int]:
        """Document id → place, from 1, in the ranking of one stage."""
        return {hit.document.id: place for place, hit in enumerate(self.stages[stage].ranking, start=1)}


@checked
def search(
    query: str | Query,
    retriever: Retriever,
    reranker: Reranker | None,
    *,
    top_k: int = 10,
    candidates: int = 100,
    long: Long = "truncate",
) -> SearchResult:
    """The ``top_k`` best of what ``retriever`` finds, reranked.

    Args:
        query: What to look for.
        retriever: Gives the first stage (an index).
        reranker: Reads every candidate with the query; None leaves the retriever's order.
        top_k: How many to return.
        candidates: How many the retriever hands to the reranker; at least ``top_k``.
        long: How a document longer than the model reads is scored (see ``Reranker.rank``).

    Raises:
        BadQuery: The query is empty or blank.
        BadOption: ``top_k`` below 1, or ``candidates`` below ``top_k``.
    """
    if top_k < 1:
        raise BadOption(f"top_k must be at least 1, got {top_k}")
    if candidates < top_k:
        raise BadOption(
            f"candidates is {candidates}, below top_k, which is {top_k}", hint=f"retrieve at least {top_k} candidates"
        )
    asked = query if isinstance(query, Query) else Query("query", query)
    k = candidates if reranker is not None else top_k
    if isinstance(retriever, StagedRetriever):
        stages = retriever.retrieve_stages(asked, k=k)
    else:
        stages = [timed(lambda: retriever.retrieve(asked, k=k))]
    retrieved = len(stages) - 1
    if reranker is not None:
        found = stages[retrieved].ranking
        stages = [*stages, timed(lambda: reranker.rank(asked, found.documents, long=long))]
    return SearchResult(tuple(stages), top_k, retrieved)
