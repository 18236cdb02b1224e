"""Topics one a line: id<tab>text, id:text, tables with a header, page names, and the SMART collections' form."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote

from rankladder.errors import BadFile
from rankladder.textfiles.topics.topic import ID_NAMES, ROLE, Topic

_ID_COLUMNS = ID_NAMES | {"query", "topic"}
_COLON = re.compile(r"\s*([\w.-]*\d[\w.-]*)\s*:(?:\d+:)?\s*(\S.*)")
_SMART = re.compile(r"\.I\s+(\S+)")
_ID_AND_TEXT = re.compile(r"\s*\S*\d\S*\s+\S")
Line = tuple[int, str]


def line_topics(lines: Sequence[Line], file: Path, *, commas: bool, line_ids: bool) -> Iterator[Topic]:
    """The topics of numbered lines, in order; ``commas`` for a table in CSV.

    Raises BadFile, naming the line and what it looks like, for a line without an id.
    """
    kept = [(number, line) for number, line in lines if not (line.startswith("#") and "\t" not in line)]
    if kept and _SMART.match(kept[0][1]):
        return _smart(kept, file)
    if commas:
        return _table(file, list(_csv_rows(kept, file)))
    tabs = any("\t" in line for _, line in kept)
    if tabs and kept[0][1].count("\t") > 0 and _is_header(kept[0][1].split("\t")):
        return _table(file, [(number, line.split("\t")) for number, line in kept])
    if not tabs and kept and all(_COLON.fullmatch(line) for _, line in kept):
        return (_colon(line, file, number) for number, line in kept)
    if not tabs and any("%20" in line for _, line in kept) and not any(" " in line.strip() for _, line in kept):
        return (_page(line, file, number) for number, line in kept)
    if not tabs and line_ids:
        return (Topic(f"{file}:{number}", str(number), {"text": line.strip()}) for number, line in kept)
    return (_tab(line, file, number) for number, line in kept)


def _is_header(cells: Sequence[str]) -> bool:
    return cells[0].strip().lower() in _ID_COLUMNS


def _tab(line: str, file: Path, number: int) -> Topic:
    name, tab, text = line.partition("\t")
    where = f"{file}:{number}"
    if tab and name.strip() and not (" " in name.strip() and text.lstrip().startswith(("[", '"['))):
        if not text.strip():
            raise BadFile(f"{where}: query {name.strip()!r} is blank")
        return Topic(where, name.strip(), {"text": text})
    if tab and name.strip():
        what, hint = "a question and its answers", f"number them: awk -F'\\t' '{{print NR-1 \"\\t\" $1}}' {file.name}"
    elif _ID_AND_TEXT.match(line):
        what, hint = "an id, a blank and a text", f"put a tab between them: sed -E 's/^ *([^ ]+) +/\\1\\t/' {file.name}"
    else:
        what, hint = "a text without an id", "give each line the id that its judgements have: id<tab>text"
    raise BadFile(f"{where}: expected an id, a tab and a text, found {what}: {line[:80]!r}", hint=hint)


def _colon(line: str, file: Path, number: int) -> Topic:
    found = _COLON.fullmatch(line)
    assert found is not None
    return Topic(f"{file}:{number}", found[1], {"text": found[2].strip()})


def _page(line: str, file: Path, number: int) -> Topic:
    """TREC CAR asks by the path of a heading: ``enwiki:Page/Heading%20one``."""
    id = line.strip()
    return Topic(
        f"{file}:{number}", id, {"text": " ".join(unquote(id.removeprefix("enwiki:")).replace("/", " ").split())}
    )


def _csv_rows(lines: Sequence[Line], file: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows with the line that each begins on; a quoted cell may hold line ends."""
    first = lines[0][1] if lines else ""
    reader = csv.reader(
        (f"{line}\n" for _, line in lines), delimiter=";" if "," not in first and ";" in first else ",", strict=True
    )
    begun = 0
    try:
        for row in reader:
            yield lines[begun][0], [cell.strip() for cell in row]
            begun = reader.line_num
    except csv.Error as error:
        raise BadFile(
            f"{file}:{lines[begun][0]}: the row that starts here cannot be read: {error}",
            hint='a cell that holds a quote is written "like ""this"""; JSON Lines needs no such care',
        ) from error


def _table(file: Path, rows: Sequence[tuple[int, Sequence[str]]]) -> Iterator[Topic]:
    if not rows:
        return
    header = rows[0][1]
    columns = [cell.strip().lower() for cell in header]
    id = next((place for place, name in enumerate(columns) if name in ID_NAMES), 0)
    if len(columns) == 2:
        columns[1 - id] = columns[1 - id] if columns[1 - id] in ROLE else "text"
    if not (_is_header(header) or columns[id] in ID_NAMES):
        raise BadFile(
            f"{file}: the first row should name the columns, found {', '.join(header)[:80]!r}",
            hint="a header reads id,text",
        )
    for number, row in rows[1:]:
        where = f"{file}:{number}"
        if len(row) < len(columns) or not row[id].strip():
            raise BadFile(f"{where}: expected {len(columns)} cells with an id, as in the first row, found {len(row)}")
        cells = [*row[: len(columns) - 1], "\t".join(row[len(columns) - 1 :])]
        fields = {name: cell for place, (name, cell) in enumerate(zip(columns, cells, strict=True)) if place != id}
        if not any(cell.strip() for cell in fields.values()):
            raise BadFile(f"{where}: query {row[id].strip()!r} is blank")
        yield Topic(where, row[id].strip(), fields)


def _smart(lines: Sequence[Line], file: Path) -> Iterator[Topic]:
    """``.I 1``, then ``.W`` and the words on the lines below (Cranfield, CACM, MED)."""
    id, place, part = "", 0, ""
    held: list[str] = []
    for number, line in [*lines, (0, ".I end")]:
        found = _SMART.match(line)
        if found is None:
            marked = line.startswith(".") and len(line.split()[0]) == 2
            part = line[1] if marked else part
            if part == "W":
                held.append(line[2:] if marked else line)
            continue
        if id:
            text = " ".join(" ".join(held).split())
            if not text:
                raise BadFile(f"{file}:{place}: query {id!r} is blank", hint="a query reads .I 1, .W, and the words")
            yield Topic(f"{file}:{place}", id, {"text": text})
        id, place, part, held = found[1], number, "", []
