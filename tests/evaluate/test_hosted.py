"""Models that are paid by the request, and whose scores may depend on the whole list."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hosted_server import rerank_server
from rankladder.evaluate import Candidates, Dataset, evaluate
from rankladder.rerank import ModelRequest
from rankladder.values import Run

from .toy import DOCUMENTS, QUERIES, toy_dataset

EVERYTHING = Run("first", {query: {id: -float(place) for place, id in enumerate(DOCUMENTS)} for query in QUERIES})


def test_a_hosted_model_is_asked_once_for_each_query(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request is paid for: no batch ends in the middle of a query's candidates."""
    monkeypatch.setattr("rankladder.scores.missing.FIRST_BATCH", 3)
    monkeypatch.setattr("rankladder.scores.missing.LARGEST_BATCH", 3)
    dataset = toy_dataset()
    with rerank_server("cohere") as server:
        found = evaluate(
            dataset, [Candidates.of("first", EVERYTHING, dataset)], [ModelRequest.parse(server.model())], store=tmp_path
        )
        assert not found.failed
        assert len(server.reranks) == len(dataset.queries)


def test_scores_of_a_hosted_model_are_never_mixed_over_lists_depths_or_texts(tmp_path: Path) -> None:
    """A service does not promise that a score depends on the pair alone."""
    dataset = toy_dataset()
    whole = Candidates.of("first", EVERYTHING, dataset)
    other = Candidates.of("other", Run("other", {"q1": {"sun": 1.0, "rain": 0.5}}), dataset)
    changed = replace(dataset, documents={**dataset.documents, "sun": replace(dataset.documents["sun"], text="rain")})
    with rerank_server("cohere") as server:

        def asked(data: Dataset, candidates: Candidates, *, top_k: int = 100) -> int:
            before = sum(len(request.body["documents"]) for request in server.reranks)
            model = ModelRequest.parse(server.model())
            assert not evaluate(data, [candidates], [model], top_k=top_k, store=tmp_path).failed
            return sum(len(request.body["documents"]) for request in server.reranks) - before

        assert asked(dataset, whole) == 20
        assert asked(dataset, whole) == 0
        assert asked(dataset, whole, top_k=2) == 8
        assert asked(dataset, other) == 2
        assert asked(changed, whole) == 20
