"""A file of scores: one model's, by pair, each under a checksum."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import sqlite3
import struct
import tempfile
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from rankladder.errors import BadInput, StorageFailed
from rankladder.storage import file_mode, held, make_folder, storage_errors
from rankladder.temporary import keep, remove_at_the_end, remove_temporary

FORMAT = 2
_Answer = TypeVar("_Answer")
_AT_ONCE = 500
"""Pairs in one question to the file."""
_WAIT_S = 60.0
_RECORD = struct.Struct("<dB")
_TABLE = "CREATE TABLE scores (pair BLOB PRIMARY KEY, score REAL, truncated INTEGER, sum INTEGER) WITHOUT ROWID"
_LIKE_NEW = {18: b"\x01\x01", 21: b"\x40\x20\x20"}
"""Bytes of SQLite's header that are the same in every file of ours; others would change how it is read or locked."""
_DAMAGED = frozenset(
    {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_FORMAT,
        sqlite3.SQLITE_MISMATCH,
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_TOOBIG,
        sqlite3.SQLITE_NOMEM,
    }
)
"""What SQLite answers where a file is not what it wrote (NOMEM: a length that no memory could hold)."""


class KeptScoresDamaged(UserWarning):
    """Kept scores were altered since they were written, or have an older format: they are left out."""


@dataclass(frozen=True, slots=True)
class KeptScore:
    """A pair's score, and whether the model had to cut the pair (False where that is not known)."""

    score: float
    truncated: bool = False


class KeptScores:
    """The scores of one model on some collection, in a SQLite file; a context manager.

    The file is named for people (``named``) and by a digest of everything that decides the scores (``about``). It holds
    no text. Several processes may use one file. What was put is on the disk, whole, when ``put`` returns.

    A record that was altered since it was written is left out, and so is missing again; a file that cannot be read any
    more is written again with the readable records. Both give a KeptScoresDamaged warning.

    Args:
        folder: Made where it is not there.
        about: What decides the scores: the digest of the model, the rule for long texts, ….
        named: Words for the file's name.
        hint: What to do where the folder cannot be written.

    Raises StorageFailed where the folder cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        about: Mapping[str, str],
        named: Sequence[str] = (),
        hint: str = "free some space, or name another folder",
    ) -> None:
        header = json.dumps({"rankladder_scores": FORMAT, **about}, sort_keys=True).encode()
        self._seal = zlib.crc32(header)
        self._hint = hint
        self._damaged = 0
        stem = ".".join(map(_slug, named))
        self.path = folder / f"{stem}{'.' if stem else ''}{hashlib.sha256(header).hexdigest()[:16]}.sqlite"
        with self._storage():
            make_folder(folder)
            if not self.path.exists():
                _say_older(folder, stem)
            with suppress(FileExistsError):
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, file_mode(folder)))
        self._file = self._open()
        if not self._is_sound():
            self._rescue()

    def __len__(self) -> int:
        def count(file: sqlite3.Connection) -> int:
            return int(file.execute("SELECT count(*) FROM scores").fetchone()[0])

        return self._answer(count)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets the file go."""
        self._file.close()

    def get(self, keys: Sequence[bytes]) -> list[KeptScore | None]:
        """The scores of pairs, None where a pair was not scored or its record is damaged."""

        def rows(file: sqlite3.Connection) -> dict[bytes, tuple[object, ...]]:
            found = {}
            for start in range(0, len(keys), _AT_ONCE):
                block = keys[start : start + _AT_ONCE]
                marks = ",".join("?" * len(block))
                question = f"SELECT pair, score, truncated, sum FROM scores WHERE pair IN ({marks})"  # noqa: S608
                found.update({row[0]: row for row in file.execute(question, block)})
            return found

        found = self._answer(rows)
        before, scores = self._damaged, [self._read(found.get(key)) for key in keys]
        if not before and self._damaged:
            self._warn(f"{self._damaged:,} scores or more were altered since they were written: they are left out")
        return scores

    def all(self, keys: Sequence[bytes]) -> list[KeptScore]:
        """The scores of pairs that were put. Raises StorageFailed where the disk has lost one."""
        found = [score for score in self.get(keys) if score is not None]
        if len(found) < len(keys):
            raise StorageFailed(
                f"{self.path}: {len(keys) - len(found):,} scores that were just written cannot be read", hint=self._hint
            )
        return found

    def put(self, keys: Sequence[bytes], scores: Sequence[KeptScore]) -> None:
        """Keeps scores, and waits until the disk has them. Raises StorageFailed, and BadInput for one not finite."""
        rows = [self._row(key, score) for key, score in zip(keys, scores, strict=True)]

        def write(file: sqlite3.Connection) -> None:
            with file:
                file.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?, ?, ?)", rows)

        self._answer(write)

    def _row(self, key: bytes, score: KeptScore) -> tuple[bytes, float, int, int]:
        if not math.isfinite(score.score):
            raise BadInput(f"{self.path}: a score that is not finite is not kept: {score.score}")
        value = score.score + 0.0  # SQLite has no -0.0
        return key, value, int(score.truncated), self._sum(key, value, score.truncated)

    def _sum(self, key: bytes, score: float, truncated: bool) -> int:
        return zlib.crc32(key + _RECORD.pack(score, truncated), self._seal)

    def _read(self, row: tuple[object, ...] | None) -> KeptScore | None:
        """The score of a row, None where it is not what was written; that is counted."""
        match row:
            case None:
                return None
            case (bytes(key), float(score), 0 | 1 as truncated, int(found)) if math.isfinite(score):
                if found == self._sum(key, score, bool(truncated)):
                    return KeptScore(score, bool(truncated))
        self._damaged += 1
        return None

    def _answer(self, ask: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        """What the file answers; one that is found damaged is rescued, and asked again."""
        with self._storage():
            try:
                return ask(self._file)
            except (sqlite3.DatabaseError, OverflowError, UnicodeDecodeError) as error:
                if not _is_damage(error):
                    raise
            self._rescue()
            return ask(self._file)

    def _open(self) -> sqlite3.Connection:
        with self._storage():
            self._inode = self.path.stat().st_ino
            return sqlite3.connect(self.path, timeout=_WAIT_S, check_same_thread=False)

    def _is_sound(self) -> bool:
        """Whether the file is as SQLite and we leave it; a new one gets its table."""
        with self._storage():
            try:
                head = _head(self.path)
                if any(head[at : at + len(same)] != same for at, same in _LIKE_NEW.items() if head):
                    return False
                with self._file:
                    self._file.execute(_TABLE.replace("TABLE", "TABLE IF NOT EXISTS", 1))
                tables = self._file.execute("SELECT name, sql FROM sqlite_master").fetchall()
                checked = self._file.execute("PRAGMA integrity_check(1)").fetchall()
            except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
                if not _is_damage(error):
                    raise
                return False
        return tables == [("scores", _TABLE)] and checked == [("ok",)]

    def _rescue(self) -> None:
        """Writes the file again with the readable records of the damaged file."""
        with self._storage(), held(self.path.with_suffix(".lock")):
            self._file.close()
            if self.path.stat().st_ino != self._inode:  # another process was first
                self._file = self._open()
                return
            rows = dict(self._readable())
            handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.", suffix=".tmp")
            os.close(handle)
            fresh = Path(name)
            remove_at_the_end(fresh)
            try:
                fresh.chmod(file_mode(self.path.parent))
                with closing(sqlite3.connect(fresh)) as file, file:
                    file.execute(_TABLE)
                    file.executemany("INSERT INTO scores VALUES (?, ?, ?, ?)", map(self._row, rows, rows.values()))
                self.path.with_name(f"{self.path.name}-journal").unlink(missing_ok=True)
                fresh.replace(self.path)
                keep(fresh)
            finally:
                remove_temporary(fresh)
            self._file = self._open()
        self._warn(f"the file was damaged; {len(rows):,} scores could be read, the others are left out")

    def _readable(self) -> Iterator[tuple[bytes, KeptScore]]:
        """The records of a damaged file that are whole: from its beginning, and from its end, as far as each goes."""
        for order in ("", "ORDER BY pair DESC"):
            with suppress(sqlite3.Error, OverflowError, UnicodeDecodeError), closing(self._open()) as file:
                for row in file.execute(f"SELECT pair, score, truncated, sum FROM scores {order}"):  # noqa: S608
                    if (score := self._read(row)) is not None:
                        yield row[0], score

    def _warn(self, what: str) -> None:
        warnings.warn(KeptScoresDamaged(f"{self.path}: {what}"), stacklevel=2)

    @contextmanager
    def _storage(self) -> Iterator[None]:
        with storage_errors(self.path, "scores cannot be kept", hint=self._hint):
            try:
                yield
            except sqlite3.Error as error:
                raise StorageFailed(f"{self.path}: scores cannot be kept: {error}", hint=self._hint) from error


def _is_damage(error: Exception) -> bool:
    if isinstance(error, sqlite3.ProgrammingError):
        return False
    code = getattr(error, "sqlite_errorcode", None)
    return code is None or code & 0xFF in _DAMAGED or code == sqlite3.SQLITE_IOERR_SHORT_READ


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(100)


def _say_older(folder: Path, stem: str) -> None:
    """Says where an earlier version kept scores, which have no checksums."""
    older = sorted(folder.glob(f"{stem}.*.jsonl" if stem else f"{'[0-9a-f]' * 32}.sqlite"))
    if older:
        warnings.warn(
            KeptScoresDamaged(f"{older[0]}: scores of an earlier version are not read: they are computed again"),
            stacklevel=4,
        )


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "-", name).strip("-.")[:60] or "unnamed"
