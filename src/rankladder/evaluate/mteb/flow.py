"""mteb's two-stage flow: a first stage predicts, a reranker orders the best of it, mteb measures and keeps both."""

from __future__ import annotations

import copy
import errno
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rankladder.arguments import checked
from rankladder.errors import BadOption, RankladderError, StorageFailed
from rankladder.evaluate.mteb.reranker import MtebReranker, catalogue_model
from rankladder.evaluate.mteb.stages import Bm25Stage, FirstStage
from rankladder.evaluate.mteb.tasks import loaded, trained_on, zero_shot
from rankladder.folders import cache_folder
from rankladder.rerank import ModelRequest
from rankladder.rerank.engine import need
from rankladder.temporary import temporary_folder

if TYPE_CHECKING:
    from mteb import ResultCache
    from mteb.abstasks import AbsTaskRetrieval
    from mteb.models import ModelMeta
    from mteb.results import TaskResult

TOP_K = 100
"""How many candidates are reranked, as in the published figures; mteb's own default is 10."""


@dataclass(frozen=True, slots=True)
class TaskScore:
    """One system on one task.

    Attributes:
        task: mteb's name, or your own.
        first_stage: What found the candidates.
        model: What reranked them, as it was asked for; None for the first stage by itself.
        ndcg: nDCG@10, as mteb gives it: rounded to five places, the mean over splits where a task has several. None
            where it failed.
        zero_shot: Whether the task's data is not among what the model was trained on (in a first stage's own row, what
            that was trained on); None where nobody says, and for tasks that are not mteb's.
        catalogue_name: The model's name in our catalogue, None where it is not there.
        file: Where mteb keeps the result; None where it failed.
        failed: Why the model could not be finished on this task; None where it was.
    """

    task: str
    first_stage: str
    model: str | None
    ndcg: float | None
    zero_shot: bool | None
    catalogue_name: str | None
    file: Path | None
    failed: str | None = None


@checked
def rerank_tasks(
    tasks: Sequence[AbsTaskRetrieval],
    models: Sequence[ModelRequest],
    *,
    results: str | Path,
    first_stages: Sequence[FirstStage] = (Bm25Stage(),),
    top_k: int = TOP_K,
    store: str | Path | None = None,
    offline: bool | None = None,
    progress: Callable[[str], object] = lambda line: None,
) -> list[TaskScore]:
    """Every first stage by itself and every model over it, on every task: nDCG@10.

    What ``results`` holds already is not done again, nor are the pairs that ``store`` has: an interrupted run goes on
    with the task, first stage and model that it stopped in, where it was. A model that fails on a task is a row that
    says why; the others are finished. One model and one task's data are in memory at a time.

    Args:
        tasks: From ``find_task``, ``benchmark_tasks`` or ``local_task``.
        models: Rerankers; with none, the first stages alone are measured.
        results: A folder, made here. ``results/`` in it is mteb's own (``mteb.ResultCache(folder)`` reads it), the
            candidates lie in ``predictions/`` in mteb's form.
        first_stages: What finds candidates.
        top_k: How many of them are reranked.
        store: The folder of the rerankers' scores, kept as they come; by default ``scores`` in the user's cache, where
            ``rankladder.evaluate.evaluate`` has its own.
        offline: Whether models may be fetched, as ``Reranker.open``; data sets follow ``HF_HUB_OFFLINE``.
        progress: Called with a line before each step that takes time.

    Returns:
        Task by task, first stage by first stage: the first stage alone, then the models as given.

    Raises:
        BadOption: ``top_k`` below 1; a task or a model that is named twice.
        Unavailable: A task's data is not here and cannot be fetched.
        StorageFailed: ``results`` or ``store`` cannot be written.
        RankladderError: As the first stages.
    """
    need("mteb", extra="mteb")
    if top_k < 1:
        raise BadOption(f"top_k must be at least 1, got {top_k}")
    _refuse_twins("task", [task.metadata.name for task in tasks])
    _refuse_twins("first stage", [stage.name for stage in first_stages])
    _refuse_twins("model", [model.text for model in models])
    from mteb import ResultCache

    kept = cache_folder("scores") if store is None else Path(store)
    scores: dict[tuple[str, str, str | None], TaskScore] = {}
    with _writing(Path(results)), _without_bars():
        cache = ResultCache(Path(results))
        predictions: dict[tuple[str, str], Path] = {}
        for stage in first_stages:
            for task in tasks:
                key = (task.metadata.name, stage.name)
                result, meta, predictions[key] = _first_stage(task, stage, cache, progress)
                scores[*key, None] = _score(result, stage, None, zero_shot(trained_on(meta), task), None, cache, meta)
            stage.close()
        for request in models:
            for score in _over_tasks(
                request, tasks, first_stages, predictions, cache, kept, progress, top_k=top_k, offline=offline
            ):
                scores[score.task, score.first_stage, score.model] = score
    return [
        scores[task.metadata.name, stage.name, model]
        for task in tasks
        for stage in first_stages
        for model in (None, *(request.text for request in models))
    ]


def _first_stage(
    task: AbsTaskRetrieval, stage: FirstStage, cache: ResultCache, progress: Callable[[str], object]
) -> tuple[TaskResult, ModelMeta, Path]:
    """The first stage's own result, what it is filed under, and the file of its candidates."""
    meta = stage.meta(task)
    parts = (meta.model_name_as_path(), str(meta.revision), str(task.metadata.revision))
    file = cache.cache_path.joinpath("predictions", *parts, task.prediction_file_name)
    known = _known(cache, task, meta)
    if known is not None and file.is_file():
        return known, meta, file
    progress(f"{task.metadata.name}: candidates by {stage.name}")
    file.parent.mkdir(parents=True, exist_ok=True)
    # mteb writes in place, and adds to a file that is there: a fresh folder, then a rename, keeps the file whole.
    with loaded(task), temporary_folder(file.parent) as fresh:
        result = _evaluated(stage.model(task), task, cache, overwrite="always", prediction_folder=fresh)
        (fresh / file.name).replace(file)
    return result, meta, file


def _over_tasks(
    request: ModelRequest,
    tasks: Sequence[AbsTaskRetrieval],
    stages: Sequence[FirstStage],
    predictions: Mapping[tuple[str, str], Path],
    cache: ResultCache,
    store: Path,
    progress: Callable[[str], object],
    *,
    top_k: int,
    offline: bool | None,
) -> Iterator[TaskScore]:
    """A model on each task over each first stage. It may fail in any way: a row says how, and the others go on."""
    pairs = [(task, stage) for task in tasks for stage in stages]
    try:
        reranker = request.open(offline=offline)
        known = catalogue_model(reranker)
        trained = trained_on(MtebReranker(reranker).mteb_model_meta)
    except Exception as error:  # a model may fail to open in any way: its rows say so, the others go on
        yield from (_failure(task, stage, request, error) for task, stage in pairs)
        return
    for task, stage in pairs:
        try:
            settings: dict[str, str | int] = {"first_stage": _label(stage.meta(task)), "top_k": top_k}
            if task.ignore_identical_ids:
                settings["same_ids"] = "left out before"
            model = MtebReranker(reranker, settings=settings, store=store)
            meta = model.mteb_model_meta
            finished = _known(cache, task, meta)
            if finished is None:
                progress(f"{task.metadata.name}: {request.text} over {stage.name}")
                finished = _reranked(task, model, predictions[task.metadata.name, stage.name], cache, top_k=top_k)
            name = known.name if known else None
            score = _score(finished, stage, request.text, zero_shot(trained, task), name, cache, meta)
        except Exception as error:  # and in any way while it scores
            if isinstance(error, StorageFailed) or _is_of_the_disk(error, cache.cache_path):
                raise  # no fault of the model's, and the next would meet it too
            score = _failure(task, stage, request, error)
        yield score


def _failure(task: AbsTaskRetrieval, stage: FirstStage, request: ModelRequest, error: Exception) -> TaskScore:
    reason = str(error) if isinstance(error, RankladderError) else f"{type(error).__name__}: {error}"
    return TaskScore(task.metadata.name, stage.name, request.text, None, None, None, None, failed=reason)


def _reranked(
    task: AbsTaskRetrieval, model: MtebReranker, candidates: Path, cache: ResultCache, *, top_k: int
) -> TaskResult:
    with loaded(task):
        # convert_to_reranking changes the task that it is called on: a copy, whose tables are shared, leaves it be.
        reranking = copy.copy(task)
        reranking.dataset = {
            subset: {split: copy.copy(data) for split, data in splits.items()}
            for subset, splits in task.dataset.items()
        }
        # mteb drops a query's own document after reranking: left out before, the list keeps its depth.
        spare = int(task.ignore_identical_ids)
        reranking.convert_to_reranking(candidates, top_k=top_k + spare)
        for splits in reranking.dataset.values():
            for data in splits.values():
                data["top_ranked"] = {
                    query: [id for id in ids if not (spare and id == query)][:top_k]
                    for query, ids in (data["top_ranked"] or {}).items()
                }
        return _evaluated(model, reranking, cache, overwrite="always")


def _known(cache: ResultCache, task: AbsTaskRetrieval, meta: ModelMeta) -> TaskResult | None:
    """A result that is complete and of this data. mteb by itself takes one of another revision of the data as well."""
    result = cache.load_task_result(task.metadata.name, meta)
    if result is None or result.dataset_revision != task.metadata.revision or result.get_missing_evaluations(task):
        return None
    return result


def _evaluated(
    model: Any, task: AbsTaskRetrieval, cache: ResultCache, *, overwrite: str, prediction_folder: Path | None = None
) -> TaskResult:
    import mteb

    found = mteb.evaluate(
        model,
        task,
        co2_tracker=False,  # it asks a server for this machine's location
        cache=cache,
        overwrite_strategy=overwrite,
        prediction_folder=prediction_folder,
        show_progress_bar=False,
        encode_kwargs={"batch_size": 32},
    )
    return found.task_results[0]


def _score(
    result: TaskResult,
    stage: FirstStage,
    model: str | None,
    seen: bool | None,
    catalogue_name: str | None,
    cache: ResultCache,
    meta: ModelMeta,
) -> TaskScore:
    ndcg = float(result.get_score(getter=lambda scores: scores["ndcg_at_10"]))
    file = cache.get_task_result_path(result.task_name, meta)
    return TaskScore(result.task_name, stage.name, model, ndcg, seen, catalogue_name, file)


def _label(meta: ModelMeta) -> str:
    """Which first stage, in the settings that a result is filed under."""
    return f"{meta.name}@{str(meta.revision)[:40]}"


def _refuse_twins(what: str, names: Sequence[str]) -> None:
    if twins := sorted({name for name in names if names.count(name) > 1}):
        raise BadOption(f"{what} {twins[0]} is named twice")


@contextmanager
def _writing(results: Path) -> Iterator[None]:
    """Raises StorageFailed, naming the folder, for what the disk refuses."""
    try:
        results.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        if not _is_of_the_disk(error, results):
            raise
        raise StorageFailed(f"{results}: results cannot be kept there: {error.strerror or error}") from error


def _is_of_the_disk(error: Exception, results: Path) -> bool:
    """Whether the results could not be written. A write that finds the disk full names no file."""
    if not isinstance(error, OSError):
        return False
    named = error.filename is not None and Path(str(error.filename)).is_relative_to(results)
    return named or error.errno == errno.ENOSPC


@contextmanager
def _without_bars() -> Iterator[None]:
    """Hides the progress bars that datasets shows for its own steps."""
    import datasets

    shown = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()
