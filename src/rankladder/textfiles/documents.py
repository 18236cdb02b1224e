"""Documents from a file or a folder, one source after the other."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from rankladder.arguments import checked
from rankladder.errors import BadFile, BadOption, StorageFailed
from rankladder.textfiles.bytestream import Digest, read_text, text_head
from rankladder.textfiles.headerless import LAYOUTS, HeaderMissing, headerless_columns, headerless_documents
from rankladder.textfiles.hypertext import html_page
from rankladder.textfiles.markdown import markdown_page
from rankladder.textfiles.passages import Page, cut_passages
from rankladder.textfiles.plain import plain_page, rst_page
from rankladder.textfiles.records import csv_documents, jsonl_documents
from rankladder.textfiles.rulers import PASSAGE_WORDS, Ruler, WordRuler
from rankladder.textfiles.selection import EVERYTHING, Selection
from rankladder.textfiles.sources import PROSE, Found, Source, find_sources
from rankladder.textfiles.trec_documents import begins_with_doc, trec_documents
from rankladder.textfiles.walking import SkippedFile
from rankladder.values import Document

FILE_FAULTS = (BadFile, StorageFailed)
"""What reading a file raises: in a folder it is skipped for it, where it was named the whole ends."""

READERS = 2
"""Counts the changes by which the same file gives other documents; another number rebuilds every index."""


class Documents:
    """The documents below a path: iterating reads the files, one document at a time.

    A million-record file takes no more memory than one record; a prose file is held whole while it is read.
    ``skipped`` and ``unknown_suffixes`` are complete once the iteration has ended.
    """

    def __init__(self, path: Path, found: Found, ruler: Ruler) -> None:
        self.path = path
        self.ruler = ruler
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
        try:
            yield from whole_source(source, ruler=self.ruler)
        except FILE_FAULTS as error:
            if source.named:
                raise
            self._refused[source.path] = SkippedFile(source.path, why_skipped(error, source.path))


@checked
def read_documents(
    path: str | Path,
    *,
    passage_words: int | None = None,
    ruler: Ruler | None = None,
    select: Selection = EVERYTHING,
) -> Documents:
    """The documents of a file, or of every file below a folder; see ``find_sources`` and ``Selection`` for which.

    A record file (JSON Lines, CSV, TSV, a BEIR corpus, TREC's ``<DOC>`` files) gives one document a record, a prose
    file (Markdown, text, reStructuredText, HTML) one a passage of about ``passage_words`` words (by default 200), or of
    what ``ruler`` measures: ``Reranker.tokens.ruler(most)`` counts the tokens of a model.

    Raises PathMissing, BadOption, BadFile. A file that was found in a folder is skipped where it has a fault. Duplicate
    ids are not looked for here: that takes the whole set in memory
    (``rankladder.retrieve.build_index`` does it).
    """
    if passage_words is not None and ruler is not None:
        raise BadOption("passage_words and ruler exclude each other")
    words = PASSAGE_WORDS if passage_words is None else passage_words
    check_passage_words(words)
    return Documents(Path(path), find_sources([path], select=select), WordRuler(words) if ruler is None else ruler)


def why_skipped(error: BadFile | StorageFailed, path: Path) -> str:
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


def whole_source(source: Source, *, ruler: Ruler, digest: Digest | None = None) -> Iterator[Document]:
    """As ``read_source``, but a file that was found in a folder gives all its documents or none.

    Record files are not held in memory, so they are read twice for it: once to see whether they can be read.
    """
    if not source.named and (source.kind not in PROSE or begins_with_doc(source.path)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", HeaderMissing)
            for _ in read_source(source, ruler=ruler):
                pass
    yield from read_source(source, ruler=ruler, digest=digest)


@checked
def read_source(source: Source, *, ruler: Ruler, digest: Digest | None = None) -> Iterator[Document]:
    """The documents of one source, in order. ``digest`` takes every byte of the file once the iteration has ended.

    Raises NotText before the first document for a file that is not text, or a table without a column for it, and
    BadFile for a record that cannot be used. Warns of a table whose columns had to be guessed (``HeaderMissing``).
    """
    match source.kind:
        case "jsonl" | "csv":
            return _with_ids(_records(source, text_head(source.path), digest), source)
        case "trec":
            return _records(source, text_head(source.path), digest)
        case "plain" if begins_with_doc(source.path):
            return _records(replace(source, kind="trec"), text_head(source.path), digest)
    return _passages(_page(source, digest), source.name, ruler)


def _with_ids(documents: Iterator[Document], source: Source) -> Iterator[Document]:
    """The records with the ids that ``source`` gives them; one that has none of its own is ``name:line`` already."""
    for document in documents:
        own = document.id.startswith(f"{source.name}:")
        id = document.id if own else source.id_of(document.id)
        yield document if id == document.id else replace(document, id=id)


def _records(source: Source, head: str, digest: Digest | None) -> Iterator[Document]:
    path, name = source.path, source.name
    if source.kind == "trec":
        return trec_documents(path, name, digest=digest)
    if source.kind == "jsonl":
        return jsonl_documents(path, name, digest=digest)
    columns = headerless_columns(path, head, named=source.named)
    if columns is None:
        return csv_documents(path, name, digest=digest)
    warnings.warn(f"{path}: no header; its columns are read as {LAYOUTS[columns]}", HeaderMissing, stacklevel=2)
    return headerless_documents(path, name, columns, digest=digest)


def _page(source: Source, digest: Digest | None) -> Page:
    text = read_text(source.path, digest=digest)
    match source.kind:
        case "markdown":
            return markdown_page(text)
        case "rst":
            return rst_page(text)
        case "html":
            return html_page(text)
        case _:
            return plain_page(text)


def _passages(page: Page, name: str, ruler: Ruler) -> Iterator[Document]:
    taken: Counter[int] = Counter()
    for title, passage in cut_passages(page, ruler=ruler):
        taken[passage.line] += 1
        again = f".{taken[passage.line]}" if taken[passage.line] > 1 else ""
        yield Document(
            f"{name}:{passage.line}{again}",
            passage.text,
            title,
            {"file": name, "line": passage.line, "end_line": passage.end_line},
        )
