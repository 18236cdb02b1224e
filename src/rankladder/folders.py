"""Where rankladder keeps what it can make again: graphs and indexes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from platformdirs import user_cache_path

from rankladder.errors import StorageFailed
from rankladder.paths import expanded

_INSTEAD: ContextVar[Path | None] = ContextVar("_INSTEAD", default=None)


def cache_folder(*parts: str) -> Path:
    """A folder in the user's cache (not made here): ``$RANKLADDER_CACHE`` where set, else the platform's own place."""
    root = _INSTEAD.get() or os.environ.get("RANKLADDER_CACHE")
    return (expanded(root) if root else user_cache_path("rankladder", appauthor=False)).joinpath(*parts)


def temporary_folder() -> Path:
    """A new folder for whoever asks to remove. Raises StorageFailed."""
    try:
        return Path(tempfile.mkdtemp(prefix="rankladder-"))
    except OSError as error:
        raise StorageFailed(
            f"no temporary folder can be made: {error.strerror or error}", hint="TMPDIR names a folder to make it in"
        ) from error


@contextmanager
def caching_in(folder: Path) -> Iterator[None]:
    """Keeps in another folder, for this thread and for now, what no later run could use."""
    token = _INSTEAD.set(folder)
    try:
        yield
    finally:
        _INSTEAD.reset(token)
