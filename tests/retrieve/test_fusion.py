"""Reciprocal rank fusion: what it computes, how it breaks ties, and the retriever made of it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankladder.errors import BadInput, BadOption
from rankladder.retrieve import HybridRetriever, StagedRetriever, reciprocal_rank_fusion, search
from rankladder.values import Document, Hit, Query, Ranking
from words import word_reranker

QUERY = Query("q", "rain")


def ranking(ids: str, stage: str = "x") -> Ranking:
    return Ranking.of(QUERY, [Hit(Document(id, id), float(-at), at) for at, id in enumerate(ids)], stage)


def ids(of: Ranking) -> str:
    return "".join(hit.document.id for hit in of)


class Fixed:
    """A retriever that always finds the same, and remembers how much it was asked for."""

    def __init__(self, found: str, stage: str) -> None:
        self.found, self.stage = found, stage
        self.asked: list[int] = []

    def retrieve(self, query: Query, *, k: int) -> Ranking:
        self.asked.append(k)
        return Ranking.of(query, ranking(self.found).hits[:k], self.stage)


def test_a_score_is_the_sum_of_one_over_sixty_plus_rank() -> None:
    fused = reciprocal_rank_fusion([ranking("abc"), ranking("bd")])
    assert ids(fused) == "badc"
    assert [hit.score for hit in fused] == [1 / 61 + 1 / 62, 1 / 61, 1 / 62, 1 / 63]
    assert fused.stage == "fused"


def test_a_tie_goes_to_the_best_rank_and_then_to_the_first_ranking() -> None:
    assert ids(reciprocal_rank_fusion([ranking("ab"), ranking("ba")])) == "ab"
    assert ids(reciprocal_rank_fusion([ranking("ab"), ranking("cd")])) == "acbd"
    fused = reciprocal_rank_fusion([ranking("ybxa"), ranking("abvw")], constant=2)
    scores = {hit.document.id: hit.score for hit in fused}
    assert scores["a"] == scores["b"] == 0.5, "1/3 + 1/6 is 1/4 + 1/4"
    assert ids(fused)[:2] == "ab", "b was met first, but a has a rank of 1"


@given(st.lists(st.permutations("abcdefg"), min_size=1, max_size=4))
def test_fusion_keeps_every_document_once_and_the_order_of_retrievers_changes_no_score(lists: list[list[str]]) -> None:
    fused = reciprocal_rank_fusion([ranking("".join(one)) for one in lists])
    assert sorted(ids(fused)) == list("abcdefg")
    again = reciprocal_rank_fusion([ranking("".join(one)) for one in reversed(lists)])
    scores = {hit.document.id: hit.score for hit in fused}
    assert scores == {hit.document.id: hit.score for hit in again}
    expected = {id: math.fsum(1 / (61 + one.index(id)) for one in lists) for id in "abcdefg"}
    assert scores == expected


def test_one_ranking_keeps_its_order_and_an_empty_one_adds_nothing() -> None:
    assert ids(reciprocal_rank_fusion([ranking("cab")])) == "cab"
    assert ids(reciprocal_rank_fusion([ranking(""), ranking("cab")])) == "cab"
    assert ids(reciprocal_rank_fusion([ranking("cab"), ranking("abc")], k=2)) == "ac"


def test_what_cannot_be_fused_is_refused() -> None:
    with pytest.raises(BadInput, match="at least one ranking"):
        reciprocal_rank_fusion([])
    with pytest.raises(BadInput, match="one query, got 'q' and 'r'"):
        reciprocal_rank_fusion([ranking("a"), Ranking(Query("r", "other"), (), "x")])
    with pytest.raises(BadOption, match="k must be at least 1"):
        reciprocal_rank_fusion([ranking("a")], k=0)
    for constant in (-1, math.nan, math.inf):
        with pytest.raises(BadOption, match="constant"):
            reciprocal_rank_fusion([ranking("a")], constant=constant)


def test_a_hybrid_asks_each_retriever_for_its_depth_and_returns_k() -> None:
    left, right = Fixed("abcd", "bm25"), Fixed("dcxy", "dense")
    hybrid = HybridRetriever([left, right])
    assert ids(hybrid.retrieve(QUERY, k=3)) == "dca"
    hybrid.retrieve(QUERY, k=500)
    assert left.asked == right.asked == [100, 500]
    assert ids(HybridRetriever([left, right], depth=1).retrieve(QUERY, k=1)) == "a"
    assert left.asked[-1] == 1


def test_a_hybrid_of_one_or_with_a_depth_below_k_is_refused() -> None:
    one = Fixed("a", "bm25")
    with pytest.raises(BadInput, match="at least two"):
        HybridRetriever([one])
    with pytest.raises(BadOption, match="depth must be"):
        HybridRetriever([one, one], depth=0)
    with pytest.raises(BadOption, match="k is 3, above the depth of 2"):
        HybridRetriever([one, one], depth=2).retrieve(QUERY, k=3)
    with pytest.raises(BadOption, match="k must be"):
        HybridRetriever([one, one]).retrieve(QUERY, k=0)


def test_a_search_shows_every_stage_of_a_hybrid() -> None:
    hybrid = HybridRetriever([Fixed("ab", "bm25"), Fixed("bc", "dense")])
    assert isinstance(hybrid, StagedRetriever)
    alone = search(QUERY, hybrid, None, top_k=2)
    assert [stage.ranking.stage for stage in alone.stages] == ["bm25", "dense", "fused"]
    assert (ids(alone.ranking), alone.retrieved) == ("ba", 2)
    reranked = search(QUERY, hybrid, word_reranker(["rain"]), top_k=2)
    assert [stage.ranking.stage for stage in reranked.stages] == ["bm25", "dense", "fused", "words fp32"]
    assert reranked.rank_in(reranked.retrieved) == {"b": 1, "a": 2, "c": 3}
    assert sorted(ids(reranked.stages[-1].ranking)) == ["a", "b", "c"]
