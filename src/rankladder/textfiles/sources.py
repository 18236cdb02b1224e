"""Which files of a folder hold documents, and which do not and why."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from rankladder.arguments import checked
from rankladder.errors import BadFile, BadOption, PathMissing
from rankladder.textfiles.bytestream import LARGEST_WHOLE
from rankladder.textfiles.forms import IN_WORDS, PROSE, TREC_SUFFIXES, Kind, kind_of, suffix_of
from rankladder.textfiles.selection import DEFAULTS, EVERYTHING, Selection
from rankladder.textfiles.sniffing import form_within
from rankladder.textfiles.walking import SkippedFile, walk

_COLLECTIONS = ("corpus", "collection", "docs", "documents", "passages")


@dataclass(frozen=True, slots=True)
class Source:
    """A file that holds documents. ``name`` is its path below what the caller named, with ``/`` on every system;
    ``named`` tells that the caller named the file itself, so that it may not be skipped. ``ids`` says which of its
    records' ids get ``name`` before them: none, bare numbers, or all.
    """

    path: Path
    name: str
    kind: Kind
    size: int
    mtime_ns: int
    named: bool = False
    ids: Literal["plain", "numbers", "file"] = "plain"

    def id_of(self, id: str) -> str:
        """The id of a document for a record's own id, which is never ``name:line``.

        >>> exports = Source(Path("a.csv"), "a.csv", "csv", 9, 0, ids="numbers")
        >>> exports.id_of("7"), exports.id_of("B-7")
        ('a.csv#7', 'B-7')
        """
        with_name = self.ids == "file" or (self.ids == "numbers" and id.isdecimal())
        return f"{self.name}#{id}" if with_name else id


@dataclass(slots=True)
class Found:
    """The sources below some paths, in the order of their names, and what was left out.

    ``unknown_suffixes`` counts files by suffix, ``left_out`` files and folders by what left them out. ``base`` is the
    path that names are relative to.
    """

    base: Path
    sources: list[Source] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)
    unknown_suffixes: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)


@checked
def find_sources(
    paths: Sequence[str | Path],
    *,
    select: Selection = EVERYTHING,
    form: Kind | None = None,
    apart_from: Path | None = None,
    base: str | Path | None = None,
) -> Found:
    """The sources below files and folders.

    Folders are searched all the way down. Of a BEIR folder only the corpus is read. What is left out is counted: by
    ``select``, hidden files and folders, folders of installed code or build output, links to folders, and rankladder's
    own indexes; ``apart_from`` is left out without a word. A link to a file that is read already is skipped.

    ``form`` is how files are read whose names do not tell, and every file that is named outright.

    A name is relative to the first path, or to ``base`` where that is given: other paths change no name.

    Raises PathMissing, BadOption for no path at all, and BadFile for a named file of a kind that is not read.
    """
    if not paths:
        raise BadOption("no files or folders were given")
    roots = [Path(os.path.abspath(path)) for path in paths]  # noqa: PTH100 — resolve() would follow links
    for given, root in zip(paths, roots, strict=True):
        if not os.path.exists(root):  # noqa: PTH110 — Path.exists raises where a folder above may not be entered
            raise PathMissing(f"no file or folder at {given}")
    settled = select.over(DEFAULTS)
    found = Found(roots[0] if base is None else Path(base))
    start = found.base if found.base.is_dir() else found.base.parent
    seen = set[Path]()
    named = {root for root in roots if not root.is_dir()}
    for root in roots:
        for path in walk(root, settled, found, apart_from=apart_from):
            if path not in seen:
                seen.add(path)
                _sort_out(path, _name(path, start), path in named, found, settled, form)
    found.sources.sort(key=lambda source: source.name)
    _skip_links(found)
    found.skipped.sort(key=lambda skipped: skipped.path)
    return found


def _name(path: Path, start: Path) -> str:
    """The path from a folder, with ``/`` on every system; the whole path where there is none (another drive)."""
    try:
        return Path(os.path.relpath(path, start)).as_posix()
    except ValueError:
        return path.as_posix()


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


def _sort_out(path: Path, name: str, named: bool, found: Found, select: Selection, form: Kind | None) -> None:
    try:
        name.encode()
        status = path.stat()
    except UnicodeEncodeError:
        found.skipped.append(SkippedFile(path, "its name is not UTF-8"))
        return
    except OSError as error:
        found.skipped.append(SkippedFile(path, f"cannot be read ({error.strerror or error})"))
        return
    if not stat.S_ISREG(status.st_mode):  # asked first: opening a pipe would wait for ever
        if named:
            raise BadFile(f"{path}: not a regular file", hint="save it to a file, and name that")
        found.skipped.append(SkippedFile(path, "not a regular file"))
        return
    kind = (form if named else None) or kind_of(path, form)
    if kind is None:
        if named:
            sgml = suffix_of(path).removesuffix(".gz") in TREC_SUFFIXES and path.suffix != ""
            raise BadFile(
                f"{path}: files of the kind {suffix_of(path) or '(no suffix)'} are not read"
                + (", but TREC documents, which begin with <DOC>" if sgml else ""),
                hint=f"if it is text, --as text reads it (or --as markdown, html, jsonl, csv …); {IN_WORDS}",
            )
        found.unknown_suffixes[suffix_of(path) or "(none)"] += 1
        return
    whole = kind in PROSE or (kind == "json" and form_within(path, kind)[0] == "json")
    if whole and status.st_size > LARGEST_WHOLE:
        reason = f"too large ({status.st_size / 2**20:,.0f} MiB; the limit is {LARGEST_WHOLE / 2**20:,.0f} MiB)"
        if named:
            raise BadFile(f"{path}: {reason}", hint="split it, or turn it into JSON Lines, which are read line by line")
        found.skipped.append(SkippedFile(path, reason))
        return
    ids = _ids(path, select, first=path == found.base)
    found.sources.append(Source(path, name, kind, status.st_size, status.st_mtime_ns, named, ids))


def _ids(path: Path, select: Selection, *, first: bool) -> Literal["plain", "numbers", "file"]:
    """A number says which record of its file it is, but where the file is the collection: named first, or by name."""
    if select.ids in {"file", "plain"}:
        return select.ids
    return "plain" if first or path.name.partition(".")[0].lower() in _COLLECTIONS else "numbers"
