"""AsciiDoc and Org into blocks, line by line."""

from __future__ import annotations

import re

from rankladder.textfiles.outline import Outline
from rankladder.textfiles.passages import Page

_ADOC_HEADING = re.compile(r"(={1,6}|#{1,6})[ \t]+(\S.*)")
_ADOC_FENCE = re.compile(r"(-{4,}|\.{4,}|`{3,}|/{4,}|\+{4,}|={4,}|\*{4,}|_{4,}|--|\|={3,})(?:[\w+-]*)\s*")
_ADOC_MARK = re.compile(
    r"\[[^\[\]]*\]\s*|:!?[\w-]+!?:(?:\s.*)?|(?:include|ifdef|ifndef|endif|ifeval|toc)::.*|'{3,}\s*|<{3,}\s*"
)
_ADOC_TITLE = re.compile(r"\.([^\s.].*)")
_ORG_HEADING = re.compile(
    r"(\*+)[ \t]+(?:(?:TODO|DONE|NEXT|WAITING|CANCELLED)[ \t]+)?(?:\[#[A-Z]\][ \t]+)?(.*?)(?:[ \t]+:[\w@:]+:)?\s*"
)
_ORG_SETTING = re.compile(r"#\+([\w-]+):\s*(.*)", re.IGNORECASE)
_ORG_BLOCK = re.compile(r"\s*#\+(begin|end)_(\w+)", re.IGNORECASE)
_ORG_DRAWER = re.compile(r"\s*:[\w-]+:\s*")
_CODE = frozenset("-.`+")


def asciidoc_page(text: str) -> Page:
    """The page that an AsciiDoc text is: headings, paragraphs, and listings as code; comments, attributes and the lines
    in brackets that say how a block looks are left out.
    """
    reader = _Blocks()
    fence = ""
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.rstrip()
        if fence:
            if bare == fence:
                reader.flush()
                fence = ""
            elif fence[0] != "/":
                reader.line(line, number)
        elif found := _ADOC_FENCE.fullmatch(bare):
            reader.flush()
            if found[1][0] in _CODE | {"/"} and found[1] != "--":
                fence = found[1] if found[1][0] != "`" else "`" * len(found[1])
                reader.is_code = fence[0] in _CODE
        elif bare.startswith("//"):
            continue
        elif heading := _ADOC_HEADING.fullmatch(bare):
            reader.flush()
            reader.outline.heading(len(heading[1]), heading[2], number)
        elif _ADOC_MARK.fullmatch(bare):
            continue
        elif title := _ADOC_TITLE.fullmatch(bare):
            reader.line(title[1], number)
        elif bare in {"", "+"}:
            reader.flush()
        else:
            reader.line(line, number)
    reader.flush()
    return reader.outline.page()


def org_page(text: str) -> Page:
    """The page that an Org text is: headings without keywords and tags, paragraphs, and ``#+begin_src`` as code;
    settings, comments and drawers are left out.
    """
    reader = _Blocks()
    drawer = False
    for number, line in enumerate(text.split("\n"), 1):
        if reader.is_code:
            if (found := _ORG_BLOCK.match(line)) and found[1].lower() == "end":
                reader.flush()
            else:
                reader.line(line, number)
        elif drawer:
            drawer = line.strip().lower() != ":end:"
        elif heading := _ORG_HEADING.fullmatch(line):
            reader.flush()
            reader.outline.heading(len(heading[1]), heading[2], number)
        elif found := _ORG_BLOCK.match(line):
            reader.flush()
            reader.is_code = found[1].lower() == "begin" and found[2].lower() in {"src", "example"}
        elif setting := _ORG_SETTING.match(line):
            if setting[1].lower() == "title":
                reader.outline.title = setting[2].strip()
        elif _ORG_DRAWER.fullmatch(line):
            drawer = True
        elif line.startswith("# "):
            continue
        elif line.strip():
            reader.line(line, number)
        else:
            reader.flush()
    reader.flush()
    return reader.outline.page()


class _Blocks:
    """Lines that follow each other, until ``flush`` makes a block of them."""

    def __init__(self) -> None:
        self.outline = Outline()
        self.is_code = False
        self._held: list[str] = []
        self._first = 0

    def line(self, line: str, number: int) -> None:
        """Adds a line to the block that is open."""
        if not self._held:
            self._first = number
        self._held += [""] * (number - self._first - len(self._held)) + [line]

    def flush(self) -> None:
        """Ends the block that is open."""
        body = "\n".join(self._held).rstrip()
        if body.strip():
            self.outline.block(body, self._first, self._first + body.count("\n"), is_code=self.is_code)
        self._held = []
        self.is_code = False
