"""Paths as people write them."""

from __future__ import annotations

from os import PathLike
from pathlib import Path


def expanded(path: str | PathLike[str]) -> Path:
    """The path with a leading ``~`` or ``~user`` put out in full; as it stands where nobody has that name.

    >>> expanded("~nobody-of-this-name/model").parts
    ('~nobody-of-this-name', 'model')
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)
