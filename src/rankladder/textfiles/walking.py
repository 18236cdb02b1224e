"""The files below a path, with what is left out counted on the way."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rankladder.textfiles.beir import beir_corpus, is_beir_folder
from rankladder.textfiles.selection import IGNORE_FILES, Globs, IgnoreFiles, Selection, is_versions, why_unwanted


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file that was left out, and why."""

    path: Path
    reason: str


class LeftOut(Protocol):
    """Where a walk writes what it leaves out: paths with their reasons, and counts of what was not looked at."""

    skipped: list[SkippedFile]
    left_out: Counter[str]


def walk(root: Path, select: Selection, found: LeftOut, *, apart_from: Path | None) -> Iterator[Path]:
    """The files below a path, or the path itself where it is no folder; links to folders are not followed.

    ``select`` must say everything. Its globs hold for the path itself too, ignore files and names only below it.
    """
    globs = Globs(select)
    if not root.is_dir():
        if why := globs.left_out(root.name, folder=False):
            found.left_out[why] += 1
        else:
            yield root
        return
    hidden = None if apart_from is None else apart_from.resolve()
    below = _Below(root, globs, IgnoreFiles(root) if select.ignore_files else None, hidden)

    def refused(error: OSError) -> None:
        found.skipped.append(SkippedFile(Path(error.filename), f"cannot be read ({error.strerror})"))

    for place, folders, files in os.walk(root, onerror=refused):
        folder = Path(place)
        below.enter(folder, found)
        if is_beir_folder(folder):
            folders.clear()
            corpus = beir_corpus(folder)
            if below.wanted(corpus, found, folder=False, ignored=folder != root):  # its layout names the file
                yield corpus
            continue
        folders[:] = sorted(name for name in folders if below.wanted(folder / name, found, folder=True))
        for name in sorted(set(files) - set(IGNORE_FILES)):
            if below.wanted(folder / name, found, folder=False):
                yield folder / name


class _Below:
    """The wanted entries below a folder."""

    def __init__(self, root: Path, globs: Globs, ignored: IgnoreFiles | None, apart_from: Path | None) -> None:
        self._root = root
        self._globs = globs
        self._ignored = ignored
        self._apart_from = apart_from

    def enter(self, folder: Path, found: LeftOut) -> None:
        if self._ignored is not None:
            for file in self._ignored.enter(folder):
                found.skipped.append(SkippedFile(file, "an ignore file that cannot be read: nothing is left out by it"))

    def wanted(self, path: Path, found: LeftOut, *, folder: bool, ignored: bool = True) -> bool:
        """Whether an entry is read, or walked into; counted where it is not. ``ignored=False`` asks the globs alone."""
        if folder and (self._apart_from is not None and path.resolve() == self._apart_from):
            return False
        why = self._why_not(path, folder=folder) if ignored else self._by_globs(path, folder=folder)
        if why is not None:
            found.left_out[why] += 1
        return why is None

    def _why_not(self, path: Path, *, folder: bool) -> str | None:
        if folder and is_versions(path.name):
            return "hidden"
        if folder and path.is_symlink():
            return "links to folders"
        if folder and _is_index(path):
            return "indexes"
        if (why := self._by_globs(path, folder=folder)) is not None:
            return why
        if self._ignored is None:
            return None
        git, ours = self._ignored.wanted(path, folder=folder)
        if ours is not None:
            return None if ours else IGNORE_FILES[1]
        if (why := why_unwanted(path, folder=folder)) is not None:
            return why
        return IGNORE_FILES[0] if git is False else None

    def _by_globs(self, path: Path, *, folder: bool) -> str | None:
        return self._globs.left_out(path.relative_to(self._root).as_posix(), folder=folder)


def _is_index(folder: Path) -> bool:
    return os.path.exists(folder / "CURRENT") and os.path.exists(folder / ".lock")  # noqa: PTH110 — Path.exists raises where it may not look
