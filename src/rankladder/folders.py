"""Where rankladder keeps what it can make again: graphs and indexes."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path


def cache_folder(*parts: str) -> Path:
    """A folder in the user's cache (not made here): ``$RANKLADDER_CACHE`` where set, else the platform's own place."""
    root = os.environ.get("RANKLADDER_CACHE")
    return (Path(root).expanduser() if root else user_cache_path("rankladder", appauthor=False)).joinpath(*parts)
