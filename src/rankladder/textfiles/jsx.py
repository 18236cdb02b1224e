"""The code in an MDX file: imports, exports, comments in braces, and the tags of components."""

from __future__ import annotations

import re

_FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,})")
_STATEMENT = re.compile(
    r"import\s+(?:['\"{*]|[\w$]+\s*(?:,|from\b))|export\s+(?:default|const|let|var|function|class|async|\{|\*)"
)
_OPENING = re.compile(r"</?(?:[A-Za-z]|>)|\{/\*")
_TAG = re.compile(r"\s*</?(?:[A-Z][\w.]*|>)")


def without_jsx(lines: list[str]) -> list[str]:
    """The lines of an MDX text, those of code blank, so that every other keeps its place.

    An import or export runs to the next blank line, as MDX has it; of a component's tags the text between them stays.
    Fenced code is left as it is.

    >>> without_jsx(["import A from 'a'", "", "<A b={{c: 1}}>", "text", "</A>", "{/* no */}"])
    ['', '', '', 'text', '', '']
    """
    kept: list[str] = []
    fence, statement, place = "", False, 0
    while place < len(lines):
        line = lines[place]
        if fence:
            if line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
        elif found := _FENCE.match(line):
            fence, statement = found[1], False
        elif statement or (_STATEMENT.match(line) and (not kept or not kept[-1].strip())):
            statement = bool(line.strip())
            line = ""
        elif _TAG.match(line) or line.lstrip().startswith("{/*"):
            taken = _without_tags(lines, place)
            kept += taken
            place += len(taken)
            continue
        kept.append(line)
        place += 1
    return kept


def _without_tags(lines: list[str], place: int) -> list[str]:
    """The lines from a tag's or comment's first to the end of its paragraph, without tags and comments."""
    end = place
    while end < len(lines) and lines[end].strip():
        end += 1
    text = "\n".join(lines[place:end])
    outside: list[str] = []
    at = 0
    while (start := _next(text, at)) is not None:
        stop = _end(text, start)
        if stop is None:  # nothing closes it: the rest is left unchanged
            break
        outside += [text[at:start], "\n" * text.count("\n", start, stop)]
        at = stop
    left = "".join([*outside, text[at:]]).split("\n")
    return [line if line == before else line.strip() for line, before in zip(left, lines[place:end], strict=True)]


def _next(text: str, at: int) -> int | None:
    found = _OPENING.search(text, at)
    return found.start() if found else None


def _end(text: str, start: int) -> int | None:
    """Where the tag or comment that begins at ``start`` ends; None where it does not."""
    if text.startswith("{", start):
        end = text.find("*/}", start)
        return end + 3 if end >= 0 else None
    depth, quote = 0, ""
    for place in range(start, len(text)):
        sign = text[place]
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'`":
            quote = sign
        elif sign in "{}":
            depth += 1 if sign == "{" else -1
        elif sign == ">" and depth <= 0:
            return place + 1
    return None
