"""The teachers together, on judged queries: joined as the labels were, without what was known of the answers."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from rankladder.distill.measure import _together
from rankladder.distill.recipe import Recipe
from rankladder.evaluate import Candidates
from rankladder.values import Run

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
