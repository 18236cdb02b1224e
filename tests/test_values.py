"""Values survive what programs do to values, and refuse what cannot be."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankladder import Document, Hit, Query, Ranking
from rankladder.errors import BadInput, BadQuery, DuplicateId
from rankladder.values import Passage, Reading, Run

RANKING = Ranking.of(
    Query("q", "rain"),
    [
        Hit(Document("a", "x", "t", {"line": 3}), 1.5, 0, Reading(1, 0, 2, 3, Passage(0, 2, 0, 9))),
        Hit(Document("b", "y"), 2.5, 1),
    ],
    "stage",
)


def test_values_can_be_pickled_copied_and_turned_into_dicts() -> None:
    assert pickle.loads(pickle.dumps(RANKING)) == RANKING
    assert copy.deepcopy(RANKING) == RANKING
    assert dataclasses.asdict(RANKING)["hits"][1]["document"]["metadata"] == {"line": 3}
    assert len({RANKING.hits[0].document, RANKING.hits[0].document}) == 1


def test_a_ranking_is_a_sequence_best_first() -> None:
    assert [hit.document.id for hit in RANKING] == ["b", "a"]
    assert RANKING[0].document.id == "b"
    assert [hit.truncated for hit in RANKING] == [False, True]
    assert RANKING.documents == [hit.document for hit in RANKING]


@given(st.lists(st.floats(-5, 5), max_size=9))
def test_order_is_score_descending_then_the_callers(scores: list[float]) -> None:
    ranking = Ranking.of(Query("q", "w"), [Hit(Document(str(i), ""), s, i) for i, s in enumerate(scores)], "s")
    order = [(-hit.score, hit.index) for hit in ranking]
    assert order == sorted(order)
    assert len(ranking) == len(scores)


@pytest.mark.parametrize("score", [float("nan"), float("inf"), float("-inf")])
def test_a_score_that_is_no_number_is_refused(score: float) -> None:
    with pytest.raises(BadInput, match="document 'a' the score"):
        Ranking.of(Query("q", "w"), [Hit(Document("a", ""), score, 0)], "s")
    with pytest.raises(BadInput, match="query 'q', document 'a' has the score"):
        Run("r", {"q": {"a": score}})


def test_an_id_twice_and_a_blank_query_are_refused() -> None:
    with pytest.raises(DuplicateId, match="'a'"):
        Ranking.of(Query("q", "w"), [Hit(Document("a", ""), 1, i) for i in range(2)], "s")
    for text in ("", " \t"):
        with pytest.raises(BadQuery):
            Query("q", text)
