"""Train: the student learns the teacher's scores, with Sentence Transformers' trainer."""

from __future__ import annotations

import errno
import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from safetensors import SafetensorError

from rankladder.distill.data.overlap import overlaps_of
from rankladder.distill.data.training_rows import as_lists, as_pairs, has_positives, trained_on, training_rows
from rankladder.distill.recipe.tables import Recipe, Train, is_pointwise, weights_of
from rankladder.distill.stage import Made
from rankladder.distill.train.during import Judged, save_student
from rankladder.distill.train.log import figures_of
from rankladder.distill.train.run_folder import (
    Trained,
    begin_run,
    begun_batch,
    complete_run,
    last_checkpoint,
    open_trained,
    train_depends,
)
from rankladder.distill.train.schedule import plan_facts, plan_training
from rankladder.distill.train.student import open_student
from rankladder.distill.train.trainer import make_trainer
from rankladder.errors import BadInput, BadOption, NotFound, RankladderError, StorageFailed

if TYPE_CHECKING:
    from datasets import Dataset
    from sentence_transformers import CrossEncoder

_LITTLE = 64 << 20  # bytes: no checkpoint of a student fits


def train(recipe: Recipe, work: Path, sampled: Made | None, *, say: Callable[[str], object]) -> Trained:
    """Trains the student, or resumes an interrupted run, and keeps the best checkpoint, or the last one.

    Best is the mean nDCG@10 over ``evaluate.during``, or, where no set is given, the loss on the held-out rows. Under
    ``torchrun`` every process takes its share of each batch: the batch, and so the run, is that of one process.

    Raises what opening the student and the judged sets raises; BadInput where nothing is left to train on, and for
    ``bce`` over rows without a known positive; NotFound where the best checkpoint was removed; RankladderError where
    the student's figures are no longer finite; StorageFailed.
    """
    import torch

    folder = work / "train"
    depends = train_depends(recipe, sampled)
    key = depends.key
    leader = is_leader()
    if (done := open_trained(folder)) is not None and done.key == key:
        if leader:
            say(f"train: complete, {recipe.train.checkpoint} {_figures(done.best)}")
        return done
    dtype = choose_train_dtype(recipe.train)
    rows, apart = training_rows(recipe, work, sampled)
    if "bce" in weights_of(recipe.train.loss) and not has_positives(rows):
        raise BadInput(f"recipe {recipe.name}: loss bce: no row is a known positive", hint="take another loss")
    if leader:
        overlaps_of(recipe, trained_on([rows, apart]), say=say)
    train_set, held_out = _shaped(rows, recipe.train), _shaped(apart, recipe.train)
    model = open_student(recipe.train, seed=recipe.seed, dtype=dtype)
    begun = begun_batch(folder, key)  # a batch that is left out depends on the number of processes: it stays
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if begun and recipe.train.batch_size is None and begun % processes:
        raise BadOption(
            f"train: this run began with {begun:,} rows a step, which {processes} processes cannot divide",
            hint="resume with a number of processes that divides it",
        )
    plan = plan_training(
        msgspec.structs.replace(recipe.train, batch_size=begun) if begun else recipe.train,
        rows=len(train_set),
        held_out=len(held_out),
        parameters=sum(weight.numel() for weight in model.parameters()),
        processes=processes,
        dtype=dtype,
        candidates=max(1, round(len(rows) / len(train_set))),
    )
    if leader:
        what = "pairs" if is_pointwise(recipe.train.loss) else "queries"
        say(
            f"train: {plan.rows:,} {what}, {plan.steps:,} steps of {plan.batch_size}, learning rate "
            f"{plan.learning_rate:g}, {plan.dtype}; {plan.held_out:,} rows held out"
        )
    judged = Judged(recipe.evaluate) if recipe.evaluate.during else None
    trainer = make_trainer(recipe, plan, model, (train_set, held_out), judged, folder, say=say)
    if leader:
        begin_run(folder, depends, plan.batch_size, say)
    trainer.accelerator.wait_for_everyone()
    last = last_checkpoint(folder / "checkpoints")
    if last is not None and leader:
        say(f"train: resuming at {last.name}")
    with _full_disk_named(folder):
        trainer.train(resume_from_checkpoint=str(last) if last is not None else None)
        state = trainer.state
        step, figure = _chosen(state, recipe.train, trainer.args.metric_for_best_model)
        trained = Trained(folder / "best", key, figure, figures_of(state.log_history), depends.values)
        if trainer.is_world_process_zero():
            if step != state.global_step:
                _load_weights(model, folder / "checkpoints" / f"checkpoint-{step}")
            shutil.rmtree(folder / "best", ignore_errors=True)
            save_student(model.to(torch.float32), folder / "best")
            complete_run(trained, {"plan": plan_facts(plan)})
    trainer.accelerator.wait_for_everyone()
    return trained


@contextmanager
def _full_disk_named(folder: Path) -> Iterator[None]:
    """Raises StorageFailed for a disk that filled: each library has its own way to say so."""
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        if getattr(error, "errno", None) not in {errno.ENOSPC, errno.EDQUOT} and _free(folder) > _LITTLE:
            raise
        hint = "free space, then run the same command: it resumes at the last checkpoint"
        where = getattr(error, "filename", None) or folder
        raise StorageFailed(f"{where}: a checkpoint could not be written: the disk is full", hint=hint) from error


def _chosen(state: Any, settings: Train, name: str) -> tuple[int, dict[str, float]]:
    """The step whose weights the student has, and its figure. Raises RankladderError for one that is not finite."""
    step, figure = state.best_global_step, state.best_metric
    if settings.checkpoint == "last":
        step = state.global_step
        figure = next((row[name] for row in reversed(state.log_history) if name in row), None)
    if figure is not None and not math.isfinite(figure):
        raise RankladderError(
            f"train: the {settings.checkpoint} checkpoint has the figure {figure}: its weights are useless",
            hint='a lower train.learning_rate, train.dtype = "fp32", or scores of a smaller range',
        )
    return step, {} if figure is None else {"metric": float(figure)}


def _load_weights(model: CrossEncoder, checkpoint: Path) -> None:
    """Gives the student a checkpoint's weights. Raises NotFound where it is not there."""
    from sentence_transformers import CrossEncoder

    if not checkpoint.is_dir():
        raise NotFound(
            f"{checkpoint}: the best checkpoint no longer exists",
            hint=f"remove {checkpoint.parent.parent}: the same command trains again from the beginning",
        )
    model.load_state_dict(CrossEncoder(str(checkpoint), device="cpu", local_files_only=True).state_dict())


def is_leader() -> bool:
    """Whether this process speaks for all that ``torchrun`` started."""
    return int(os.environ.get("RANK", "0")) == 0


def _shaped(rows: Dataset, settings: Train) -> Dataset:
    """Rows as the loss wants them."""
    return as_pairs(rows, scores_only=settings.loss == "mse") if is_pointwise(settings.loss) else as_lists(rows)


def choose_train_dtype(settings: Train) -> str:
    """What the arithmetic runs in. Raises BadOption for half precision where there is no GPU."""
    import torch

    gpu = torch.cuda.is_available()
    if settings.dtype == "auto":
        return "bf16" if gpu and torch.cuda.is_bf16_supported() else "fp32"
    if settings.dtype != "fp32" and not gpu:
        raise BadOption(f"train.dtype is {settings.dtype}, and there is no GPU here", hint='dtype = "fp32" or "auto"')
    return settings.dtype


def _free(folder: Path) -> int:
    """Bytes that can still be written."""
    return shutil.disk_usage(folder).free


def _figures(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in values.items())
