"""Tasks by name, what a model has seen of them, and which published figures may stand beside a mean."""

from __future__ import annotations

from pathlib import Path

import mteb
import pytest

from rankladder.catalogue import find_model
from rankladder.errors import BadInput, BadOption, NotFound, PathMissing
from rankladder.evaluate.mteb import TaskScore, as_mteb, benchmark_tasks, find_task, first_stage, mean_scores
from rankladder.evaluate.mteb.means import SIX_EMBEDDERS, TEN_TASKS, not_comparable
from rankladder.evaluate.mteb.reranker import BOX_TRAINING
from rankladder.evaluate.mteb.tasks import is_mtebs, trained_on, zero_shot
from rankladder.rerank import Reranker
from rankladder.retrieve.dense import all_embedders


def names(benchmark: str) -> list[str]:
    return [task.metadata.name for task in benchmark_tasks(benchmark)]


def seen(model: str, benchmark: str) -> set[str]:
    trained = trained_on(mteb.get_model_meta(model))
    return {task.metadata.name for task in benchmark_tasks(benchmark) if zero_shot(trained, task) is False}


def test_the_ten_tasks_are_the_retrieval_tasks_of_mteb_eng_v2() -> None:
    assert names("MTEB(eng, v2)") == list(TEN_TASKS)


def test_nanobeir_has_thirteen_tasks_and_case_does_not_matter() -> None:
    assert len(names("nanobeir")) == 13
    assert names("nanobeir") == names("NanoBEIR")


def test_what_the_ettin_rerankers_were_trained_on_is_not_zero_shot() -> None:
    model = "cross-encoder/ettin-reranker-17m-v1"
    nano = {"FEVER", "FiQA2018", "HotpotQA", "MSMARCO", "NQ", "DBPedia", "Quora", "SCIDOCS"}
    assert seen(model, "NanoBEIR") == {f"Nano{name}Retrieval" for name in nano}
    assert {"FEVERHardNegatives", "FiQA2018", "HotpotQAHardNegatives"} <= seen(model, "MTEB(eng, v2)")


def test_training_on_an_aggregate_is_training_on_its_parts() -> None:
    meta = mteb.get_model_meta("cross-encoder/ettin-reranker-17m-v1")
    part = find_task("CQADupstackGaming")
    assert meta.is_zero_shot_on([part]) is True
    assert zero_shot(trained_on(meta), part) is False


def test_the_box_has_seen_its_own_data_and_that_of_the_model_it_grew_from() -> None:
    trained = trained_on(as_mteb(Reranker.open()).mteb_model_meta)
    seen = ["FeedbackQA", "MedicalQA", "XQuAD"]
    seen += ["NanoMSMARCO", "NanoQuora", "StackOverflowQA", "LoTTE", "SCIDOCS", "NanoSCIDOCS"]
    seen += ["CodeSearchNet", "CodeSearchNetCC", "COIRCodeSearchNet"]
    assert {name for name in seen if zero_shot(trained, find_task(name)) is not False} == set()
    assert [zero_shot(trained, find_task(name)) for name in ("SciFact", "NFCorpus", "TRECCOVID")] == [True] * 3


def test_every_task_that_the_box_names_is_one_of_mtebs() -> None:
    assert {name for name in BOX_TRAINING if not is_mtebs(name)} == set()


def test_bm25_has_seen_nothing() -> None:
    task = find_task("CQADupstackGaming")
    assert zero_shot(trained_on(first_stage("bm25").meta(task)), task) is True


def test_where_nobody_says_what_a_model_was_trained_on_it_is_not_known() -> None:
    assert zero_shot(None, find_task("SciFact")) is None


@pytest.mark.parametrize("name", ["NanoSciFact", "NanoSciFactRetrieval"])
def test_retrieval_at_the_end_of_a_name_may_be_left_out(name: str) -> None:
    assert find_task(name).metadata.name == "NanoSciFactRetrieval"


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("NanoSciFac", NotFound, "did you mean NanoSciFactRetrieval"),
        ("no such task at all", NotFound, "no task 'no such task at all'"),
        ("Banking77Classification", BadInput, "a task of the type Classification"),
        ("CQADupstackRetrieval", BadInput, "the mean of other tasks: CQADupstackAndroidRetrieval"),
    ],
)
def test_a_task_that_cannot_be_reranked_is_refused_by_name(name: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        find_task(name)


def test_an_unknown_benchmark_and_one_without_retrieval_are_refused() -> None:
    with pytest.raises(NotFound, match="no benchmark 'best'"):
        benchmark_tasks("best")
    with pytest.raises(BadInput, match="text retrieval"):
        benchmark_tasks("HUME(v1)")


def test_a_first_stage_is_read_as_it_is_written(tmp_path: Path) -> None:
    assert first_stage("bm25").name == "bm25"
    assert first_stage(f"run:{tmp_path}").name == f"run:{tmp_path}"
    assert first_stage("BAAI/bge-small-en-v1.5").name == "BAAI/bge-small-en-v1.5"
    assert {first_stage(known.name).name for known in all_embedders()} == set(SIX_EMBEDDERS)
    with pytest.raises(PathMissing, match="nowhere"):
        first_stage("run:nowhere")
    for wrong in ("bm26", "", "run:"):
        with pytest.raises(BadOption, match="a first stage is"):
            first_stage(wrong)


def scores(tasks: tuple[str, ...], stages: tuple[str, ...], *, value: float = 0.5) -> list[TaskScore]:
    return [
        TaskScore(task, stage, model, value, task != "FiQA2018", "ettin-17m" if model else None, Path())
        for task in tasks
        for stage in stages
        for model in (None, "ettin-17m,dtype=fp32")
    ]


def test_the_published_mean_stands_beside_the_mean_of_all_it_was_made_of() -> None:
    full = scores(TEN_TASKS, tuple(SIX_EMBEDDERS))
    means = {(one.first_stage, one.model): one.published for one in mean_scores(full, top_k=100)}
    assert means[None, "ettin-17m,dtype=fp32"] == find_model("ettin-17m").mteb_ndcg
    assert {stage: means[stage, None] for stage in SIX_EMBEDDERS} == SIX_EMBEDDERS
    assert [value for (stage, model), value in means.items() if (stage is None) == (model is None)] == [None] * 7
    assert not_comparable(full, top_k=100) == []


@pytest.mark.parametrize(
    ("tasks", "stages", "top_k", "why"),
    [
        (TEN_TASKS[:9], tuple(SIX_EMBEDDERS), 100, "9 of its 10 tasks"),
        ((*TEN_TASKS, "SciFact"), tuple(SIX_EMBEDDERS), 100, "1 tasks that are not its own"),
        (TEN_TASKS, tuple(SIX_EMBEDDERS)[:5], 100, "5 of its 6 first stages"),
        (TEN_TASKS, (*SIX_EMBEDDERS, "bm25"), 100, "1 first stages that are not its own"),
        (TEN_TASKS, tuple(SIX_EMBEDDERS), 50, "the top 50 where it has the top 100"),
    ],
)
def test_a_mean_of_anything_else_has_no_published_figure_and_the_run_says_why(
    tasks: tuple[str, ...], stages: tuple[str, ...], top_k: int, why: str
) -> None:
    made = scores(tasks, stages)
    assert [
        one.published for one in mean_scores(made, top_k=top_k) if one.model is not None and not one.first_stage
    ] == [None]
    (line,) = not_comparable(made, top_k=top_k)
    assert "0.5576" in line
    assert why in line


def test_the_published_nanobeir_mean_is_never_put_beside_mtebs_nano_tasks() -> None:
    lines = not_comparable(scores(("NanoSciFactRetrieval",), ("bm25",)), top_k=100)
    assert "0.6746" in lines[1]
    assert "Sentence Transformers" in lines[1]


def test_the_zero_shot_mean_is_over_the_tasks_known_to_be_so() -> None:
    made = [
        TaskScore("ArguAna", "bm25", None, 0.4, True, None, Path()),
        TaskScore("FiQA2018", "bm25", None, 0.8, False, None, Path()),
        TaskScore("mine", "bm25", None, 0.9, None, None, Path()),
    ]
    (mean,) = mean_scores(made, top_k=100)
    assert (mean.tasks, mean.zero_shot_tasks, mean.zero_shot_ndcg) == (3, 1, 0.4)
    assert mean.ndcg == pytest.approx(0.7)
