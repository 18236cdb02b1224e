"""Judgements: TREC's and BEIR's columns, CSV and JSON, read and written so that ``read(write(x)) == x``."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from rankladder.arguments import checked
from rankladder.errors import BadFile, BadOption, DuplicateId
from rankladder.storage import whole_file
from rankladder.textfiles.pair_rows import (
    blank_cells,
    holds_json,
    json_rows,
    named_rows,
    plain_rows,
    present_file,
)
from rankladder.textfiles.trec_ids import check_writable
from rankladder.values import Qrels

_HEADER = frozenset({"score", "relevance", "rel", "label", "grade", "judgement", "judgment"})
_ID_COLUMNS = frozenset({"query-id", "query_id", "qid", "query", "id", "topic"})
_LARGEST_SCALE = 10_000
_GRADE = re.compile(r"[+-]?(?:\d{1,40}\.?\d{0,40}|\.\d{1,40})(?:e[+-]?\d{1,2})?", re.ASCII | re.IGNORECASE)
"""A decimal number. Its length is bounded: a fraction of 1e999999999 would fill the memory."""
_MEANT = "a line of judgements reads: query 0 document grade (TREC), or query document grade (BEIR)"


@checked
def read_qrels(path: str | Path, *, scale: int = 1) -> Qrels:
    """The judgements of a file: TREC's ``query 0 document grade``, BEIR's ``query document grade``, CSV or TSV whose
    header names the columns, JSON (``{query: {document: grade}}``, or an object a line).

    A first line that ends in ``score`` (or ``relevance``, ``label`` …) is a header; lines that begin with ``#`` are
    comments. Every grade is multiplied by ``scale``, for judgements in fractions.

    Raises BadFile naming the line and what was met, DuplicateId for a pair that was given two grades, BadOption for a
    scale below 1, and PathMissing.
    """
    if scale < 1:
        raise BadOption(f"scale must be at least 1, got {scale}")
    file = present_file(path)
    grades: dict[str, dict[str, int]] = {}
    fractions: list[tuple[str, Fraction]] = []
    parts: dict[tuple[str, str], str] = {}
    for where, query, part, document, text in _rows(file):
        exact = _number(text, where) * scale
        if exact.denominator != 1:
            fractions.append((where, exact / scale))
            continue
        value = int(exact)
        row = grades.setdefault(query, {})
        if row.setdefault(document, value) != value:
            _refuse_second(where, query, document, value, row[document], part, parts.get((query, document), part))
        if part:
            parts.setdefault((query, document), part)
    if fractions:
        _refuse_fractions(fractions, scale)
    return Qrels(grades)


def _rows(file: Path) -> Iterator[tuple[str, str, str, str, Any]]:
    """Where, query, the second of four columns, document, and grade."""
    if holds_json(file):
        yield from (
            (where, query, "", document, grade) for where, query, document, grade in json_rows(file, listed=lambda _: 1)
        )
        return
    named = named_rows(file)
    if named is not None:
        yield from ((where, query, "", document, grade) for where, query, document, grade, _ in named)
        return
    first = True
    for number, line in plain_rows(file):
        query, part, document, grade = _judgement(line, f"{file}:{number}")
        header, first = first and grade.lower() in _HEADER, False
        if not header:
            yield f"{file}:{number}", query, part, document, grade


def _judgement(line: str, where: str) -> tuple[str, str, str, str]:
    for cells in _readings(line):
        match cells:
            case [query, part, document, grade]:
                return query, part, document, grade
            case [query, document, grade]:
                return query, "", document, grade
    cells = blank_cells(line)
    raise BadFile(
        f"{where}: expected 4 columns (query 0 document grade) or 3 (query document grade), found {_shape(cells)}: "
        f"{line[:80]!r}",
        hint=_MEANT if len(cells) != 5 else f"{_MEANT}; take the plain judgements of the same collection",
    )


def _shape(cells: list[str]) -> str:
    match cells:
        case [_, _, _, _, last] if _is_number(last):
            return "5, as sampled judgements (prels, strata) and preferences have"
        case [_, _, _, _, _, _]:
            return "6, as a run has"
    return str(len(cells))


def _readings(line: str) -> Iterator[list[str]]:
    """The ways to cut a line, likeliest first: BEIR ids may have spaces in them, TREC files may mix tabs and spaces."""
    blanks, tabs = blank_cells(line), [cell.strip(" \r\v\f") for cell in line.split("\t")]
    if len(blanks) == 4 and (len(tabs) != 3 or blanks[1].upper() in {"0", "Q0"}):
        yield blanks
    if all(tabs):
        yield tabs
    yield blanks


def _number(value: Any, where: str) -> Fraction:
    text = str(value).strip()
    if _GRADE.fullmatch(text) is None:
        raise BadFile(f"{where}: expected a whole grade, found {value!r:.40}", hint=_MEANT)
    return Fraction(text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _refuse_fractions(found: list[tuple[str, Fraction]], scale: int) -> None:
    where, first = found[0]
    needed = math.lcm(*(one.denominator for _, one in found))
    shown = f"{float(first):g}"
    least = f"multiply every grade by {needed}: --grade-scale {needed}" if needed <= _LARGEST_SCALE else "round them"
    raise BadFile(
        f"{where}: expected a whole grade, found {shown}{f' (times {scale})' if scale > 1 else ''}: "
        f"{len(found):,} grades are fractions, and trec_eval's measures need whole grades",
        hint=f"{least} (nDCG stays the same; measures of relevance count grades of 1 and more)",
    )


def _refuse_second(where: str, query: str, document: str, value: int, before: int, part: str, earlier: str) -> None:
    problem = (
        f"{where}: query {query!r}, document {document!r} has grade {value}, and grade {before} on an earlier line"
    )
    if part != earlier:
        raise DuplicateId(
            f"{problem}: the second column ({earlier!r}, {part!r}) judges by subtopic",
            hint="diversity is not measured here: keep the highest grade of each document, or the plain judgements",
        )
    raise DuplicateId(problem, hint="keep one of the two lines")


@checked
def write_qrels(qrels: Qrels, path: str | Path) -> None:
    """Writes judgements: in BEIR form with a header where the name ends in ``.tsv``, else in TREC form.

    A query without judgements leaves no line. Raises BadInput for an id that is empty or has white space in it, and
    StorageFailed.
    """
    target = Path(path)
    beir = ".tsv" in target.suffixes[-2:]
    with whole_file(target) as file:
        if beir:
            file.write("query-id\tcorpus-id\tscore\n")
        for query, row in qrels.grades.items():
            check_writable(query, "a query's id")
            for document, grade in row.items():
                check_writable(document, "a document's id")
                file.write(f"{query}\t{document}\t{int(grade)}\n" if beir else f"{query} 0 {document} {int(grade)}\n")


def read_pairs(path: str | Path) -> Iterator[tuple[str, str]]:
    """Pairs of query and document id, one a line, in any mix of tabs and spaces; a file of judgements is accepted.

    A first line that begins with ``query-id`` (or ``qid`` …) is a header. Raises BadFile naming the line, PathMissing.
    """
    file = present_file(path)
    for place, (number, line) in enumerate(plain_rows(file)):
        match line.split("\t") if line.count("\t") in {1, 2} else line.split():
            case [query, *_] if place == 0 and query.strip().lower() in _ID_COLUMNS:
                continue
            case [query, document] | [query, document, _] | [query, "0" | "Q0", document, _]:
                yield query.strip(), document.strip()
            case cells:
                raise BadFile(
                    f"{file}:{number}: expected a query and a document, found {len(cells)} columns: {line[:80]!r}"
                )
