"""TREC runs and judgements: read and written so that ``read(write(x)) == x``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from rankladder.errors import BadFile, BadInput, DuplicateId, PathMissing
from rankladder.storage import whole_file
from rankladder.textfiles.bytestream import numbered_lines
from rankladder.values import Qrels, Run

_BLANK = re.compile(r"[ \t\r\v\f]+")
_UNWRITABLE = re.compile(r"[ \t\r\n\v\f]|\A\ufeff|[\ud800-\udfff]")
_HEADER = frozenset({"score", "relevance", "rel", "label", "grade", "judgement", "judgment"})


def read_run(path: str | Path, name: str | None = None) -> Run:
    """The run of a TREC file: ``query Q0 document rank score tag``, any mix of tabs and spaces between them.

    ``name`` is the run's name: the first line's tag where None, the file's stem where the file is empty too. The order
    comes from the scores; the ranks are not read. Raises BadFile naming the line, DuplicateId for a document
    that stands twice under a query, and PathMissing.
    """
    file = _present(path)
    scores: dict[str, dict[str, float]] = {}
    tag: str | None = None
    for number, line in numbered_lines(file):
        cells = _cells(line)
        if len(cells) != 6:
            raise BadFile(
                f"{file}:{number}: expected 6 columns, found {len(cells)}: {line[:80]!r}",
                hint="a line of a run reads: query Q0 document rank score tag",
            )
        query, _, document, _, score, last = cells
        tag = last if tag is None else tag
        row = scores.setdefault(query, {})
        if document in row:
            raise DuplicateId(f"{file}:{number}: document {document!r} stands twice under query {query!r}")
        row[document] = _finite(score, file, number)
    return Run(name or tag or file.stem, scores)


def write_run(run: Run, path: str | Path) -> None:
    """Writes a run in TREC form, best first, equal scores by document id descending, as trec_eval breaks them.

    Scores are written in full, so that they read back exactly. A query without documents leaves no line. Raises
    BadInput for an id or a name that is empty or has white space in it, and StorageFailed.
    """
    _check(run.name, "a run's name")
    with whole_file(Path(path)) as file:
        for query, row in run.scores.items():
            _check(query, "a query's id")
            ordered = sorted(row.items(), key=lambda item: (item[1], item[0]), reverse=True)
            for rank, (document, score) in enumerate(ordered, 1):
                _check(document, "a document's id")
                file.write(f"{query} Q0 {document} {rank} {float(score)!r} {run.name}\n")


def read_qrels(path: str | Path) -> Qrels:
    """The judgements of a TREC file (``query 0 document grade``) or a BEIR one (``query document grade``).

    A first line that ends in ``score`` (or ``relevance``, ``label`` …) is a header. Raises BadFile naming the line,
    DuplicateId for a pair that was given two grades, and PathMissing.
    """
    file = _present(path)
    grades: dict[str, dict[str, int]] = {}
    first = True
    for number, line in numbered_lines(file):
        query, document, grade = _judgement(line, file, number)
        header, first = first and grade.lower() in _HEADER, False
        if header:
            continue
        row = grades.setdefault(query, {})
        value = _whole(grade, file, number)
        if row.setdefault(document, value) != value:
            raise DuplicateId(
                f"{file}:{number}: query {query!r}, document {document!r} has grade {value}, and {row[document]} above"
            )
    return Qrels(grades)


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
            _check(query, "a query's id")
            for document, grade in row.items():
                _check(document, "a document's id")
                file.write(f"{query}\t{document}\t{int(grade)}\n" if beir else f"{query} 0 {document} {int(grade)}\n")


def _present(path: str | Path) -> Path:
    file = Path(path)
    if not file.exists():
        raise PathMissing(f"no file at {file}")
    if not file.is_file():
        raise BadFile(f"{file}: expected a file, found a folder")
    return file


def _cells(line: str) -> list[str]:
    return [cell for cell in _BLANK.split(line) if cell]


def _judgement(line: str, file: Path, number: int) -> tuple[str, str, str]:
    for cells in _readings(line):
        match cells:
            case [query, _, document, grade]:
                return query, document, grade
            case [query, document, grade]:
                return query, document, grade
    raise BadFile(
        f"{file}:{number}: expected 4 columns (query 0 document grade) or 3 (query document grade), "
        f"found {len(_cells(line))}: {line[:80]!r}"
    )


def _readings(line: str) -> Iterator[list[str]]:
    """The ways to cut a line, likeliest first: BEIR ids may have spaces in them, TREC files may mix tabs and spaces."""
    blanks, tabs = _cells(line), [cell.strip(" \r\v\f") for cell in line.split("\t")]
    if len(blanks) == 4 and (len(tabs) != 3 or blanks[1].upper() in {"0", "Q0"}):
        yield blanks
    if all(tabs):
        yield tabs
    yield blanks


def _finite(text: str, file: Path, number: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if value - value != 0:  # NaN and the infinities
        raise BadFile(f"{file}:{number}: expected a finite score, found {text!r}")
    return value


def _whole(text: str, file: Path, number: int) -> int:
    try:
        return int(text)
    except ValueError:
        value = _finite(text, file, number)
    if not value.is_integer():
        raise BadFile(f"{file}:{number}: expected a whole grade, found {text!r}")
    return int(value)


def _check(text: str, what: str) -> None:
    if not text or _UNWRITABLE.search(text):
        raise BadInput(
            f"{what} cannot be written to a TREC file: {text!r}", hint="it needs at least one sign, and no white space"
        )
