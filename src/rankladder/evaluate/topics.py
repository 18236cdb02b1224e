"""Queries in TREC's forms, and lists of pairs."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

from rankladder.errors import BadFile, DuplicateId, PathMissing
from rankladder.textfiles import read_queries
from rankladder.textfiles.bytestream import endings, numbered_lines, read_text
from rankladder.values import Query

_TOP = re.compile(r"<top>(.*?)</top>", re.DOTALL | re.IGNORECASE)
_MARK = re.compile(r"<(/?)top>", re.IGNORECASE)
_FIELD = re.compile(r"<(num|title)>\s*(?:(?:number|topic)\s*:)?(.*?)(?=</?[a-z]|\Z)", re.DOTALL | re.IGNORECASE)
_ID_COLUMNS = frozenset({"query-id", "query_id", "qid", "query", "id", "topic"})


def read_topics(path: str | Path, *, line_ids: bool = False) -> list[Query]:
    """The queries of a file, in order: TREC's ``<top>`` form (the number and the title), else as ``read_queries``.

    ``line_ids`` is as there. Raises BadFile, DuplicateId and PathMissing.
    """
    file = Path(path)
    if not file.is_file():
        raise PathMissing(f"no file at {file}")
    text = "" if {".jsonl", ".tsv"} & {*endings(file)} else read_text(file)
    if not text.lstrip().lower().startswith("<"):
        return read_queries(file, line_ids=line_ids)
    _expect_closed(text, file)
    queries: dict[str, Query] = {}
    for place, top in enumerate(_TOP.finditer(text), 1):
        fields = {
            match[1].lower(): " ".join(html.unescape(match[2]).split())
            for match in reversed([*_FIELD.finditer(top[1])])
        }
        where = f"{file}:{text.count(chr(10), 0, top.start()) + 1}"
        if not fields.get("num") or not fields.get("title"):
            raise BadFile(f"{where}: topic {place} has no number or no title", hint="<num> Number: 1 <title> the words")
        query = Query(fields["num"], fields["title"])
        if query.id in queries:
            raise DuplicateId(f"{where}: topic {query.id!r} stands twice")
        queries[query.id] = query
    if not queries:
        raise BadFile(
            f"{file}: no <top> … </top> in it", hint="topics are <top> blocks, or id<tab>text lines in a .tsv"
        )
    return list(queries.values())


def _expect_closed(text: str, file: Path) -> None:
    """Raises BadFile, naming the line, for a ``<top>`` that is not closed before the next, or before the end."""
    opened = 0
    for mark in _MARK.finditer(text):
        line = text.count("\n", 0, mark.start()) + 1
        if opened and not mark[1]:
            raise BadFile(f"{file}:{opened}: <top> is not closed before the next, on line {line}")
        opened = 0 if mark[1] else line
    if opened:
        raise BadFile(f"{file}:{opened}: <top> is not closed before the end of the file", hint="is the file whole?")


def read_pairs(path: str | Path) -> Iterator[tuple[str, str]]:
    """Pairs of query and document id, one a line, in any mix of tabs and spaces; a file of judgements may stand here.

    A first line that begins with ``query-id`` (or ``qid`` …) is a header. Raises BadFile naming the line, PathMissing.
    """
    file = Path(path)
    if not file.is_file():
        raise PathMissing(f"no file at {file}")
    for place, (number, line) in enumerate(numbered_lines(file)):
        match line.split("\t") if line.count("\t") in {1, 2} else line.split():
            case [query, *_] if place == 0 and query.strip().lower() in _ID_COLUMNS:
                continue
            case [query, document] | [query, document, _] | [query, "0" | "Q0", document, _]:
                yield query.strip(), document.strip()
            case cells:
                raise BadFile(
                    f"{file}:{number}: expected a query and a document, found {len(cells)} columns: {line[:80]!r}"
                )
