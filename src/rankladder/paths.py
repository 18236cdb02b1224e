"""Paths as people write them."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path

from rankladder.errors import BadOption, PathMissing

_NAME_BYTES = 255
_PATH_BYTES = 4095
"""The most that Linux and macOS take; some file systems take less."""


def expanded(path: str | PathLike[str]) -> Path:
    """The path with a leading ``~`` or ``~user`` expanded; unchanged if there is no such user.

    >>> expanded("~nobody-of-this-name/model").parts
    ('~nobody-of-this-name', 'model')
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def is_folder(path: str | PathLike[str]) -> bool:
    """Whether a folder lies there; False, and never an error, for what cannot be a path, or may not be looked at."""
    return os.path.isdir(path)  # noqa: PTH112 — Path.is_dir raises for a name that is too long


def is_there(path: str | PathLike[str]) -> bool:
    """Whether a file or folder lies there; False, and never an error, for what cannot be a path."""
    return os.path.exists(path)  # noqa: PTH110 — Path.exists raises for a name that is too long


def checked_path(what: str, path: str | PathLike[str]) -> str | Path:
    """The path where the system could take it; ``what`` names it in the error.

    >>> checked_path("path", "docs/guide")
    'docs/guide'

    Raises BadOption for an empty path and for signs that no path has, PathMissing for a longer name than a file has.
    """
    text = os.fspath(path)
    if not isinstance(text, str):
        raise BadOption(f"{what} must be a path as text, got {text!r:.60}", hint="os.fsdecode makes text of bytes")
    if not text:
        raise BadOption(f"{what} is empty", hint='write "." for the folder that you are in')
    if "\0" in text:
        raise BadOption(f"{what} holds a NUL character, which no path has: {text!r:.60}")
    try:
        encoded = os.fsencode(text)
    except UnicodeEncodeError:
        raise BadOption(f"{what} holds characters that no path has: {text!r:.60}") from None
    longest = max(map(len, encoded.split(os.fsencode(os.sep))))
    if longest > _NAME_BYTES or len(encoded) > _PATH_BYTES:
        found = longest if longest > _NAME_BYTES else len(encoded)
        raise PathMissing(
            f"{what}: no file has a name as long as {text[:40]!r}… ({found:,} bytes)",
            hint="a path is expected here; a text may have been given in its place",
        )
    return path if isinstance(path, Path) else text
