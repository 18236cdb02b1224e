"""Whole evaluations: rows, resuming, failures, and how systems are compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import pytrec_eval

from rankladder.errors import BadInput, BadOption, StorageFailed
from rankladder.evaluate import Candidates, Dataset, evaluate, randomisation_test
from rankladder.evaluate.candidates import in_order
from rankladder.evaluate.report import markdown, write_report
from rankladder.rerank import ModelRequest
from rankladder.textfiles import read_run
from rankladder.values import Qrels, Query, Run

from .toy import (
    DOCUMENTS,
    GRADES,
    QUERIES,
    WORST_FIRST,
    Endless,
    ToyScorer,
    distinct_words,
    toy_candidates,
    toy_dataset,
    toy_reranker,
)


def test_the_retriever_is_always_a_row_and_the_reranker_another(tmp_path: Path) -> None:
    dataset = toy_dataset()
    found = evaluate(dataset, [toy_candidates(dataset)], [toy_reranker()[0]], store=tmp_path, progress=False)
    retriever, reranker = found.systems
    assert (retriever.name, retriever.role, retriever.pairs) == ("first", "retriever", 0)
    assert (reranker.name, reranker.role, reranker.pairs) == ("first + toy", "reranker", 20)
    assert retriever.run is not None
    assert retriever.run.scores == WORST_FIRST.scores
    assert reranker.run is not None
    for query, row in reranker.run.scores.items():
        assert row == {id: distinct_words(QUERIES[query], text) for id, text in DOCUMENTS.items()}


def test_means_and_runs_on_disk_agree_with_pytrec_eval(tmp_path: Path) -> None:
    dataset = toy_dataset()
    found = evaluate(
        dataset, [toy_candidates(dataset)], [toy_reranker()[0]], measures=["nDCG@10", "AP"], store=tmp_path / "s"
    )
    write_report(found, tmp_path / "out")
    for system, name in zip(found.systems, ("first", "first+toy"), strict=True):
        run = read_run(tmp_path / "out" / "runs" / f"{name}.trec")
        assert run.name == name
        scores = {query: dict(row) for query, row in run.scores.items()}
        grades = {query: dict(row) for query, row in GRADES.items()}
        theirs = pytrec_eval.RelevanceEvaluator(grades, {"ndcg_cut_10", "map"}).evaluate(scores)
        for ours, key in (("nDCG@10", "ndcg_cut_10"), ("AP", "map")):
            assert system.per_query[ours] == pytest.approx({query: row[key] for query, row in theirs.items()})
            mean = sum(row[key] for row in theirs.values()) / len(GRADES)
            assert system.intervals[ours].mean == pytest.approx(mean)


def test_every_judged_query_counts_even_one_that_nobody_answers(tmp_path: Path) -> None:
    dataset = toy_dataset({**GRADES, "ghost": {"rain": 1}})
    found = evaluate(dataset, [toy_candidates(dataset)], [toy_reranker()[0]], store=tmp_path)
    for system in found.systems:
        values = system.per_query["nDCG@10"]
        assert values["ghost"] == 0.0
        assert system.intervals["nDCG@10"].mean == pytest.approx(sum(values.values()) / 5)
    assert any("'ghost'" in remark for remark in found.remarks)


def test_what_is_below_top_k_or_cannot_be_read_stays_below_in_the_retrievers_order(tmp_path: Path) -> None:
    dataset = toy_dataset()
    row = {"lost": 9.0, "sun": 8.0, "git": 7.0, "drops": 6.0, "rain": 5.0}
    candidates = Candidates.of("r", Run("r", {"q1": row}), dataset)
    found = evaluate(dataset, [candidates], [toy_reranker()[0]], top_k=4, store=tmp_path)
    run = found.system("r + toy").run
    assert run is not None
    assert in_order(run.scores["q1"]) == ["drops", "sun", "git", "lost", "rain"]  # sun and git share no word: a tie
    assert found.system("r + toy").pairs == 3


def test_cut_pairs_are_counted_also_when_they_come_from_the_store(tmp_path: Path) -> None:
    dataset = toy_dataset()
    dataset = replace(dataset, documents={**dataset.documents, "rain": replace(dataset.documents["rain"], text="wet…")})
    for _ in range(2):
        found = evaluate(dataset, [toy_candidates(dataset)], [toy_reranker()[0]], store=tmp_path)
        assert found.system("first + toy").truncated == 4


def test_a_second_call_scores_nothing_and_finds_the_same(tmp_path: Path) -> None:
    dataset = toy_dataset()
    first = evaluate(dataset, [toy_candidates(dataset)], [toy_reranker()[0]], store=tmp_path)
    reranker, scorer = toy_reranker()
    again = evaluate(dataset, [toy_candidates(dataset)], [reranker], store=tmp_path)
    assert scorer.scored == []
    assert again.to_dict() == first.to_dict()


def test_lists_that_overlap_and_parts_of_a_collection_share_scores(tmp_path: Path) -> None:
    dataset = toy_dataset()
    reranker, scorer = toy_reranker()
    evaluate(dataset.first(2), [toy_candidates(dataset.first(2))], [reranker], top_k=2, store=tmp_path)
    assert len(scorer.scored) == 4
    evaluate(dataset, [toy_candidates(dataset), toy_candidates(dataset, "again")], [reranker], store=tmp_path)
    assert len(scorer.scored) == len(set(scorer.scored)) == 20


def test_a_text_that_changed_is_scored_anew_and_no_other(tmp_path: Path) -> None:
    dataset = toy_dataset()
    evaluate(dataset, [toy_candidates(dataset)], [toy_reranker()[0]], store=tmp_path)
    changed = replace(dataset, documents={**dataset.documents, "sun": replace(dataset.documents["sun"], text="rain")})
    reranker, scorer = toy_reranker()
    found = evaluate(changed, [toy_candidates(changed)], [reranker], store=tmp_path)
    assert sorted(scorer.scored) == sorted((text, "rain") for text in QUERIES.values())
    run = found.system("first + toy").run
    assert run is not None
    assert run.scores["q1"]["sun"] == 1.0
    queries = {**changed.queries, "q1": Query("q1", "snow")}
    reranker, scorer = toy_reranker()
    evaluate(replace(changed, queries=queries), [toy_candidates(changed)], [reranker], store=tmp_path)
    assert {query for query, _ in scorer.scored} == {"snow"}


def test_another_model_never_meets_the_scores_of_the_first(tmp_path: Path) -> None:
    dataset = toy_dataset()
    evaluate(dataset, [toy_candidates(dataset)], [toy_reranker()[0]], store=tmp_path)
    other, scorer = toy_reranker(lambda query, text: -1.0, name="other")
    evaluate(dataset, [toy_candidates(dataset)], [other], store=tmp_path)
    assert len(scorer.scored) == 20


def interrupting(after: int) -> Callable[[int], None]:
    def before(call: int) -> None:
        if call > after:
            raise KeyboardInterrupt

    return before


def test_an_interruption_loses_at_most_the_batch_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rankladder.scores.missing.FIRST_BATCH", 3)
    monkeypatch.setattr("rankladder.scores.missing.LARGEST_BATCH", 3)
    dataset = toy_dataset()
    whole = evaluate(dataset, [toy_candidates(dataset)], [toy_reranker()[0]], store=tmp_path / "whole")
    stopped, before = toy_reranker(before=interrupting(4))
    with pytest.raises(KeyboardInterrupt):
        evaluate(dataset, [toy_candidates(dataset)], [stopped], store=tmp_path / "cut")
    assert len(before.scored) == 12
    reranker, after = toy_reranker()
    found = evaluate(dataset, [toy_candidates(dataset)], [reranker], store=tmp_path / "cut")
    assert len(after.scored) == 8
    assert set(before.scored).isdisjoint(after.scored)
    assert found.to_dict() == whole.to_dict()


def test_a_model_that_fails_half_way_is_a_row_and_the_others_finish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rankladder.scores.missing.FIRST_BATCH", 3)

    def fail(call: int) -> None:
        if call == 2:
            raise MemoryError("no more room")

    dataset = toy_dataset()
    lists = [toy_candidates(dataset), Candidates.of("second", Run("second", {"q1": {"sun": 1.0}}), dataset)]
    broken, _ = toy_reranker(name="broken", before=fail)
    missing = ModelRequest.parse("/nowhere/at/all")
    found = evaluate(dataset, lists, [missing, broken, toy_reranker()[0]], store=tmp_path)
    failed = {system.name: system.failed for system in found.failed}
    assert set(failed) == {
        "first + /nowhere/at/all",
        "second + /nowhere/at/all",
        "first + broken",
        "second + broken",
    }
    assert all(system.run is None for system in found.failed)
    assert found.system("first + toy").failed is None
    assert found.system("second + toy").failed is None
    assert not {one.first for one in found.comparisons} & set(failed)
    page = markdown(found)
    assert "failed: " in page


def test_a_failure_says_what_and_ends_the_model_for_every_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rankladder.scores.missing.FIRST_BATCH", 3)

    def fail(call: int) -> None:
        if call == 2:
            raise MemoryError("no more room")

    dataset = toy_dataset()
    broken, _ = toy_reranker(before=fail)
    found = evaluate(dataset, [toy_candidates(dataset), toy_candidates(dataset, "second")], [broken], store=tmp_path)
    assert [system.failed for system in found.systems] == [None, None, *["MemoryError: no more room"] * 2]


def test_a_score_that_is_not_finite_fails_the_model(tmp_path: Path) -> None:
    dataset = toy_dataset()
    found = evaluate(
        dataset, [toy_candidates(dataset)], [toy_reranker(lambda query, text: float("nan"))[0]], store=tmp_path
    )
    assert "the score nan" in str(found.system("first + toy").failed)


def test_all_pairs_are_compared_and_corrected_together(tmp_path: Path) -> None:
    dataset = toy_dataset()
    models = [toy_reranker()[0], toy_reranker(lambda query, text: -distinct_words(query, text), name="worst")[0]]
    found = evaluate(dataset, [toy_candidates(dataset)], models, measures=["nDCG@10", "RR"], store=tmp_path)
    assert found.tests == 3
    assert [(one.measure, one.first, one.second) for one in found.comparisons] == [
        (measure, *pair)
        for measure in ("nDCG@10", "RR")
        for pair in (("first + toy", "first"), ("first + worst", "first"), ("first + worst", "first + toy"))
    ]
    for one in found.comparisons:
        a = list(found.system(one.first).per_query[one.measure].values())
        b = list(found.system(one.second).per_query[one.measure].values())
        assert one.difference == pytest.approx(sum(a) / 4 - sum(b) / 4)
        assert one.p == randomisation_test(a, b)
        assert one.p_holm is not None
        assert one.p <= one.p_holm <= min(1.0, 3 * one.p)
        assert (one.wins, one.losses) == (
            sum(x > y for x, y in zip(a, b, strict=True)),
            sum(x < y for x, y in zip(a, b, strict=True)),
        )
        assert one.wins + one.ties + one.losses == 4


def test_a_single_query_has_means_but_no_interval_and_no_test(tmp_path: Path) -> None:
    dataset = toy_dataset({"q1": GRADES["q1"]})
    found = evaluate(dataset, [toy_candidates(dataset)], [toy_reranker()[0]], store=tmp_path)
    assert {system.intervals["nDCG@10"].low for system in found.systems} == {None}
    assert [(one.p, one.p_holm) for one in found.comparisons] == [(None, None)]
    assert found.tests == 0
    assert "a single query: no interval can be given and no test made" in found.remarks
    assert "[—" in markdown(found).replace("\\", "")


def test_models_of_one_name_stay_apart(tmp_path: Path) -> None:
    dataset = toy_dataset()
    lengths = [ModelRequest.parse(f"box,dtype=fp32,max_tokens={length}") for length in (32, 8)]
    toys = [toy_reranker()[0] for _ in range(3)]
    found = evaluate(dataset, [toy_candidates(dataset)], [*lengths, *toys], store=tmp_path)
    assert found.failed == ()
    assert [system.name.removeprefix("first + ") for system in found.systems[1:]] == [
        "box fp32",
        "box fp32 (box,dtype=fp32,max_tokens=8)",
        "toy",
        "toy (2)",
        "toy (3)",
    ]
    assert found.systems[1].digest != found.systems[2].digest
    assert found.systems[2].truncated > found.systems[1].truncated


def test_a_store_that_cannot_be_written_is_said_before_anything_is_scored(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    reranker, scorer = toy_reranker()
    dataset = toy_dataset()
    with pytest.raises(StorageFailed, match="--store"):
        evaluate(dataset, [toy_candidates(dataset)], [reranker], store=tmp_path / "file" / "scores")
    assert scorer.calls == 0


def test_what_cannot_be_evaluated_is_refused(tmp_path: Path) -> None:
    dataset = toy_dataset()
    lists = [toy_candidates(dataset)]
    with pytest.raises(BadInput, match="no candidates"):
        evaluate(dataset, [])
    with pytest.raises(BadInput, match="two candidate lists"):
        evaluate(dataset, [*lists, *lists])
    with pytest.raises(BadOption, match="named twice"):
        evaluate(dataset, lists, [ModelRequest.parse("box"), ModelRequest.parse("box")])
    with pytest.raises(BadOption, match="top_k"):
        evaluate(dataset, lists, top_k=0)
    with pytest.raises(BadOption, match="most_changed"):
        evaluate(dataset, lists, most_changed=-1)
    with pytest.raises(BadOption, match="long"):
        evaluate(dataset, lists, long="skip")  # type: ignore[arg-type]
    with pytest.raises(BadOption, match="measure"):
        evaluate(dataset, lists, measures=["nonsense"])


def test_texts_are_read_as_they_are_scored(tmp_path: Path) -> None:
    """75 queries × 100 candidates of 10,000 characters: 75 MB of text, of which a small part is ever held."""
    import tracemalloc

    documents = Endless(7_500, 10_000)
    queries = {f"q{number}": Query(f"q{number}", f"text {number}") for number in range(75)}
    grades = Qrels({query: {str(100 * place): 1} for place, query in enumerate(queries)})
    dataset = Dataset("endless", queries, documents, grades, (), "digest")
    run = {query: {str(100 * place + one): -float(one) for one in range(100)} for place, query in enumerate(queries)}
    candidates = Candidates.of("run", Run("run", run), dataset)
    scorer = ToyScorer(lambda query, text: float(len(text)))
    scorer.scored = Forgetful()
    from rankladder.rerank import Reranker

    tracemalloc.start()
    found = evaluate(dataset, [candidates], [Reranker(scorer)], store=tmp_path, resamples=100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.system("run + toy").pairs == 7_500
    assert peak < 40_000_000


class Forgetful(list[tuple[str, str]]):
    """Holds nothing."""

    def __iadd__(self, other: object) -> Forgetful:  # type: ignore[misc, override]
        return self
