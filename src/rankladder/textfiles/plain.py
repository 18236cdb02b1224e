"""Plain text and reStructuredText into blocks, line by line."""

from __future__ import annotations

import re

from rankladder.textfiles.outline import Outline
from rankladder.textfiles.passages import Page

_ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1+\s*$")


def plain_page(text: str) -> Page:
    """The page that a plain text is: paragraphs between blank lines, no title, no sections."""
    outline = Outline()
    _paragraphs(text.split("\n"), 0, outline, keep_rows=True)
    return outline.page()


def rst_page(text: str) -> Page:
    """The page of a reStructuredText, the text unchanged.

    A line over a row of one sign as long as itself is a heading; each style (sign, with or without a row above) is a
    level, in the order in which they first appear. Indented paragraphs in a row are one block of code.
    """
    lines = text.split("\n")
    outline = Outline()
    styles: list[tuple[str, bool]] = []
    start = place = 0
    while place < len(lines):
        above = _adorned(lines, place, start)
        if above is None:
            place += 1
            continue
        _paragraphs(lines[start : place - above], start, outline)
        style = (lines[place + 1][0], bool(above))
        if style not in styles:
            styles.append(style)
        outline.heading(styles.index(style) + 1, lines[place], place + 1)
        start = place = place + 2
    _paragraphs(lines[start:], start, outline)
    return outline.page()


def _adorned(lines: list[str], place: int, start: int) -> int | None:
    """How many rows (0 or 1) are above the heading at ``place``, None where there is no heading."""
    line = lines[place].rstrip()
    if not line.strip() or place + 1 >= len(lines) or _ADORNMENT.match(line):
        return None
    under = lines[place + 1].rstrip()
    if not _ADORNMENT.match(under) or len(under) < max(3, len(line)):
        return None
    before = lines[place - 1].rstrip() if place > start else ""
    if before == under and (place - 1 == start or not lines[place - 2].strip()):
        return 1
    return 0 if not before.strip() and not line[0].isspace() else None


def _paragraphs(lines: list[str], offset: int, outline: Outline, *, keep_rows: bool = False) -> None:
    """Adds the paragraphs of some lines; the first is line ``offset + 1`` of the file.

    A lone row of signs (a transition) is left out unless ``keep_rows``.
    """
    held: list[tuple[int, int]] = []
    first: int | None = None
    for place, line in enumerate([*lines, ""]):
        if line.strip():
            first = place if first is None else first
        elif first is not None:
            held.append((first, place))
            first = None
    place = 0
    while place < len(held):
        begin, end = held[place]
        is_code = lines[begin][0] in " \t"
        while is_code and place + 1 < len(held) and lines[held[place + 1][0]][0] in " \t":
            place += 1
            end = held[place][1]
        place += 1
        body = "\n".join(lines[begin:end])
        if keep_rows or not (end - begin == 1 and _ADORNMENT.match(body)):
            outline.block(body, offset + begin + 1, offset + end, is_code=is_code)


def log_page(text: str) -> Page:
    """The page that a text of single lines is (a log, settings): the text between blank lines, kept as lines."""
    outline = Outline()
    first: int | None = None
    lines = text.split("\n")
    for place, line in enumerate([*lines, ""]):
        if line.strip():
            first = place if first is None else first
        elif first is not None:
            outline.block("\n".join(lines[first:place]), first + 1, place, is_code=True)
            first = None
    return outline.page()
