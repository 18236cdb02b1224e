"""Label: the teachers' scores of every mined pair."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rankladder.distill.label.ensemble import joined, sums_of
from rankladder.distill.label.parallel import cluster_digest, missing_pairs, score_ahead
from rankladder.distill.label.teachers import KnownDigests, Teacher, checked, open_teacher, service_of, usage_of
from rankladder.distill.manifests import stage_held
from rankladder.distill.recipe.names import FREE, bare_name
from rankladder.distill.recipe.tables import Recipe
from rankladder.distill.stage import Made, Stage, open_made
from rankladder.rerank import ModelRequest
from rankladder.scores import KeptScore, KeptScores, missing_places, pair_key, score_missing

if TYPE_CHECKING:
    import pyarrow as pa


class Bar(Protocol):
    """Called with the number of finished things."""

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

    Scores are kept as they come, by teacher and pair: a pair whose score was kept is never scored again, whatever
    happens to the rest of the recipe. A run that is killed or fails loses what was under way: about five seconds of a
    teacher that runs here, the requests of a service that were not answered yet. One teacher is open at a time, and
    only where pairs wait for it; ``watch`` opens a bar over these. With several ``processes``, or a Ray cluster's
    address, they are scored there. Raises what a teacher raises, and BadInput for a score that is not finite.
    """
    assert recipe.label is not None
    names = [teacher.model for teacher in recipe.label.teachers]
    known = KnownDigests(work / "label" / "teachers.json")
    digests = {name: known.of(name) for name in names}

    def stage() -> Stage:
        settings, inputs = label_depends(recipe, mined, digests)
        return Stage(work / "label", settings=settings, inputs=inputs, say=say)

    if open_made(work / "label") is not None:  # it may be complete, and its kept scores long removed
        digests = {name: digest or open_teacher(name).digest for name, digest in digests.items()}
        known.keep(digests)
    if None in digests.values() or stage().made is None:
        with stage_held(work / "label", work / "label" / "lock"):
            for name in digests:
                scoring = Scoring(name, mined, work, say=say, watch=watch, processes=processes, ray=ray)
                digests[name] = scoring.fill(digests[name])
                known.keep(digests)

    opened: dict[str, KeptScores] = {}

    def rows(place: int) -> pa.Table:
        table = mined.table(place)
        columns = table.to_pydict()
        for number, name in enumerate(names):
            if name in FREE:
                scores = checked(open_teacher(name).score(columns), columns, name)
            else:
                if name not in opened:
                    opened[name] = files.enter_context(scores_of(work, str(digests[name])))
                scores = kept_scores(name, opened[name], columns)
            table = table.append_column(f"teacher_{number}", [scores])
        return table

    def facts(made: Made) -> Mapping[str, Any]:
        return {"teachers": names, "digests": digests, "sums": sums_of(made, len(names))}

    with ExitStack() as files:
        made = stage().run([part.name for part in mined.parts], rows, facts=facts)
    return joined(made, recipe)


def label_depends(
    recipe: Recipe, mined: Made, digests: Mapping[str, str | None]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings and the inputs that labelling depends on; of the teachers, which folder they lie in is no matter.

    ``digests`` are the teachers', by name; one that is not known is left out.
    """
    assert recipe.label is not None
    names = [teacher.model for teacher in recipe.label.teachers]
    shown = [bare_name(name) for name in names]
    if len(set(shown)) < len(set(names)):
        shown = names  # two lie in folders of one name
    found = {one: digests.get(name) for one, name in zip(shown, names, strict=True)}
    inputs = {f"teacher {one}": digest for one, digest in found.items() if digest is not None}
    return {"teachers": shown}, {"mine": mined.digest, **inputs}


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
        hosted = ModelRequest.parse(self.name).hosted
        if self.ray is not None and not hosted:  # a service is asked from here, where it is counted
            digest = cluster_digest(self.name, self.ray)
            self._score_ahead(digest)
            return digest
        teacher = open_teacher(self.name)
        digest = teacher.digest
        if self.processes > 1 and not hosted:
            del teacher  # each process opens its own
            self._score_ahead(digest)
        else:
            self._score_here(teacher)
        return digest

    def _score_here(self, teacher: Teacher) -> None:
        with self._told(self._missing(teacher.digest)) as scored, scores_of(self.work, teacher.digest) as kept:
            try:
                for table in self.mined.tables():
                    score_rows(teacher, self.name, table.to_pydict(), kept, scored)
            finally:
                if (used := usage_of(teacher)) is not None:
                    self.say(f"label: {self.name}: {used}")

    def _score_ahead(self, digest: str) -> None:
        with self._told(self._missing(digest)) as scored, scores_of(self.work, digest) as kept:
            score_ahead(
                self.name,
                self.mined,
                kept,
                digest=digest,
                processes=self.processes,
                ray=self.ray,
                each=scored,
            )

    def _missing(self, digest: str) -> int:
        with scores_of(self.work, digest) as kept:
            return sum(map(len, missing_pairs(self.mined, kept)))

    @contextmanager
    def _told(self, missing: int) -> Iterator[Callable[[int], object]]:
        """A bar over the pairs that are missing; then, however it ends, how many were scored and how fast."""
        before = self.mined.rows - missing
        if before and missing:
            self.say(f"label: {self.name}: {missing:,} pairs to score, {before:,} are already scored or repeated")
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


def scores_of(work: Path, digest: str) -> KeptScores:
    """The scores of the teacher with a digest. Raises StorageFailed."""
    return KeptScores(work / "scores", about={"teacher": digest})


def kept_scores(name: str, kept: KeptScores, rows: Mapping[str, Sequence[Any]]) -> NDArray[np.float32]:
    """The scores (N,) of rows that a teacher scored before; it is asked again where some were removed since."""
    keys = _keys(rows)
    if missing_places(keys, kept):
        return score_rows(open_teacher(name), name, rows, kept, lambda count: None)
    return _values(kept, keys)


def score_rows(
    teacher: Teacher,
    name: str,
    rows: Mapping[str, Sequence[Any]],
    kept: KeptScores,
    scored: Callable[[int], object],
) -> NDArray[np.float32]:
    """A teacher's scores (N,) of rows: those that are kept, and the others, which are kept as they come.

    ``scored`` is called with the number of pairs that the teacher scored. A service's scores are kept with each answer.
    """
    service = service_of(teacher)

    def score(places: Sequence[int]) -> Generator[tuple[Sequence[int], list[KeptScore]]]:
        asked = _rows_at(rows, places)
        if service is None:
            yield places, _checked(teacher.score(asked), asked, name)
            return
        for answered, scores in service.answers(list(zip(asked["query"], asked["document"], strict=True))):
            here = [places[row] for row in answered]
            yield here, _checked(np.array(scores, dtype=np.float32), _rows_at(rows, here), name)

    keys = _keys(rows)
    missing = missing_places(keys, kept)
    score_missing(missing, keys, kept, score, at_once=service is not None, done=scored)
    return _values(kept, keys)


def _checked(scores: NDArray[np.float32], rows: Mapping[str, Sequence[Any]], name: str) -> list[KeptScore]:
    return [KeptScore(float(score)) for score in checked(scores, rows, name)]


def _keys(rows: Mapping[str, Sequence[Any]]) -> list[bytes]:
    return [pair_key(query, text) for query, text in zip(rows["query"], rows["document"], strict=True)]


def _values(kept: KeptScores, keys: Sequence[bytes]) -> NDArray[np.float32]:
    return np.array([one.score for one in kept.all(keys)], dtype=np.float32)


def _rows_at(rows: Mapping[str, Sequence[Any]], places: Sequence[int]) -> dict[str, list[Any]]:
    return {key: [values[place] for place in places] for key, values in rows.items()}
