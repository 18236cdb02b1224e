"""Label: the teachers' scores of every mined pair."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rankladder.distill.ahead import score_ahead
from rankladder.distill.recipe import Label, Recipe, standardises
from rankladder.distill.scores import ScoreCache
from rankladder.distill.stage import Made, Stage
from rankladder.distill.teachers import Teacher, checked, open_teacher, usage_of

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 2048
"""Pairs scored between two commits to the cache: what a killed run loses at most."""


def label(
    recipe: Recipe,
    work: Path,
    mined: Made,
    *,
    say: Callable[[str], object],
    each: Callable[[int], object],
    processes: int = 1,
    ray: str | None = None,
) -> Made:
    """The mined rows with one column of scores a teacher (``teacher_0``, …); see ``ensemble`` for the score of a row.

    Scores are kept as they come, by teacher and pair: a pair is never scored twice, whatever happens to the rest of the
    recipe. ``each`` is told of scores done, one a pair and teacher. With several ``processes``, or a Ray cluster's
    address, pairs are scored ahead there. Raises what a teacher raises, and BadInput for a score that is not finite.
    """
    assert recipe.label is not None
    names = [teacher.model for teacher in recipe.label.teachers]
    teachers = [open_teacher(name) for name in names]
    settings, inputs = label_depends(recipe, mined)
    inputs = {**inputs, **{name: one.digest for name, one in zip(names, teachers, strict=True)}}
    stage = Stage(work / "label", settings=settings, inputs=inputs, say=say)
    caches = [_cache(work, teacher) for teacher in teachers]
    made_now = Counted()
    tells = [each] * len(names)
    started = time.perf_counter()
    if stage.made is None and (processes > 1 or ray is not None):
        for number, (name, teacher, cache) in enumerate(zip(names, teachers, caches, strict=True)):
            if cache is not None and usage_of(teacher) is None:  # a service is asked from here, where it is counted
                made_now(score_ahead(name, mined, cache, processes=processes, ray=ray, each=each))
                tells[number] = made_now.nothing

    def rows(place: int) -> pa.Table:
        table = mined.table(place)
        columns = table.to_pydict()
        for number, (name, teacher) in enumerate(zip(names, teachers, strict=True)):
            scores = score_rows(teacher, name, columns, caches[number], tells[number], made_now)
            table = table.append_column(f"teacher_{number}", [scores])
        return table

    def facts(made: Made) -> Mapping[str, Any]:
        return {"teachers": names, "sums": sums_of(made, len(names))}

    made = stage.run([part.name for part in mined.parts], rows, facts=facts)
    seconds = time.perf_counter() - started
    if made_now.total:
        rate = made_now.total / max(seconds, 1e-9)
        say(f"label: {made_now.total:,} pairs scored in {seconds:,.0f} s, {rate:,.0f} a second")
    for name, teacher in zip(names, teachers, strict=True):
        if (used := usage_of(teacher)) is not None:
            say(f"label: {name}: {used}")
    return joined(made, recipe)


def joined(made: Made, recipe: Recipe) -> Made:
    """The labelled rows with how their scores are joined in the facts; no part of their key, as other weights need no
    new scores.
    """
    return replace(made, facts={**made.facts, "ensemble": ensemble_of(made, recipe.label)})


def label_depends(recipe: Recipe, mined: Made) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings and the inputs that labelling depends on, the teachers' digests aside."""
    assert recipe.label is not None
    return {"teachers": [teacher.model for teacher in recipe.label.teachers]}, {"mine": mined.digest}


class Counted:
    """Adds up what it is told of."""

    def __init__(self) -> None:
        self.total = 0

    def __call__(self, count: int) -> None:
        """So many more."""
        self.total += count

    def nothing(self, count: int) -> None:
        """So many that were counted before."""


def _cache(work: Path, teacher: Teacher) -> Path | None:
    """Where a teacher's scores are kept, None where they cost nothing."""
    return work / "scores" / f"{teacher.digest[:32]}.sqlite" if teacher.cached else None


def score_rows(
    teacher: Teacher,
    name: str,
    rows: Mapping[str, Sequence[Any]],
    cache: Path | None,
    each: Callable[[int], object],
    scored: Callable[[int], object] = lambda count: None,
) -> NDArray[np.float32]:
    """A teacher's scores (N,) of rows, from its cache where they are there, committed to it a block at a time.

    ``each`` is told of all rows, ``scored`` of those that the teacher was asked for.
    """
    if cache is None:
        each(len(rows["query"]))
        return checked(teacher.score(rows), rows, name)
    pairs = list(zip(rows["query"], rows["document"], strict=True))
    kept = ScoreCache(cache)
    try:
        scores = kept.get(pairs)
        missing = np.flatnonzero(np.isnan(scores))
        each(len(pairs) - len(missing))
        for start in range(0, len(missing), BLOCK):
            block = missing[start : start + BLOCK]
            part = {key: [values[place] for place in block] for key, values in rows.items()}
            scores[block] = checked(teacher.score(part), part, name)
            kept.put([pairs[place] for place in block], scores[block])
            each(len(block))
            scored(len(block))
    finally:
        kept.close()
    return scores


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
        "mean": mean.round(6).tolist(),
        "sd": sd.round(6).tolist(),
    }


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
