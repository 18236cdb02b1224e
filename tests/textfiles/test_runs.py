"""Runs, judgements and queries read back as they were written; runs in the other forms that are met."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankladder.errors import BadFile, BadInput, DuplicateId, PathMissing
from rankladder.textfiles import (
    read_qrels,
    read_queries,
    read_run,
    read_run_file,
    read_topics,
    write_qrels,
    write_run,
)
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


SCORES = {"q1": {"d1": 9.0, "d2": 3.5}, "q2": {"d2": 4.0}}
RANKS = {"q1": {"d1": -1.0, "d2": -2.0}, "q2": {"d2": -1.0}}
FORMS = {
    "six": ("q1 Q0 d1 1 9 t\nq1 Q0 d2 2 3.5 t\nq2 Q0 d2 1 4 t\n", SCORES, "t"),
    "eight, a tag of words": (
        "q1 Q0 d1 1 9 my own run\nq1 Q0 d2 2 3.5 my own run\nq2 Q0 d2 1 4 x\n",
        SCORES,
        "my own run",
    ),
    "five, no tag": ("q1 Q0 d1 1 9\nq1 Q0 d2 2 3.5\nq2 Q0 d2 1 4\n", SCORES, "run"),
    "five, no Q0": ("q1 d1 1 9 t\nq1 d2 2 3.5 t\nq2 d2 1 4 t\n", SCORES, "t"),
    "four": ("q1 d1 1 9\nq1 d2 2 3.5\nq2 d2 1 4\n", SCORES, "run"),
    "four, no rank": ("q1 Q0 d1 9\nq1 Q0 d2 3.5\nq2 Q0 d2 4\n", SCORES, "run"),
    "three, scores": ("q1\td1\t9\nq1\td2\t3.5\nq2\td2\t4\n", SCORES, "run"),
    "three, ranks": ("q1\td1\t1\nq1\td2\t2\nq2\td2\t1\n", RANKS, "run"),
    "four, a tag": ("q1 d1 9.0 t\nq1 d2 3.5 t\nq2 d2 4.0 t\n", SCORES, "t"),
    "csv, no header, ranks": ("q1,d1,1\nq1,d2,2\nq2,d2,1\n", RANKS, "run"),
    "csv, no header, scores": ("q1,d1,9\nq1,d2,3.5\nq2,d2,4\n", SCORES, "run"),
    "three, a header": ("qid\tpid\trank\nq1\td1\t1\nq1\td2\t2\nq2\td2\t1\n", RANKS, "run"),
    "comments": ("# a run\nq1 Q0 d1 1 9 t\nq1 Q0 d2 2 3.5 t\n#\nq2 Q0 d2 1 4 t\n", SCORES, "t"),
    "csv, pyterrier": (
        "qid,docid,docno,rank,score,query\nq1,7,d1,0,9,a\nq1,8,d2,1,3.5,a\nq2,8,d2,0,4,b\n",
        SCORES,
        "run",
    ),
    "csv, ranx": ("q_id,doc_id,score\nq1,d1,9\nq1,d2,3.5\nq2,d2,4\n", SCORES, "run"),
    "csv, ranks": ("qid,docno,rank\nq1,d1,1\nq1,d2,2\nq2,d2,1\n", RANKS, "run"),
    "json": ('{"q1": {"d1": 9, "d2": 3.5}, "q2": {"d2": 4}}', SCORES, "run"),
    "json, lists": ('{"q1": ["d1", "d2"], "q2": ["d2"]}', RANKS, "run"),
    "json, pairs": ('{"q1": [["d1", 9], ["d2", 3.5]], "q2": [["d2", 4]]}', SCORES, "run"),
    "json, hits": (
        '{"q1": [{"docid": "d1", "score": 9}, {"docid": "d2", "score": 3.5}], "q2": [{"corpus_id": "d2", "score": 4}]}',
        SCORES,
        "run",
    ),
    "json, mteb": (
        '{"mteb_model_meta": {"a": {}}, "default": {"test": {"q1": {"d1": 9, "d2": 3.5}, "q2": {"d2": 4}}}}',
        SCORES,
        "run",
    ),
    "json lines": (
        '{"query_id": "q1", "doc_id": "d1", "score": 9}\n{"query_id": "q1", "doc_id": "d2", "score": 3.5}\n'
        '{"query_id": "q2", "doc_id": "d2", "score": 4}\n',
        SCORES,
        "run",
    ),
    "json lines, candidates": (
        '{"query": {"text": "a", "qid": "q1"}, "candidates": [{"docid": "d1", "score": 9},'
        ' {"docid": "d2", "score": 3.5}]}\n'
        '{"query": {"text": "b", "qid": "q2"}, "candidates": [{"docid": "d2", "score": 4}]}\n',
        SCORES,
        "run",
    ),
}


@pytest.mark.parametrize("packed", [False, True], ids="plain gzip".split())
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_run_gives_its_scores(tmp_path: Path, form: str, packed: bool) -> None:
    text, scores, name = FORMS[form]
    ending = ".csv" if form.startswith("csv") else ""
    path = tmp_path / f"run{ending}{'.gz' if packed else ''}"
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    run, remarks = read_run_file(path)
    assert (run.name, run.scores) == (name, scores)
    ranked = scores == RANKS and not form.startswith("json")
    assert remarks == ((f"{path.name}: its values are read as ranks: the lowest is the best",) if ranked else ())


def test_runs_and_judgements_may_be_in_utf_16(tmp_path: Path) -> None:
    text = "q1 Q0 d1 1 9 é\r\nq1 Q0 d2 2 3.5 é\r\nq2 Q0 d2 1 4 é\r\n"
    (tmp_path / "run").write_bytes(text.encode("utf-16"))
    assert read_run(tmp_path / "run") == Run("é", SCORES)
    (tmp_path / "qrels").write_bytes("q1 0 d1 1\n".encode("utf-16"))
    assert read_qrels(tmp_path / "qrels") == Qrels({"q1": {"d1": 1}})
    for read in (read_run, read_qrels):
        (tmp_path / "bare").write_bytes(text.encode("utf-16-le"))
        with pytest.raises(BadFile, match="UTF-16 text without a byte order mark"):
            read(tmp_path / "bare")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("q1 d1\n", "found 2 that do not read as a run"),
        ("q1 Q0 d 1 1 2.0 t\n", "found 7 that do not read as a run"),
        ('q1 Q0 "d 1" 1 2.0 t\n', "found 7 that do not read as a run"),
        ('{"q": {"d": {"x": 1}}}', "expected a finite score"),
        ("q1 0 d1 1\n", "found 4 that do not read as a run"),
        ("q1 0 7187158 1\n", "found 4 that do not read as a run"),
        ('{"q1": "d1"}', "expected documents with values"),
        ('{"q1": {"d1": null}}', "expected a finite score, found None"),
        ('{"q1": {"d1": 1e999}}', "expected a finite score, found inf"),
        ('{"q1": ["d1", "d1"]}', "'d1' appears twice under query 'q1'"),
        ('{"q1": {"d1": 1, "d1": 2}}', "an object has 'd1' twice"),
        ('{"q1": {"d1": 1},\n"q1": {"d2": 2}}', "an object has 'q1' twice"),
        ("q1 d1 \u00b2\n", "expected a finite score"),
        ("q1 d1 1\nq1 d2\n", "expected 3 columns, as on the first line, found 2"),
    ],
)
def test_what_is_no_run_is_called_by_its_name(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "run").write_text(text, "utf-8")
    with pytest.raises((BadFile, DuplicateId), match="run") as refused:
        read_run(tmp_path / "run")
    assert said in str(refused.value)


def test_a_key_that_stands_twice_with_one_value_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "run").write_text('{"q1": {"d1": 9, "d1": 9}}')
    assert read_run(tmp_path / "run").scores == {"q1": {"d1": 9.0}}


@pytest.mark.parametrize("read", [read_run, read_qrels, read_topics])
def test_what_is_packed_is_called_by_its_name_with_the_way_out(tmp_path: Path, read: Callable[[Path], object]) -> None:
    file = tmp_path / "file.txt"
    file.write_bytes(gzip.compress(b"q1 Q0 d1 1 9 t\n"))
    with pytest.raises(BadFile, match=r"gzip data .*\n.*rename it to file\.txt\.gz"):
        read(file)
    file.write_bytes(b"PAR1" + bytes(20))
    with pytest.raises(BadFile, match=r"a Parquet file, not text\n.*read_parquet"):
        read(file)


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
