"""A user's own judged queries, one JSON object a line."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

from rankladder.errors import BadFile, DuplicateId
from rankladder.textfiles.records import json_objects
from rankladder.values import Qrels, Query

_HINT = '{"query": "how do I undo a commit", "relevant": {"doc-12": 2, "doc-7": 1}}'


def read_judged_queries(path: str | Path, *, scale: int = 1) -> tuple[list[Query], Qrels]:
    """The queries of a JSON Lines file and their judgements.

    A line holds ``query``, a text; ``relevant``, either grades by document id or a list of document ids, each of grade
    1; and, where wanted, ``id`` (else the line's number). Grades are multiplied by ``scale``; other keys stay.

    Raises BadFile, naming the line, for anything else, and DuplicateId for an id or a document that appears twice.
    """
    file = Path(path)
    queries: dict[str, Query] = {}
    grades: dict[str, dict[str, int]] = {}
    for number, record in json_objects(file):
        where = f"{file}:{number}"
        text, id = record.get("query"), record.get("id", number)
        if not isinstance(text, str) or not text.strip():
            raise BadFile(f"{where}: no text under 'query'", hint=_HINT)
        if not isinstance(id, str | int) or isinstance(id, bool) or id == "":
            raise BadFile(f"{where}: 'id' should be a string or a whole number, found {id!r:.40}")
        if str(id) in queries:
            raise DuplicateId(f"{where}: query {str(id)!r} appears twice", hint="leave 'id' out, or make it unique")
        queries[str(id)] = Query(str(id), text)
        grades[str(id)] = _grades(record.get("relevant"), where, scale)
    return list(queries.values()), Qrels(grades)


def _grades(relevant: Any, where: str, scale: int) -> dict[str, int]:
    match relevant:
        case dict():
            return {document: _grade(grade, where, scale) for document, grade in relevant.items()}
        case list() if all(isinstance(id, str | int) and not isinstance(id, bool) for id in relevant):
            ids = [str(id) for id in relevant]
            if len(set(ids)) < len(ids):
                raise DuplicateId(f"{where}: a document appears twice under 'relevant'")
            return dict.fromkeys(ids, scale)
    raise BadFile(f"{where}: 'relevant' should be grades by document id, or a list of ids", hint=_HINT)


def _grade(grade: Any, where: str, scale: int) -> int:
    if isinstance(grade, bool) or not isinstance(grade, int | float) or not math.isfinite(grade):
        raise BadFile(f"{where}: a grade should be a whole number, found {grade!r:.40}", hint=_HINT)
    exact = Fraction(str(grade)) * scale
    if exact.denominator != 1:
        needed = exact.denominator * scale
        raise BadFile(
            f"{where}: a grade should be a whole number, found {grade!r:.40}",
            hint=f"multiply every grade by {needed}: --grade-scale {needed}" if needed <= 10_000 else "round it",
        )
    return int(exact)
