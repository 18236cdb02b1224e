"""Judgements in the forms that are met: read, or refused with what the file is and what to do."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from rankladder.errors import BadFile, BadOption, DuplicateId
from rankladder.textfiles import beir_folder, read_qrels
from rankladder.values import Qrels

GRADES = {"q1": {"d1": 2, "d2": 0}, "q2": {"d1": 1}}
FORMS = {
    "trec": ("qrels.txt", "q1 0 d1 2\nq1 0 d2 0\nq2 0 d1 1\n"),
    "trec, tabs, rounds": ("qrels", "q1\t0.5\td1\t2\nq1 4.5 d2 0\nq2 Q0 d1 1.0\n"),
    "beir": ("test.tsv", "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\nq2\td1\t1\n"),
    "beir without a header": ("test.tsv", "q1\td1\t2\nq1\td2\t0\nq2\td1\t1\n"),
    "comments": (
        "qrels.txt",
        "# judged by two\n#query iteration document grade\nq1 0 d1 2\nq1 0 d2 0\n\n##\nq2 0 d1 1\n",
    ),
    "csv": ("test.csv", "query-id,corpus-id,score\nq1,d1,2\nq1,d2,0\nq2,d1,1\n"),
    "csv, pyterrier": ("test.csv", "qid,docno,label\nq1,d1,2\nq1,d2,0\nq2,d1,1\n"),
    "csv, ranx": ("test.csv", "q_id,doc_id,score\nq1,d1,2\nq1,d2,0\nq2,d1,1\n"),
    "csv, other order, quotes": ("q.csv", 'label,"docid","qid"\n2,"d1","q1"\n0,d2,q1\n1,d1,q2\n'),
    "csv, semicolons": ("q.csv", "query;document;grade\nq1;d1;2\nq1;d2;0\nq2;d1;1\n"),
    "csv without a header": ("q.csv", "q1,d1,2\nq1,d2,0\nq2,d1,1\n"),
    "csv of trec": ("q.csv", "q1,0,d1,2\nq1,0,d2,0\nq2,0,d1,1\n"),
    "tsv, more columns": ("q.tsv", "qid\titeration\tdocid\trel\nq1\t0\td1\t2\nq1\t0\td2\t0\nq2\t0\td1\t1\n"),
    "json": ("qrels.json", '{"q1": {"d1": 2, "d2": 0}, "q2": {"d1": 1}}'),
    "json, indented": ("qrels", '{\n "q1": {\n  "d1": 2,\n  "d2": 0\n },\n "q2": {\n  "d1": 1\n }\n}\n'),
    "json lines": (
        "test.jsonl",
        '{"query-id": "q1", "corpus-id": "d1", "score": 2}\n{"query-id": "q1", "corpus-id": "d2", "score": 0}\n'
        '{"query-id": "q2", "corpus-id": "d1", "score": 1.0}\n',
    ),
    "json lines, other keys": (
        "test.jsonl",
        '{"query_id": "q1", "doc_id": "d1", "relevance": 2, "iteration": "0"}\n'
        '{"query_id": "q1", "doc_id": "d2", "relevance": 0}\n{"qid": "q2", "docid": "d1", "rel": 1}\n',
    ),
    "the same pair twice": ("qrels.txt", "q1 0 d1 2\nq1 0 d2 0\nq1 0 d1 2\nq2 0 d1 1\n"),
}


def test_a_list_of_documents_is_of_grade_1(tmp_path: Path) -> None:
    (tmp_path / "q.json").write_text('{"q1": ["d1", {"docid": "d2"}]}')
    assert read_qrels(tmp_path / "q.json") == Qrels({"q1": {"d1": 1, "d2": 1}})


@pytest.mark.parametrize("packed", [False, True], ids="plain gzip".split())
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_judgements_gives_its_grades(tmp_path: Path, form: str, packed: bool) -> None:
    name, text = FORMS[form]
    path = tmp_path / (f"{name}.gz" if packed else name)
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    assert read_qrels(path) == Qrels(GRADES)
    if not packed:
        path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
        assert read_qrels(path) == Qrels(GRADES)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("q.txt", "q1 0 d1 0.5\nq1 0 d2 0.25\n", "multiply every grade by 4: --grade-scale 4"),
        ("q.tsv", "q1\td1\t1.5\n", "multiply every grade by 2"),
        ("q.json", '{"q1": {"d1": 0.1}}', "multiply every grade by 10"),
        ("q.txt", "q1 0 d1 0.123456\n", "round them"),
        ("q.txt", "1 d1 2 1 0.5\n", "5, as sampled judgements"),
        ("q.txt", "q1 Q0 d1 1 9.5 tag\n", "6, as a run has"),
        ("q.txt", "q1 d1\n", "found 2"),
        ("q.txt", "q1 0 d1 high\n", "expected a whole grade, found 'high'"),
        ("q.txt", "q1 0 d1 nan\n", "expected a whole grade, found 'nan'"),
        ("q.jsonl", '{"query": "a", "text": "b"}\n', "expected a query, a document and a value"),
        ("q.json", '{"q1": {"d1": true}}', "expected a whole grade, found True"),
        ("q.csv", "a,b\n1,2\n", "expected a header"),
        ("q.csv", "qid,docid,score\nq1,d1\n", "expected 3 cells, found 2"),
        ("q.txt", "1 0 d1 1\n1 1 d1 0\n", "judges by subtopic"),
        ("q.txt", "q1 0 d1 1e999999999\n", "expected a whole grade, found '1e999999999'"),
        ("q.txt", "q1 0 d1 1/1\n", "expected a whole grade, found '1/1'"),
        ("q.txt", "q1 0 d1 1_0\n", "expected a whole grade, found '1_0'"),
        ("q.json", '{"q1": {"d1": 1}, "q1": {"d2": 1}}', "an object has 'q1' twice"),
        ("q.jsonl", '{"qid": "q1", "docid": "d1", "score": 1, "score": 0}\n', "an object has 'score' twice"),
        ("q.jsonl", '{"qid": 0, "query": "a", "answer_pids": [1]}\n', "the keys are qid, query, answer_pids"),
    ],
)
def test_what_is_no_judgement_is_called_by_its_name(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises((BadFile, DuplicateId), match=r"q\.") as refused:
        read_qrels(tmp_path / name)
    assert said in str(refused.value)


def test_fractions_are_scaled_where_that_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "q.txt"
    path.write_text("q1 0 d1 0.5\nq1 0 d2 1\nq2 0 d1 -0.5\n")
    assert read_qrels(path, scale=2) == Qrels({"q1": {"d1": 1, "d2": 2}, "q2": {"d1": -1}})
    with pytest.raises(BadFile, match=r"q\.txt:1: expected a whole grade, found 0\.5 \(times 3\).*\n.*--grade-scale 2"):
        read_qrels(path, scale=3)
    with pytest.raises(BadOption, match="at least 1"):
        read_qrels(path, scale=0)


@pytest.mark.parametrize(
    "ending", [".csv", ".jsonl", ".json", ".txt", ".qrels", ".trec", ".tsv.gz", ".jsonl.gz", ".txt.gz"]
)
def test_a_beir_folder_takes_judgements_under_other_endings(tmp_path: Path, ending: str) -> None:
    for name in ("corpus.jsonl", "queries.jsonl"):
        (tmp_path / name).write_text("")
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / f"test{ending}").write_text("")
    (tmp_path / "qrels" / "README.md").write_text("")
    assert {split: file.name for split, file in beir_folder(tmp_path).qrels.items()} == {"test": f"test{ending}"}
    (tmp_path / "qrels" / "test.tsv").write_text("")
    assert beir_folder(tmp_path).qrels["test"].name == "test.tsv"
