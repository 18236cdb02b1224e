"""A teacher's scores by what was scored: a pair that has been scored once is not scored again."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rankladder.errors import StorageFailed

_LOOKED_UP_AT_ONCE = 500


class ScoreCache:
    """Scores of one teacher on disk, keyed by the digest of query and document. One process writes at a time.

    Each ``put`` is committed whole: what a killed process had put is there, and nothing half.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with _storage(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(path, timeout=60)
            self._file.execute("CREATE TABLE IF NOT EXISTS scores (pair BLOB PRIMARY KEY, score REAL) WITHOUT ROWID")

    def close(self) -> None:
        """Lets the file go."""
        self._file.close()

    def get(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """Scores (N,), NaN where a pair was not scored yet."""
        keys = [pair_key(*pair) for pair in pairs]
        found: dict[bytes, float] = {}
        with _storage(self.path):
            for start in range(0, len(keys), _LOOKED_UP_AT_ONCE):
                block = keys[start : start + _LOOKED_UP_AT_ONCE]
                marks = ",".join("?" * len(block))
                rows = self._file.execute(f"SELECT pair, score FROM scores WHERE pair IN ({marks})", block)  # noqa: S608
                found.update(rows)
        return np.array([found.get(key, np.nan) for key in keys], dtype=np.float32)

    def put(self, pairs: Sequence[tuple[str, str]], scores: NDArray[np.float32]) -> None:
        """Keeps scores (N,) of pairs. Raises StorageFailed where the disk is full."""
        rows = [(pair_key(*pair), float(score)) for pair, score in zip(pairs, scores, strict=True)]
        with _storage(self.path), self._file:
            self._file.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?)", rows)


def pair_key(query: str, document: str) -> bytes:
    """Sixteen bytes that say which pair this is."""
    return hashlib.sha256(f"{len(query)}\0{query}{document}".encode()).digest()[:16]


@contextmanager
def _storage(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise StorageFailed(f"{path}: {error}", hint="free space, or delete the file: it holds scores only") from error
