"""HTML into blocks, with the standard library's parser."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser
from typing import Any

from rankladder.textfiles.furniture import Region, is_passed_over, is_skip_link, region_of
from rankladder.textfiles.outline import Outline
from rankladder.textfiles.passages import Page
from rankladder.textfiles.tags import untagged

_SKIPPED = frozenset((
    "script", "style", "nav", "template", "noscript", "svg", "head", "button", "select", "iframe", "audio",
    "video", "canvas", "dialog", "noframes",
))  # fmt: skip
_OF_HEAD = frozenset({"base", "link", "meta", "noscript", "script", "style", "template", "title"})  # others end it
_TEXT_OF_HEAD = frozenset({"noscript", "script", "style", "template", "title"})
_CODE = frozenset({"script", "style"})
_STARTS_CONTENT = frozenset({"article", "h1", "main"})
_ARTICLES = frozenset({"article", "blockquote", "main"})
_BREAKS = frozenset((
    "address", "article", "aside", "blockquote", "body", "br", "dd", "details", "div", "dl", "dt", "fieldset",
    "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html", "li",
    "main", "nav", "ol", "option", "p", "pre", "section", "summary", "table", "tbody", "td", "tfoot", "th",
    "thead", "tr", "ul",
))  # fmt: skip
_INSIDE = frozenset({"br", "td", "th"})  # these end a word, not a block
_SPACE = re.compile(r"[^\S\n]+")
_MOST_REGIONS = 16  # open at a time; deeper ones are not judged by themselves
_SHORT = 120  # words
_OF_LINKS = 0.5
_OVER_LINKS = frozenset({"table of contents", "contents", "on this page", "navigation", "menu", "related topics"})


@dataclass(frozen=True, slots=True)
class _Piece:
    """A block, or a heading of a level above 0; ``linked`` counts the signs of ``size`` that are links."""

    text: str
    line: int
    end_line: int
    level: int
    is_code: bool
    in_main: bool
    linked: int
    size: int


@dataclass(slots=True)
class _Open:
    """A part of the page that is open. ``depth`` counts elements of its tag in it; ``linked`` and ``size`` count what
    was left out of it.
    """

    tag: str
    kind: Region
    start: int
    depth: int = 1
    linked: int = 0
    size: int = 0


def html_page(text: str) -> Page:
    """The page that an HTML text is: ``<title>``, headings, and the text of paragraphs, items, rows and ``<pre>``.

    Left out are scripts, styles, what is hidden, and furniture (``furniture.py``): navigation, tables of contents,
    breadcrumbs, banners, site footers, links of headings to themselves. White space is collapsed but for line ends,
    which keep the place.

    A page that never closes a menu is read again, with the menu ending where an article, ``<main>`` or ``<h1>`` begins;
    one that gives no text even so is read with everything in it but scripts and styles.
    """
    reader = _read(text)
    if reader.unclosed:
        unclosed = reader.unclosed
        reader = _read(text, ends=_STARTS_CONTENT)
        if not reader.pieces:
            reader = _read(text, skipped=_SKIPPED - (unclosed - _CODE), furniture=False)
    outline = Outline(reader.title)
    has_main = any(piece.in_main for piece in reader.pieces)
    for piece in reader.pieces:
        if has_main and not piece.in_main and piece.linked >= _OF_LINKS * piece.size:
            continue
        if piece.level:
            outline.heading(piece.level, piece.text, piece.line)
        else:
            outline.block(piece.text, piece.line, piece.end_line, is_code=piece.is_code)
    return outline.page()


def _read(
    text: str, *, skipped: frozenset[str] = _SKIPPED, ends: frozenset[str] = frozenset(), furniture: bool = True
) -> _Reader:
    reader = _Reader(text, skipped, ends, furniture=furniture)
    reader.feed(text)
    reader.finish()
    return reader


class _Reader(HTMLParser):
    """Fills a list of pieces. ``skipped`` elements are passed over, up to their end or to a tag of ``ends``.

    The whole text is fed at once, and ``close`` is never called: it would try again at every ``<`` of a tag that is not
    closed, to the end of the file each time (20,000 times ``<a `` took it 58 s).
    """

    def __init__(self, text: str, skipped: frozenset[str], ends: frozenset[str], *, furniture: bool = True) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[_Piece] = []
        self.title = ""
        self._skipped = skipped
        self._ends = ends
        self._furniture = furniture
        self._last_comment = text.rfind("-->")
        self._skipping: list[str] = []
        self._regions: list[_Open] = []
        self._main: _Open | None = None
        self._articles = 0
        self._heading = 0
        self._pre = 0
        self._in_title = False
        self._title: list[str] = []
        self._parts: list[str] = []
        self._link: int | None = None  # where in the parts the text of an open link begins
        self._to_part = False
        self._linked = 0
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
        while self._regions:
            self._close_region()

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
        if tag == "title" and not self.title and self._skipping in ([], ["head"]):
            self._in_title = True
        elif self._skipping:
            if tag == self._skipping[-1] or (self._skipping[-1] == "head" and tag in _TEXT_OF_HEAD):
                self._skipping.append(tag)
        elif tag in self._skipped or (self._furniture and is_passed_over(tag, dict(attrs))):
            if tag in _BREAKS or tag in self._skipped:
                self.flush()
            self._skipping.append(tag)
        else:
            self._open(tag, dict(attrs))

    def _open(self, tag: str, attributes: dict[str, str | None]) -> None:
        if tag == "a" and attributes.get("href"):
            self._end_link()
            self._link = len(self._parts)
            self._to_part = str(attributes["href"]).startswith("#")
        if tag not in _BREAKS:
            return
        if tag in _INSIDE:
            self._parts.append("\n" if self._pre else " ")
            return
        self.flush()
        for region in self._regions:
            region.depth += region.tag == tag
        self._articles += tag in _ARTICLES
        if self._main is not None:
            self._main.depth += self._main.tag == tag
        elif tag == "main" or attributes.get("role") == "main":
            self._main = _Open(tag, "links", 0)
        if self._furniture and len(self._regions) < _MOST_REGIONS:
            kind = region_of(tag, attributes, in_article=self._articles > 0)
            if kind is not None:
                self._regions.append(_Open(tag, kind, len(self.pieces)))
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
        elif tag == "a":
            self._end_link()
        elif tag in _BREAKS and tag not in _INSIDE:
            self.flush()
            self._articles = max(0, self._articles - (tag in _ARTICLES))
            if self._main is not None and self._main.tag == tag:
                self._main.depth -= 1
                self._main = self._main if self._main.depth else None
            for place, region in enumerate(self._regions):
                region.depth -= region.tag == tag
                if not region.depth:
                    while len(self._regions) > place:
                        self._close_region()
                    break

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
            self.title = " ".join("".join(self._title).split())

    def _end_link(self) -> None:
        if self._link is None:
            return
        text = "".join(self._parts[self._link :])
        if self._to_part and is_skip_link(text):
            del self._parts[self._link :]
        else:
            self._linked += len("".join(text.split()))
        self._link = None

    def _close_region(self) -> None:
        region = self._regions.pop()
        inside = self.pieces[region.start :]
        size = region.size + sum(piece.size for piece in inside if piece.text.casefold() not in _OVER_LINKS)
        linked = region.linked + sum(piece.linked for piece in inside)
        short = region.kind == "foot" and sum(len(piece.text.split()) for piece in inside) <= _SHORT
        if linked >= _OF_LINKS * size or short:
            del self.pieces[region.start :]
            if self._regions:
                self._regions[-1].linked += linked
                self._regions[-1].size += size

    def flush(self) -> None:
        """Ends the block that is open."""
        open_link = self._link is not None
        self._end_link()
        text = "".join(self._parts)
        if not self._pre:
            text = "\n".join(line for raw in text.split("\n") if (line := _SPACE.sub(" ", raw).strip()))
        if text.strip():
            body, level = (text if self._heading else text.strip("\n")), self._heading
            size, is_code = len("".join(text.split())), self._pre > 0 and not level
            end = max(self._line, self._end)
            self.pieces.append(
                _Piece(body, self._line, end, level, is_code, self._main is not None, self._linked, size)
            )
        self._parts.clear()
        self._heading = self._pre = self._line = self._end = self._linked = 0
        self._link = 0 if open_link else None
