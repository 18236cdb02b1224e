"""Where rankladder keeps what it can make again: graphs, indexes, embeddings and scores."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from platformdirs import user_cache_path

from rankladder.paths import expanded
from rankladder.storage import private_folder

_INSTEAD: ContextVar[Path | None] = ContextVar("_INSTEAD", default=None)


def cache_folder(*parts: str) -> Path:
    """A folder in the user's cache: ``$RANKLADDER_CACHE`` where set, else the platform's own place.

    The cache holds copies of the user's texts, so the first of ``parts`` is made here for this user alone (where the
    cache can be written), and so is what is made in it later. The folder itself may not be there yet.
    """
    named = _INSTEAD.get() or os.environ.get("RANKLADDER_CACHE")
    root = expanded(named) if named else user_cache_path("rankladder", appauthor=False)
    if parts:
        with suppress(OSError):  # the one who writes there says why that fails
            if not named or not root.exists():
                private_folder(root)
            private_folder(root / parts[0])
    return root.joinpath(*parts)


@contextmanager
def caching_in(folder: Path) -> Iterator[None]:
    """Keeps in another folder, for this thread and for now, what no later run could use."""
    token = _INSTEAD.set(folder)
    try:
        yield
    finally:
        _INSTEAD.reset(token)
