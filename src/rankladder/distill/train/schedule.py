"""What a training run's settings come to: batch, passes, learning rate and steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from rankladder.distill.recipe.tables import Train
from rankladder.distill.train.sizes import published_settings
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
    like_lengths: int
    """Rows that stand together as they are of like length; a pass takes as many, or, in several processes, fewer."""
    learning_rate: float
    steps: int
    evaluate_every: int
    dtype: str


def plan_training(
    settings: Train, *, rows: int, held_out: int, parameters: int, processes: int, dtype: str, candidates: int = 1
) -> Plan:
    """What the settings come to.

    Where the loss compares a query's ``candidates`` (so many, about), batch and pass count queries: those that are
    worked out here have as many pairs as the published ones. Raises BadOption for a batch that does not divide over the
    processes, and for one of more rows than there are: each step would hold some of them several times.
    """
    published = published_settings(parameters)
    most = rows_a_pass(settings, candidates)
    if settings.micro_batch_size is None:
        most = min(most, max(1, rows // processes))
    batch = settings.batch_size or _whole_passes(min(published.batch_size // candidates, rows), most * processes)
    share = batch // processes
    micro = settings.micro_batch_size or _divisor(share, most)
    if batch % processes or share % micro:
        raise BadOption(
            f"train.batch_size {batch} does not divide into passes of {micro} on {processes} processes",
            hint="batch_size = processes × micro_batch_size × passes",
        )
    if batch > rows:
        what = "pairs" if candidates == 1 else "queries"
        raise BadOption(
            f"a step would take {batch:,} {what}, and there are {rows:,} to train on: it would repeat them",
            hint="a smaller train.batch_size or micro_batch_size, or fewer processes",
        )
    steps = max(1, math.ceil(math.ceil(rows / batch) * settings.epochs))
    return Plan(
        rows,
        held_out,
        batch,
        micro,
        _divisor(batch, rows_a_pass(settings, candidates)),
        settings.learning_rate or published.learning_rate,
        steps,
        max(1, round(steps * settings.evaluate_every)),
        dtype,
    )


def rows_a_pass(settings: Train, candidates: int) -> int:
    """How many pairs, or queries of so many candidates, go through the student at a time, at most."""
    return settings.micro_batch_size or max(1, _MICRO // candidates)


def _divisor(whole: int, most: int) -> int:
    """The largest number up to ``most`` that divides ``whole``.

    >>> _divisor(64, 32), _divisor(30, 16)
    (32, 15)
    """
    return next(size for size in range(max(1, min(most, whole)), 0, -1) if whole % size == 0)


def _whole_passes(batch: int, step: int) -> int:
    """The batch, rounded down to a multiple of ``step``, or one ``step``: no pass is smaller than it need be.

    >>> _whole_passes(997, 32), _whole_passes(10, 32)
    (992, 32)
    """
    return max(1, batch // step) * step


def plan_facts(plan: Plan) -> dict[str, Any]:
    """The plan as JSON values."""
    return {name: getattr(plan, name) for name in Plan.__dataclass_fields__}
