"""Every system beside the student is really measured, and the teachers together are joined as the labels were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from rankladder.distill.recipe.tables import Evaluate, Recipe, Train
from rankladder.distill.result.evaluating import _together, measure
from rankladder.distill.train.run_folder import Trained
from rankladder.distill.train.student import scores_by_itself
from rankladder.evaluate import Candidates, bm25_candidates, measure_run, read_dataset
from rankladder.values import Run

from ..toy import write_data

JOINED: dict[str, Any] = {
    "standardise": True,
    "scale": 3.0,
    "weight": [2.0, 1.0, 5.0],
    "mean": [0.4, 0.5, 0.1],
    "sd": [0.1, 0.25, 0.3],
}
BM25 = Candidates("bm25", Run("bm25", {"q": {"a": 8.0, "b": 4.0}, "none": {}}), "digest")
COSINE = Run("cosine", {"q": {"a": 0.3, "b": 0.6}, "none": {}})


def recipe(*teachers: str) -> Recipe:
    table = {
        "name": "r",
        "data": [{"name": "d", "queries": "q"}],
        "train": {"start": "box"},
        "label": {"teachers": [{"model": name} for name in teachers]},
    }
    return msgspec.convert(table, Recipe)


def test_scores_are_joined_as_labels_are_and_labels_left_out() -> None:
    found = _together(recipe("cosine:x", "bm25", "labels"), BM25, [COSINE], JOINED)
    assert found is not None
    expected = {
        "a": 3 * (2 * (0.3 - 0.4) / 0.1 + (1.0 - 0.5) / 0.25) / 3,
        "b": 3 * (2 * (0.6 - 0.4) / 0.1 + (0.5 - 0.5) / 0.25) / 3,
    }
    assert found.run.scores["q"] == pytest.approx(expected)
    assert found.run.scores["none"] == {}


@pytest.mark.parametrize("runs", [[None], [COSINE, None]])
def test_there_is_no_ensemble_where_a_teacher_failed(runs: list[Run | None]) -> None:
    teachers = ["cosine:x", "maxsim:x"][: len(runs)]
    assert _together(recipe(*teachers, "bm25"), BM25, runs, JOINED) is None


def test_one_teacher_is_no_ensemble() -> None:
    assert _together(recipe("cosine:x", "labels"), BM25, [COSINE], JOINED) is None


def test_an_embedder_start_and_teachers_of_every_kind_are_measured(tmp_path: Path, ettin: Path) -> None:
    """The figures of what compares vectors are those of Sentence Transformers' own cosines."""
    from sentence_transformers import SentenceTransformer

    from embedders import write_embedder

    embedder = write_embedder(tmp_path / "embedder")
    judged = write_data(tmp_path / "data") / "judged"
    assert scores_by_itself(embedder) == "embedder"
    teachers = [str(ettin), f"cosine:{embedder}", f"maxsim:{embedder}", "bm25", "labels"]
    asked = msgspec.structs.replace(
        recipe(*teachers),
        train=Train(start=str(embedder)),
        evaluate=Evaluate(sets=(str(judged),), top_k=10),
    )
    joined = {"standardise": True, "scale": 1.0, "weight": [1.0] * 5, "mean": [0.0] * 5, "sd": [1.0] * 5}
    student = Trained(ettin, "digest", {}, ())
    found = measure(asked, tmp_path, student, joined, list, say=lambda line: None)

    rows = [(one.role, one.system) for one in found.figures]
    assert rows == [
        ("retriever", "BM25"),
        ("student", "r fp32"),
        ("student int8", "r int8"),
        ("start", "embedder before training, cosine"),
        ("teacher", str(ettin)),
        ("teacher", f"cosine:{embedder}"),
        ("teacher", f"maxsim:{embedder}"),
        ("teacher", "teachers together"),
    ]
    assert all(one.failed is None and one.mean is not None and one.queries == 8 for one in found.figures)

    dataset = read_dataset(str(judged))
    candidates = bm25_candidates(dataset, depth=10, progress=False).run.scores
    model = SentenceTransformer(str(embedder), device="cpu")
    scores: dict[str, dict[str, float]] = {}
    for query, row in candidates.items():
        texts = [dataset.queries[query].text, *(dataset.documents[document].full_text for document in row)]
        asked_for, *documents = model.encode(texts)  # of length 1
        scores[query] = {name: float(asked_for @ vector) for name, vector in zip(row, documents, strict=True)}
    values = measure_run(Run("cosine", scores), dataset.qrels, ["nDCG@10"])["nDCG@10"].values()
    expected = pytest.approx(sum(values) / len(values), abs=1e-6)
    assert [one.mean for one in found.figures if "cosine" in one.system] == [expected, expected]
