"""What a training run's settings come to: batch, passes, learning rate and steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from rankladder.distill.recipe import Train
from rankladder.distill.sizes import published_settings
from rankladder.errors import BadOption

_MICRO = 32


@dataclass(frozen=True, slots=True)
class Plan:
    """What a training run will do."""

    rows: int
    """Pairs, or queries with their candidates where the loss compares these."""
    held_out: int
    batch_size: int
    micro_batch_size: int
    learning_rate: float
    steps: int
    evaluate_every: int
    dtype: str


def plan_training(settings: Train, *, rows: int, held_out: int, parameters: int, processes: int, dtype: str) -> Plan:
    """What the settings come to. Raises BadOption for a batch that does not divide over the processes."""
    published = published_settings(parameters)
    batch = settings.batch_size or min(published.batch_size, max(1, rows))
    share = batch // processes
    micro = settings.micro_batch_size or next(
        size for size in range(min(_MICRO, max(1, share)), 0, -1) if share % size == 0
    )
    if batch % processes or share % micro:
        raise BadOption(
            f"train.batch_size {batch} does not divide into passes of {micro} on {processes} processes",
            hint="batch_size = processes × micro_batch_size × passes",
        )
    steps = max(1, math.ceil(math.ceil(rows / batch) * settings.epochs))
    return Plan(
        rows,
        held_out,
        batch,
        micro,
        settings.learning_rate or published.learning_rate,
        steps,
        max(1, round(steps * settings.evaluate_every)),
        dtype,
    )


def plan_facts(plan: Plan) -> dict[str, Any]:
    """The plan as JSON values."""
    return {name: getattr(plan, name) for name in Plan.__dataclass_fields__}
