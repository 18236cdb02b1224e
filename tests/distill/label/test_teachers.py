"""What a teacher gives is checked, kept, and joined as the recipe says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from hosted_server import Reply, rerank_server
from rankladder.distill.label import labelling, parallel
from rankladder.distill.label.ensemble import ensemble, ensemble_of
from rankladder.distill.label.labelling import score_rows, scores_of
from rankladder.distill.label.teachers import CosineTeacher, MaxSimTeacher, RerankerTeacher, open_teacher
from rankladder.distill.recipe import tables
from rankladder.distill.recipe.tables import Label
from rankladder.distill.stage import Made, Stage, open_made
from rankladder.errors import BadInput, BadOption, ModelMissing, RequestRefused
from rankladder.rerank import Reranker
from rankladder.rerank.hosted import open_hosted
from rankladder.scores import KeptScores

from ..toy import Count


def rows(count: int) -> dict[str, list[Any]]:
    return {"query": [f"q{n % 7}" for n in range(count)], "document": ["rain " * (n % 50 + 1) for n in range(count)]}


class Lengths:
    """Scores by length, counts what it scored, and may go wrong after so many calls."""

    digest = "lengths"

    def __init__(self, *, bad: float | None = None, fails_at: int | None = None) -> None:
        self.scored: list[int] = []
        self.bad, self.fails_at = bad, fails_at

    def score(self, rows: Mapping[str, Any]) -> NDArray[np.float32]:
        if len(self.scored) == self.fails_at:
            raise KeyboardInterrupt
        self.scored.append(len(rows["query"]))
        scores = np.array([len(text) for text in rows["document"]], dtype=np.float32)
        if self.bad is not None:
            scores[1] = self.bad
        return scores


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[KeptScores]:
    with scores_of(tmp_path, "the teacher's digest") as found:
        yield found


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_not_finite_is_refused_naming_the_pair_and_not_kept(kept: KeptScores, bad: float) -> None:
    with pytest.raises(BadInput, match=r"teacher odd gave 1 of 4 pairs a score that is not finite, first: query 'q1'"):
        score_rows(Lengths(bad=bad), "odd", rows(9), kept, lambda count: None)
    assert len(kept) == 0


def distinct(count: int) -> dict[str, list[Any]]:
    return {"query": [f"q{n}" for n in range(count)], "document": ["rain " * (n % 50 + 1) for n in range(count)]}


def test_a_pair_that_was_scored_is_not_scored_again(kept: KeptScores) -> None:
    many = distinct(1000)
    broken, again, counted = Lengths(fails_at=3), Lengths(), Count()
    with pytest.raises(KeyboardInterrupt):
        score_rows(broken, "lengths", many, kept, counted.add)
    assert counted.count == sum(broken.scored) > 0
    scores = score_rows(again, "lengths", many, kept, counted.add)
    assert sum(broken.scored) + sum(again.scored) == counted.count == 1000
    assert scores.tolist() == [len(text) for text in many["document"]]


def test_answers_that_a_service_gave_before_it_failed_are_kept_and_not_paid_again(kept: KeptScores) -> None:
    asked = {"query": [f"q{n // 3}" for n in range(30)], "document": [f"rain {n}" for n in range(30)]}
    counted = Count()
    with rerank_server("cohere") as server:
        server.script = [*[Reply()] * 6, Reply(status=400)]
        teacher = RerankerTeacher(Reranker(open_hosted(server.model(), threads=1)))
        with pytest.raises(RequestRefused):
            score_rows(teacher, server.model(), asked, kept, counted.add)
        assert (len(server.reranks), counted.count) == (7, 18)
        scores = score_rows(teacher, server.model(), asked, kept, counted.add)
        assert (len(server.reranks), counted.count) == (7 + 4, 30)
        again = Reranker(open_hosted(server.model())).predict(list(zip(*asked.values(), strict=True)))
    assert scores.tolist() == again.tolist()


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from embedders import write_embedder

    return write_embedder(tmp_path_factory.mktemp("embedders") / "tiny", prompts={"query": "ask ", "document": ""})


TEXTS = {
    "query": ["rain falls", "git reset", "rain falls"],
    "document": ["drops of rain", "undo a commit " * 9, "mars"],
}


def test_cosine_equals_sentence_transformers(embedder: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.util import pairwise_cos_sim

    model = SentenceTransformer(str(embedder), device="cpu")
    expected = pairwise_cos_sim(model.encode(TEXTS["query"], prompt="ask "), model.encode(TEXTS["document"], prompt=""))
    assert CosineTeacher(str(embedder)).score(TEXTS) == pytest.approx(expected.numpy(), abs=1e-5)


def test_maxsim_equals_a_loop_over_tokens(embedder: Path) -> None:
    import torch
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(embedder), device="cpu")

    def tokens(text: str, prompt: str) -> torch.Tensor:
        found = model.encode([text], prompt=prompt, output_value="token_embeddings")[0]
        return torch.nn.functional.normalize(found, dim=1)

    expected = []
    for query, document in zip(TEXTS["query"], TEXTS["document"], strict=True):
        asked, read = tokens(query, "ask "), tokens(document, "")
        best = [max(float(one @ other) for other in read) for one in asked]
        expected.append(sum(best) / len(best))
    teacher = MaxSimTeacher(str(embedder))
    assert teacher.score(TEXTS) == pytest.approx(np.array(expected), abs=2e-3)  # vectors are kept in half precision
    assert np.array_equal(teacher.score(TEXTS), teacher.score(TEXTS))


def test_a_static_model_has_no_tokens_to_compare(tmp_path: Path) -> None:
    from embedders import write_static

    teacher = MaxSimTeacher(str(write_static(tmp_path / "static")))
    with pytest.raises(BadOption, match="no token vectors in context"):
        teacher.score(TEXTS)


def test_a_teacher_may_read_text_with_another_tokenizer_than_the_student(ettin: Path, bert: Path) -> None:
    """Labels are scores of texts: no token id passes from teacher to student."""
    one, other = open_teacher(f"{ettin},threads=1"), open_teacher(f"{bert},threads=1")
    assert one.reranker.tokenizer != other.reranker.tokenizer  # type: ignore[attr-defined]
    for teacher in (one, other):
        assert np.isfinite(teacher.score(TEXTS)).all()


def test_an_unknown_teacher_is_refused() -> None:
    with pytest.raises(ModelMissing):
        open_teacher("no-such-model")


def test_one_teacher_is_left_as_it_is_and_several_are_standardised_and_weighed() -> None:
    table = pa.table({"teacher_0": [1.0, 3.0], "teacher_1": [10.0, -10.0]})
    how = {"standardise": False, "scale": 5.0, "weight": [1.0], "mean": [2.0], "sd": [1.0]}
    assert ensemble(table, {"ensemble": how}).tolist() == [1.0, 3.0]
    both = {"standardise": True, "scale": 2.0, "weight": [3.0, 1.0], "mean": [2.0, 0.0], "sd": [1.0, 10.0]}
    assert ensemble(table, {"ensemble": both}).tolist() == [2 * (-0.75 + 0.25), 2 * (0.75 - 0.25)]


def test_how_scores_are_joined_is_known_without_reading_the_labelled_rows(tmp_path: Path) -> None:
    columns = {"teacher_0": np.arange(5, dtype=np.float32) / 3, "teacher_1": np.ones(5, np.float32)}
    stage = Stage(tmp_path / "label", settings={}, inputs={})
    found = stage.run(["all"], lambda place: pa.table(columns), facts=lambda made: {"sums": labelling.sums_of(made, 2)})
    settings = Label(teachers=(tables.Teacher(model="bm25"), tables.Teacher(model="labels")))
    before = ensemble_of(replace(found, facts={}), settings)
    (tmp_path / "label" / "part-00000.parquet").unlink()
    opened = open_made(tmp_path / "label")
    assert opened is not None
    assert ensemble_of(opened, settings) == before
    assert before["mean"] == pytest.approx([2 / 3, 1.0], abs=1e-6)
    assert before["sd"] == pytest.approx([np.std(columns["teacher_0"]), 0.0], abs=1e-6)


def made(folder: Path, count: int = 30) -> Made:
    return Stage(folder / "mine", settings={}, inputs={}).run(["all"], lambda place: pa.table(rows(count)))


def test_pairs_scored_in_several_processes_have_the_same_scores(tmp_path: Path, ettin: Path, kept: KeptScores) -> None:
    teacher, mined, counted = f"{ettin},threads=1", made(tmp_path), Count()
    digest = open_teacher(teacher).digest
    parallel.score_ahead(teacher, mined, kept, digest=digest, processes=2, ray=None, each=counted.add)
    known = labelling.score_rows(Lengths(fails_at=0), "never asked", rows(30), kept, lambda count: None)
    assert np.array_equal(known, open_teacher(teacher).score(rows(30)))
    assert counted.count == len({*zip(*rows(30).values(), strict=True)})


def test_an_error_in_a_worker_process_is_the_teachers_own(tmp_path: Path, kept: KeptScores) -> None:
    with pytest.raises(ModelMissing):
        parallel.score_ahead("no-such-model", made(tmp_path), kept, digest="", processes=1, ray=None, each=id)


def test_a_worker_whose_teacher_gives_other_scores_is_refused_and_none_of_them_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: KeptScores
) -> None:
    pairs = [("q", "rain")]
    scored = iter([(pairs, ("lengths on another device", [4.0]))])
    monkeypatch.setattr(parallel, "_with_ray", lambda name, batches, address: scored)
    with pytest.raises(BadOption, match="teacher odd: the scores of a worker differ"):
        parallel.score_ahead("odd", made(tmp_path), kept, digest="lengths", processes=1, ray="auto", each=id)
    assert len(kept) == 0


def test_a_worker_says_which_teacher_it_has() -> None:
    assert parallel.score_pairs("labels", []) == (open_teacher("labels").digest, [])


def test_bm25_is_a_share_of_the_best_of_its_query() -> None:
    found = open_teacher("bm25").score({"query": ["a", "a", "b", "a", "c"], "bm25": [2.0, 8.0, 3.0, 0.0, 0.0]})
    assert found.tolist() == [0.25, 1.0, 1.0, 0.0, 0.0]


def test_a_cosine_teacher_reads_the_vectors_that_a_search_has_made(
    embedder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rankladder.folders import cache_folder
    from rankladder.retrieve import DenseIndex, open_embedder
    from rankladder.retrieve.dense import SentenceEmbedder
    from rankladder.values import Document

    documents = [Document(str(place), text) for place, text in enumerate(TEXTS["document"])]
    DenseIndex.of(documents, open_embedder(str(embedder)), cache=cache_folder() / "embeddings")
    expected = CosineTeacher(str(embedder)).score(TEXTS)
    monkeypatch.setattr(SentenceEmbedder, "encode_documents", None)
    assert np.array_equal(CosineTeacher(str(embedder)).score(TEXTS), expected)
