"""Scores that are kept as they come, so that an interrupted evaluation goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock

from rankladder.errors import BadFile, StorageFailed
from rankladder.values import Document, Query

FORMAT = 1
_KEY_BYTES = 12
_KEY = re.compile(f"[0-9a-f]{{{2 * _KEY_BYTES}}}")


@dataclass(frozen=True, slots=True)
class Record:
    """One score: whose it is (for people), the pair's key, and whether the model had to cut the pair."""

    query: str
    document: str
    key: str
    score: float
    truncated: bool

    def line(self) -> bytes:
        """The record as a line of JSON."""
        row = [self.query, self.document, self.key, self.score, int(self.truncated)]
        return json.dumps(row, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode() + b"\n"


class PairKeys:
    """Names pairs by their texts: another text is another pair, whatever its id."""

    def __init__(self) -> None:
        self._documents: dict[str, bytes] = {}

    def of_document(self, document: Document) -> None:
        """Remembers a document's text by its id (24 bytes)."""
        self._documents[document.id] = _digest(document.full_text.encode("utf-8", "surrogatepass"))

    def knows(self, id: str) -> bool:
        """Whether the document's text was seen."""
        return id in self._documents

    def of(self, query: Query, id: str) -> str:
        """The key of a query and a document that was seen: 24 hexadecimal digits."""
        return _key(query.text, self._documents[id])


def pair_key(query: str, text: str) -> str:
    """The key of a pair of texts: what ``PairKeys`` gives a query and a document that have them."""
    return _key(query, _digest(text.encode("utf-8", "surrogatepass")))


def _key(query: str, document: bytes) -> str:
    return _digest(_digest(query.encode("utf-8", "surrogatepass")) + document).hex()


class ScoreStore:
    """One append-only file of scores: a header line that says whose they are, then a line for each pair.

    It is named after the collection and the model (name and digest), in a folder that is made where it is not there;
    and after ``listed``, where scores hold within one candidate list only.

    Scores are found by the pair's texts, so a document that changed is another pair, and lists that overlap share what
    they have in common. A line that was cut short (a crash, a full disk) is dropped and written again. Several
    processes may add to one file: each batch is added under a lock, after what others added was read.

    Raises StorageFailed where the folder cannot be written, BadFile for a file that is not ours or is damaged.
    """

    def __init__(self, folder: Path, *, collection: str, model: str, digest: str, long: str, listed: str = "") -> None:
        self.header = {"rankladder_scores": FORMAT, "collection": collection, "model": digest, "long": long}
        if listed:
            self.header["listed"] = listed
        key = hashlib.sha256(json.dumps(self.header, sort_keys=True).encode()).hexdigest()[:16]
        self.path = folder / f"{_slug(collection)}.{_slug(model)}.{key}.jsonl"
        self._scores: dict[bytes, float] = {}
        self._truncated: set[bytes] = set()
        self._end = 0
        self._line = 0
        with self._locked() as file:
            self._take_in(file)

    def __len__(self) -> int:
        return len(self._scores)

    def __contains__(self, key: str) -> bool:
        return bytes.fromhex(key) in self._scores

    def score(self, key: str) -> float:
        """A pair's score. Raises KeyError."""
        return self._scores[bytes.fromhex(key)]

    def truncated(self, key: str) -> bool:
        """Whether the pair was cut."""
        return bytes.fromhex(key) in self._truncated

    def add(self, records: Sequence[Record]) -> None:
        """Appends scores and waits until the disk has them. Raises StorageFailed."""
        with self._locked() as file:
            self._take_in(file)
            data = b"".join(record.line() for record in records)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            for line in data.splitlines():
                self._remember(line)
            self._end += len(data)

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_suffix(".lock")), self.path.open("a+b") as file:
                yield file
        except OSError as error:
            raise StorageFailed(
                f"{self.path}: scores cannot be kept: {error.strerror or error}", hint="choose a folder with --store"
            ) from error

    def _take_in(self, file: BinaryIO) -> None:
        """Reads what was added since, and cuts off a line that never got its end."""
        if file.seek(0, os.SEEK_END) < self._end:
            raise BadFile(f"{self.path}: the file was cut while it was in use")
        file.seek(self._end)
        for line in file:
            if not line.endswith(b"\n"):
                break
            self._remember(line)
            self._end += len(line)
        file.truncate(self._end)
        file.seek(self._end)
        if self._end == 0:
            header = json.dumps(self.header).encode() + b"\n"
            file.write(header)
            file.flush()
            os.fsync(file.fileno())
            self._line, self._end = 1, len(header)

    def _remember(self, line: bytes) -> None:
        self._line += 1
        try:
            value = json.loads(line)
        except ValueError:
            value = None
        match value:
            case [_, _, str(key), int() | float() as score, 0 | 1 as truncated] if self._line > 1 and _KEY.fullmatch(
                key
            ):
                name = bytes.fromhex(key)
                self._scores[name] = float(score)
                if truncated:
                    self._truncated.add(name)
            case dict() if self._line == 1 and value == self.header:
                pass
            case _:
                what = "a score" if self._line > 1 else f"the header {json.dumps(self.header)}"
                raise BadFile(
                    f"{self.path}:{self._line}: expected {what}, found {line[:200]!r}",
                    hint="remove the file, or name another --store",
                )


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_KEY_BYTES).digest()


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "-", name).strip("-.")[:60] or "unnamed"
