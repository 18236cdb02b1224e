"""Runs: TREC's six columns and what is met in their place, read; TREC's written so that ``read(write(x)) == x``."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rankladder.arguments import checked
from rankladder.errors import BadFile, DuplicateId
from rankladder.storage import whole_file
from rankladder.textfiles.pair_rows import (
    VALUE_NAMES,
    blank_cells,
    holds_json,
    json_rows,
    named_rows,
    plain_rows,
    present_file,
)
from rankladder.textfiles.trec_ids import check_writable
from rankladder.values import Run

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_HINT = "a line of a run reads: query Q0 document rank score tag"


@dataclass(frozen=True, slots=True)
class _Row:
    """One line: its ``value`` is a score, or a rank where ``ranked``; None where only the whole file can tell."""

    where: str
    query: str
    document: str
    value: Any
    ranked: bool | None = False
    tag: str | None = None


@checked
def read_run(path: str | Path, name: str | None = None) -> Run:
    """The run of a file: TREC's ``query Q0 document rank score tag`` in any mix of tabs and spaces, the same without
    its tag or its ``Q0``, MS MARCO's ``query document rank``, ``query document score``, CSV or TSV with a header, JSON
    (``{query: {document: score}}``, ranked lists, an object a line).

    ``name`` is the run's name: the first line's tag where None, the file's stem where there is none. The order comes
    from the scores; ranks count where there are no scores. Raises BadFile naming the line and what was met,
    DuplicateId for a document that a query has twice, and PathMissing.
    """
    return read_run_file(path, name)[0]


def read_run_file(path: str | Path, name: str | None = None) -> tuple[Run, tuple[str, ...]]:
    """``read_run``, and what to say where the file is not in TREC's own form."""
    file = present_file(path)
    scores: dict[str, dict[str, float]] = {}
    tag: str | None = None
    ranked = 0
    for one in _rows(file):
        tag = one.tag if tag is None else tag
        row = scores.setdefault(one.query, {})
        if one.document in row:
            raise DuplicateId(
                f"{one.where}: document {one.document!r} appears twice under query {one.query!r}",
                hint="a run names a document only once for a query: keep the better of the two lines",
            )
        value = _finite(one.value, one.where)
        row[one.document] = -value if one.ranked else value
        ranked += bool(one.ranked)
    remarks = (f"{file.name}: its values are read as ranks: the lowest is the best",) if ranked else ()
    return Run(name or tag or _stem(file), scores), remarks


def _rows(file: Path) -> Iterator[_Row]:
    if holds_json(file):
        return (
            _Row(where, query, document, value)
            for where, query, document, value in json_rows(file, listed=lambda place: -place)
        )
    named = named_rows(file)
    if named is not None:
        found = [_Row(where, query, document, value, ranked) for where, query, document, value, ranked in named]
        return _ordered_by_all(found) if found and found[0].ranked is None else iter(found)
    if len(blank_cells(next((line for _, line in plain_rows(file)), ""))) == 3:
        return _three(file)
    return (_row(blank_cells(line), f"{file}:{number}", line) for number, line in plain_rows(file))


def _row(cells: Sequence[str], where: str, line: str) -> _Row:
    match cells:
        case [query, _, document, _, score, tag]:
            return _Row(where, query, document, score, tag=tag)
        case [query, q0, document, _, score] if q0.upper() in {"Q0", "0"}:
            return _Row(where, query, document, score)
        case [query, _, document, rank, score, word, *more] if more and _is_whole(rank) and not _is_number(word):
            # More columns may also come of blanks in an id: then there is a number where the tag begins.
            return _Row(where, query, document, score, tag=" ".join((word, *more)))
        case [query, document, rank, score, tag] if _is_whole(rank):
            return _Row(where, query, document, score, tag=tag)
        case [query, q0, document, score] if q0.upper() == "Q0":
            return _Row(where, query, document, score)
        case [_, "0", _, grade] if _is_whole(grade):
            pass  # TREC's judgements, whose documents may be numbers too
        case [query, document, rank, score] if _is_whole(rank) and _is_number(score):
            return _Row(where, query, document, score)
        case [query, document, score, tag] if _is_number(score) and not _is_number(tag):
            return _Row(where, query, document, score, tag=tag)
    raise BadFile(
        f"{where}: expected 6 columns, found {len(cells)} that do not read as a run: {line[:80]!r}",
        hint=f"{_HINT}; also read are 3 (query document rank, or score), 4 and 5 without Q0 or tag, CSV and JSON",
    )


def _three(file: Path) -> Iterator[_Row]:
    """Rows of three columns: ranks where each query's are 1, 2, 3 …, as MS MARCO's, else scores."""
    rows: list[_Row] = []
    for number, line in plain_rows(file):
        cells = blank_cells(line)
        if len(cells) != 3:
            raise BadFile(
                f"{file}:{number}: expected 3 columns, as on the first line, found {len(cells)}: {line[:80]!r}",
                hint=_HINT,
            )
        if not rows and cells[2].lower() in (*VALUE_NAMES, "rank"):
            continue  # a header
        rows.append(_Row(f"{file}:{number}", cells[0], cells[1], cells[2]))
    return _ordered_by_all(rows)


def _ordered_by_all(rows: Sequence[_Row]) -> Iterator[_Row]:
    """The rows with ranks for values where each query's are 1, 2, 3 … (or from 0), as MS MARCO's, else with scores."""
    values: dict[str, list[str]] = {}
    for row in rows:
        values.setdefault(row.query, []).append(row.value)
    ranked = all(_are_ranks(column) for column in values.values())
    return (replace(row, ranked=ranked) for row in rows)


def _are_ranks(column: Sequence[str]) -> bool:
    if not all(map(_is_whole, column)):
        return False
    numbers = sorted(map(int, column))
    return numbers in (list(range(1, len(numbers) + 1)), list(range(len(numbers))))


def _is_whole(text: str) -> bool:
    return _WHOLE.fullmatch(text) is not None


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _finite(value: Any, where: str) -> float:
    try:
        found = math.nan if isinstance(value, bool) or value is None else float(value)
    except (ValueError, TypeError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise BadFile(f"{where}: expected a finite score, found {value!r:.60}", hint=_HINT)
    return found


def _stem(file: Path) -> str:
    name = file.name
    for suffix in (".gz", ".json", ".jsonl", ".csv", ".tsv", ".txt", ".trec", ".run"):
        name = name.removesuffix(suffix)
    return name or file.stem


@checked
def write_run(run: Run, path: str | Path) -> None:
    """Writes a run in TREC form, best first, equal scores by document id descending, as trec_eval breaks them.

    Scores are written in full, so that they read back exactly. A query without documents leaves no line. Raises
    BadInput for an id or a name that is empty or has white space in it, and StorageFailed.
    """
    check_writable(run.name, "a run's name")
    with whole_file(Path(path)) as file:
        for query, row in run.scores.items():
            check_writable(query, "a query's id")
            ordered = sorted(row.items(), key=lambda item: (item[1], item[0]), reverse=True)
            for rank, (document, score) in enumerate(ordered, 1):
                check_writable(document, "a document's id")
                file.write(f"{query} Q0 {document} {rank} {float(score)!r} {run.name}\n")
