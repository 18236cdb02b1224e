"""Jupyter notebooks into blocks: cells of Markdown and code, without what code printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from rankladder.textfiles.bytestream import NotText
from rankladder.textfiles.json_files import Scanner
from rankladder.textfiles.markdown import markdown_into
from rankladder.textfiles.outline import Outline
from rankladder.textfiles.passages import Page

_SOURCE = re.compile(r'(?<!\\)"(?:source|input)"\s*:\s*\[?\s*')


def notebook_page(text: str, path: Path) -> Page:
    """The page that a notebook is; its lines are those of the file. Raises NotText, and BadFile for broken JSON."""
    scanner = Scanner(text, path)
    if scanner.sign != "{":
        raise NotText(path, "not a notebook: no JSON object")
    outline = Outline()
    found = False
    for key, place in scanner.members():
        if key == "cells":
            found = True
            scanner.place = place
            _cells(scanner, outline)
            break
        if key == "worksheets":  # notebooks before 2015
            raise NotText(path, "a notebook of format 3", hint="convert it: jupyter nbconvert --to notebook")
    if not found:
        raise NotText(path, "not a notebook: it has no cells")
    return outline.page()


def _cells(scanner: Scanner, outline: Outline) -> None:
    if scanner.sign != "[":
        raise NotText(scanner.path, "not a notebook: its cells are no list")
    end = scanner.place
    for line, _, cell in scanner.elements():
        start, end = end, scanner.place
        if isinstance(cell, dict):
            _cell(cell, line, scanner.text[start:end], outline)


def _cell(cell: dict[str, Any], line: int, raw: str, outline: Outline) -> None:
    source = cell.get("source")
    lines = source if isinstance(source, list) else [source]
    body = "".join(one for one in lines if isinstance(one, str))
    if not body.strip():
        return
    *_, place = [None, *_SOURCE.finditer(raw)]  # the last: a cell's output comes before its source
    lead = len(raw) - len(raw.lstrip(", \t\r\n["))
    above = line - 1 + (raw.count("\n", lead, place.end()) if place else 0)
    if cell.get("cell_type") == "markdown":
        markdown_into(outline, body.split("\n"), above=above)
    else:
        last = above + 1 + (body.rstrip("\n").count("\n") if "\n" in raw.strip() else 0)
        outline.block(body.strip("\n"), above + 1, last, is_code=cell.get("cell_type") == "code")
