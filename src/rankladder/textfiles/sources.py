"""Which files of a folder hold documents, and which do not and why."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from rankladder.errors import BadFile, BadOption, PathMissing
from rankladder.textfiles.beir import beir_corpus, is_beir_folder
from rankladder.textfiles.bytestream import endings
from rankladder.textfiles.trec_documents import begins_with_doc

Kind = Literal["markdown", "plain", "rst", "html", "jsonl", "csv", "trec"]

KINDS: dict[str, Kind] = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".txt": "plain",
    ".txt.gz": "plain",
    ".rst": "rst",
    ".html": "html",
    ".htm": "html",
    ".jsonl": "jsonl",
    ".jsonl.gz": "jsonl",
    ".csv": "csv",
    ".csv.gz": "csv",
    ".tsv": "csv",
    ".tsv.gz": "csv",
}
"""How a file is read, by the end of its name; plain text that begins with ``<DOC>`` as TREC documents."""

TREC_SUFFIXES = (".trec", ".trec.gz", ".sgml", ".sgml.gz", ".sgm", ".sgm.gz", ".xml", ".xml.gz", ".gz")
"""Ends of names of which nothing is read but TREC documents: such a file must begin with ``<DOC>``."""

_SKIPPED_FOLDERS = frozenset({"node_modules", "__pycache__", "site-packages"})


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file that was left out, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Source:
    """A file that holds documents. ``name`` is its path below what the caller named, with ``/`` on every system;
    ``named`` tells that the caller named the file itself, so that it may not be skipped.
    """

    path: Path
    name: str
    kind: Kind
    size: int
    mtime_ns: int
    named: bool = False


@dataclass(slots=True)
class Found:
    """The sources below some paths, in the order of their names, and what was left out."""

    sources: list[Source] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)
    unknown_suffixes: Counter[str] = field(default_factory=Counter)


def kind_of(path: Path) -> Kind | None:
    """How a file is read, None for a suffix that is not known, or for SGML that is not TREC documents.

    >>> kind_of(Path("corpus.jsonl.gz")), kind_of(Path("README.MD")), kind_of(Path("photo.jpg"))
    ('jsonl', 'markdown', None)
    """
    suffix = _suffix(path)
    if suffix in TREC_SUFFIXES:
        return None if begins_with_doc(path) is False else "trec"  # what cannot be read is named where it is read
    return KINDS.get(suffix)


def _suffix(path: Path) -> str:
    suffixes = endings(path)
    return "".join(suffixes if suffixes[-1:] == [".gz"] else suffixes[-1:])


def find_sources(paths: Sequence[str | Path], *, exclude: Path | None = None) -> Found:
    """The sources below files and folders.

    Folders are searched all the way down; hidden files and folders, ``node_modules``, virtual environments,
    rankladder's own indexes and ``exclude`` are left out without a word, links to folders are not followed, and a link
    to a file that is read already is skipped. Of a BEIR folder only the corpus is read. Names are relative to the
    folder where one path is given, and to the deepest common folder where several are.

    Raises PathMissing, BadOption for no path at all, and BadFile for a named file of a kind that is not read.
    """
    if not paths:
        raise BadOption("no files or folders were given")
    roots = [Path(os.path.abspath(path)) for path in paths]  # noqa: PTH100 — resolve() would follow links
    for given, root in zip(paths, roots, strict=True):
        if not os.path.exists(root):  # noqa: PTH110 — Path.exists raises where a folder above may not be entered
            raise PathMissing(f"no file or folder at {given}")
    shared = Path(os.path.commonpath([root if root.is_dir() else root.parent for root in roots]))
    hidden = None if exclude is None else exclude.resolve()
    found, seen = Found(), set[Path]()
    named = {root for root in roots if not root.is_dir()}
    for root in roots:
        for path in _files(root, hidden, found):
            if path not in seen:
                seen.add(path)
                _sort_out(path, path.relative_to(shared).as_posix(), path in named, found)
    found.sources.sort(key=lambda source: source.name)
    _skip_links(found)
    found.skipped.sort(key=lambda skipped: skipped.path)
    return found


def _skip_links(found: Found) -> None:
    """Skips every link in a folder whose file is another source: its documents would be there twice."""
    linked = [source for source in found.sources if not source.named and source.path.is_symlink()]
    if not linked:
        return
    links = {source.name for source in linked}
    first = {source.path.resolve(): source.name for source in reversed(found.sources) if source.name in links}
    first |= {source.path.resolve(): source.name for source in found.sources if source.name not in links}
    again = {source.name: other for source in linked if (other := first[source.path.resolve()]) != source.name}
    for source in linked:
        if source.name in again:
            reason = f"a link to a file that is read already, as {again[source.name]}"
            found.skipped.append(SkippedFile(source.path, reason))
    found.sources = [source for source in found.sources if source.name not in again]


def _files(root: Path, exclude: Path | None, found: Found) -> Iterator[Path]:
    def refused(error: OSError) -> None:
        found.skipped.append(SkippedFile(Path(error.filename), f"cannot be read ({error.strerror})"))

    if not root.is_dir():
        yield root
        return
    for place, folders, every in os.walk(root, onerror=refused):
        folder, files = Path(place), every
        if is_beir_folder(folder):
            folders.clear()
            files = [beir_corpus(folder).name]
        folders[:] = sorted(name for name in folders if not _left_out(folder / name, exclude))
        for name in sorted(files):
            if not name.startswith("."):
                yield folder / name


def _left_out(folder: Path, exclude: Path | None) -> bool:
    return (
        folder.name.startswith(".")
        or folder.name in _SKIPPED_FOLDERS
        or _holds(folder, "pyvenv.cfg")
        or (_holds(folder, "CURRENT") and _holds(folder, ".lock"))
        or (exclude is not None and folder.resolve() == exclude)
    )


def _holds(folder: Path, name: str) -> bool:
    return os.path.exists(folder / name)  # noqa: PTH110 — see above


def _sort_out(path: Path, name: str, named: bool, found: Found) -> None:
    kind = kind_of(path)
    if kind is None:
        if named:
            raise BadFile(
                f"{path}: files of the kind {_suffix(path) or '(no suffix)'} are not read",
                hint=f"rankladder reads {', '.join(KINDS)}, and {', '.join(TREC_SUFFIXES)} of TREC documents, which "
                "begin with <DOC>; a text of another kind can be copied to a .txt file",
            )
        found.unknown_suffixes[_suffix(path) or "(none)"] += 1
        return
    try:
        name.encode()
        status = path.stat()
    except UnicodeEncodeError:
        found.skipped.append(SkippedFile(path, "its name is not UTF-8"))
    except OSError as error:
        found.skipped.append(SkippedFile(path, f"cannot be read ({error.strerror or error})"))
    else:
        if stat.S_ISREG(status.st_mode):
            found.sources.append(Source(path, name, kind, status.st_size, status.st_mtime_ns, named))
        else:
            found.skipped.append(SkippedFile(path, "not a regular file"))
