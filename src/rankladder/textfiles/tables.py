"""CSV and TSV: one row is one document, unchanged."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

from rankladder.errors import BadFile
from rankladder.textfiles.bytestream import LONGEST_LINE, Digest, NotText, bounded_lines, endings, open_text, reading
from rankladder.textfiles.fields import (
    TEXT_KEYS,
    document_of,
    known_fields,
    listed,
    two_texts,
    which_text,
)
from rankladder.textfiles.forms import AS_NAMED, ReadAs
from rankladder.values import Document

_DELIMITERS = ",;\t|"


def csv_documents(
    path: Path, name: str, *, digest: Digest | None = None, read_as: ReadAs = AS_NAMED
) -> Iterator[Document]:
    """One document for each row; the first row names the columns; see ``document_of``.

    Cells are cut at the one of ``,`` ``;`` tab ``|`` that cuts the first row into most cells (``.tsv`` at tabs where it
    has one); a line ``sep=;`` before it says so outright. A quote must be closed: a row that swallows the next ones is
    refused, never read on quietly.
    """
    csv.field_size_limit(LONGEST_LINE)
    with reading(path), open_text(path, digest=digest) as text:
        line = 1
        try:
            first, start = _first_row(text, path)
            delimiter = delimiter_of(path, first)
            if (given := first.strip("\r\n\ufeff").casefold()).startswith("sep=") and len(given) == 5:
                delimiter = given[-1]
                first, passed = _first_row(text, path)
                start += passed
            line = start
            rows = csv.reader(chain([first], bounded_lines(text, path, start)), delimiter=delimiter, strict=True)
            columns: list[str] | None = None
            for row in rows:
                here, line = line, start + rows.line_num
                if not row:
                    continue
                if columns is None:
                    columns = [cell.strip() for cell in row]
                    read_as = _checked(columns, read_as, path, here)
                    continue
                if len(row) != len(columns):
                    raise BadFile(
                        f"{path}:{here}: expected {len(columns)} cells, as in the first row, found {len(row)}"
                    )
                record = dict(zip(columns, row, strict=True))
                yield document_of(record, path=path, name=name, line=here, read_as=read_as)
        except csv.Error as error:
            raise BadFile(
                f"{path}:{line}: the row that starts here cannot be read: {error}",
                hint='a cell that holds a quote is written "like ""this"""; JSON Lines needs no such care',
            ) from error
        except UnicodeDecodeError as error:
            raise BadFile(
                f"{path}: not {error.encoding.upper()}, on line {line} or below: {error.reason}",
                hint="convert the file to UTF-8",
            ) from error


def _first_row(text: io.TextIOBase, path: Path) -> tuple[str, int]:
    """The first line that is not blank, and its number from 1."""
    lines = bounded_lines(text, path)
    first, number = next(lines, ""), 1
    while first and first.isspace():
        first, number = next(lines, ""), number + 1
    return first, number


def delimiter_of(path: Path, header: str) -> str:
    """The sign that cuts a table's rows, from its first row."""
    if ".tsv" in endings(path) and ("\t" in header or not any(sign in header for sign in _DELIMITERS)):
        return "\t"
    unquoted = "".join(header.split('"')[::2])
    return max(_DELIMITERS, key=unquoted.count)


def _checked(columns: list[str], read_as: ReadAs, path: Path, line: int) -> ReadAs:
    """How the rows are read: the text is in the same column of each, for any cells."""
    folded = {column.casefold() for column in columns}
    for option, key in read_as.keys.items():
        if key.casefold() not in folded:
            raise NotText(
                path, f"no column {key!r}; the columns are {listed(columns)}", hint=f"{option} names a column"
            )
    found = known_fields(columns, TEXT_KEYS)
    if read_as.text_key is None and not found:  # a table of something else: many folders hold one
        raise NotText(
            path,
            f"no column with the text; the columns are {listed(columns)}",
            hint=f"--text-key (text_key in Python) names it; known are {', '.join(TEXT_KEYS)}",
        )
    if read_as.text_key is None and len(found) > 1 and found[0].casefold() != "text":
        raise NotText(path, two_texts(found), hint=which_text(found))
    if len(set(columns)) < len(columns):
        twice = next(column for column in columns if columns.count(column) > 1)
        raise BadFile(f"{path}:{line}: two columns have the name {twice!r}")
    return replace(read_as, text_key=read_as.text_key or found[0])
