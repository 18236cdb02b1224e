"""Ids that two files write differently: treated as the same where no two could be meant, and said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rankladder.evaluate import candidates_from_run, evaluate, read_dataset
from rankladder.evaluate.fitting import other_spellings


def collection(
    folder: Path, *, queries: list[str], judged: list[str], documents: list[str], relevant: list[str]
) -> Path:
    (folder / "qrels").mkdir(parents=True)
    rows = [{"_id": id, "text": f"document number {place}"} for place, id in enumerate(documents)]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "queries.jsonl").write_text(
        "".join(json.dumps({"_id": id, "text": f"query {id}"}) + "\n" for id in queries)
    )
    lines = [f"{query} 0 {document} 1" for query, document in zip(judged, relevant, strict=True)]
    (folder / "qrels" / "test.txt").write_text("\n".join(lines))
    return folder


@pytest.mark.parametrize(
    ("queries", "judged"),
    [(["051", "052", "100"], ["51", "52", "100"]), (["51", "52"], ["051", "052"]), (["MB01", "MB02"], ["1", "2"])],
    ids="zeros judged letters".split(),
)
def test_queries_are_known_by_their_number(tmp_path: Path, queries: list[str], judged: list[str]) -> None:
    documents = [f"d{place}" for place in range(len(judged))]
    folder = collection(tmp_path / "x", queries=queries, judged=judged, documents=documents, relevant=documents)
    dataset = read_dataset(folder)
    assert list(dataset.queries) == list(dataset.qrels.grades) == judged
    (said,) = dataset.remarks
    assert f"queries are written differently in the judgements ({queries[0]!r} is {judged[0]!r} there)" in said


def test_documents_of_judgements_and_runs_are_known_by_their_number(tmp_path: Path) -> None:
    folder = collection(
        tmp_path / "x", queries=["a", "b"], judged=["a", "b"], documents=["001", "002", "003"], relevant=["1", "2"]
    )
    dataset = read_dataset(folder)
    assert dataset.qrels.grades == {"a": {"001": 1}, "b": {"002": 1}}
    assert "2 judged documents are written differently in the collection ('1' is '001' there)" in dataset.remarks[0]
    (tmp_path / "run").write_text("a Q0 1 1 2 t\nb Q0 2 1 2 t\n")
    found = candidates_from_run(dataset, tmp_path / "run")
    assert found.run.scores == {"a": {"001": 2.0}, "b": {"002": 2.0}}
    assert found.remarks == (
        "t: 2 documents of the run are written differently in the collection ('1' is '001' there): treated as the same",
    )
    assert evaluate(dataset, [found], store=tmp_path / "s").systems[0].intervals["nDCG@10"].mean == 1.0


def test_queries_of_a_run_are_known_by_their_number(tmp_path: Path) -> None:
    folder = collection(
        tmp_path / "x", queries=["1", "2"], judged=["1", "2"], documents=["a", "b"], relevant=["a", "b"]
    )
    (tmp_path / "run").write_text("01 Q0 a 1 2 t\n02 Q0 b 1 2 t\n")
    found = candidates_from_run(read_dataset(folder), tmp_path / "run")
    assert found.run.scores == {"1": {"a": 2.0}, "2": {"b": 2.0}}


@pytest.mark.parametrize(
    ("ids", "known"),
    [(["01", "001"], ["1"]), (["1"], ["01", "001"]), (["MB01", "2"], ["1", "2"]), (["1"], ["1", "01"]), (["a"], ["b"])],
)
def test_what_could_mean_two_is_left_alone(ids: list[str], known: list[str]) -> None:
    assert other_spellings(ids, known) == {}
