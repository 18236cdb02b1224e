"""Scores come one by one, and work ends soon after nobody wants more."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from rankladder import Reranker
from rankladder.errors import BadInput, BadOption
from rankladder.rerank.scorer import TokenScorer

DOCUMENTS = [f"rain falls from cloud {number} " * (1 + number % 7) for number in range(40)]


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_a_stream_gives_every_document_once_with_the_score_of_rank(bert: Path, threads: int) -> None:
    reranker = Reranker.open(bert, threads=threads)
    ranked = {hit.index: (hit.score, hit.reading) for hit in reranker.rank("rain", DOCUMENTS)}
    streamed = [(hit.index, (hit.score, hit.reading)) for hit in reranker.stream("rain", DOCUMENTS)]
    assert len(streamed) == len(DOCUMENTS)
    assert dict(streamed) == ranked


def test_a_stream_of_passages_gives_the_best_of_each_document(bert: Path) -> None:
    reranker = Reranker.open(bert, max_tokens=32)
    documents = [*DOCUMENTS[:6], "the market closed " * 60 + "rain falls from clouds"]
    ranked = {hit.index: (hit.score, hit.reading) for hit in reranker.rank("rain", documents, long="passages")}
    assert {h.index: (h.score, h.reading) for h in reranker.stream("rain", documents, long="passages")} == ranked


@pytest.mark.parametrize("engine", ["onnx", "torch"])
@pytest.mark.parametrize("threads", [1, 3])
def test_work_ends_within_a_sequence_of_each_thread_once_it_is_stopped(
    bert: Path, engine: str, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted on the CPU engine; a batch holds all of these on the torch engine, and comes as a whole."""
    reranker = Reranker.open(bert, threads=threads, engine=engine)  # type: ignore[arg-type]
    assert isinstance(reranker.scorer, TokenScorer)
    computed = []
    if engine == "onnx":
        whole = reranker.scorer.engine._logit  # type: ignore[attr-defined]
        monkeypatch.setattr(reranker.scorer.engine, "_logit", lambda one: computed.append(1) or whole(one))
    stop = threading.Event()
    hits = []
    for hit in reranker.stream("rain", DOCUMENTS, stop=stop):
        hits.append(hit)
        if len(hits) == 5:
            stop.set()
            seen = len(computed)
    if engine == "onnx":
        assert len(hits) <= len(computed) <= seen + threads
    else:
        assert len(hits) == len(DOCUMENTS)


def test_a_stream_that_is_closed_ends_its_threads(bert: Path) -> None:
    reranker = Reranker.open(bert, threads=2)
    before = threading.active_count()
    stream = reranker.stream("rain", DOCUMENTS)
    next(stream)
    stream.close()
    assert threading.active_count() == before
    assert len(list(reranker.stream("rain", DOCUMENTS))) == len(DOCUMENTS)


def test_what_was_stopped_before_it_began_computes_nothing(bert: Path) -> None:
    stop = threading.Event()
    stop.set()
    for engine in ("onnx", "torch"):
        reranker = Reranker.open(bert, threads=1, engine=engine)  # type: ignore[arg-type]
        assert list(reranker.stream("rain", DOCUMENTS, stop=stop)) == []


def test_a_stream_refuses_what_rank_refuses(bert: Path) -> None:
    reranker = Reranker.open(bert)
    with pytest.raises(BadInput):
        next(reranker.stream("rain", [None]))  # type: ignore[list-item]
    with pytest.raises(BadOption):
        next(reranker.stream("rain", DOCUMENTS, long="whole"))  # type: ignore[arg-type]
