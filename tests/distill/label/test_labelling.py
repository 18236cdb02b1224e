"""A teacher is opened where pairs wait for it, alone, and what it costs is told however the labelling ends."""

from __future__ import annotations

import gc
import multiprocessing
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakSet

import numpy as np
import pyarrow as pa
import pytest
from filelock import FileLock
from numpy.typing import NDArray

from rankladder.distill.label import parallel
from rankladder.distill.label.labelling import label
from rankladder.distill.recipe.tables import Data, Label, Recipe, Teacher, Train
from rankladder.distill.stage import Made, Stage
from rankladder.errors import StorageFailed, WorkerFailed

from ..toy import Count


class Opening:
    """Opens teachers that score by length, and counts: which, and how many at a time."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.open: WeakSet[Lengths] = WeakSet()
        self.most = 0
        self.fails = False

    def __call__(self, name: str) -> Lengths:
        gc.collect()
        self.opened.append(Path(name).name)
        teacher = Lengths(name, self)
        self.open.add(teacher)
        self.most = max(self.most, len(self.open))
        return teacher


class Lengths:
    def __init__(self, name: str, opening: Opening) -> None:
        self.digest = f"lengths {(Path(name) / 'weights').read_text()}"
        self._opening = opening

    def score(self, rows: Mapping[str, Any]) -> NDArray[np.float32]:
        if self._opening.fails:
            raise KeyboardInterrupt
        return np.array([len(text) for text in rows["document"]], dtype=np.float32)


class Labelling:
    """Two teachers, each a folder, and what was said and shown."""

    def __init__(self, folder: Path) -> None:
        self.work, self.said, self.bars = folder / "work", list[str](), list[tuple[str, int, Count]]()
        self.teachers = [folder / "first", folder / "second"]
        for place in self.teachers:
            place.mkdir()
            (place / "weights").write_text(place.name)
        named = tuple(Teacher(model=str(place)) for place in self.teachers)
        data, train = Data(name="d", queries="q"), Train(start="box")
        self.recipe = Recipe(name="r", data=(data,), train=train, label=Label(teachers=named))

    def mined(self, count: int) -> Made:
        rows = {"query": [f"q{n}" for n in range(count)], "document": ["rain " * n for n in range(count)]}
        return Stage(self.work / "mine", settings={"count": count}, inputs={}).run(
            ["all"], lambda place: pa.table(rows)
        )

    def run(self, count: int = 9) -> Made:
        self.said.clear()
        self.bars.clear()
        return label(self.recipe, self.work, self.mined(count), say=self.said.append, watch=self.watch)

    @contextmanager
    def watch(self, what: str, total: int, unit: str) -> Iterator[Count]:
        self.bars.append((what, total, Count()))
        yield self.bars[-1][2]


@pytest.fixture
def opening(monkeypatch: pytest.MonkeyPatch) -> Opening:
    found = Opening()
    monkeypatch.setattr("rankladder.distill.label.labelling.open_teacher", found)
    return found


def test_teachers_are_open_one_at_a_time_and_none_for_what_is_there(tmp_path: Path, opening: Opening) -> None:
    labelling = Labelling(tmp_path)
    first = labelling.run()
    assert (opening.opened, opening.most) == (["first", "second"], 1)
    assert labelling.run().digest == first.digest
    assert labelling.said == ["label: complete, 9 rows"]
    labelling.run(count=5)  # another stage, whose pairs were all scored
    assert opening.opened == ["first", "second"]
    labelling.run(count=9)
    shutil.rmtree(labelling.work / "scores")
    assert labelling.run().digest == first.digest
    assert opening.opened == ["first", "second"]


def test_a_teacher_whose_files_changed_is_opened_and_asked_again(tmp_path: Path, opening: Opening) -> None:
    labelling = Labelling(tmp_path)
    labelling.run()
    (labelling.teachers[1] / "weights").write_text("others")
    labelling.run()
    assert set(opening.opened[2:]) == {"second"}
    assert any(line.startswith("label: remade:") for line in labelling.said)


def test_a_complete_stage_whose_teachers_nobody_remembers_is_not_scored_again(tmp_path: Path, opening: Opening) -> None:
    labelling = Labelling(tmp_path)
    labelling.run()
    (labelling.work / "label" / "teachers.json").unlink()
    shutil.rmtree(labelling.work / "scores")
    labelling.run()
    assert labelling.bars == []
    assert labelling.said == ["label: complete, 9 rows"]


def test_a_damaged_part_whose_scores_were_removed_is_scored_again(tmp_path: Path, opening: Opening) -> None:
    labelling = Labelling(tmp_path)
    first = labelling.run()
    shutil.rmtree(labelling.work / "scores")
    (labelling.work / "label" / "part-00000.parquet").write_bytes(b"")
    assert labelling.run().digest == first.digest


def test_two_processes_do_not_label_at_once(tmp_path: Path, opening: Opening) -> None:
    labelling = Labelling(tmp_path)
    (labelling.work / "label").mkdir(parents=True)
    with FileLock(labelling.work / "label" / "lock"), pytest.raises(StorageFailed, match="another process"):
        labelling.run()
    assert opening.opened == []


def test_the_bar_and_the_rate_are_of_pairs_that_are_scored_now(tmp_path: Path, opening: Opening) -> None:
    labelling = Labelling(tmp_path)
    labelling.run(count=4)
    labelling.run(count=9)
    assert [(total, bar.count) for _, total, bar in labelling.bars] == [(5, 5), (5, 5)]
    first = labelling.teachers[0]
    assert f"label: {first}: 5 pairs to score, 4 are already scored or repeated" in labelling.said
    assert any(line.startswith(f"label: {first}: 5 pairs scored in ") for line in labelling.said)


def test_what_a_service_was_asked_is_told_of_an_interrupted_run_too(
    tmp_path: Path, opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rankladder.distill.label.labelling.usage_of", lambda teacher: "3 requests, 7 search units")
    labelling, opening.fails = Labelling(tmp_path), True
    with pytest.raises(KeyboardInterrupt):
        labelling.run()
    assert labelling.said == [f"label: {labelling.teachers[0]}: 3 requests, 7 search units"]


def test_a_worker_that_is_killed_is_named_and_what_came_back_is_kept() -> None:
    def batches() -> Iterator[list[tuple[str, str]]]:
        yield from ([(f"why {n}", "rain falls")] for n in range(4))
        for worker in multiprocessing.active_children():
            worker.kill()
        yield [("why 4", "rain falls")]

    scored = parallel._with_processes("box", batches(), 2)
    assert next(scored)[0] == [("why 0", "rain falls")]
    with pytest.raises(WorkerFailed, match="a worker process was killed"):
        list(scored)
