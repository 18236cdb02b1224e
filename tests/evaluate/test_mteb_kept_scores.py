"""Scores in an mteb run are kept pair by pair: an interrupted task goes on, with the numbers of our own evaluate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rankladder.cli.main import run as cli
from rankladder.evaluate import bm25_candidates, evaluate, read_dataset
from rankladder.evaluate.mteb import TaskScore, as_mteb, find_task, local_task, rerank_tasks, task_remarks
from rankladder.evaluate.mteb.kept_scores import kept_scores
from rankladder.facts import HOSTED
from rankladder.rerank import ModelRequest, PairsTruncated, Reranker

from .test_mteb_flow import SHARED, write_beir
from .toy import ToyScorer, toy_reranker

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def flow(monkeypatch: pytest.MonkeyPatch, reranker: Reranker, folder: Path, place: Path, *, top_k: int) -> TaskScore:
    """The toy's row of a run over a folder."""
    monkeypatch.setattr(ModelRequest, "open", lambda self, **_options: reranker)
    task = local_task(folder, f"{folder.name}-local")
    request = ModelRequest.parse("toy")
    scores = rerank_tasks([task], [request], results=place / "results", store=place / "store", top_k=top_k)
    return scores[1]


def interrupted_at(number: int) -> Any:
    def before(call: int) -> None:
        if call == number:
            raise KeyboardInterrupt

    return before


def test_an_interrupted_task_scores_only_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rankladder.scores.missing.FIRST_BATCH", 2)
    monkeypatch.setattr("rankladder.scores.missing.next_size", lambda size, seconds: size)
    folder = write_beir(tmp_path / "words")
    reranker, whole = toy_reranker()
    expected = flow(monkeypatch, reranker, folder, tmp_path / "whole", top_k=5)
    reranker, stopped = toy_reranker(before=interrupted_at(4))
    with pytest.raises(KeyboardInterrupt):
        flow(monkeypatch, reranker, folder, tmp_path, top_k=5)
    reranker, rest = toy_reranker()
    found = flow(monkeypatch, reranker, folder, tmp_path, top_k=5)
    assert found.ndcg == expected.ndcg
    assert len(stopped.scored) == 6
    assert stopped.scored + rest.scored == whole.scored


def test_another_depth_shares_what_it_has_in_common(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_beir(tmp_path / "words")
    reranker, scorer = toy_reranker()
    flow(monkeypatch, reranker, folder, tmp_path, top_k=2)
    first = list(scorer.scored)
    flow(monkeypatch, reranker, folder, tmp_path, top_k=4)
    assert len(scorer.scored) == len(set(scorer.scored)) > len(first)


def test_scores_lie_in_the_file_of_our_own_evaluate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_beir(tmp_path / "words-local")
    reranker, scorer = toy_reranker()
    dataset = read_dataset(folder)
    evaluate(dataset, [bm25_candidates(dataset, depth=5)], [reranker], store=tmp_path / "store", top_k=5)
    before = len(scorer.scored)
    task = find_task(str(folder))
    monkeypatch.setattr(ModelRequest, "open", lambda self, **_options: reranker)
    options: dict[str, Any] = {"results": tmp_path / "results", "store": tmp_path / "store", "top_k": 5}
    rerank_tasks([task], [ModelRequest.parse("toy")], **options)
    assert len(list((tmp_path / "store").glob("*.sqlite"))) == 1
    assert len(scorer.scored) == before


def test_kept_scores_are_predicts_and_say_what_was_cut(tmp_path: Path) -> None:
    pairs = [("rain", "rain falls"), ("sun", "rain…"), ("rain", "rain falls"), (" ", "x")]
    reranker, _ = toy_reranker()
    for _ in range(2):  # scored, then read back
        with pytest.warns(PairsTruncated, match="1 of 4 pairs were longer than 100 tokens"):
            found = kept_scores(reranker, pairs, folder=tmp_path, collection="c")
        assert (found.dtype, found.tolist()) == ("float32", [1.0, 0.0, 1.0, 0.0])


def test_a_hosted_service_is_asked_for_whole_lists_and_again_for_another_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rankladder.scores.missing.FIRST_BATCH", 2)
    scorer = ToyScorer(lambda query, text: 1.0, name="cohere:toy", before=interrupted_at(2))
    scorer.facts = replace(scorer.facts, engine=HOSTED)
    pairs = [(query, text) for query in ("a", "b") for text in ("x", "y", "z")]
    with pytest.raises(KeyboardInterrupt):
        kept_scores(Reranker(scorer), pairs, folder=tmp_path, collection="c")
    assert [query for query, _ in scorer.scored] == ["a", "a", "a"]
    kept_scores(Reranker(scorer), pairs, folder=tmp_path, collection="c")
    assert [query for query, _ in scorer.scored] == ["a"] * 3 + ["b"] * 3
    kept_scores(Reranker(scorer), pairs[:2], folder=tmp_path, collection="c")
    assert len(scorer.scored) == 8


def test_without_a_store_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANKLADDER_CACHE", str(tmp_path / "cache"))
    reranker, _ = toy_reranker()
    as_mteb(reranker).predict([{"text": ["rain"]}], [{"text": ["rain falls"]}])
    assert not (tmp_path / "cache").exists()


def test_what_does_not_fit_together_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_beir(tmp_path / "words", grades={"q0": {"d07": 1, "gone": 1}})
    said = "1 judged documents are not in the collection ('gone')"
    assert any(remark.startswith(said) for remark in task_remarks(local_task(folder, "words-local")))
    assert task_remarks(find_task("SciFact")) == ()
    given = ["--tasks", folder, "--model", "/nowhere/at/all", "--results", tmp_path / "results"]
    cli(["evaluate", "mteb", *map(str, given)])
    assert f"words: {said}" in capsys.readouterr().err


def test_the_command_says_that_an_interrupted_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reranker, scorer = toy_reranker(before=interrupted_at(1))
    monkeypatch.setattr(ModelRequest, "open", lambda self, **_options: reranker)
    places = ["--results", tmp_path / "results", "--store", tmp_path / "store"]
    arguments = ["evaluate", "mteb", "--tasks", write_beir(tmp_path / "words"), *places]
    assert cli([*map(str, arguments)]) == 130
    assert "the scores are stored: the same command resumes from them" in capsys.readouterr().err
    assert cli([*map(str, arguments)]) == 0
    assert len(list((tmp_path / "store").glob("words.toy.*.sqlite"))) == 1
    assert scorer.calls > 1


@pytest.mark.skipif(not SHARED.is_dir(), reason="SciFact is not here (shared/data/eval/scifact)")
@pytest.mark.filterwarnings("ignore::rankladder.rerank.PairsTruncated")  # the toy calls texts with an ellipsis cut
def test_on_all_300_queries_of_scifact_mtebs_number_is_that_of_our_own_evaluate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reranker, scorer = toy_reranker()
    found = flow(monkeypatch, reranker, SHARED, tmp_path, top_k=20)
    by_mteb = len(scorer.scored)
    dataset = read_dataset(SHARED)
    ours = evaluate(dataset, [bm25_candidates(dataset, depth=20)], [reranker], store=tmp_path / "own", top_k=20)
    assert len(dataset.qrels.grades) == 300
    assert len(scorer.scored) == 2 * by_mteb > 10_000
    assert found.ndcg == pytest.approx(ours.systems[1].intervals["nDCG@10"].mean, abs=1e-5)
