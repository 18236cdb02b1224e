"""A reranker behind mteb's CrossEncoderProtocol: the same texts and the same order as any cross-encoder of mteb's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import mteb
import numpy as np
import pytest
from mteb.models import CrossEncoderProtocol, SearchCrossEncoderWrapper
from numpy.typing import NDArray

from rankladder import Reranker
from rankladder.catalogue import find_model
from rankladder.errors import BadInput
from rankladder.evaluate.mteb import as_mteb
from rankladder.values import Document
from words import facts_of, word_reranker

WORDS = "rain falls from clouds the sky is blue mars red".split()
PAIRS = [("rain clouds", "rain falls"), ("blue sky", "the sky is blue"), ("mars", "rain"), ("red mars", "mars is red")]


class NamedScorer:
    """Says who it is, and scores nothing."""

    usage = None

    def __init__(self, name: str, digest: str = "ab" * 32) -> None:
        self.facts = facts_of(name, digest=digest, reads=64)

    def score(self, pairs: Any, **_options: Any) -> Any:
        raise NotImplementedError

    def encode(self, documents: Any) -> Any:
        raise NotImplementedError


def batches(texts: list[str], size: int) -> list[dict[str, list[str]]]:
    return [{"text": texts[start : start + size]} for start in range(0, len(texts), size)]


def predicted(size_1: int, size_2: int) -> NDArray[np.float32]:
    queries, documents = [query for query, _ in PAIRS], [document for _, document in PAIRS]
    return as_mteb(word_reranker(WORDS)).predict(batches(queries, size_1), batches(documents, size_2))


def test_it_is_a_cross_encoder_for_mteb() -> None:
    assert isinstance(as_mteb(word_reranker(WORDS)), CrossEncoderProtocol)


@pytest.mark.parametrize(("size_1", "size_2"), [(1, 1), (2, 2), (3, 3), (4, 4), (1, 3)])
def test_scores_are_predicts_in_the_order_of_the_pairs_whatever_the_batches(size_1: int, size_2: int) -> None:
    assert predicted(size_1, size_2).tolist() == word_reranker(WORDS).predict(PAIRS).tolist() == [1, 2, 0, 2]


def test_no_pairs_give_no_scores() -> None:
    assert as_mteb(word_reranker(WORDS)).predict([], []).shape == (0,)


def test_batches_that_do_not_pair_up_are_refused() -> None:
    with pytest.raises(BadInput, match="4 queries for 3 documents"):
        as_mteb(word_reranker(WORDS)).predict(batches(["a"] * 4, 2), batches(["b"] * 3, 2))


def test_an_option_that_means_nothing_here_is_refused() -> None:
    with pytest.raises(BadInput, match="precision"):
        as_mteb(word_reranker(WORDS)).predict([], [], batch_size=8, precision="int8")


def test_mteb_gives_a_document_the_text_that_our_own_rank_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    documents = [
        Document("d1", "It falls from clouds.", "Rain"),
        Document("d2", "No title here."),
        Document("d3", "", "A title alone"),
    ]
    corpus = datasets.Dataset.from_list([{"id": one.id, "title": one.title, "text": one.text} for one in documents])
    queries = datasets.Dataset.from_list([{"id": "q1", "text": "rain"}, {"id": "q2", "text": "a title"}])
    reranker = word_reranker(WORDS)
    seen: list[tuple[str, str]] = []

    def record(pairs: list[tuple[str, str]], **_options: Any) -> NDArray[np.float32]:
        seen.extend(pairs)
        return np.arange(len(pairs), dtype=np.float32)

    monkeypatch.setattr(reranker, "predict", record)
    search = SearchCrossEncoderWrapper(as_mteb(reranker))
    task: Any = {"task_metadata": mteb.get_task("SciFact").metadata, "hf_split": "test", "hf_subset": "default"}
    search.index(corpus, **task, encode_kwargs={"batch_size": 2})
    ranked = {"q1": ["d3", "d1", "d2"], "q2": ["d2"]}
    found = search.search(queries, **task, top_k=3, encode_kwargs={"batch_size": 2}, top_ranked=ranked)
    texts = {one.id: one.full_text for one in documents}
    assert seen == [("rain", texts["d3"]), ("rain", texts["d1"]), ("rain", texts["d2"]), ("a title", texts["d2"])]
    assert found == {"q1": {"d3": 0.0, "d1": 1.0, "d2": 2.0}, "q2": {"d2": 3.0}}


@pytest.mark.parametrize("name", ["ettin-17m", "cross-encoder/ettin-reranker-17m-v1"])
def test_a_catalogue_model_is_filed_under_its_hub_id_and_commit(name: str) -> None:
    known, meta = find_model("ettin-17m"), as_mteb(Reranker(NamedScorer(name))).mteb_model_meta
    assert (meta.name, meta.revision, meta.n_parameters) == (known.hub_id, known.revision, known.parameters)
    assert meta.training_datasets == mteb.get_model_meta(str(known.hub_id)).training_datasets


@pytest.mark.parametrize(
    ("name", "filed"),
    [
        ("box", "rankladder/box"),
        ("/models/mine", "local/mine"),
        ("./mine", "local/mine"),
        ("owner/model", "owner/model"),
        ("mine", "local/mine"),
    ],
)
def test_a_model_without_a_commit_is_filed_under_its_digest(name: str, filed: str) -> None:
    meta = as_mteb(Reranker(NamedScorer(name))).mteb_model_meta
    assert (meta.name, meta.revision) == (filed, "ab" * 6)


def test_settings_keep_results_apart_and_so_does_the_digest(tmp_path: Path) -> None:
    cache = mteb.ResultCache(tmp_path)
    metas = [
        as_mteb(Reranker(NamedScorer("ettin-17m")), settings=settings).mteb_model_meta
        for settings in ({"top_k": 10}, {"top_k": 100}, None)
    ]
    other = NamedScorer("ettin-17m", digest="cd" * 32)
    metas.append(as_mteb(Reranker(other)).mteb_model_meta)
    assert len({cache.get_task_result_path("SciFact", meta) for meta in metas}) == 4
