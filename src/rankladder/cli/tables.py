"""Tables that fit the terminal: headings and texts are wrapped, and what still does not fit is printed as records."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from tabulate import tabulate
from wcwidth import wcswidth

_GAP = 2
_BESIDE_HEADING = 2  # tabulate leaves so much room beside a heading
_NARROWEST_TEXT = 16
_NARROWEST_TERMINAL = 20


def terminal_width() -> int | None:
    """Columns of the terminal (or ``COLUMNS``); None in a pipe, where nothing has to fit."""
    if not (sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdecimal()):
        return None
    return max(_NARROWEST_TERMINAL, shutil.get_terminal_size().columns)


def table_text(
    headers: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[int] = (), width: int | None = None
) -> str:
    """A plain table, the columns in ``right`` set flush right; of at most ``width`` columns of a terminal.

    Headings are wrapped between words and texts wherever they must; numbers (the columns in ``right``) are never
    parted. Where that does not suffice, each row is a record: a line for each of its cells.
    """
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    align = ["right" if place in right else "left" for place in range(len(headers))]
    fitted = _widths(headers, cells, right, width)
    if fitted is None:
        return _records(headers, cells, width or _NARROWEST_TERMINAL)
    # Cells are wrapped here: tabulate 0.10 with maxcolwidths fails on numbers such as 55,384.
    lines = [["\n".join(wrapped(cell, width)) for cell, width in zip(row, fitted, strict=True)] for row in cells]
    return tabulate(
        lines,
        headers,
        tablefmt="simple",
        colalign=align if cells else None,
        disable_numparse=True,
        maxheadercolwidths=[width - _BESIDE_HEADING for width in fitted],
    )


def _widths(
    headers: Sequence[str], cells: Sequence[Sequence[str]], right: Sequence[int], width: int | None
) -> list[int] | None:
    """How wide each column is; None where the table cannot be made to fit."""
    columns = [[row[place] for row in cells] for place in range(len(headers))]
    full = [
        max(*map(_wide, (*column, " ")), _wide(header) + _BESIDE_HEADING)
        for column, header in zip(columns, headers, strict=True)
    ]
    room = None if width is None else width - _GAP * (len(headers) - 1)
    if room is None or sum(full) <= room:
        return full
    least = []
    for place, (column, header) in enumerate(zip(columns, headers, strict=True)):
        text = max(map(_wide, (*column, " ")))
        word = max(map(_wide, (*header.split(), " "))) + _BESIDE_HEADING
        least.append(max(word, text if place in right else min(text, _NARROWEST_TEXT)))
    spare = room - sum(least)
    if spare < 0:
        return None
    for place in sorted(range(len(full)), key=lambda place: full[place] - least[place]):
        wanting = sum(full[other] > least[other] for other in range(len(full)))
        more = min(full[place] - least[place], spare // max(1, wanting))
        least[place] += more
        spare -= more
        full[place] = least[place]  # served
    return least


def _records(headers: Sequence[str], cells: Sequence[Sequence[str]], width: int) -> str:
    label = min(max(map(_wide, (*headers, " "))), width // 3)
    blocks = []
    for row in cells:
        lines = []
        for header, cell in zip(headers, row, strict=True):
            if cell:
                lines += _beside(header, cell, label, width)
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _beside(header: str, cell: str, label: int, width: int) -> list[str]:
    """A cell with its heading before it, both wrapped."""
    left, texts = wrapped(header, label), wrapped(cell, width - label - _GAP)
    count = max(len(left), len(texts))
    left, texts = left + [""] * (count - len(left)), texts + [""] * (count - len(texts))
    return [f"{a}{' ' * (label - _wide(a) + _GAP)}{b}".rstrip() for a, b in zip(left, texts, strict=True)]


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most ``width`` columns, cut between words, a word that is too long (and a script without
    blanks) between characters.

    >>> wrapped("a longer word", 6), wrapped("中文資料", 5)
    (['a', 'longer', 'word'], ['中文', '資料'])
    """
    lines: list[str] = []
    for piece in textwrap.wrap(text, max(1, width)) or [""]:
        line = ""
        for sign in piece:
            if line and _wide(line + sign) > width:
                lines.append(line)
                line = ""
            line += sign
        lines.append(line)
    return lines


def shortened(text: str, width: int) -> str:
    """The text in at most ``width`` columns, with … at its end where it is cut.

    >>> shortened("a longer text", 8), shortened("中文資料", 6)
    ('a longe…', '中文…')
    """
    if _wide(text) <= width:
        return text
    end = min(len(text), width)
    while end and _wide(text[:end]) > width - 1:
        end -= 1
    return text[:end].rstrip() + "…"


def _wide(text: str) -> int:
    """Columns of a terminal that a text takes; a sign that none shows counts as one."""
    found = wcswidth(text)
    return found if found >= 0 else len(text)
