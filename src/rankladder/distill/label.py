"""Label: the teachers' scores of every mined pair."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rankladder.distill.ahead import cluster_digest, count_missing, score_ahead
from rankladder.distill.manifests import held
from rankladder.distill.models import FREE
from rankladder.distill.recipe import Label, Recipe, standardises
from rankladder.distill.scores import ScoreCache
from rankladder.distill.stage import Made, Stage, open_made
from rankladder.distill.teachers import KnownDigests, Teacher, checked, open_teacher, usage_of
from rankladder.rerank.hosted import is_hosted

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 2048
"""Pairs scored between two commits to the cache: what a killed run loses at most."""


class Bar(Protocol):
    """Is told of things done."""

    def add(self, count: int) -> None:
        """So many more."""


Watch = Callable[[str, int, str], AbstractContextManager[Bar]]
"""Opens a progress bar: what, of how many, called what."""


def label(
    recipe: Recipe,
    work: Path,
    mined: Made,
    *,
    say: Callable[[str], object],
    watch: Watch,
    processes: int = 1,
    ray: str | None = None,
) -> Made:
    """The mined rows with one column of scores a teacher (``teacher_0``, …); see ``ensemble`` for the score of a row.

    Scores are kept as they come, by teacher and pair: a pair is never scored twice, whatever happens to the rest of the
    recipe. One teacher is open at a time, and only where pairs wait for it; ``watch`` opens a bar over these. With
    several ``processes``, or a Ray cluster's address, they are scored there. Raises what a teacher raises, and BadInput
    for a score that is not finite.
    """
    assert recipe.label is not None
    names = [teacher.model for teacher in recipe.label.teachers]
    settings, inputs = label_depends(recipe, mined)
    known = KnownDigests(work / "label" / "teachers.json")
    digests = {name: known.of(name) for name in names}

    def stage() -> Stage:
        return Stage(work / "label", settings=settings, inputs={**inputs, **digests}, say=say)

    if open_made(work / "label") is not None:  # it may be complete, and its kept scores long removed
        digests = {name: digest or open_teacher(name).digest for name, digest in digests.items()}
        known.keep(digests)
    if None in digests.values() or stage().made is None:
        with held(work / "label", work / "label" / "lock"):
            for name in digests:
                scoring = Scoring(name, mined, work, say=say, watch=watch, processes=processes, ray=ray)
                digests[name] = scoring.fill(digests[name])
                known.keep(digests)

    def rows(place: int) -> pa.Table:
        table = mined.table(place)
        columns = table.to_pydict()
        for number, name in enumerate(names):
            if name in FREE:
                scores = checked(open_teacher(name).score(columns), columns, name)
            else:
                scores = kept_scores(name, cache_file(work, str(digests[name])), columns)
            table = table.append_column(f"teacher_{number}", [scores])
        return table

    def facts(made: Made) -> Mapping[str, Any]:
        return {"teachers": names, "sums": sums_of(made, len(names))}

    return joined(stage().run([part.name for part in mined.parts], rows, facts=facts), recipe)


def joined(made: Made, recipe: Recipe) -> Made:
    """The labelled rows with how their scores are joined in the facts; no part of their key, as other weights need no
    new scores.
    """
    return replace(made, facts={**made.facts, "ensemble": ensemble_of(made, recipe.label)})


def label_depends(recipe: Recipe, mined: Made) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings and the inputs that labelling depends on, the teachers' digests aside."""
    assert recipe.label is not None
    return {"teachers": [teacher.model for teacher in recipe.label.teachers]}, {"mine": mined.digest}


class Scoring:
    """The scores of one teacher that are not kept yet."""

    def __init__(
        self,
        name: str,
        mined: Made,
        work: Path,
        *,
        say: Callable[[str], object],
        watch: Watch,
        processes: int = 1,
        ray: str | None = None,
    ) -> None:
        self.name, self.mined, self.work = name, mined, work
        self.say, self.watch, self.processes, self.ray = say, watch, processes, ray

    def fill(self, digest: str | None) -> str:
        """Scores what is missing, and gives the teacher's digest. One whose digest is known is opened only where a pair
        is missing.
        """
        if self.name in FREE:
            return open_teacher(self.name).digest
        if digest is not None and not self._missing(digest):
            return digest
        if self.ray is not None and not is_hosted(self.name):  # a service is asked from here, where it is counted
            digest = cluster_digest(self.name, self.ray)
            self._score_ahead(digest)
            return digest
        teacher = open_teacher(self.name)
        digest = teacher.digest
        if self.processes > 1 and not is_hosted(self.name):
            del teacher  # each process opens its own
            self._score_ahead(digest)
        else:
            self._score_here(teacher)
        return digest

    def _score_here(self, teacher: Teacher) -> None:
        with self._told(self._missing(teacher.digest)) as scored:
            try:
                for table in self.mined.tables():
                    score_rows(teacher, self.name, table.to_pydict(), cache_file(self.work, teacher.digest), scored)
            finally:
                if (used := usage_of(teacher)) is not None:
                    self.say(f"label: {self.name}: {used}")

    def _score_ahead(self, digest: str) -> None:
        with self._told(self._missing(digest)) as scored:
            score_ahead(
                self.name,
                self.mined,
                cache_file(self.work, digest),
                digest=digest,
                processes=self.processes,
                ray=self.ray,
                each=scored,
            )

    def _missing(self, digest: str) -> int:
        return count_missing(self.mined, cache_file(self.work, digest))

    @contextmanager
    def _told(self, missing: int) -> Iterator[Callable[[int], object]]:
        """A bar over the pairs that are missing; then, however it ends, how many were scored and how fast."""
        before = self.mined.rows - missing
        if before and missing:
            self.say(f"label: {self.name}: {missing:,} pairs to score, {before:,} are there or stand twice")
        count, started = 0, time.perf_counter()
        with self.watch(f"labelling with {self.name}", missing, "pairs") as bar:

            def scored(more: int) -> None:
                nonlocal count
                count += more
                bar.add(more)

            try:
                yield scored
            finally:
                if count:
                    seconds = time.perf_counter() - started
                    rate = count / max(seconds, 1e-9)
                    self.say(f"label: {self.name}: {count:,} pairs scored in {seconds:,.0f} s, {rate:,.0f} a second")


def cache_file(work: Path, digest: str) -> Path:
    """Where a teacher's scores are kept."""
    return work / "scores" / f"{digest[:32]}.sqlite"


def kept_scores(name: str, cache: Path, rows: Mapping[str, Sequence[Any]]) -> NDArray[np.float32]:
    """The scores (N,) of rows that a teacher scored before; it is asked again where some were removed since."""
    kept = ScoreCache(cache)
    try:
        scores = kept.get(list(zip(rows["query"], rows["document"], strict=True)))
    finally:
        kept.close()
    if np.isnan(scores).any():
        return score_rows(open_teacher(name), name, rows, cache, lambda count: None)
    return scores


def score_rows(
    teacher: Teacher,
    name: str,
    rows: Mapping[str, Sequence[Any]],
    cache: Path,
    scored: Callable[[int], object],
) -> NDArray[np.float32]:
    """A teacher's scores (N,) of rows, from its cache where they are there, committed to it a block at a time.

    ``scored`` is told of those that the teacher was asked for.
    """
    pairs = list(zip(rows["query"], rows["document"], strict=True))
    kept = ScoreCache(cache)
    try:
        scores = kept.get(pairs)
        missing = np.flatnonzero(np.isnan(scores))
        for start in range(0, len(missing), BLOCK):
            block = missing[start : start + BLOCK]
            part = {key: [values[place] for place in block] for key, values in rows.items()}
            scores[block] = checked(teacher.score(part), part, name)
            kept.put([pairs[place] for place in block], scores[block])
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
