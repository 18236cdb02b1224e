"""HTML into blocks, with the standard library's parser."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from typing import Any

from rankladder.textfiles.outline import Outline
from rankladder.textfiles.passages import Page
from rankladder.textfiles.tags import untagged

_SKIPPED = frozenset({"script", "style", "nav", "template", "noscript", "svg", "head"})
_OF_HEAD = frozenset({"base", "link", "meta", "noscript", "script", "style", "template", "title"})  # others end it
_TEXT_OF_HEAD = frozenset({"noscript", "script", "style", "template", "title"})
_CODE = frozenset({"script", "style"})
_STARTS_CONTENT = frozenset({"article", "h1", "main"})
_BREAKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "br",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "html",
        "li",
        "main",
        "nav",
        "ol",
        "option",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "ul",
    ]
)
_INSIDE = frozenset({"br", "td", "th"})  # these end a word, not a block
_SPACE = re.compile(r"[^\S\n]+")


def html_page(text: str) -> Page:
    """The page that an HTML text is: ``<title>``, headings, and the text of paragraphs, items, rows and ``<pre>``.

    Scripts, styles and navigation are left out. White space is collapsed but for line ends, which keep the place.

    A page that never closes a menu is read again, with the menu ending where an article, ``<main>`` or ``<h1>`` begins;
    one that gives no text even so is read with everything in it but scripts and styles.
    """
    reader = _read(text)
    if reader.unclosed:
        unclosed = reader.unclosed
        reader = _read(text, ends=_STARTS_CONTENT)
        if not reader.found_text:
            reader = _read(text, skipped=_SKIPPED - (unclosed - _CODE))
    return reader.outline.page()


def _read(text: str, *, skipped: frozenset[str] = _SKIPPED, ends: frozenset[str] = frozenset()) -> _Reader:
    reader = _Reader(text, skipped, ends)
    reader.feed(text)
    reader.finish()
    return reader


class _Reader(HTMLParser):
    """Fills an outline. ``skipped`` elements are passed over, up to their end or to a tag of ``ends``.

    The whole text is fed at once, and ``close`` is never called: it would try again at every ``<`` of a tag that is not
    closed, to the end of the file each time (20,000 times ``<a `` took it 58 s).
    """

    def __init__(self, text: str, skipped: frozenset[str], ends: frozenset[str]) -> None:
        super().__init__(convert_charrefs=True)
        self.outline = Outline()
        self.found_text = False
        self._skipped = skipped
        self._ends = ends
        self._last_comment = text.rfind("-->")
        self._skipping: list[str] = []
        self._heading = 0
        self._pre = 0
        self._in_title = False
        self._title: list[str] = []
        self._parts: list[str] = []
        self._line = 0
        self._end = 0

    @property
    def unclosed(self) -> frozenset[str]:
        """The elements that were being skipped when the text ended."""
        return frozenset(self._skipping)

    def finish(self) -> None:
        """Reads what the parser left, a tag that is never closed and all after it, as text; ends what is open."""
        rest, self.rawdata = self.rawdata, ""
        if rest and self.cdata_elem is None:
            self.handle_data(unescape(untagged(rest)))
        self._end_title()
        self.flush()

    def set_cdata_mode(self, elem: str, **options: Any) -> None:
        """Leaves titles and text areas to be parsed: newer parsers read to their end tag, and lose the page without."""
        if elem not in {"title", "textarea"}:
            super().set_cdata_mode(elem, **options)

    def parse_comment(self, i: int, report: bool = True) -> int:
        """Ends a comment that nothing closes at the next ``>``: what follows it is still read."""
        return super().parse_comment(i, report) if self._last_comment >= i + 4 else self.parse_bogus_comment(i)

    def parse_marked_section(self, i: int, report: bool = True) -> int:
        """Ends ``<![…`` at the next ``>``, as HTML 5 does; the inherited rule raises where it knows no such section."""
        return self.parse_bogus_comment(i)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._in_title and tag in _BREAKS:
            self._end_title()
        if (self._skipping[-1:] == ["head"] and tag not in _OF_HEAD) or tag == "body" or tag in self._ends:
            self._skipping.clear()
        if tag == "title" and not self.outline.title and self._skipping in ([], ["head"]):
            self._in_title = True
        elif self._skipping:
            if tag == self._skipping[-1] or (self._skipping[-1] == "head" and tag in _TEXT_OF_HEAD):
                self._skipping.append(tag)
        elif tag in self._skipped:
            self.flush()
            self._skipping.append(tag)
        elif tag in _BREAKS:
            if tag in _INSIDE:
                self._parts.append("\n" if self._pre else " ")
                return
            self.flush()
            if tag == "pre":
                self._pre += 1
            elif len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
                self._heading = int(tag[1])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self._skipped:  # <svg/> closes itself
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag == "title" and self._in_title:
            self._end_title()
        elif self._skipping:
            if tag == self._skipping[-1]:
                self._skipping.pop()
        elif tag in _BREAKS and tag not in _INSIDE:
            self.flush()

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self._title.append(data)
            return
        if self._skipping == ["head"] and data.strip():
            self._skipping.clear()
        if not self._skipping:
            if not self._line and data.strip():
                lead = data[: len(data) - len(data.lstrip())]
                self._line = self.getpos()[0] + lead.count("\n")
            if data.strip():
                self._end = self.getpos()[0] + data.rstrip().count("\n")
            self._parts.append(data)

    def _end_title(self) -> None:
        if self._in_title:
            self._in_title = False
            self.outline.title = " ".join("".join(self._title).split())

    def flush(self) -> None:
        """Ends the block that is open."""
        text = "".join(self._parts)
        if not self._pre:
            text = "\n".join(line for raw in text.split("\n") if (line := _SPACE.sub(" ", raw).strip()))
        if text.strip():
            self.found_text = True
            if self._heading:
                self.outline.heading(self._heading, text, self._line)
            else:
                self.outline.block(text.strip("\n"), self._line, max(self._line, self._end), is_code=self._pre > 0)
        self._parts.clear()
        self._heading = self._pre = self._line = self._end = 0
