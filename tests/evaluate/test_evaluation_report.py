"""What an evaluation says: the queries that changed, the JSON, the page and the run files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rankladder.errors import StorageFailed
from rankladder.evaluate import Candidates, Dataset, evaluate
from rankladder.evaluate.report import markdown, write_report
from rankladder.values import Document, Qrels, Query, Run

from .toy import GRADES, QUERIES, toy_candidates, toy_dataset, toy_reranker


def test_the_queries_that_changed_most_come_with_both_heads(tmp_path: Path) -> None:
    dataset = toy_dataset()
    found = evaluate(dataset, [toy_candidates(dataset)], [toy_reranker()[0]], store=tmp_path, most_changed=1)
    gain = max(found.changes, key=lambda one: one.after - one.before)
    after, before = found.system("first + toy").per_query["nDCG@10"], found.systems[0].per_query["nDCG@10"]
    assert gain.after - gain.before == max(after[query] - before[query] for query in after)
    assert gain.text == QUERIES[gain.query]
    assert [document.id for document in gain.top_before] == ["rain", "drops", "git"]
    assert gain.top_after[0].grade == GRADES[gain.query][gain.top_after[0].id]
    assert sum(one.after > one.before for one in found.changes) <= 1
    assert sum(one.after < one.before for one in found.changes) <= 1


def test_the_json_says_everything_and_is_json(tmp_path: Path) -> None:
    dataset = toy_dataset()
    found = evaluate(dataset, [toy_candidates(dataset)], [toy_reranker()[0]], store=tmp_path / "s")
    write_report(found, tmp_path / "out" / "deep")
    written = json.loads((tmp_path / "out" / "deep" / "evaluation.json").read_text())
    assert written == json.loads(json.dumps(found.to_dict()))
    assert written["systems"][1]["per_query"]["nDCG@10"].keys() == GRADES.keys()
    assert written["dataset"]["digest"] == dataset.digest
    assert written["settings"]["versions"].keys() == {"rankladder", "ir-measures", "numpy"}


def test_names_that_no_file_can_hold_are_made_plain_and_stay_apart(tmp_path: Path) -> None:
    dataset = toy_dataset()
    lists = [toy_candidates(dataset, "a/b"), toy_candidates(dataset, "a:b"), toy_candidates(dataset, "A b")]
    write_report(evaluate(dataset, lists), tmp_path)
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["A-b-3.trec", "a-b-2.trec", "a-b.trec"]


def test_the_runs_of_the_evaluation_before_go_and_no_other_file_does(tmp_path: Path) -> None:
    dataset = toy_dataset()
    write_report(evaluate(dataset, [toy_candidates(dataset, "mine"), toy_candidates(dataset, "a:b")]), tmp_path)
    (tmp_path / "runs" / "theirs.trec").write_text("")
    write_report(evaluate(dataset, [toy_candidates(dataset, "a:b"), toy_candidates(dataset, "yours")]), tmp_path)
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["a-b.trec", "theirs.trec", "yours.trec"]
    (tmp_path / "evaluation.json").write_text('{"systems": 1}')
    write_report(evaluate(dataset, [toy_candidates(dataset, "yours")]), tmp_path)
    assert (tmp_path / "runs" / "a-b.trec").exists()


def test_markdown_cannot_be_steered_by_what_is_in_it(tmp_path: Path) -> None:
    dataset = toy_dataset()
    queries = {**dataset.queries, "q2": Query("q2", "git | `x`\n# <b>[x](y)")}
    dataset = replace(dataset, queries=queries)
    page = markdown(evaluate(dataset, [toy_candidates(dataset)], [toy_reranker()[0]], store=tmp_path))
    assert "### git \\| \\`x\\` # \\<b>\\[x\\](y)" in page


@pytest.mark.parametrize("kind", ["file", "below"])
def test_a_report_that_cannot_be_written_is_said(tmp_path: Path, kind: str) -> None:
    dataset = toy_dataset()
    (tmp_path / "file").write_text("")
    target = tmp_path / "file" if kind == "file" else tmp_path / "file" / "deep"
    with pytest.raises(StorageFailed, match="nothing can be written there"):
        write_report(evaluate(dataset, [toy_candidates(dataset)]), target)


def test_a_run_that_no_file_can_hold_is_named_and_the_rest_is_written(tmp_path: Path) -> None:
    dataset = toy_dataset()
    spaced = replace(dataset, documents={**dataset.documents, "my notes.md:1": Document("my notes.md:1", "rain")})
    run = Run("spaced", {"q1": {"my notes.md:1": 1.0}})
    lists = [toy_candidates(spaced, "plain"), Candidates.of("spaced", run, spaced)]
    write_report(evaluate(dataset, [toy_candidates(dataset, "spaced")]), tmp_path)
    (remark,) = write_report(evaluate(spaced, lists), tmp_path)
    assert remark.startswith("the run of spaced was not written: a document's id")
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["plain.trec"]
    assert json.loads((tmp_path / "evaluation.json").read_text())["systems"][1]["name"] == "spaced"


def test_what_no_file_can_hold_is_replaced_and_the_rest_is_readable(tmp_path: Path) -> None:
    dataset = replace(toy_dataset(), name="caf\udce9 übung")
    write_report(evaluate(dataset, [toy_candidates(dataset)]), tmp_path)
    assert json.loads((tmp_path / "evaluation.json").read_text())["dataset"]["name"] == "caf\ufffd übung"
    assert "übung" in (tmp_path / "evaluation.json").read_text()
    assert (tmp_path / "evaluation.md").read_text().startswith("# caf\ufffd übung")


def test_the_smallest_p_of_drawn_resamples_is_an_upper_bound_wherever_it_stands(tmp_path: Path) -> None:
    count = 30
    queries = [Query(f"q{n}", "what") for n in range(count)]
    documents = {id: Document(id, id) for id in ("good", "bad")}
    dataset = Dataset.of("many", queries, documents, Qrels({query.id: {"good": 1} for query in queries}))
    lists = [
        Candidates.of(name, Run(name, {query.id: {"good": sign, "bad": 0.0} for query in queries}), dataset)
        for name, sign in (("worse", -1.0), ("better", 1.0))
    ]
    found = evaluate(dataset, lists, store=tmp_path / "store")
    (one,) = found.comparisons
    assert (one.p_at_most, one.p_holm_at_most) == (True, True)
    page = markdown(found)
    assert "| ≤0.0001 | ≤0.0001 |" in page
    assert "≤: the smallest p that the resamples can give" in page
    assert found.to_dict()["comparisons"][0]["p_at_most"] is True
    few = evaluate(dataset.first(8), [replace(one, run=one.run) for one in lists], store=tmp_path / "store")
    assert "≤" not in markdown(few)
