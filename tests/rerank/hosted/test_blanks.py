"""A blank text is never sent: the other documents are ranked, and the blank ones come last."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from hosted_server import Reply, RerankServer, ServiceName, rerank_server
from rankladder.errors import BadQuery
from rankladder.rerank import Reranker
from rankladder.rerank.hosted import HostedScorer, open_hosted
from rankladder.values import Document

BLANKS = ["", " ", "\t\r\n", "\u3000", "\u200b", "\ufeff\u200e", "\u2800", "\x00"]


def opened(server: RerankServer) -> Reranker:
    return Reranker(open_hosted(server.model()))


def sent_texts(server: RerankServer) -> list[str]:
    key = "texts" if server.service == "tei" else "documents"
    return [text for request in server.reranks for text in request.body[key]]


@pytest.mark.parametrize("service", ["cohere", "jina", "voyage", "tei"])
@pytest.mark.parametrize("blank", BLANKS)
def test_a_blank_document_is_not_sent_and_comes_last(service: ServiceName, blank: str) -> None:
    texts = ["the sea", blank, "red planet", blank, "nothing alike"]
    with rerank_server(service) as server:
        ranking = opened(server).rank("red planet", texts)
        assert blank not in sent_texts(server)
        assert sorted(hit.index for hit in ranking) == [0, 1, 2, 3, 4]
        assert ranking[0].index == 2
        assert [hit.index for hit in ranking][-2:] == [1, 3]
        assert all(math.isfinite(hit.score) for hit in ranking)
        assert ranking[2].score > ranking[3].score == ranking[4].score
        assert [hit.reading is None for hit in ranking] == [True, True, True, False, False]
        assert not any(hit.truncated for hit in ranking)


@pytest.mark.parametrize("service", ["cohere", "tei"])
def test_documents_that_are_all_blank_ask_nothing(service: ServiceName) -> None:
    with rerank_server(service) as server:
        ranking = opened(server).rank("q", BLANKS)
        assert [hit.index for hit in ranking] == list(range(len(BLANKS)))
        assert server.reranks == []
        assert len({hit.score for hit in ranking}) == 1


def test_a_title_makes_a_document_that_is_sent() -> None:
    with rerank_server("cohere") as server:
        ranking = opened(server).rank("mars", [Document("a", "", "mars"), Document("b", "", " ")])
        assert [hit.document.id for hit in ranking] == ["a", "b"]
        assert sent_texts(server) == ["mars"]


@pytest.mark.parametrize("query", BLANKS)
def test_a_blank_query_is_refused_before_anything_is_sent(query: str) -> None:
    with rerank_server("cohere") as server:
        with pytest.raises(BadQuery, match="blank"):
            opened(server).predict([("red", "mars"), (query, "mars")])
        assert server.requests == []


def test_each_querys_blank_document_lies_below_its_own_list() -> None:
    pairs = [("red", "red red red"), ("red", ""), ("sea", "sea"), ("sea", " "), ("moon", "")]
    with rerank_server("tei") as server:
        scores = opened(server).predict(pairs)
    assert scores.dtype == np.float32
    assert scores[1] < scores[0]
    assert scores[3] < scores[2]
    assert scores[4] == -10


@pytest.mark.parametrize("lowest", [0.0, -5.0, 1e-30, -3e38])
def test_a_blank_document_is_last_after_rounding_to_float32(lowest: float) -> None:
    def change(answer: Any) -> Any:
        return {"results": [{"index": place, "relevance_score": lowest} for place in range(2)]}

    with rerank_server("cohere") as server:
        server.script = [Reply(change=change)]
        scores = opened(server).predict([("q", "a"), ("q", ""), ("q", "b")])
    assert scores[1] < min(scores[0], scores[2])
    assert np.isfinite(scores).all()


def test_blank_documents_cost_nothing() -> None:
    with rerank_server("cohere") as server:
        scorer = open_hosted(server.model())
        Reranker(scorer).rank("q", ["a", "", "b"])
        assert isinstance(scorer, HostedScorer)
        assert (scorer.usage.documents, scorer.usage.requests) == (2, 1)


def test_progress_counts_blank_documents_too() -> None:
    with rerank_server("cohere") as server:
        told: list[float] = []
        open_hosted(server.model()).score([("q", ""), ("q", "a"), ("p", " ")], long="truncate", done=told.append)
        assert sum(told) == 3
