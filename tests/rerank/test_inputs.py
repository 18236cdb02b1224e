"""What a caller may hand over, and what a refusal says: never a raw Python error, never another list than was meant."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import rankladder
from rankladder import Document, Hit, Query, Ranking, Reranker
from rankladder.errors import BadInput, BadOption, DuplicateId, RankladderError
from rankladder.other_names import ARGUMENTS, HIT_NAMES, RANKING_NAMES
from rankladder.rerank.inputs import as_documents, as_pairs, as_top_k

RAIN = "Rain falls from clouds."


class PageDocument:
    """A document as LangChain has it: its text is called page_content."""

    __module__ = "langchain_core.documents"

    def __init__(self) -> None:
        self.page_content = RAIN


@pytest.fixture(scope="module")
def tiny(bert: Any) -> Reranker:
    return Reranker.open(bert)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["a", "b"], [("0", "a"), ("1", "b")]),
        ((text for text in ("a", "b")), [("0", "a"), ("1", "b")]),
        (np.array(["a", "b"]), [("0", "a"), ("1", "b")]),
        (pd.Series(["a", "b"], index=[7, 9]), [("0", "a"), ("1", "b")]),
        (pl.Series(["a", "b"]), [("0", "a"), ("1", "b")]),
        ({"d1": "a", "d2": "b"}, [("d1", "a"), ("d2", "b")]),
        ({"d1": {"text": "a", "title": ""}, "d2": {"text": "b"}}, [("d1", "a"), ("d2", "b")]),
        ({3: "a"}, [("3", "a")]),
        ({}, []),
        ({"d1": "a"}.values(), [("0", "a")]),
        ([{"text": "a"}, {"id": 5, "text": "b"}, {"_id": "x", "text": "c"}], [("0", "a"), ("5", "b"), ("x", "c")]),
        ([{"id": np.int64(5), "text": "b"}], [("5", "b")]),
        (pd.DataFrame({"id": [1, 2], "text": ["a", "b"]}).to_dict("records"), [("1", "a"), ("2", "b")]),
        (pl.DataFrame({"text": ["a"]}).to_dicts(), [("0", "a")]),
    ],
    ids=repr,
)
def test_documents_of_every_obvious_kind_keep_their_ids_and_their_order(given: Any, expected: list[Any]) -> None:
    assert [(document.id, document.text) for document in as_documents(given)] == expected


def test_the_other_keys_of_a_mapping_are_metadata_and_its_title_is_read() -> None:
    (document,) = as_documents([{"id": "a", "title": "Rain", "text": RAIN, "url": "x", "meta": {"year": 2026}}])
    assert document == Document("a", RAIN, "Rain", {"url": "x", "meta": {"year": 2026}})
    assert document.full_text == f"Rain {RAIN}"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (RAIN, "a list of documents, got str"),
        (b"rain", "a list of documents, got bytes"),
        (Document("a", RAIN), "a list of documents, got Document"),
        (None, "a list of documents, got NoneType"),
        (3, "a list of documents, got int"),
        (np.array("rain"), "a list of documents, got ndarray of numpy"),
        ({"a"}, "a set, which has no order"),
        (pd.DataFrame({"text": [RAIN]}), r"got DataFrame of pandas\nhint: the texts alone: frame"),
        (pl.DataFrame({"text": [RAIN]}), r"got DataFrame of polars\nhint: the texts alone: frame"),
        ({"text": RAIN, "id": "a"}, "a mapping with the keys of a document"),
        ({"page_content": RAIN, "metadata": {}}, "a mapping with the keys of a document"),
        ({"a": 3}, "an id and its text, got 'a': int"),
        ({("a", "b"): RAIN}, "an id and its text"),
        ({"a": None}, "an id and its text, got 'a': NoneType"),
        ([None], "document 0 is missing"),
        ([RAIN, float("nan")], "document 1 is missing"),
        ([b"rain"], r"document 0.*got bytes\nhint: decode it first"),
        ([3], "document 0.*got int"),
        ([("a", RAIN)], r"document 0.*got tuple\nhint: .*Document\(id, text\)"),
        ([Query("q", "rain")], "document 0.*got Query"),
        ([PageDocument()], r"got PageDocument of langchain_core\nhint: .*document\.page_content for"),
        ([SimpleNamespace(content=RAIN)], r"document\.content for"),
        ([SimpleNamespace(text=RAIN)], r"document\.text for"),
        ([{"page_content": RAIN}], "document 0: expected a text under the key \"text\", got the keys 'page_content'"),
        ([{}], "got the keys none"),
        ([{"text": None}], "document 0: its text is missing"),
        ([{"text": RAIN, "title": 3}], 'under the key "title", got int'),
        ([{"text": RAIN, "id": 1.5}], "a text or a whole number under 'id', got float"),
        ([{"text": RAIN, "id": True}], "under 'id', got bool"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_not_a_list_of_documents_is_refused_by_a_sentence(given: Any, said: str) -> None:
    with pytest.raises(BadInput, match=rf"(?s){said}"):
        as_documents(given)


@pytest.mark.parametrize(
    "pair",
    [None, 1, "ab", b"ab", {"a"}, {"query": "a", "text": "b"}, ["a"], ("a", "b", "c"), ("a", None), (1, "b"),
     ("a", Document("d", "b"))],
    ids=repr,
)  # fmt: skip
def test_a_pair_is_two_texts(tiny: Reranker, pair: Any) -> None:
    with pytest.raises(BadInput, match="pair 1: expected a query and a document"):
        tiny.predict([("a", "b"), pair])


def test_pairs_come_as_tuples_lists_and_rows_of_an_array() -> None:
    rows = [("a", "b"), ["a", "b"], *np.array([["a", "b"]])]
    assert list(as_pairs(rows)) == [("a", "b")] * 3
    for wrong in (None, 3, "ab", {"a": "b"}, pd.DataFrame({"query": ["a"], "text": ["b"]}), {("a", "b")}):
        with pytest.raises(BadInput, match="expected a list of pairs"):
            list(as_pairs(wrong))  # type: ignore[arg-type]


@pytest.mark.parametrize("query", [None, 3, b"rain", ["rain"], {"text": "rain"}, float("nan")], ids=repr)
def test_a_query_is_a_text(tiny: Reranker, query: Any) -> None:
    with pytest.raises(BadInput, match="query must be a text or a Query"):
        tiny.rank(query, [RAIN])


@pytest.mark.parametrize("tasks", [None, 3, ["ab"], [("rain",)], [{"rain": [RAIN]}]], ids=repr)
def test_a_task_is_a_query_and_its_documents(tiny: Reranker, tasks: Any) -> None:
    with pytest.raises(BadInput):
        tiny.rank_many(tasks)


@pytest.mark.parametrize("top_k", [1, np.int64(1), np.uint8(1), pd.Series([1]).max()], ids=repr)
def test_whole_numbers_of_every_library_are_counts(top_k: Any) -> None:
    assert as_top_k(top_k) == 1
    assert type(as_top_k(top_k)) is int


@pytest.mark.parametrize("top_k", [0, -1, 1.0, True, "1", np.float64(2), float("nan"), [1]], ids=repr)
def test_what_is_no_count_is_refused(top_k: Any) -> None:
    with pytest.raises(BadOption, match="top_k must be a whole number, at least 1"):
        as_top_k(top_k)


def test_ids_that_meet_are_refused_by_name(tiny: Reranker) -> None:
    with pytest.raises(DuplicateId, match="'1'"):
        tiny.rank("rain", [{"id": 1, "text": "a"}, "b"])


@pytest.mark.parametrize("name", ["box", "", None], ids=repr)
def test_the_constructor_points_to_open(name: Any) -> None:
    with pytest.raises(BadInput, match=r"hint: Reranker\.open\("):
        Reranker(name)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda r: r.predict([("a", "b")], batch_size=32), "predict has no argument 'batch_size'\nhint: leave it out"),
        (lambda r: r.rank("a", ["b"], return_documents=True), "rank has no argument 'return_documents'"),
        (lambda r: r.rank("a", ["b"], top_n=3), "hint: top_k"),
        (lambda r: r.rank(query="a", passages=["b"]), "hint: documents"),
        (lambda r: r.rank("a", ["b"], topk=3), "hint: the arguments are query, documents, top_k, long, progress"),
        (lambda r: Reranker.open("box", max_length=128), "hint: Reranker.open.name, max_tokens"),
        (lambda r: Reranker.open(model_name="box"), "hint: the first argument of Reranker.open"),
    ],
)
def test_an_argument_of_another_library_gets_the_name_that_it_has_here(
    tiny: Reranker, call: Callable[[Reranker], object], said: str
) -> None:
    with pytest.raises(BadOption, match=said):
        call(tiny)


def test_no_hint_offers_an_argument_that_there_is_not() -> None:
    ours = {
        name
        for method in ("open", "rank", "predict")
        for name in inspect.signature(getattr(Reranker, method)).parameters
    }
    assert ours.isdisjoint(ARGUMENTS)
    assert {hint for hint in ARGUMENTS.values() if hint.isidentifier()} <= ours


def test_a_hit_and_a_ranking_name_the_fields_that_they_have() -> None:
    hit = Hit(Document("d", RAIN, metadata={"page": 3}), 1.5, 0)
    ranking = Ranking.of(Query("q", "rain"), [hit], "box int8")
    with pytest.raises(BadInput, match=r"hint: hit\.score"):
        _ = hit["score"]
    with pytest.raises(BadInput, match="hint: the ranking itself"):
        _ = ranking["results"]
    with pytest.raises(AttributeError, match=r"hint: hit\.score"):
        _ = hit.relevance_score
    with pytest.raises(AttributeError, match="hint: the ranking itself"):
        _ = ranking.results
    assert not hasattr(hit, "text")
    for hint in HIT_NAMES.values():
        eval(hint, {"hit": hit, "ranking": ranking})
    for hint in RANKING_NAMES.values():
        eval(
            hint.replace("the ranking itself: ", "").replace("for hit in ranking", "[hit for hit in ranking]")
            if hint.startswith("the ranking")
            else hint,
            {"hit": hit, "ranking": ranking, "k": 1, "id": "d"},
        )


def test_a_reranker_and_the_package_name_what_they_have(tiny: Reranker) -> None:
    with pytest.raises(AttributeError, match=r"hint: reranker\.rank\("):
        tiny.rerank("rain", [RAIN])
    with pytest.raises(AttributeError, match=r"hint: from rankladder import Reranker"):
        _ = rankladder.CrossEncoder
    with pytest.raises(AttributeError, match=r"no attribute 'nothing'$"):
        _ = rankladder.nothing


def test_a_ranking_is_short_to_print_and_a_table_in_a_notebook() -> None:
    documents = [Document(f"<{n}>", "a <b>long</b> text\x1b[31m " * 100, "T&C") for n in range(30)]
    ranking = Ranking.of(Query("q", "rain"), [Hit(d, 1.0, n) for n, d in enumerate(documents)], "box int8")
    assert len(repr(ranking)) < 250
    assert "30 hits" in repr(ranking)
    assert repr(Ranking.of(Query("q", "rain"), [], "box int8")) == "<Ranking of 'rain' by box int8: 0 hits>"
    table = ranking._repr_html_()
    assert table.count("<tr>") == 21
    assert "and 10 more" in table
    assert "<b>" not in table
    assert "&lt;0&gt;" in table


@pytest.mark.parametrize("value", [Document, Query], ids=["Document", "Query"])
@pytest.mark.parametrize("wrong", [None, 3, b"rain", float("nan")], ids=repr)
def test_ids_and_texts_are_texts(value: type[Any], wrong: Any) -> None:
    with pytest.raises(RankladderError, match="expected a text as id"):
        value(wrong, RAIN)
    with pytest.raises(RankladderError, match="expected a text as text"):
        value("a", wrong)


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, pd.NaT], ids=repr)
def test_what_is_missing_is_no_text_and_no_title(missing: Any) -> None:
    (document,) = as_documents([{"text": RAIN, "title": missing}])
    assert document.title == ""
    for given in ([missing], [{"text": missing}]):
        with pytest.raises(BadInput, match=r"document 0.* is missing .*\nhint: leave it out"):
            as_documents(given)


def test_the_hint_for_a_table_is_a_list_of_its_texts() -> None:
    frame = pd.DataFrame({"text": [RAIN]})
    with pytest.raises(BadInput, match=r'hint: the texts alone: frame\["text"\]'):
        as_documents(frame)
    assert [document.text for document in as_documents(frame["text"])] == [RAIN]
