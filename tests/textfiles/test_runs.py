"""Runs, judgements and queries read back as they were written."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankladder.errors import BadFile, BadInput, DuplicateId, PathMissing
from rankladder.textfiles import read_qrels, read_queries, read_run, write_qrels, write_run
from rankladder.values import Qrels, Query, Run

ids = st.text(st.characters(exclude_characters=" \t\r\n\v\f\ufeff", exclude_categories=["Cs"]), min_size=1, max_size=9)
ids = ids.filter(lambda id: id.strip("#"))  # a line of # alone is a comment
scores = st.floats(allow_nan=False, allow_infinity=False)


@given(ids, st.dictionaries(ids, st.dictionaries(ids, scores, min_size=1, max_size=5), min_size=1, max_size=4))
def test_a_run_reads_back(
    tmp_path_factory: pytest.TempPathFactory, name: str, rows: dict[str, dict[str, float]]
) -> None:
    path = tmp_path_factory.mktemp("r") / "a.trec"
    write_run(Run(name, rows), path)
    assert read_run(path) == Run(name, rows)


@given(st.dictionaries(ids, st.dictionaries(ids, st.integers(), min_size=1, max_size=5), max_size=4))
@pytest.mark.parametrize("name", ["a.tsv", "a.qrels", "a.tsv.gz"])
def test_judgements_read_back(
    tmp_path_factory: pytest.TempPathFactory, name: str, rows: dict[str, dict[str, int]]
) -> None:
    path = tmp_path_factory.mktemp("q") / name
    write_qrels(Qrels(rows), path)
    assert read_qrels(path) == Qrels(rows)


def test_a_run_is_written_best_first_and_ties_by_id_descending(tmp_path: Path) -> None:
    write_run(Run("bm25", {"q": {"a": 1.0, "c": 1.0, "b": 2.5, "é": 1.0}}), tmp_path / "r")
    assert (
        tmp_path / "r"
    ).read_text() == "q Q0 b 1 2.5 bm25\nq Q0 é 2 1.0 bm25\nq Q0 c 3 1.0 bm25\nq Q0 a 4 1.0 bm25\n"


def test_tabs_and_spaces_may_be_mixed(tmp_path: Path) -> None:
    (tmp_path / "r").write_text("q1\tQ0  d1 \t1 0.5\ttag\r\n\nq1 Q0 d2 2 .25 tag\n")
    assert read_run(tmp_path / "r", "mine") == Run("mine", {"q1": {"d1": 0.5, "d2": 0.25}})
    (tmp_path / "q").write_text("q1 0\td1 1\nq1\t0\td2\t-1\nq2 d1 2\n")
    assert read_qrels(tmp_path / "q") == Qrels({"q1": {"d1": 1, "d2": -1}, "q2": {"d1": 2}})


@pytest.mark.parametrize("header", ["query-id\tcorpus-id\tscore\n", ""])
def test_beir_judgements_need_no_header_and_may_have_spaces_in_ids(tmp_path: Path, header: str) -> None:
    (tmp_path / "q.tsv").write_text(header + "q 1\td1\t1\nq2\td 2\t0\n")
    assert read_qrels(tmp_path / "q.tsv") == Qrels({"q 1": {"d1": 1}, "q2": {"d 2": 0}})


@pytest.mark.parametrize(
    "line", ["q Q0 d 1 x tag", "q Q0 d 1 nan tag", "q Q0 d 1 inf tag", "q d", "word", "q d 1 x tag"]
)
def test_a_bad_line_of_a_run_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "r").write_text(f"q Q0 e 1 2 tag\n{line}\n")
    with pytest.raises(BadFile, match=r"r:2:"):
        read_run(tmp_path / "r")


@pytest.mark.parametrize("line", ["q 0 d high", "q 0 d 0.5", "q d", "q 0 d 1 extra"])
def test_a_bad_line_of_judgements_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "q").write_text(f"q 0 e 1\n{line}\n")
    with pytest.raises(BadFile, match=r"q:2:"):
        read_qrels(tmp_path / "q")


def test_a_pair_that_stands_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r").write_text("q Q0 d 1 2 t\nq Q0 d 2 1 t\n")
    with pytest.raises(DuplicateId, match=r"r:2:"):
        read_run(tmp_path / "r")
    (tmp_path / "q").write_text("q 0 d 1\nq 0 d 1\nq 0 d 2\n")
    with pytest.raises(DuplicateId, match=r"q:3:"):
        read_qrels(tmp_path / "q")


@pytest.mark.parametrize("bad", ["", "a b", "a\n"])
def test_an_id_with_white_space_is_not_written(tmp_path: Path, bad: str) -> None:
    for run in (Run(bad, {}), Run("n", {bad: {"d": 1.0}}), Run("n", {"q": {bad: 1.0}})):
        with pytest.raises(BadInput):
            write_run(run, tmp_path / "r")
    with pytest.raises(BadInput):
        write_qrels(Qrels({"q": {bad: 1}}), tmp_path / "q")
    assert list(tmp_path.iterdir()) == []


def test_missing_files_are_named(tmp_path: Path) -> None:
    for read in (read_run, read_qrels, read_queries):
        with pytest.raises(PathMissing, match="nowhere"):
            read(tmp_path / "nowhere")
    with pytest.raises(BadFile, match="folder"):
        read_run(tmp_path)


def test_queries_come_from_json_lines_and_tsv(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text('{"_id": 1, "text": "what is it"}\n')
    (tmp_path / "q.tsv").write_text("qid\tquery\n1\twhat is it\n")
    assert read_queries(tmp_path / "q.jsonl") == read_queries(tmp_path / "q.tsv") == [Query("1", "what is it")]


def test_a_log_without_ids_may_be_numbered_by_its_lines(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text('{"query": "what"}\n\n{"id": "x", "query": "who"}\n{"query": "why"}\n')
    assert [query.id for query in read_queries(tmp_path / "log.jsonl", line_ids=True)] == ["1", "x", "4"]
    with pytest.raises(BadFile, match=r"log\.jsonl:1: expected a query with an id"):
        read_queries(tmp_path / "log.jsonl")
    (tmp_path / "log.jsonl").write_text('{"id": 2, "query": "what"}\n{"query": "why"}\n')
    with pytest.raises(DuplicateId, match=r"log\.jsonl:2: query '2' appears twice, first at .*log\.jsonl:1"):
        read_queries(tmp_path / "log.jsonl", line_ids=True)


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("q.jsonl", '{"_id": "1", "text": " "}', BadFile),
        ("q.jsonl", '{"text": "x"}', BadFile),
        ("q.tsv", "1 no tab", BadFile),
        ("q.tsv", "1\ta\n1\tb", DuplicateId),
        ("q.xml", "<q/>", BadFile),
    ],
)
def test_bad_queries_are_refused(tmp_path: Path, name: str, text: str, error: type[Exception]) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(error, match="q"):
        read_queries(tmp_path / name)
