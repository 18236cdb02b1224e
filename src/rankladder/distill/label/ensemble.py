"""How several teachers' scores of a pair become one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rankladder.distill.recipe.tables import Label, Recipe, standardises
from rankladder.distill.stage import Made

if TYPE_CHECKING:
    import pyarrow as pa


def joined(made: Made, recipe: Recipe) -> Made:
    """The labelled rows with how their scores are joined in the facts; no part of their key, as other weights need no
    new scores.
    """
    return replace(made, facts={**made.facts, "ensemble": ensemble_of(made, recipe.label)})


def sums_of(made: Made, count: int) -> dict[str, Any]:
    """Rows, and by teacher the sum of its scores and of their squares, as JSON values."""
    sums, squares, rows = np.zeros(count), np.zeros(count), 0
    for table in made.tables():
        values = np.stack([table[f"teacher_{number}"].to_numpy().astype(np.float64) for number in range(count)])
        sums, squares, rows = sums + values.sum(axis=1), squares + (values**2).sum(axis=1), rows + values.shape[1]
    return {"rows": rows, "scores": sums.tolist(), "squares": squares.tolist()}


def ensemble_of(made: Made, settings: Label | None) -> dict[str, Any]:
    """How teachers' scores are joined: each one's mean, standard deviation and weight over all rows, and the scale.

    A stage that was completed before its facts held the sums is read for them.
    """
    assert settings is not None
    sums = made.facts.get("sums") or sums_of(made, len(settings.teachers))
    mean = np.array(sums["scores"]) / max(1, sums["rows"])
    sd = np.sqrt(np.maximum(np.array(sums["squares"]) / max(1, sums["rows"]) - mean**2, 0))
    return {
        "standardise": standardises(settings),
        "scale": settings.scale,
        "weight": [teacher.weight for teacher in settings.teachers],
        "mean": [_few_digits(value) for value in mean],
        "sd": [_few_digits(value) for value in sd],
    }


def _few_digits(value: float) -> float:
    """As many digits as any machine's sums agree on; a teacher with tiny scores keeps its own.

    >>> _few_digits(0.38611649), _few_digits(2.5e-8)
    (0.386116, 2.5e-08)
    """
    return round(float(value), 6) or float(f"{value:.6g}")


def ensemble(table: pa.Table, facts: Mapping[str, Any]) -> NDArray[np.float32]:
    """Scores (N,) of labelled rows: one teacher's raw score, or the weighted mean of standardised ones, scaled."""
    count = len(facts["ensemble"]["weight"])
    return join_scores([table[f"teacher_{number}"].to_numpy() for number in range(count)], facts["ensemble"])


def join_scores(columns: Sequence[NDArray[np.floating[Any]]], how: Mapping[str, Any]) -> NDArray[np.float32]:
    """Scores (N,) from a column (N,) of each teacher, joined as ``ensemble_of`` says."""
    columns = [column.astype(np.float64) for column in columns]
    if how["standardise"]:
        columns = [
            (column - mean) / (sd or 1.0) for column, mean, sd in zip(columns, how["mean"], how["sd"], strict=True)
        ]
    weights = np.array(how["weight"]) / sum(how["weight"])
    joined = sum(weight * column for weight, column in zip(weights, columns, strict=True))
    return np.asarray(joined * (how["scale"] if how["standardise"] else 1.0), dtype=np.float32)
