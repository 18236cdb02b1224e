"""Documents from a file or a folder, one source after the other."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from rankladder.arguments import checked
from rankladder.errors import BadFile, BadOption, MissingExtra, StorageFailed
from rankladder.textfiles.bytestream import Digest, text_head
from rankladder.textfiles.forms import AS_NAMED, PROSE, RECORDS, Kind, ReadAs
from rankladder.textfiles.headerless import LAYOUTS, HeaderMissing, headerless_columns, headerless_documents
from rankladder.textfiles.json_files import json_documents
from rankladder.textfiles.passages import Page, cut_passages
from rankladder.textfiles.prose import prose_page
from rankladder.textfiles.records import jsonl_documents
from rankladder.textfiles.rulers import PASSAGE_WORDS, Ruler, WordRuler
from rankladder.textfiles.selection import EVERYTHING, Selection
from rankladder.textfiles.sniffing import OtherForm, form_within
from rankladder.textfiles.sources import Found, Source, find_sources
from rankladder.textfiles.tables import csv_documents
from rankladder.textfiles.trec_documents import trec_documents
from rankladder.textfiles.walking import SkippedFile
from rankladder.values import Document

FILE_FAULTS = (BadFile, StorageFailed, MissingExtra)
"""What reading a file raises: in a folder it is skipped for it, where it was named the whole ends."""

READERS = 3
"""Counts the changes by which the same file gives other documents; another number rebuilds every index."""

NO_TEXT = "no text in it"
"""Why a file is left out that could be read and gave no document."""


class Documents:
    """The documents below a path: iterating reads the files, one document at a time.

    A million-record file takes no more memory than one record; a prose file is held whole while it is read.
    ``skipped`` and ``unknown_suffixes`` are complete once the iteration has ended.
    """

    def __init__(self, path: Path, found: Found, ruler: Ruler, read_as: ReadAs) -> None:
        self.path = path
        self.ruler = ruler
        self.read_as = read_as
        self._found = found
        self._refused: dict[Path, SkippedFile] = {}

    @property
    def sources(self) -> tuple[Source, ...]:
        """The files that hold documents, in the order of their names."""
        return tuple(self._found.sources)

    @property
    def skipped(self) -> tuple[SkippedFile, ...]:
        """The files that were left out, each with its reason."""
        return (*self._found.skipped, *self._refused.values())

    @property
    def left_out(self) -> Mapping[str, int]:
        """How many files and folders were not looked at, by what left them out."""
        return Counter(self._found.left_out)

    @property
    def unknown_suffixes(self) -> Mapping[str, int]:
        """How many files have a suffix that is not read, by suffix."""
        return Counter(self._found.unknown_suffixes)

    def by_source(self) -> Iterator[tuple[Source, Iterator[Document]]]:
        """Each source with its documents."""
        for source in self._found.sources:
            yield source, self._read(source)

    def __iter__(self) -> Iterator[Document]:
        for _, documents in self.by_source():
            yield from documents

    def _read(self, source: Source) -> Iterator[Document]:
        reason = NO_TEXT
        try:
            for document in whole_source(source, ruler=self.ruler, read_as=self.read_as):
                reason = ""
                yield document
        except FILE_FAULTS as error:
            if source.named:
                raise
            reason = why_skipped(error, source.path)
        if reason:
            self._refused[source.path] = SkippedFile(source.path, reason)


@checked
def read_documents(
    path: str | Path,
    *,
    passage_words: int | None = None,
    ruler: Ruler | None = None,
    select: Selection = EVERYTHING,
    read_as: ReadAs = AS_NAMED,
) -> Documents:
    """The documents of a file, or of every file below a folder; see ``find_sources`` and ``Selection`` for which.

    A record file (JSON Lines, JSON, CSV, TSV, a BEIR corpus, TREC's ``<DOC>`` files) gives one document a record, a
    prose file (Markdown, text, HTML, …) one a passage of about ``passage_words`` words (by default 200), or of what
    ``ruler`` measures: ``Reranker.tokens.ruler(most)`` counts the tokens of a model. ``read_as`` says what the names of
    files and keys do not.

    Raises PathMissing, BadOption, BadFile. A file that was found in a folder is skipped where it has a fault. Duplicate
    ids are not looked for here: that takes the whole set in memory
    (``rankladder.retrieve.build_index`` does it).
    """
    if passage_words is not None and ruler is not None:
        raise BadOption("passage_words and ruler exclude each other")
    words = PASSAGE_WORDS if passage_words is None else passage_words
    check_passage_words(words)
    found = find_sources([path], select=select, form=read_as.form)
    check_keys(read_as, found)
    return Documents(Path(path), found, WordRuler(words) if ruler is None else ruler, read_as)


def why_skipped(error: BadFile | StorageFailed | MissingExtra, path: Path) -> str:
    """The reason of one of ``FILE_FAULTS``, without the path that it begins with and without the hint.

    >>> why_skipped(BadFile("notes/a.csv:7: not JSON", hint="…"), Path("notes/a.csv"))
    'line 7: not JSON'
    """
    whole = str(error).removesuffix(f"\nhint: {error.hint}").removeprefix(str(path)).lstrip(":").strip()
    line, colon, rest = whole.partition(": ")
    return f"line {line}: {rest}" if colon and line.isdecimal() else whole


def check_passage_words(passage_words: int) -> None:
    """Raises BadOption for a passage length below 20 words."""
    if passage_words < 20:
        raise BadOption(f"passage_words must be at least 20, got {passage_words}")


def check_keys(read_as: ReadAs, found: Found) -> None:
    """Raises BadOption for a key where no file holds records: it would be ignored."""
    if read_as.keys and found.sources and not any(source.kind in RECORDS for source in found.sources):
        raise BadOption(
            f"{', '.join(read_as.keys)}: none of the files holds records",
            hint="a key is looked for in JSON Lines, JSON, CSV and TSV",
        )


def whole_source(
    source: Source, *, ruler: Ruler, digest: Digest | None = None, read_as: ReadAs = AS_NAMED
) -> Iterator[Document]:
    """As ``read_source``, but a file that was found in a folder gives all its documents or none.

    Record files are not held in memory, so they are read twice for it: once to see whether they can be read.
    """
    if not source.named and form_within(source.path, source.kind)[0] not in PROSE:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", HeaderMissing)
            warnings.simplefilter("ignore", OtherForm)
            for _ in read_source(source, ruler=ruler, read_as=read_as):
                pass
    yield from read_source(source, ruler=ruler, digest=digest, read_as=read_as)


@checked
def read_source(
    source: Source, *, ruler: Ruler, digest: Digest | None = None, read_as: ReadAs = AS_NAMED
) -> Iterator[Document]:
    """The documents of one source, in order. ``digest`` takes every byte of the file once the iteration has ended.

    Raises NotText before the first document for a file that is not text, or a table without a column for it, and
    BadFile for a record that cannot be used. Warns of a table whose columns had to be guessed (``HeaderMissing``), and
    of a file that is read in another form than its name says (``OtherForm``).
    """
    kind = source.kind
    if read_as.form is None or not source.named:
        kind, remark = form_within(source.path, kind)
        if remark:
            warnings.warn(f"{source.path}: {remark}", OtherForm, stacklevel=2)
    if kind in PROSE:
        return _passages(prose_page(source.path, kind, digest=digest), source.name, ruler, by_page=kind == "pdf")
    documents = _records(source, kind, digest, read_as)
    if kind == "trec":
        return documents
    documents = _with_ids(documents, source)
    return documents if read_as.title_key is None else _with_titles(documents, source.path, read_as.title_key)


def _with_ids(documents: Iterator[Document], source: Source) -> Iterator[Document]:
    """The records with the ids that ``source`` gives them; one that has none of its own is ``name:line`` already."""
    for document in documents:
        own = document.id.startswith(f"{source.name}:")
        id = document.id if own else source.id_of(document.id)
        yield document if id == document.id else replace(document, id=id)


def _records(source: Source, kind: Kind, digest: Digest | None, read_as: ReadAs) -> Iterator[Document]:
    path, name = source.path, source.name
    if kind == "json":
        return json_documents(path, name, digest=digest, read_as=read_as)
    head = text_head(path)  # refuses what is not text
    if kind == "trec":
        return trec_documents(path, name, digest=digest)
    if kind == "jsonl":
        return jsonl_documents(path, name, digest=digest, read_as=read_as)
    columns = headerless_columns(path, head, named=source.named)
    if columns is None or read_as.keys:
        return csv_documents(path, name, digest=digest, read_as=read_as)
    warnings.warn(f"{path}: no header; its columns are read as {LAYOUTS[columns]}", HeaderMissing, stacklevel=3)
    return headerless_documents(path, name, columns, digest=digest)


def _with_titles(documents: Iterator[Document], path: Path, key: str) -> Iterator[Document]:
    """The documents as they are. Raises BadFile at their end where none has a title: the key is not one of theirs."""
    count = titles = 0
    for document in documents:
        count += 1
        titles += bool(document.title)
        yield document
    if count and not titles:
        raise BadFile(f"{path}: no record has a title under {key!r}")


def _passages(page: Page, name: str, ruler: Ruler, *, by_page: bool) -> Iterator[Document]:
    taken: Counter[int] = Counter()
    for title, passage in cut_passages(page, ruler=ruler):
        taken[passage.line] += 1
        again = f".{taken[passage.line]}" if taken[passage.line] > 1 else ""
        place = {"page": passage.line} if by_page else {"line": passage.line, "end_line": passage.end_line}
        yield Document(
            f"{name}#page={passage.line}{again}" if by_page else f"{name}:{passage.line}{again}",
            passage.text,
            title,
            {"file": name, **place},
        )
