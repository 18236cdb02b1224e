"""A stage's folder: numbered parts, each committed whole, under one key of everything that they depend on.

    mine/
      stage.json          what the parts depend on and hold, written before the first
      part-00000.parquet  rows
      part-00000.json     their count and digest, written after them: a part without it does not exist
      manifest.json       every part, written last: the stage is complete

A killed stage resumes with the missing parts. A part is complete or absent, and what an older
setting made is never mixed with what a newer one makes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rankladder.distill.manifests import difference, expect_ours, plain, read_json, stage_held, write_json
from rankladder.distill.step import MARKS, Depends
from rankladder.errors import BadFile, StorageFailed
from rankladder.storage import file_digest, whole_bytes

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1
_MARK = MARKS["mine"]


@dataclass(frozen=True, slots=True)
class Part:
    """One committed file of rows."""

    name: str
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Made:
    """A complete stage: where, the key of what it depends on, its parts, and facts about it (JSON values)."""

    folder: Path
    key: str
    parts: tuple[Part, ...]
    facts: Mapping[str, Any]
    depends: Mapping[str, Any] | None = None

    @property
    def rows(self) -> int:
        """Rows of all parts."""
        return sum(part.rows for part in self.parts)

    @property
    def digest(self) -> str:
        """Says which rows these are: what a later stage depends on."""
        return hashlib.sha256("".join(part.sha256 for part in self.parts).encode()).hexdigest()

    def tables(self) -> Iterator[pa.Table]:
        """The parts in order, each checked against its digest. Raises BadFile for one that was altered."""
        for place in range(len(self.parts)):
            yield self.table(place)

    def table(self, place: int) -> pa.Table:
        """One part, checked against its digest. Raises BadFile where it was altered."""
        import pyarrow.parquet as pq

        return pq.read_table(_checked(self.folder, self.parts[place]))

    def files(self) -> list[Path]:
        """The parts' files in order, each checked against its digest. Raises BadFile for one that was altered."""
        return [_checked(self.folder, part) for part in self.parts]


def parts_depend(settings: Mapping[str, Any], inputs: Mapping[str, Any]) -> Depends:
    """What parts depend on: settings of the recipe (JSON values), and digests of the inputs, by name."""
    values = {"format": FORMAT, "settings": plain(settings), "inputs": plain(inputs)}
    return Depends(values, hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest())


class Stage:
    """The folder of one stage, held by one process at a time.

    Args:
        folder: Where its parts go.
        settings: The settings of the recipe that it depends on (JSON values).
        inputs: Digests of what it reads, by name (JSON values).
        say: Called with a line for what was found and what is made again, and why.
    """

    def __init__(
        self,
        folder: Path,
        *,
        settings: Mapping[str, Any],
        inputs: Mapping[str, Any],
        say: Callable[[str], object] = lambda line: None,
    ) -> None:
        self.folder = folder
        self.depends = parts_depend(settings, inputs)
        self.say = say

    @property
    def made(self) -> Made | None:
        """The stage as it was completed with these settings and inputs, or None."""
        found = open_made(self.folder)
        return found if found is not None and found.key == self.depends.key else None

    def run(
        self,
        names: Sequence[str],
        make: Callable[[int], pa.Table],
        *,
        facts: Callable[[Made], Mapping[str, Any]] = lambda made: {},
        each: Callable[[int], object] = lambda place: None,
    ) -> Made:
        """Makes the parts that are missing, in order, then the manifest; what is there already is not made again.

        Args:
            names: What each part holds; as many as there are parts. Other names, or another order, are other parts.
            make: The rows of the part at a place.
            facts: Facts about the whole, asked for once all parts are there (they can be read from what it is given).
            each: Called with each place once its part exists, made now or before.

        Raises StorageFailed where the disk is full or the folder cannot be written: what was committed stays. Raises
        BadInput where somebody else's files lie in the folder.
        """
        with stage_held(self.folder, self.folder / "lock"):
            self._clear_what_does_not_fit(names)
            there = [self._committed(place) for place in range(len(names))]
            kept = sum(part is not None for part in there)
            if kept == len(names) and (done := self.made) is not None and list(done.parts) == there:
                self.say(f"{self.folder.name}: complete, {done.rows:,} rows")
                return done
            if kept:
                self.say(f"{self.folder.name}: resuming with {kept} of {len(names)} parts finished")
            parts = []
            for place, found in enumerate(there):
                parts.append(found or self._commit(place, make(place)))
                each(place)
            made = Made(self.folder, self.depends.key, tuple(parts), {}, self.depends.values)
            made = replace(made, facts=dict(facts(made)))
            write_json(
                self.folder / "manifest.json",
                {
                    "key": self.depends.key,
                    **self.depends.values,
                    "parts": [{"name": part.name, "rows": part.rows, "sha256": part.sha256} for part in parts],
                    "facts": dict(made.facts),
                },
            )
        return made

    def _clear_what_does_not_fit(self, names: Sequence[str]) -> None:
        """Removes what other settings or inputs made, and parts that held something else, saying what changed; then
        writes what the new parts depend on. Raises BadInput where somebody else's files lie.
        """
        if not self._has_record():
            expect_ours(self.folder, _MARK)
        marker = self.folder / _MARK
        before = read_json(marker)
        wanted = {**self.depends.values, "parts": list(names)}
        if before == wanted:
            return
        if before is not None:
            changed = difference({key: before.get(key) for key in self.depends.values}, self.depends.values)
            self.say(f"{self.folder.name}: remade: {changed or 'its parts have other contents or another order'}")
        for file in sorted(self.folder.iterdir()):
            if file.name == "manifest.json" or file.name.startswith("part-"):
                file.unlink()
        write_json(marker, wanted)

    def _has_record(self) -> bool:
        """Whether a manifest, or a record of a part, says that the folder is a stage's, though the mark may be gone."""
        records = [*self.folder.glob("part-*.json"), self.folder / "manifest.json"]
        return any(isinstance(found := read_json(path), dict) and {"rows", "parts"} & set(found) for path in records)

    def _committed(self, place: int) -> Part | None:
        """The part at a place, if its file is there and as long as it was when it was committed."""
        name = _part_name(place)
        path = self.folder / f"{name}.json"
        match read_json(path):
            case {"rows": int(rows), "sha256": str(sha256)} if _fits(self.folder, part := Part(name, rows, sha256)):
                return part
        if path.exists():
            self.say(f"{self.folder.name}: {name} was damaged and is made again")
        return None

    def _commit(self, place: int, table: pa.Table) -> Part:
        import pyarrow.parquet as pq

        name = _part_name(place)
        record = self.folder / f"{name}.json"
        record.unlink(missing_ok=True)
        with whole_bytes(self.folder / f"{name}.parquet") as file:
            pq.write_table(table, file, compression="zstd")
        part = Part(name, table.num_rows, file_digest(self.folder / f"{name}.parquet"))
        write_json(record, {"rows": part.rows, "sha256": part.sha256})
        return part


def open_made(folder: Path) -> Made | None:
    """A complete stage as its manifest has it, or None."""
    match record := read_json(folder / "manifest.json"):
        case {"key": str(key), "parts": [*parts], "facts": dict(facts)}:
            with suppress(TypeError):
                depends = {name: record.get(name) for name in ("format", "settings", "inputs")}
                return Made(folder, key, tuple(Part(**part) for part in parts), facts, depends)
    return None


def _part_name(place: int) -> str:
    return f"part-{place:05d}"


def _checked(folder: Path, part: Part) -> Path:
    path = folder / f"{part.name}.parquet"
    if not _fits(folder, part):
        raise BadFile(f"{path}: altered since it was written, or gone", hint="run the distillation again: it is remade")
    return path


def _fits(folder: Path, part: Part) -> bool:
    try:
        return file_digest(folder / f"{part.name}.parquet") == part.sha256
    except StorageFailed:
        return False
