"""Record files (JSON Lines, CSV, TSV): one record is one document, as it stands."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn, cast

from rankladder.errors import BadFile
from rankladder.surrogates import encodable
from rankladder.textfiles.bytestream import Digest, NotText, endings, numbered_lines, open_bytes, reading
from rankladder.values import Document

ID_KEYS = ("_id", "id", "doc_id", "docid")
TEXT_KEYS = ("text", "contents", "content", "body", "passage")
TITLE_KEY = "title"

_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_MAX_ID = 10_000
_MAX_DEPTH = 100  # objects and lists in each other; far more than data has, far less than Python's stack takes
_HINT = 'a .jsonl file holds one object a line: {"text": "…"}'


def without_surrogates(value: Any) -> Any:
    r"""A JSON value with every lone surrogate replaced by U+FFFD, so that it can be written as UTF-8.

    >>> without_surrogates({"a\ud800": ["\udfff", 1]})
    {'a�': ['�', 1]}
    """
    match value:
        case str():
            return encodable(value)
        case dict():
            return {without_surrogates(key): without_surrogates(item) for key, item in value.items()}
        case list() | tuple():
            return [without_surrogates(item) for item in value]
        case _:
            return value


def json_objects(path: Path, *, digest: Digest | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line numbers and objects of a JSON Lines file. Raises BadFile, naming the line, for anything else."""
    for number, line in numbered_lines(path, digest=digest):
        yield number, parse_record(line, f"{path}:{number}")


def parse_record(text: str, where: str) -> dict[str, Any]:
    """The object that a line of JSON Lines holds, lone surrogates replaced. ``where`` (file and line) begins a refusal.

    Raises BadFile for what is not JSON, not an object, or could not be written as JSON again: a number that is not
    finite (``NaN``, ``1e999``), and more than 100 objects and lists in each other.
    """
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise BadFile(f"{where}: not JSON: {error}", hint=_HINT) from error
    if not isinstance(value, dict):
        raise BadFile(f"{where}: expected a JSON object, found {_kind(value)}", hint=_HINT)
    if text.count("{") + text.count("[") > _MAX_DEPTH and _depth(value) > _MAX_DEPTH:
        raise BadFile(f"{where}: more than {_MAX_DEPTH} objects and lists in each other", hint="flatten the record")
    return without_surrogates(value) if _ESCAPED_SURROGATE.search(text) else value


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _not_finite(text)


def _not_finite(text: str) -> NoReturn:
    raise ValueError(f"the number {text[:40]} is not finite")


_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_not_finite)


def _depth(value: Any) -> int:
    """How many objects and lists lie in each other at most, 0 for a plain value."""
    depth, level = 0, [value]
    while level := [one for one in level if isinstance(one, dict | list)]:
        depth += 1
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]
    return depth


def jsonl_documents(path: Path, name: str, *, digest: Digest | None = None) -> Iterator[Document]:
    """One document for each line; see ``document_of``."""
    for number, record in json_objects(path, digest=digest):
        yield document_of(record, path=path, name=name, line=number)


def csv_documents(path: Path, name: str, *, digest: Digest | None = None) -> Iterator[Document]:
    """One document for each row; the first row names the columns; see ``document_of``.

    ``.tsv`` is cut at tabs, ``.csv`` at commas, or at semicolons where its first row has no comma. A quote must be
    closed: a row that swallows the next ones is refused, never read on quietly.
    """
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    with reading(path), open_bytes(path, digest=digest) as stream:
        text = io.TextIOWrapper(cast("io.BufferedReader", stream), encoding="utf-8-sig", newline="")
        first = ""
        start = 1
        try:
            first = text.readline()
            while first and first.isspace():
                first = text.readline()
                start += 1
            lines = _chain(first, text)
            rows = csv.reader(lines, delimiter=_delimiter(path, first), strict=True)
            columns: list[str] | None = None
            line = start
            for row in rows:
                here, line = line, start + rows.line_num
                if not row:
                    continue
                if columns is None:
                    columns = _columns(row, path, here)
                    continue
                if len(row) != len(columns):
                    raise BadFile(
                        f"{path}:{here}: expected {len(columns)} cells, as in the first row, found {len(row)}"
                    )
                yield document_of(dict(zip(columns, row, strict=True)), path=path, name=name, line=here)
        except csv.Error as error:
            raise BadFile(
                f"{path}:{line}: the row that starts here cannot be read: {error}",
                hint='a cell that holds a quote is written "like ""this"""; JSON Lines needs no such care',
            ) from error
        except UnicodeDecodeError as error:
            raise BadFile(
                f"{path}: not UTF-8, on line {line} or below: {error.reason}", hint="convert the file to UTF-8"
            ) from error


def _chain(first: str, rest: Iterable[str]) -> Iterator[str]:
    yield first
    yield from rest


def _delimiter(path: Path, header: str) -> str:
    if ".tsv" in endings(path):
        return "\t"
    return ";" if "," not in header and ";" in header else ","


def _columns(row: list[str], path: Path, line: int) -> list[str]:
    columns = [cell.strip() for cell in row]
    if not set(columns) & set(TEXT_KEYS):  # a table of something else: many folders hold one
        raise NotText(
            path,
            f"no column with the text; the columns are {_listed(columns)}",
            hint=f"name one of them {TEXT_KEYS[0]!r} (or {', '.join(TEXT_KEYS[1:])})",
        )
    if len(set(columns)) < len(columns):
        twice = next(column for column in columns if columns.count(column) > 1)
        raise BadFile(f"{path}:{line}: two columns have the name {twice!r}")
    return columns


def document_of(record: Mapping[str, Any], *, path: Path, name: str, line: int) -> Document:
    """The document that a record is.

    The id is the first of ``_id``, ``id``, ``doc_id``, ``docid`` that is there and not empty, else ``name:line``; the
    text the first of ``text``, ``contents``, ``content``, ``body``, ``passage``; every other field but ``title`` is
    metadata. Metadata always has ``file`` and ``line``: the record's own where it has them.

    Raises BadFile, naming file and line, for a record without text, or with an id, title or text of the wrong type.
    """
    id_key = next((key for key in ID_KEYS if record.get(key) not in (None, "")), None)
    text_key = next((key for key in TEXT_KEYS if key in record), None)
    if text_key is None:
        raise BadFile(
            f"{path}:{line}: no text; the keys are {_listed(record)}",
            hint=f"name the key that holds the text {TEXT_KEYS[0]!r} (or {', '.join(TEXT_KEYS[1:])})",
        )
    text = record[text_key]
    if not isinstance(text, str):
        raise BadFile(f"{path}:{line}: {text_key!r} should be a string, found {_kind(text)}; keys {_listed(record)}")
    title = record.get(TITLE_KEY)
    if title is not None and not isinstance(title, str):
        raise BadFile(f"{path}:{line}: {TITLE_KEY!r} should be a string, found {_kind(title)}")
    metadata: dict[str, Any] = {"file": name, "line": line}
    metadata |= {key: value for key, value in record.items() if key not in (id_key, text_key, TITLE_KEY)}
    return Document(_id(record, id_key, path, line) or f"{name}:{line}", text, title or "", metadata)


def _id(record: Mapping[str, Any], key: str | None, path: Path, line: int) -> str:
    if key is None:
        return ""
    value = record[key]
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise BadFile(f"{path}:{line}: {key!r} should be a string or a whole number, found {_kind(value)}")
    if len(str(value)) > _MAX_ID:
        raise BadFile(f"{path}:{line}: {key!r} has {len(str(value)):,} characters, at most {_MAX_ID:,} are read")
    return str(value)


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
        case _:
            return "an object"


def _listed(keys: Mapping[str, Any] | list[str]) -> str:
    shown = [repr(key) for key in list(keys)[:12]]
    return ", ".join(shown) + (f" and {len(keys) - 12} more" if len(keys) > 12 else "") if shown else "none"
