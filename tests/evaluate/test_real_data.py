"""Known figures on public collections, where they are beside the repository."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytrec_eval

from rankladder.evaluate import bm25_candidates, candidates_from_run, evaluate, read_dataset
from rankladder.evaluate.report import write_report
from rankladder.textfiles import read_qrels, read_run

DATA = Path(__file__).parents[2] / "../shared/data/eval"


def collection(name: str) -> Path:
    if not (DATA / name).exists():
        pytest.skip(f"{name} is not beside the repository (shared/data/eval/{name})")
    return DATA / name


def test_bm25_on_scifact_over_all_300_queries() -> None:
    dataset = read_dataset(collection("scifact"))
    assert len(dataset.qrels.grades) == 300
    found = evaluate(dataset, [bm25_candidates(dataset)], measures=["nDCG@10", "R@100"])
    assert found.systems[0].intervals["nDCG@10"].mean == pytest.approx(0.6845, abs=5e-4)


def test_trec_dl_2019_gives_the_published_figure_and_pytrec_evals_to_the_last_query(tmp_path: Path) -> None:
    folder = collection("trec-dl-2019")
    dataset = read_dataset(folder)
    found = evaluate(
        dataset, [candidates_from_run(dataset, folder / "runs" / "bm25.trec")], measures=["nDCG@10", "AP(rel=2)"]
    )
    (system,) = found.systems
    assert system.intervals["nDCG@10"].mean == pytest.approx(0.506, abs=5e-4)
    assert any(remark.startswith("4,802 judged documents are not in the collection") for remark in found.remarks)
    write_report(found, tmp_path)
    run = read_run(tmp_path / "runs" / "BM25.trec")
    grades = {query: dict(row) for query, row in read_qrels(folder / "qrels" / "test.tsv").grades.items()}
    evaluator = pytrec_eval.RelevanceEvaluator(grades, {"ndcg_cut_10", "map"}, relevance_level=2)
    theirs = evaluator.evaluate({query: dict(row) for query, row in run.scores.items()})
    assert system.per_query["nDCG@10"] == pytest.approx({query: row["ndcg_cut_10"] for query, row in theirs.items()})
    assert system.per_query["AP(rel=2)"] == pytest.approx({query: row["map"] for query, row in theirs.items()})


def test_cranfields_source_documents_are_never_candidates() -> None:
    folder = collection("cranfield")
    pairs = folder / "qrels" / "source_docs.tsv"
    whole, dropped = read_dataset(folder), read_dataset(folder, drop_pairs=pairs)
    before, after = bm25_candidates(whole, depth=20).run.scores, bm25_candidates(dropped, depth=20).run.scores
    sources = {query: set(row) for query, row in read_qrels(pairs).grades.items()}
    assert any(sources.get(query, set()) & set(row) for query, row in before.items())
    assert not any(sources.get(query, set()) & set(row) for query, row in after.items())
    assert {len(row) for row in after.values()} == {20}
