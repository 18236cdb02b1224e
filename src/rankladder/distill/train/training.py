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
from rankladder.distill.train.buckets import bucket_sampler
from rankladder.distill.train.during import MEAN, Judged, save_student
from rankladder.distill.train.log import figures_of, watching
from rankladder.distill.train.losses import make_objective
from rankladder.distill.train.run_folder import (
    Trained,
    begin_run,
    begun_batch,
    complete_run,
    key_of,
    last_checkpoint,
    open_trained,
    train_depends,
)
from rankladder.distill.train.schedule import Plan, plan_facts, plan_training
from rankladder.distill.train.student import head_pattern, open_student
from rankladder.errors import BadInput, BadOption, NotFound, RankladderError, StorageFailed

if TYPE_CHECKING:
    from datasets import Dataset
    from sentence_transformers import CrossEncoder

_LITTLE = 64 << 20  # bytes: no checkpoint of a student fits


def train(recipe: Recipe, work: Path, sampled: Made | None, *, say: Callable[[str], object]) -> Trained:
    """Trains the student, or goes on with a run that was cut short, and keeps the best checkpoint, or the last one.

    Best is the mean nDCG@10 over ``evaluate.during``, or, where no set is given, the loss on the held-out rows. Under
    ``torchrun`` every process takes its share of each batch: the batch, and so the run, is that of one process.

    Raises what opening the student and the judged sets raises; BadInput where nothing is left to train on, and for
    ``bce`` over rows without a known positive; NotFound where the best checkpoint was removed; RankladderError where
    the student's figures are no longer finite; StorageFailed.
    """
    import torch

    folder = work / "train"
    depends = train_depends(recipe, sampled)
    key = key_of(depends)
    leader = is_leader()
    if (done := open_trained(folder)) is not None and done.digest == key:
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
            f"train: this run was begun with {begun:,} rows a step, which {processes} processes cannot share",
            hint="go on with a number of processes that divides it",
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
    trainer = _trainer(recipe, plan, model, train_set, held_out, judged, folder, say)
    if leader:
        begin_run(folder, depends, plan.batch_size, say)
    trainer.accelerator.wait_for_everyone()
    last = last_checkpoint(folder / "checkpoints")
    if last is not None and leader:
        say(f"train: going on at {last.name}")
    with _full_disk_named(folder):
        trainer.train(resume_from_checkpoint=str(last) if last is not None else None)
        state = trainer.state
        step, figure = _chosen(state, recipe.train, trainer.args.metric_for_best_model)
        trained = Trained(folder / "best", key, figure, figures_of(state.log_history))
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
        hint = "free space, then run the same command: it goes on at the last checkpoint"
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
            f"{checkpoint}: the best checkpoint is not there any more",
            hint=f"remove {checkpoint.parent.parent}: the same command trains anew",
        )
    model.load_state_dict(CrossEncoder(str(checkpoint), device="cpu", local_files_only=True).state_dict())


def is_leader() -> bool:
    """Whether this process speaks for all that ``torchrun`` started."""
    return int(os.environ.get("RANK", "0")) == 0


def _trainer(
    recipe: Recipe,
    plan: Plan,
    model: CrossEncoder,
    train_set: Dataset,
    held_out: Dataset,
    judged: Judged | None,
    folder: Path,
    say: Callable[[str], object],
) -> Any:
    import torch
    from sentence_transformers.base.evaluation import BaseEvaluator
    from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments
    from transformers import TrainerCallback
    from transformers.trainer_callback import PrinterCallback

    class During(BaseEvaluator):
        def __call__(
            self, model: Any, output_path: str | None = None, epoch: int = -1, steps: int = -1
        ) -> dict[str, float]:
            assert judged is not None
            return judged.measure(model)

    class Trainer(CrossEncoderTrainer):
        def get_batch_sampler(self, dataset: Any, batch_size: int, *_columns: Any, **_options: Any) -> Any:
            training = dataset is self.train_dataset
            return bucket_sampler(
                dataset,
                batch=batch_size,
                step=plan.batch_size if training else batch_size,
                run=plan.like_lengths if training else batch_size,
                whole=training,
                seed=recipe.seed,
                epoch=lambda: int(self.state.epoch or 0) if training else 0,
            )

    class Moved(TrainerCallback):
        """Finds the best checkpoint where the folder is now: the state that is resumed has the path of then."""

        def on_train_begin(self, args: Any, state: Any, control: Any, **_rest: Any) -> None:
            best = folder / "checkpoints" / f"checkpoint-{state.best_global_step}"
            state.best_model_checkpoint = str(best) if best.is_dir() else None

    processes = int(os.environ.get("WORLD_SIZE", "1"))
    gpu = torch.cuda.is_available()
    arguments = CrossEncoderTrainingArguments(
        output_dir=str(folder / "checkpoints"),
        num_train_epochs=recipe.train.epochs,
        per_device_train_batch_size=plan.micro_batch_size,
        per_device_eval_batch_size=plan.micro_batch_size,
        gradient_accumulation_steps=plan.batch_size // (plan.micro_batch_size * processes),
        learning_rate=plan.learning_rate,
        weight_decay=recipe.train.weight_decay,
        warmup_steps=math.ceil(recipe.train.warmup * plan.steps),
        learning_rate_mapping=_head_rate(model, plan, recipe.train),
        lr_scheduler_type="linear",
        bf16=plan.dtype == "bf16",
        fp16=plan.dtype == "fp16",
        seed=recipe.seed,
        eval_strategy="steps",
        eval_steps=plan.evaluate_every,
        save_strategy="steps",
        save_steps=plan.evaluate_every,
        save_total_limit=recipe.train.keep,
        metric_for_best_model=f"eval_{MEAN}" if judged is not None else "eval_loss",
        greater_is_better=judged is not None,
        logging_steps=max(1, plan.evaluate_every // 10),
        report_to=list(recipe.train.logs) or ["none"],
        project=recipe.name,
        dataloader_pin_memory=gpu,
        use_cpu=not gpu,
        # Every weight has a gradient, and a search for those without one does not see through the model's output.
        ddp_find_unused_parameters=False,
        disable_tqdm=True,  # its bar prints to stdout; ours does not
    )
    arguments.dataloader_drop_last = False  # it drops rows, held-out ones too, where there are several processes
    arguments._n_gpu = min(1, arguments.n_gpu)  # of several it would make one larger batch; torchrun divides ours
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=train_set,
        eval_dataset=held_out,
        loss=make_objective(model, recipe.train.loss),
        evaluator=During() if judged is not None else None,  # type: ignore[no-untyped-call]
        callbacks=[Moved(), watching(folder, recipe.name, say=say)],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _head_rate(model: CrossEncoder, plan: Plan, settings: Train) -> dict[str, float]:
    """The learning rate of the head's weights, by their names; nothing where it is the encoder's."""
    return {head_pattern(model): plan.learning_rate * settings.head_rate} if settings.head_rate != 1 else {}


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
