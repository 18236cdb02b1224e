"""Queries from JSON Lines, TSV, or a BEIR folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rankladder.errors import BadFile, DuplicateId, PathMissing
from rankladder.textfiles.beir import beir_folder
from rankladder.textfiles.bytestream import endings, numbered_lines
from rankladder.textfiles.records import ID_KEYS, json_objects
from rankladder.values import Query

_TEXT_KEYS = ("text", "query", "question", "title")
_ID_COLUMNS = frozenset({*ID_KEYS, "qid", "query-id", "query_id"})


def read_queries(path: str | Path, *, line_ids: bool = False) -> list[Query]:
    """The queries of a file, in order: JSON Lines with ``_id`` and ``text`` (``.jsonl``, ``.jsonl.gz``), or
    ``id<tab>text`` (``.tsv``, ``.tsv.gz``, ``.txt``), or of a BEIR folder.

    A line of JSON without an id is refused, or, with ``line_ids``, has its number for one: a log needs no ids where
    nothing else refers to them.

    Raises BadFile naming the line (a blank query is one reason), DuplicateId naming both lines, and PathMissing.
    """
    file = Path(path)
    if not file.exists():
        raise PathMissing(f"no file or folder at {file}")
    if file.is_dir():
        file = beir_folder(file).queries
    suffix = next((part for part in reversed(endings(file)) if part != ".gz"), "")
    if suffix not in {".jsonl", ".tsv", ".txt"}:
        raise BadFile(f"{file}: queries are read from .jsonl and .tsv files (or .gz of them), not {suffix or 'this'}")
    queries: list[Query] = []
    places: dict[str, int] = {}
    for number, name, text in _jsonl(file, line_ids) if suffix == ".jsonl" else _tsv(file):
        if not text.strip():
            raise BadFile(f"{file}:{number}: query {name!r} is blank")
        if name in places:
            raise DuplicateId(f"{file}: query {name!r} is on line {places[name]} and on line {number}")
        places[name] = number
        queries.append(Query(name, text))
    return queries


def _jsonl(file: Path, line_ids: bool) -> Iterator[tuple[int, str, str]]:
    for number, record in json_objects(file):
        given = (record[key] for key in (*ID_KEYS, "qid", "query_id") if record.get(key) not in (None, ""))
        name = next(given, number if line_ids else None)
        text = next((record[key] for key in _TEXT_KEYS if key in record), None)
        if not isinstance(name, str | int) or isinstance(name, bool) or not isinstance(text, str):
            raise BadFile(
                f"{file}:{number}: expected a query with an id and a text; the keys are {', '.join(map(repr, record))}",
                hint='a query reads {"_id": "1", "text": "…"}',
            )
        yield number, str(name), text


def _tsv(file: Path) -> Iterator[tuple[int, str, str]]:
    first = True
    for number, line in numbered_lines(file):
        name, tab, text = line.partition("\t")
        header, first = first and name.strip().lower() in _ID_COLUMNS, False
        if header:
            continue
        if not tab or not name.strip():
            raise BadFile(f"{file}:{number}: expected an id, a tab and a text, found {line[:80]!r}")
        yield number, name.strip(), text
