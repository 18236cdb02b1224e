"""A search is a retriever's candidates, reranked; every stage stays visible."""

from __future__ import annotations

from pathlib import Path

import pytest

from rankladder.errors import BadOption, BadQuery
from rankladder.retrieve import build_index, open_index, search
from words import word_reranker

DOCUMENTS = {
    "long": "rain rain " + "cloud " * 30 + "and falls falls water",
    "short": "rain",
    "other": "water",
    "none": "stocks",
}


@pytest.fixture
def index_folder(tmp_path: Path) -> Path:
    lines = (f'{{"_id": "{id}", "text": "{text}"}}' for id, text in DOCUMENTS.items())
    (tmp_path / "documents.jsonl").write_text("\n".join(lines))
    build_index([tmp_path / "documents.jsonl"], tmp_path / "index")
    return tmp_path / "index"


def test_the_reranker_orders_what_the_retriever_found(index_folder: Path) -> None:
    reranker = word_reranker(["rain", "falls", "water", "cloud", "stocks"])
    with open_index(index_folder) as index:
        result = search("rain falls water", index, reranker, top_k=2)
    assert (result.ranking[0].document.id, result.ranking[0].score) == ("long", 5)
    assert len(result.ranking) == 2
    assert [stage.ranking.stage for stage in result.stages] == ["bm25", "words fp32"]
    found, ranked = (sorted(hit.document.id for hit in stage.ranking) for stage in result.stages)
    assert found == ranked == ["long", "other", "short"]
    assert set(result.rank_in(0)) == set(found)


def test_without_a_reranker_the_retrievers_order_stands(index_folder: Path) -> None:
    with open_index(index_folder) as index:
        result = search("rain", index, None, top_k=1)
        assert [hit.document.id for hit in result.ranking] == [index.retrieve(result.ranking.query, k=1)[0].document.id]
    assert len(result.stages) == 1


def test_nothing_found_is_an_empty_ranking(index_folder: Path) -> None:
    with open_index(index_folder) as index:
        assert len(search("zebra", index, word_reranker([])).ranking) == 0


@pytest.mark.parametrize(("options", "message"), [({"top_k": 0}, "top_k must be"), ({"candidates": 5}, "below top_k")])
def test_options_that_cannot_be_honoured_are_refused(index_folder: Path, options: dict[str, int], message: str) -> None:
    with open_index(index_folder) as index, pytest.raises(BadOption, match=message):
        search("rain", index, None, **options)


def test_a_blank_query_is_refused(index_folder: Path) -> None:
    with open_index(index_folder) as index, pytest.raises(BadQuery):
        search(" ", index, None)
