"""The documents that ``rankladder rank`` is given: lines, or what a file or a pipe holds in another form."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TextIO, cast

from rankladder.cli.output import note
from rankladder.errors import BadFile, BadInput, BadOption, PathMissing
from rankladder.temporary import temporary_folder
from rankladder.textfiles import PASSAGE_WORDS, ReadAs, Source, WordRuler, read_source
from rankladder.textfiles.bytestream import encoding_of, numbered_lines_of, open_bytes, reading
from rankladder.textfiles.charsets import magic_of, mark_of
from rankladder.textfiles.fields import TEXT_KEYS, known_fields
from rankladder.textfiles.forms import RECORDS, Kind, kind_of
from rankladder.textfiles.sniffing import form_of_text, objects_among
from rankladder.textfiles.tables import delimiter_of
from rankladder.values import Document

Form = Kind | Literal["auto", "lines"]
STDIN = "standard input"
_HEAD = 65_536
_LINES = frozenset[Kind | None]({None, "text", "log"})
"""Forms in which each line is a document, unless their content shows another form."""


def given_documents(file: Path, form: Form, read_as: ReadAs) -> Iterator[Document]:
    """The documents of a file, or of standard input for ``-``.

    With ``auto`` the name of a file says its form, and for text and for standard input the content: JSON, JSON Lines,
    an HTML page or a table with a column for the text. All else is lines: a document each, its number for an id, blank
    ones passed over. Raises PathMissing, BadInput, BadFile.
    """
    name = str(file)
    if name == "-":
        expect_stdin()
        file, name = Path(STDIN), STDIN
    elif file.is_dir() or not file.exists():
        found = "a folder" if file.is_dir() else "nothing"
        raise PathMissing(f"no file at {file}: found {found}", hint="rankladder search QUERY PATH searches a folder")
    with reading(file), _opened(file, name) as stream:
        settled = _settled(file, form, stream.peek(_HEAD) if form == "auto" else b"")
        if read_as.keys and settled not in RECORDS:
            keys = ", ".join(f"--{option.replace('_', '-')}" for option in read_as.keys)
            raise BadOption(f"{keys}: only records have keys, and {name} is read as {settled}")
        if settled == "lines":
            yield from (Document(str(number), text) for number, text in numbered_lines_of(stream, file))
        elif file.is_file():
            yield from _read(file, name, settled, read_as)
        else:
            with temporary_folder() as folder:
                kept = folder / STDIN
                with kept.open("wb") as copy:
                    shutil.copyfileobj(stream, copy)
                with _named(kept, name):
                    yield from _read(kept, name, settled, read_as)


@contextmanager
def _named(kept: Path, name: str) -> Iterator[None]:
    """Puts the name that the caller knows in place of a copy's path."""
    try:
        yield
    except BadFile as error:
        message = str(error).removesuffix(f"\nhint: {error.hint}").replace(str(kept), name)
        raise BadFile(message, hint=error.hint) from error


@contextmanager
def _opened(file: Path, name: str) -> Iterator[io.BufferedReader]:
    """The bytes of a file, unpacked where it is named ``.gz``, or of standard input."""
    if name != STDIN:
        with open_bytes(file) as stream:
            yield cast("io.BufferedReader", stream)
        return
    given = expect_stdin().buffer
    yield given if isinstance(given, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", given))


def expect_stdin() -> TextIO:
    """Standard input. Raises BadInput where the program has none."""
    if sys.stdin is None:
        raise BadInput("standard input is closed", hint="name a file, or pipe documents in")
    return sys.stdin


def _read(path: Path, name: str, kind: Kind, read_as: ReadAs) -> Iterator[Document]:
    status = path.stat()
    source = Source(path, name, kind, status.st_size, status.st_mtime_ns, named=True)
    yield from read_source(source, ruler=WordRuler(PASSAGE_WORDS), read_as=read_as)


def _settled(path: Path, form: Form, head: bytes) -> Kind | Literal["lines"]:
    """The form that is read. Says so where it is not what the name and the caller say. Raises BadFile for no text."""
    if form != "auto":
        return form
    kind = kind_of(path)
    if kind not in _LINES:
        return cast("Kind", kind)
    if (what := magic_of(head)) is not None and mark_of(head) is None:
        raise BadFile(f"{path}: {what}, not text", hint="if its form is supported, name the form with --as")
    text = head.decode(encoding_of(head) or "utf-8", errors="replace")
    found = "csv" if _is_table(path, text) else form_of_text(text)
    if found is None and (objects := objects_among(text)):
        note(f"{path}: {objects} of its first lines hold JSON, taken as text like every other; --as jsonl reads it")
    if found is not None and found != "jsonl":
        note(f"{path} is read as {found}; --as lines takes each line as a document")
    return found or "lines"


def _is_table(path: Path, text: str) -> bool:
    """Whether the first line names columns, one of them for the text, and others follow."""
    header, end, rest = text.lstrip("\ufeff").partition("\n")
    cells = [cell.strip().strip('"') for cell in header.strip().split(delimiter_of(path, header))]
    short = all(0 < len(cell) <= 40 and cell[:1] not in "[{" for cell in cells)
    return bool(end and rest.strip() and len(cells) > 1 and short and known_fields(cells, TEXT_KEYS))
