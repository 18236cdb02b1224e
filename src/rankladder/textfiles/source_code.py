"""Source code into blocks: functions and classes unchanged, each under the names that hold it."""

from __future__ import annotations

import ast
import re
import warnings
from pathlib import Path

from rankladder.textfiles.bytestream import NotText, endings
from rankladder.textfiles.outline import Outline
from rankladder.textfiles.passages import Page

_LONG_CLASS = 60  # lines; a longer one is split into its methods
_MINIFIED = 2_000  # signs a line, on average
_CLOSING = re.compile(r"[})\]]|end\b|fi\b|done\b|esac\b|else\b|elif\b|catch\b|finally\b|except\b")
_PYTHON = frozenset({".py", ".pyi"})


def code_page(text: str, path: Path) -> Page:
    """The page that a source file is.

    Of Python, functions and classes are blocks, with the comments and decorators above them; a long class is split into
    its methods, under its name. Of other languages, and of Python that cannot be parsed, a block begins at a line
    without indentation that follows a blank line.

    Raises NotText for minified code.
    """
    lines = text.split("\n")
    if len(text) > _MINIFIED and len(text) / len(lines) > _MINIFIED:
        raise NotText(path, "minified code")
    outline = Outline()
    if not (_PYTHON & {*endings(path)} and _python(text, lines, outline)):
        _by_indentation(lines, outline)
    return outline.page()


def _python(text: str, lines: list[str], outline: Outline) -> bool:
    """Fills the outline; False where the text is not Python of this interpreter's version."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    _statements(tree.body, 0, len(lines), lines, outline)
    return True


def _statements(body: list[ast.stmt], start: int, end: int, lines: list[str], outline: Outline) -> None:
    """Adds the lines ``start`` to ``end`` (from 0) as blocks that begin where a definition does."""
    place = start
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        first = min([node.lineno, *(one.lineno for one in node.decorator_list)]) - 1
        while first > place and lines[first - 1].lstrip().startswith("#"):
            first -= 1
        last = node.end_lineno or node.lineno
        if first < place:  # two statements on a line
            continue
        _add(lines, place, first, outline)
        if isinstance(node, ast.ClassDef) and last - first > _LONG_CLASS:
            outline.heading(_level(node), f"class {node.name}", first + 1)
            _statements(node.body, first, last, lines, outline)
            outline.end(_level(node))
        else:
            _add(lines, first, last, outline)
        place = last
    _add(lines, place, end, outline)


def _level(node: ast.stmt) -> int:
    return 2 + node.col_offset // 2


def _by_indentation(lines: list[str], outline: Outline) -> None:
    start = 0
    for place in range(1, len(lines)):
        line = lines[place]
        starts = line[:1].strip() and not lines[place - 1].strip() and not _CLOSING.match(line)
        if starts:
            _add(lines, start, place, outline)
            start = place
    _add(lines, start, len(lines), outline)


def _add(lines: list[str], start: int, end: int, outline: Outline) -> None:
    while start < end and not lines[start].strip():
        start += 1
    while end > start and not lines[end - 1].strip():
        end -= 1
    if start < end:
        outline.block("\n".join(lines[start:end]), start + 1, end, is_code=True)
