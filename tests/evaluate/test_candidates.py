"""Candidate lists: from our index, from run files, from vectors, from both."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from rankladder.errors import BadFile, BadOption, DuplicateId, PathMissing
from rankladder.evaluate import (
    Candidates,
    Dataset,
    bm25_candidates,
    candidates_from_run,
    measure_run,
    open_candidates,
    open_lists,
    read_dataset,
    retrieved,
)
from rankladder.evaluate.candidates import apart, in_order
from rankladder.textfiles import read_run, write_run
from rankladder.values import Document, Hit, Qrels, Query, Ranking, Run

from .toy import DOCUMENTS, toy_dataset, write_beir


def run_file(folder: Path, text: str) -> Path:
    (folder / "first.trec").write_text(text)
    return folder / "first.trec"


class Alphabet:
    """Retrieves every document, in the order of the ids."""

    def retrieve(self, query: Query, *, k: int) -> Ranking:
        hits = [
            Hit(Document(id, text), -float(place), place) for place, (id, text) in enumerate(sorted(DOCUMENTS.items()))
        ]
        return Ranking.of(query, hits, "alphabet", top_k=k)


def test_bm25_is_our_index(tmp_path: Path) -> None:
    dataset = read_dataset(write_beir(tmp_path / "toy"))
    found = bm25_candidates(dataset, depth=3)
    assert found.name == "bm25"
    index = dataset.documents.index  # type: ignore[attr-defined]
    for query in dataset.queries.values():
        ranking = index.retrieve(query, k=3)
        assert found.run.scores[query.id] == {hit.document.id: hit.score for hit in ranking}
    assert open_candidates(dataset, "bm25", depth=3).digest == found.digest
    assert bm25_candidates(dataset, depth=1).digest != found.digest


def test_a_run_file_is_read_whole_and_named_by_its_tag(tmp_path: Path) -> None:
    file = run_file(tmp_path, "q1 Q0 rain 1 2.0 tag\nq1 Q0 sun 2 1.0 tag\nq9 Q0 rain 1 1.0 tag\n")
    found = candidates_from_run(toy_dataset(), file)
    assert found.name == "tag"
    assert found.run.scores == {"q1": {"rain": 2.0, "sun": 1.0}, "q2": {}, "q3": {}, "q4": {}}
    unjudged, unanswered = found.remarks
    assert "1 queries of the run are not judged here" in unjudged
    assert "3 judged queries have no candidate ('q2', 'q3', 'q4')" in unanswered


def test_a_run_whose_tag_another_list_has_is_called_after_its_file(tmp_path: Path) -> None:
    dataset = read_dataset(write_beir(tmp_path / "toy"))
    run = f"run:{run_file(tmp_path, 'q1 Q0 rain 1 2.0 bm25' + chr(10))}"
    assert [one.name for one in open_lists(dataset, ["bm25", run])] == ["bm25", "run:first"]
    assert [one.name for one in open_lists(dataset, [run])] == ["bm25"]


def test_candidates_of_answered_queries_keep_every_remark_but_that_on_the_others(tmp_path: Path) -> None:
    file = run_file(tmp_path, "q1 Q0 rain 1 2.0 tag\nq1 Q0 lost 2 1.0 tag\nq9 Q0 rain 1 1.0 tag\n")
    dataset = toy_dataset()
    found = replace(candidates_from_run(dataset, file), remarks=(*candidates_from_run(dataset, file).remarks, "3 cut"))
    kept = found.answered(toy_dataset({"q1": {"rain": 1}}))
    assert list(kept.run.scores) == ["q1"]
    assert kept.digest == found.digest
    assert kept.remarks == tuple(remark for remark in found.remarks if "have no candidate" not in remark)
    assert len(kept.remarks) == len(found.remarks) - 1 == 3


def test_candidates_that_the_collection_does_not_hold_are_counted_and_named(tmp_path: Path) -> None:
    rows = [f"q{number} Q0 {document} 1 1.0 tag" for number in (1, 2, 3, 4) for document in ("rain", "lost", "gone")]
    found = candidates_from_run(toy_dataset(), run_file(tmp_path, "\n".join(rows)))
    assert found.remarks == (
        "tag: 2 candidates are not in the collection ('lost', 'gone'): "
        "no model can read them, so they rank below the reranked candidates",
    )
    assert set(found.run.scores["q1"]) == {"rain", "lost", "gone"}


def test_a_depth_cuts_a_run_and_says_so() -> None:
    run = Run("r", {query: {"rain": 1.0, "sun": 2.0, "git": 3.0} for query in ("q1", "q2", "q3", "q4")})
    found = Candidates.of("r", run, toy_dataset(), depth=2)
    assert found.run.scores["q1"] == {"git": 3.0, "sun": 2.0}
    assert found.remarks == ("r: the run is deeper than 2 for 4 queries: the rest is left out",)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("q1 Q0 rain 1 2.0 t\nq1 Q0 rain 2 1.0 t\n", DuplicateId),
        ("q1 Q0 rain 1 nan t\n", BadFile),
        ("q1 Q0 rain 1 inf t\n", BadFile),
        ("q1 rain\n", BadFile),
    ],
    ids="duplicate nan infinite columns".split(),
)
def test_a_run_with_duplicates_or_scores_that_are_none_is_refused(
    tmp_path: Path, text: str, error: type[Exception]
) -> None:
    with pytest.raises(error, match=r"first\.trec:"):
        open_candidates(toy_dataset(), f"run:{run_file(tmp_path, text)}")


def test_a_run_that_is_not_there_is_said() -> None:
    with pytest.raises(PathMissing):
        open_candidates(toy_dataset(), "run:nowhere.trec")


@pytest.mark.parametrize("text", ["", "bm52", "bm25:x", "run:", "run", "dense", "splade:x"])
def test_a_retriever_that_there_is_not_is_refused(text: str) -> None:
    with pytest.raises(BadOption, match="retriever must be"):
        open_candidates(toy_dataset(), text)


def test_dropped_pairs_never_come_and_are_made_up_for() -> None:
    dataset = toy_dataset().without([("q1", "commit"), ("q1", "git"), ("q2", "drops")])
    found = retrieved(dataset, Alphabet(), "alphabet", depth=3)
    assert list(found.run.scores["q1"]) == ["drops", "rain", "sun"]
    assert list(found.run.scores["q2"]) == ["commit", "git", "rain"]
    assert list(found.run.scores["q3"]) == ["commit", "drops", "git"]
    given = Candidates.of("r", Run("r", {"q1": {"git": 1.0, "rain": 0.5}}), dataset)
    assert given.run.scores["q1"] == {"rain": 0.5}


class Undecided:
    """Retrieves every document with one score, in the order of the collection."""

    def retrieve(self, query: Query, *, k: int) -> Ranking:
        hits = [Hit(Document(id, text), 0.1, place) for place, (id, text) in enumerate(DOCUMENTS.items())]
        return Ranking.of(query, hits, "undecided", top_k=k)


def test_a_retrievers_own_order_of_ties_can_stay_in_the_list_its_measures_and_its_run_file(tmp_path: Path) -> None:
    dataset = toy_dataset({"q1": {"commit": 1}})
    kept = retrieved(dataset, Undecided(), "own", depth=5, keep_ties=True)
    assert in_order(kept.run.scores["q1"]) == list(DOCUMENTS)
    by_id = retrieved(dataset, Undecided(), "by id", depth=5)
    assert in_order(by_id.run.scores["q1"]) == sorted(DOCUMENTS, reverse=True)
    place = list(DOCUMENTS).index("commit") + 1
    assert measure_run(kept.run, dataset.qrels, ["RR"])["RR"]["q1"] == pytest.approx(1 / place)
    write_run(kept.run, tmp_path / "run")
    assert in_order(read_run(tmp_path / "run").scores["q1"]) == list(DOCUMENTS)


@given(st.lists(st.floats(-1e30, 1e30), max_size=8))
def test_scores_that_are_taken_apart_keep_their_order_in_single_precision(scores: list[float]) -> None:
    row = {f"d{place}": score for place, score in enumerate(sorted(scores, reverse=True))}
    found = [np.float32(score) for score in apart(row).values()]
    assert all(one > other for one, other in pairwise(found))


def test_a_query_that_is_a_document_never_finds_itself_and_the_list_keeps_its_depth(tmp_path: Path) -> None:
    folder = write_beir(tmp_path / "toy", qrels="rain\tdrops\t1\nsun\train\t1\nsun\tsun\t0\n")
    rows = [{"_id": id, "text": DOCUMENTS[id]} for id in ("rain", "sun")]
    (folder / "queries.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    dataset = read_dataset(folder)
    assert dataset.own == {"rain", "sun"}
    assert "2 of 2 queries have the id of a document ('rain', 'sun')" in dataset.remarks[0]
    assert "by chance" not in dataset.remarks[0]
    kept = read_dataset(folder, keep_same_ids=True)
    assert (kept.own, kept.remarks, kept.digest == dataset.digest) == (frozenset(), (), False)
    with_itself = bm25_candidates(kept, depth=2).run.scores["rain"]
    assert "rain" in with_itself
    for found in (bm25_candidates(dataset, depth=1), retrieved(dataset, Alphabet(), "alphabet", depth=3)):
        assert all(query not in row for query, row in found.run.scores.items())
        assert len(found.run.scores["rain"]) in (1, 3)
    run = Run("r", {"rain": {"rain": 2.0, "sun": 1.0}})
    assert Candidates.of("r", run, dataset, depth=1).run.scores["rain"] == {"sun": 1.0}
    assert dataset.first(1).own == {"rain"}
    assert "1 of 1 queries have the id of a document ('rain')" in dataset.first(1).remarks[0]


def test_a_document_that_is_judged_relevant_to_the_query_of_its_id_stays() -> None:
    queries = [Query("rain", "why does it"), Query("sun", "the sun shines")]
    documents = {id: Document(id, text) for id, text in DOCUMENTS.items()}
    dataset = Dataset.of("x", queries, documents, Qrels({"rain": {"rain": 1}, "sun": {"git": 1}}))
    assert dataset.own == {"sun"}
    own, relevant = dataset.remarks
    assert "1 of 2 queries have the id of a document ('sun'), which is not a candidate" in own
    assert "('rain'): it stays a candidate" in relevant
    assert Dataset.of("x", queries[:1], documents, Qrels({"rain": {"rain": 1}})).remarks == ()


def test_ids_that_agree_by_chance_leave_nothing_out_and_are_said() -> None:
    documents = {str(number): Document(str(number), text) for number, text in enumerate(DOCUMENTS.values())}
    queries = [Query("0", "undo commit git"), Query("1", "what shines")]
    dataset = Dataset.of("x", queries, documents, Qrels({"0": {"2": 1}, "1": {"4": 1}}))
    assert (dataset.own, dataset.dropped) == (frozenset(), {})
    (chance,) = dataset.remarks
    assert "2 of 2 queries have the id of a document ('0', '1') but not its words" in chance
    one = Dataset.of("x", [*queries, Query("4", "sun shines")], documents, Qrels({id: {"3": 1} for id in "014"}))
    assert one.own == {"0", "1", "4"}, "as in BEIR, by id, where any query is its document"


def test_what_is_left_of_a_query_that_is_a_document_is_measured_as_mteb_measures_it() -> None:
    mteb_evaluator = pytest.importorskip("mteb._evaluators.retrieval_evaluator", exc_type=ImportError)
    random = np.random.default_rng(0)
    ids = [f"d{place}" for place in range(30)]
    grades = {id: {other: 1 for other in random.choice(ids, 3) if other != id} for id in ids}
    scores = {id: {other: float(random.random()) for other in ids} for id in ids}
    documents = {id: Document(id, f"text {id}") for id in ids}
    dataset = Dataset.of("x", [Query(id, f"text {id}") for id in ids], documents, Qrels(grades))
    ours = measure_run(Candidates.of("r", Run("r", scores), dataset).run, dataset.qrels, ["nDCG@10"])["nDCG@10"]
    evaluator = mteb_evaluator.RetrievalEvaluator.__new__(mteb_evaluator.RetrievalEvaluator)
    theirs = evaluator.evaluate(grades, {id: dict(row) for id, row in scores.items()}, [10], ignore_identical_ids=True)
    assert fmean(ours.values()) == pytest.approx(theirs[1]["NDCG@10"], abs=1e-5)


def test_a_judged_query_without_a_text_has_no_candidates_and_is_named() -> None:
    dataset = toy_dataset({"q1": {"rain": 1}, "ghost": {"rain": 1}})
    found = retrieved(dataset, Alphabet(), "alphabet", depth=2)
    assert found.run.scores["ghost"] == {}
    assert "1 judged queries have no candidate ('ghost')" in found.remarks[0]


def test_bm25_needs_documents_on_disk_and_a_depth_is_at_least_one() -> None:
    with pytest.raises(BadOption, match="on disk"):
        open_candidates(toy_dataset(), "bm25")
    with pytest.raises(BadOption, match="on disk"):
        open_candidates(toy_dataset(), "hybrid:x")
    with pytest.raises(BadOption, match="depth"):
        retrieved(toy_dataset(), Alphabet(), "alphabet", depth=0)


class WordVectors:
    """Embeds a text as the words that it has."""

    name = "words"
    digest = "words"
    max_tokens = None

    def __init__(self) -> None:
        self._words = sorted({word for text in DOCUMENTS.values() for word in text.split()})

    def encode_queries(self, queries: Sequence[str]) -> NDArray[np.float32]:
        rows = [[float(word in text.split()) for word in self._words] for text in queries]
        return np.array(rows, dtype=np.float32).reshape(len(queries), len(self._words))

    def encode_documents(self, documents: Sequence[Document]) -> NDArray[np.float32]:
        return self.encode_queries([document.text for document in documents])

    def queries_cut(self, queries: Sequence[str]) -> NDArray[np.bool_]:
        return np.zeros(len(queries), dtype=np.bool_)

    def documents_cut(self, documents: Sequence[Document]) -> NDArray[np.bool_]:
        return np.array([document.id == "sun" for document in documents])


def test_dense_candidates_are_the_nearest_and_hybrid_ones_fuse_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rankladder.retrieve.dense.open_embedder", lambda name, *, offline: WordVectors())
    dataset = read_dataset(write_beir(tmp_path / "toy"))
    dense = open_candidates(dataset, "dense:words", depth=2)
    assert dense.name == "dense:words"
    assert set(dense.run.scores["q1"]) == {"rain", "drops"}
    assert dense.run.scores["q2"] == {"git": 2.0, "commit": 1.0}
    assert any("1 of 5 documents are longer than words reads" in remark for remark in dense.remarks)
    hybrid = open_candidates(dataset, "hybrid:words", depth=3)
    index = dataset.documents.index  # type: ignore[attr-defined]
    from rankladder.retrieve.dense import DenseIndex
    from rankladder.retrieve.fusion import HybridRetriever

    vectors = DenseIndex.of(dataset.documents.values(), WordVectors(), cache=None)
    for query in dataset.queries.values():
        expected = HybridRetriever([index, vectors]).retrieve(query, k=3)
        found = hybrid.run.scores[query.id]
        assert in_order(found) == [hit.document.id for hit in expected]
        assert found == pytest.approx({hit.document.id: hit.score for hit in expected}, rel=1e-6)


def test_a_collection_in_memory_is_searched_by_vectors_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("rankladder.retrieve.dense.open_embedder", lambda name, *, offline: WordVectors())
    found = open_candidates(replace(toy_dataset(), name="memory"), "dense:words", depth=1)
    assert found.run.scores["q3"] == {"rain": 1.0}  # drops and sun share one word too: the first of the documents


def test_a_query_without_candidates_is_no_part_of_the_digest_and_no_unjudged_query_of_the_run() -> None:
    """Else a hosted model would be paid twice for lists that are the same."""
    dataset = toy_dataset()
    found = Candidates.of("r", Run("r", {"q1": {"sun": 1.0}, "q2": {}, "q9": {}}), dataset)
    assert found.digest == Candidates.of("r", Run("r", {"q1": {"sun": 1.0}}), dataset.first(1)).digest
    assert not any("not judged here" in remark for remark in found.remarks)
