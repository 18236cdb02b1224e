"""Lines that pair a query with a document: columns by their header, JSON in its shapes; runs and judgements alike."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rankladder.errors import BadFile, DuplicateId, PathMissing
from rankladder.textfiles.bytestream import endings, numbered_lines, open_bytes, read_text, reading
from rankladder.textfiles.charsets import magic_of
from rankladder.textfiles.records import whole_json

_BLANK = re.compile(r"[ \t\r\v\f]+")
_QUERY = ["query-id", "query_id", "queryid", "qid", "q_id", "query", "topic", "topic_id", "topicid"]
_DOCUMENT = [
    "docno",
    "corpus-id",
    "corpus_id",
    "document-id",
    "document_id",
    "doc_id",
    "doc-id",
    "docid",
    "doc",
    "pid",
    "passage_id",
    "document",
    "id",
    "_id",
]
VALUE_NAMES = [
    "score",
    "relevance",
    "rel",
    "label",
    "grade",
    "judgement",
    "judgment",
    "relevance_score",
    "similarity",
    "value",
]
_LISTS = ("candidates", "results", "hits", "documents", "ranking", "contexts")
_HINT = 'JSON reads {"query id": {"document id": 1}}, or a line {"query-id": "q", "corpus-id": "d", "score": 1} each'

_HEAD = 64
_Listed = Callable[[int], int]


def present_file(path: str | Path) -> Path:
    """The path of a file that is there. Raises PathMissing, BadFile for a folder and for what is no text: packed,
    Parquet, UTF-16 without a byte order mark.
    """
    file = Path(path)
    if not file.exists():
        raise PathMissing(f"no file at {file}")
    if not file.is_file():
        raise BadFile(f"{file}: expected a file, found a folder")
    with reading(file), open_bytes(file) as stream:
        head = stream.read(_HEAD)
    if (what := magic_of(head)) is not None:
        raise BadFile(f"{file}: {what}, not text", hint=_way_out(file, head))
    if len(head) > 1 and (not any(head[1::2]) or not any(head[::2])):
        order = "le" if any(head[::2]) else "be"
        raise BadFile(
            f"{file}: UTF-16 text without a byte order mark",
            hint=f"convert it: iconv -f utf-16{order} -t utf-8 {file.name} > {file.name}.utf8",
        )
    return file


def _way_out(file: Path, head: bytes) -> str:
    if head.startswith(b"\x1f\x8b"):
        return f"rename it to {file.name}.gz: what ends so is unpacked as it is read"
    if head.startswith(b"PAR1"):
        return "write it as JSON Lines: pandas.read_parquet(FILE).to_json(INTO, orient='records', lines=True)"
    return "unpack it, or save it as text in UTF-8"


def blank_cells(line: str) -> list[str]:
    """The cells of a line between any mix of tabs and spaces."""
    return [cell for cell in _BLANK.split(line) if cell]


def holds_json(file: Path) -> bool:
    """Whether a file holds JSON: an object or an array, or one on each line. An id may begin with such a sign too."""
    first = next((line.strip() for _, line in numbered_lines(file)), "")
    if first[:1] not in {"{", "["}:
        return False
    try:
        json.loads(first)
    except (ValueError, RecursionError):  # the value goes on below, or this is a line of columns
        return not any(_is_digits(cell) for cell in first.split())
    return True


def plain_rows(file: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines without comments: those that begin with ``#`` by itself, or with ``#`` and hold no number.

    Raises as ``numbered_lines``.
    """
    lines = numbered_lines(file)
    return ((number, line) for number, line in lines if not (line.startswith("#") and _is_comment(line)))


def _is_comment(line: str) -> bool:
    first, *rest = blank_cells(line)
    return not first.strip("#") or not any(map(_is_digits, rest))


def _is_digits(cell: str) -> bool:
    return cell.lstrip("+-").replace(".", "", 1).isdigit()


def named_rows(file: Path) -> Iterator[tuple[str, str, str, str, bool | None]] | None:
    """Rows of a table whose header names its columns: place, query, document, value, and whether that is a rank.

    A CSV without a header does not say the last: None. No rows but None for any other file whose first line is no such
    header. Commas, semicolons and tabs may part the cells. Raises BadFile, naming the line, for a row with other cells
    than the header.
    """
    first = next((line for _, line in plain_rows(file)), "")
    delimiter = next((sign for sign in "\t,;" if sign in first), None)
    commas = ".csv" in endings(file)
    names = [cell.strip().strip('"').lower() for cell in (first.split(delimiter) if delimiter else blank_cells(first))]
    query = next((names.index(name) for name in _QUERY if name in names), None)
    document = next((names.index(name) for name in _DOCUMENT if name in names and names.index(name) != query), None)
    value = next((names.index(name) for name in VALUE_NAMES if name in names), None)
    rank = next((names.index(name) for name in ("rank",) if name in names), None)
    if not commas and delimiter not in {",", ";"} and (query, document, value, len(names)) == (0, 1, 2, 3):
        return None  # the columns that are read without a header too
    if query is None or document is None or (value is None and rank is None):
        if not (commas and delimiter in {",", ";"}):
            return None
        names, (query, document, value) = [], _unnamed(file, first, delimiter)
    ranked = None if not names else value is None
    return _cut(file, delimiter, len(names), (query, document, value if value is not None else rank), ranked)


def _unnamed(file: Path, first: str, delimiter: str) -> tuple[int, int, int]:
    """The columns of a CSV without a header: as many as TREC's, or three."""
    count = len(first.split(delimiter))
    if count not in (3, 4):
        raise BadFile(
            f"{file}:1: expected a header that names query, document and grade or score, found {first[:80]!r}",
            hint="a header reads query-id,corpus-id,score",
        )
    return (0, 1, 2) if count == 3 else (0, 2, 3)


def _cut(
    file: Path, delimiter: str | None, columns: int, places: tuple[int, int, int | None], ranked: bool | None
) -> Iterator[tuple[str, str, str, str, bool | None]]:
    wanted = [place for place in places if place is not None]
    header = columns > 0
    for number, line in plain_rows(file):
        if header:
            header = False
            continue
        if delimiter is None:
            cells = blank_cells(line)
        elif delimiter == "\t":
            cells = line.split("\t")
        else:
            cells = next(csv.reader([line], delimiter=delimiter))
        if len(cells) <= max(wanted) or (columns and delimiter and len(cells) != columns):
            raise BadFile(
                f"{file}:{number}: expected {columns or max(wanted) + 1} cells, found {len(cells)}: {line[:80]!r}"
            )
        query, document, value = (cells[place].strip() for place in wanted)
        yield f"{file}:{number}", query, document, value, ranked


def json_rows(file: Path, *, listed: _Listed) -> Iterator[tuple[str, str, str, Any]]:
    """Place, query, document and value of every pair in a JSON file, in its order; ``listed`` gives the value of a
    document in a list that has none, by its place from 1.

    Raises BadFile for JSON that pairs nothing.
    """
    text = read_text(file)
    try:
        whole = whole_json(text, file)
    except DuplicateId:
        raise
    except (ValueError, RecursionError):
        whole = None
    if whole is not None:
        yield from _pairs(_unwrapped(whole), str(file), listed)
        return
    for number, line in numbered_lines(file):
        where = f"{file}:{number}"
        try:
            record = whole_json(line, where)
        except DuplicateId:
            raise
        except (ValueError, RecursionError) as error:
            raise BadFile(f"{where}: not JSON: {error}", hint=_HINT) from error
        if not isinstance(record, dict):
            raise BadFile(f"{where}: expected an object, found {line[:60]!r}", hint=_HINT)
        yield from _record(record, where, listed)


def _unwrapped(value: Any) -> Any:
    """The predictions of mteb without the names of subset and split around them, where there is one of each."""
    if not isinstance(value, dict) or "mteb_model_meta" not in value:
        return value
    inner: Any = {key: one for key, one in value.items() if key != "mteb_model_meta"}
    for _ in ("subset", "split"):
        if isinstance(inner, dict) and len(inner) == 1:
            inner = next(iter(inner.values()))
    return inner


def _pairs(value: Any, where: str, listed: _Listed) -> Iterator[tuple[str, str, str, Any]]:
    if isinstance(value, list):
        for number, record in enumerate(value, 1):
            if not isinstance(record, dict):
                raise BadFile(
                    f"{where}: item {number}: expected an object, found {json.dumps(record)[:60]}", hint=_HINT
                )
            yield from _record(record, f"{where} (item {number})", listed)
    elif (
        isinstance(value, dict)
        and (query := _first(value, _QUERY)) is not None
        and (not isinstance(query, list | dict) or any(key in value for key in (*_LISTS, *VALUE_NAMES)))
    ):
        yield from _record(value, where, listed)
    elif isinstance(value, dict):
        for query, row in value.items():
            yield from _of_query(str(query), row, f"{where} (query {query!r})", listed)
    else:
        raise BadFile(f"{where}: expected an object by query, found {json.dumps(value)[:60]}", hint=_HINT)


def _record(record: Mapping[str, Any], where: str, listed: _Listed) -> Iterator[tuple[str, str, str, Any]]:
    query = _first(record, _QUERY)
    if isinstance(query, dict):
        query = _first(query, [*_QUERY, "id", "_id"])
    row = next((record[key] for key in _LISTS if isinstance(record.get(key), list | dict)), None)
    if query is not None and row is not None:
        yield from _of_query(_id(query, where), row, where, listed)
        return
    document, value = _first(record, _DOCUMENT), _first(record, VALUE_NAMES)
    if query is None or document is None or value is None:
        raise BadFile(
            f"{where}: expected a query, a document and a value; the keys are {', '.join(record)}", hint=_HINT
        )
    yield where, _id(query, where), _id(document, where), value


def _of_query(query: str, row: Any, where: str, listed: _Listed) -> Iterator[tuple[str, str, str, Any]]:
    if isinstance(row, dict):
        for document, value in row.items():
            yield where, query, str(document), value
        return
    if not isinstance(row, list):
        raise BadFile(f"{where}: expected documents with values, found {json.dumps(row)[:60]}", hint=_HINT)
    for place, item in enumerate(row, 1):
        match item:
            case str() | int() if not isinstance(item, bool):
                yield where, query, str(item), listed(place)
            case [str() | int() as document, int() | float() as value]:
                yield where, query, str(document), value
            case dict():
                document, value = _first(item, _DOCUMENT), _first(item, VALUE_NAMES)
                if document is None:
                    raise BadFile(f"{where}: item {place}: no document id; the keys are {', '.join(item)}", hint=_HINT)
                yield where, query, _id(document, where), listed(place) if value is None else value
            case _:
                raise BadFile(f"{where}: item {place}: expected a document, found {json.dumps(item)[:60]}", hint=_HINT)


def _first(record: Mapping[str, Any], names: Sequence[str]) -> Any:
    lower = {key.lower(): value for key, value in record.items()}
    return next((lower[name] for name in names if lower.get(name) not in (None, "")), None)


def _id(value: Any, where: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadFile(
            f"{where}: an id should be a string or a whole number, found {json.dumps(value)[:60]}", hint=_HINT
        )
    return str(value)
