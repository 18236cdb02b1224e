"""A stage goes on where it was, and never mixes what two settings made."""

from __future__ import annotations

import errno
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from filelock import FileLock

from damage import KINDS, damage
from rankladder.distill.manifests import difference
from rankladder.distill.stage import Made, Stage, open_made, parts_depend
from rankladder.distill.step import Step
from rankladder.errors import BadFile, NotFound, StorageFailed

NAMES = ["a", "b", "c", "d"]


class Maker:
    """Makes rows that name their part, and counts; ``stop_at`` raises there as a killed process would."""

    def __init__(self, stop_at: int | None = None, error: BaseException | None = None) -> None:
        self.made: list[int] = []
        self.stop_at, self.error = stop_at, error or KeyboardInterrupt()

    def __call__(self, place: int) -> pa.Table:
        if place == self.stop_at:
            raise self.error
        self.made.append(place)
        return pa.table({"row": [f"{place}-{row}" for row in range(place + 1)]})


def stage(folder: Path, said: list[str] | None = None, **changed: Any) -> Stage:
    settings = {"depth": 3, "ways": ("bm25", "dense")} | changed
    return Stage(
        folder / "mine", settings=settings, inputs={"corpus": "c0"}, say=(said if said is not None else []).append
    )


def needed(work: Path, settings: dict[str, Any], inputs: dict[str, Any]) -> Made:
    """The stage as it lies there, asked for by a stage that comes after it."""
    return Step("mine", work, lambda: parts_depend(settings, inputs), open_made, lambda: pytest.fail("made")).need()


def rows(made: Made) -> list[str]:
    return [row for table in made.tables() for row in table["row"].to_pylist()]


ALL = [f"{place}-{row}" for place in range(4) for row in range(place + 1)]


@pytest.mark.parametrize("stop", range(4))
def test_a_stage_killed_at_any_part_goes_on_there(tmp_path: Path, stop: int) -> None:
    first = Maker(stop)
    with pytest.raises(KeyboardInterrupt):
        stage(tmp_path).run(NAMES, first)
    assert open_made(tmp_path / "mine") is None
    second = Maker()
    made = stage(tmp_path).run(NAMES, second)
    assert first.made + second.made == [0, 1, 2, 3]
    assert rows(made) == ALL


def test_a_complete_stage_is_not_made_again(tmp_path: Path) -> None:
    stage(tmp_path).run(NAMES, Maker(), facts=lambda made: {"mean": 2.5})
    again = Maker(0)
    made = stage(tmp_path).run(NAMES, again)
    assert again.made == []
    assert (rows(made), made.facts) == (ALL, {"mean": 2.5})


def test_a_changed_setting_makes_everything_anew_and_says_which(tmp_path: Path) -> None:
    before = stage(tmp_path).run(NAMES, Maker())
    said: list[str] = []
    maker = Maker()
    made = stage(tmp_path, said, depth=4).run(NAMES[:2], maker)
    assert maker.made == [0, 1]
    assert rows(made) == ["0-0", "1-0", "1-1"]
    assert made.digest != before.digest
    assert said == ["mine: remade: depth was 3, is 4"]
    assert sorted(path.name for path in made.folder.glob("part-*")) == [
        f"part-0000{place}.{kind}" for place in range(2) for kind in ("json", "parquet")
    ]


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (
            {"settings": {"start": "a"}, "inputs": {"start": "x"}},
            {"settings": {"start": "b"}, "inputs": {"start": "x"}},
            'start was "a", is "b"',
        ),
        (
            {"settings": {"start": "a"}, "start": "x"},
            {"settings": {"start": "b"}, "start": "x"},
            'start was "a", is "b"',
        ),
        ({"settings": {}}, {"settings": {"dropout": None}}, "dropout was not there, is null"),
        ({"data": {}}, {"data": {"d": 1}}, "data.d was not there, is 1"),
        ({"depth": 1}, {"depth": 1.0}, "depth was 1, is 1.0"),
        ({"on": 1}, {"on": True}, "on was 1, is true"),
    ],
)
def test_whatever_differs_is_named(before: dict[str, Any], now: dict[str, Any], said: str) -> None:
    assert difference(before, now) == said
    assert difference(now, before)
    assert difference(now, now) == ""


def test_parts_that_hold_something_else_are_never_mixed_with_those_of_before(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        stage(tmp_path).run(NAMES, Maker(2))
    said: list[str] = []
    swapped = Maker()
    stage(tmp_path, said).run(NAMES[::-1], swapped)
    assert swapped.made == [0, 1, 2, 3]
    assert said == ["mine: remade: its parts have other contents or another order"]


def test_a_changed_setting_after_an_interruption_leaves_no_old_part(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        stage(tmp_path).run(NAMES, Maker(2))
    maker = Maker()
    stage(tmp_path, depth=4).run(NAMES, maker)
    assert maker.made == [0, 1, 2, 3]


def test_a_damaged_part_is_found_and_only_it_is_made_again(tmp_path: Path) -> None:
    stage(tmp_path).run(NAMES, Maker())
    victim = tmp_path / "mine" / "part-00001.parquet"
    victim.write_bytes(victim.read_bytes()[:-1] + b"x")
    made = open_made(tmp_path / "mine")
    assert made is not None
    for reads in (rows, Made.files):
        with pytest.raises(BadFile, match=r"part-00001\.parquet: altered"):
            reads(made)
    said: list[str] = []
    maker = Maker()
    assert rows(stage(tmp_path, said).run(NAMES, maker)) == ALL
    assert maker.made == [1]
    assert "mine: part-00001 was damaged and is made again" in said


def test_a_full_disk_keeps_what_was_committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet as pq

    write, calls = pq.write_table, []

    def full(table: pa.Table, file: Any, **options: Any) -> None:
        calls.append(table)
        if len(calls) == 3:
            file.write(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        write(table, file, **options)

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(StorageFailed, match="No space left"):
        stage(tmp_path).run(NAMES, Maker())
    assert not list((tmp_path / "mine").glob(".*"))
    monkeypatch.undo()
    maker = Maker()
    assert rows(stage(tmp_path).run(NAMES, maker)) == ALL
    assert maker.made == [2, 3]


def test_two_processes_do_not_make_one_stage(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with FileLock(tmp_path / "mine" / "lock"), pytest.raises(StorageFailed, match="another process"):
        stage(tmp_path).run(NAMES, Maker())


def test_a_stage_that_was_never_made_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="rankladder distill mine"):
        needed(tmp_path, {}, {})


def test_a_stage_made_with_something_else_is_refused_and_says_what(tmp_path: Path) -> None:
    stage(tmp_path).run(NAMES, Maker())
    with pytest.raises(NotFound, match="depth was 3, is 4"):
        needed(tmp_path, {"depth": 4, "ways": ["bm25", "dense"]}, {"corpus": "c0"})
    with pytest.raises(NotFound, match='corpus was "c0", is "c1"'):
        needed(tmp_path, {"depth": 3, "ways": ["bm25", "dense"]}, {"corpus": "c1"})
    assert needed(tmp_path, {"depth": 3, "ways": ["bm25", "dense"]}, {}).rows == len(ALL)


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_is_damaged_counts_as_missing_and_is_made_again(tmp_path: Path, kind: str) -> None:
    """A damaged file is never believed, and a run never stays stuck."""
    draw = random.Random(kind)

    def run() -> Made:
        return Stage(tmp_path / "mine", settings={"depth": 3}, inputs={"queries": "abc"}).run(
            ["a", "b"], lambda place: pa.table({"query": [f"q{place}"] * 3}), facts=lambda made: {"rows": made.rows}
        )

    whole = run()
    files = sorted(path for path in (tmp_path / "mine").iterdir() if path.name != "lock")
    assert len(files) == 6
    for file in files * 2:
        damage(file, draw, kind)
        again = run()
        assert [table.to_pydict() for table in again.tables()] == [table.to_pydict() for table in whole.tables()]
        assert again.facts == {"rows": 6}
        assert again.parts == whole.parts
