"""What a training run shows while it runs: a bar on a terminal, else lines, and its loss as a drawing."""

from __future__ import annotations

import math
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rankladder.drawing.plots import Curve, curves
from rankladder.storage import whole_file

Figures = tuple[Mapping[str, float], ...]


def watching(folder: Path, name: str, *, say: Callable[[str], object]) -> Any:
    """The trainer's callback: steps done, the last loss and the time left; ``loss.svg`` in the folder.

    A bar shows them on a terminal; elsewhere ``say`` is called whenever the trainer logs a loss.
    """
    from tqdm import tqdm
    from transformers import TrainerCallback

    class Watching(TrainerCallback):
        bar: Any = None
        begun = (0.0, 0)  # seconds, steps

        def on_train_begin(self, args: Any, state: Any, control: Any, **_rest: Any) -> None:
            self.begun = time.perf_counter(), state.global_step
            if state.is_world_process_zero:
                self.bar = tqdm(
                    desc=f"training {name}",
                    total=state.max_steps,
                    initial=state.global_step,
                    unit=" steps",
                    disable=sys.stderr is None or not sys.stderr.isatty(),
                )

        def on_step_end(self, args: Any, state: Any, control: Any, **_rest: Any) -> None:
            if self.bar is not None:
                self.bar.update(state.global_step - self.bar.n)

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_rest: Any) -> None:
            if self.bar is not None and logs and "loss" in logs:
                self.bar.set_postfix(loss=f"{float(logs['loss']):.4f}")
                if self.bar.disable:
                    say(f"train: {self._standing(state)}, loss {float(logs['loss']):.4f}")

        def _standing(self, state: Any) -> str:
            start, steps = self.begun
            left = (
                (time.perf_counter() - start)
                / max(1, state.global_step - steps)
                * (state.max_steps - state.global_step)
            )
            return f"step {state.global_step:,} of {state.max_steps:,}, {tqdm.format_interval(left)} left"

        def on_evaluate(self, args: Any, state: Any, control: Any, **_rest: Any) -> None:
            if state.is_world_process_zero:
                draw_loss(figures_of(state.log_history), folder / "loss.svg")

        def on_train_end(self, args: Any, state: Any, control: Any, **_rest: Any) -> None:
            if self.bar is not None:
                self.bar.close()
                draw_loss(figures_of(state.log_history), folder / "loss.svg")

    return Watching()


@contextmanager
def without_library_bars() -> Iterator[None]:
    """Leaves out the bars of transformers and datasets, one for every file that they read or write."""
    import datasets
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled(), datasets.are_progress_bars_disabled()
    with warnings.catch_warnings():
        # It switches the hub's bars too, which warns where HF_HUB_DISABLE_PROGRESS_BARS decides about those.
        warnings.filterwarnings("ignore", message="Cannot (en|dis)able progress bars", category=UserWarning)
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        datasets.disable_progress_bars()
        try:
            yield
        finally:
            if shown[0]:
                logging.enable_progress_bar()  # type: ignore[no-untyped-call]
            if not shown[1]:
                datasets.enable_progress_bars()


def figures_of(history: Iterable[Mapping[str, Any]]) -> Figures:
    """The finite numbers of a trainer's log."""
    return tuple(
        {name: float(value) for name, value in row.items() if isinstance(value, int | float) and math.isfinite(value)}
        for row in history
    )


def draw_loss(history: Figures, path: Path) -> None:
    """Writes the loss on the rows trained on, and on those held out, by step, as SVG."""
    drawn = [
        Curve(label, [(row["step"], row[key]) for row in history if key in row and "step" in row])
        for label, key in (("trained on", "loss"), ("held out", "eval_loss"))
    ]
    with whole_file(path) as file:
        file.write(curves([curve for curve in drawn if curve.points], across="step", up="loss"))
