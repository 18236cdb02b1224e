"""The trainer: Sentence Transformers' own, with batches of like length and checkpoints compared on judged sets."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rankladder.distill.recipe.tables import Recipe, Train
from rankladder.distill.train.buckets import bucket_sampler
from rankladder.distill.train.during import MEAN, Judged
from rankladder.distill.train.log import watching
from rankladder.distill.train.losses import make_objective
from rankladder.distill.train.schedule import Plan
from rankladder.distill.train.student import head_pattern

if TYPE_CHECKING:
    from datasets import Dataset
    from sentence_transformers import CrossEncoder


def make_trainer(
    recipe: Recipe,
    plan: Plan,
    model: CrossEncoder,
    rows: tuple[Dataset, Dataset],
    judged: Judged | None,
    folder: Path,
    *,
    say: Callable[[str], object],
) -> Any:
    """The trainer of a student on rows to train on and rows held out; checkpoints are compared on what is ``judged``,
    or on the loss of the held-out rows.
    """
    from sentence_transformers.base.evaluation import BaseEvaluator
    from sentence_transformers.cross_encoder import CrossEncoderTrainer
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

    trainer = Trainer(
        model=model,
        args=_arguments(recipe, plan, model, judged, folder),
        train_dataset=rows[0],
        eval_dataset=rows[1],
        loss=make_objective(model, recipe.train.loss),
        evaluator=During() if judged is not None else None,  # type: ignore[no-untyped-call]
        callbacks=[Moved(), watching(folder, recipe.name, say=say)],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _arguments(recipe: Recipe, plan: Plan, model: CrossEncoder, judged: Judged | None, folder: Path) -> Any:
    import torch
    from sentence_transformers.cross_encoder import CrossEncoderTrainingArguments

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
    return arguments


def _head_rate(model: CrossEncoder, plan: Plan, settings: Train) -> dict[str, float]:
    """The learning rate of the head's weights, by their names; nothing where it is the encoder's."""
    return {head_pattern(model): plan.learning_rate * settings.head_rate} if settings.head_rate != 1 else {}
