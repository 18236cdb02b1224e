"""HTML into blocks, with the standard library's parser."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from rankladder.textfiles.outline import Outline
from rankladder.textfiles.passages import Page

_SKIPPED = frozenset({"script", "style", "nav", "template", "noscript", "svg", "head"})
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
    """
    reader = _Reader()
    reader.feed(text)
    reader.close()
    reader.flush()
    return reader.outline.page()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.outline = Outline()
        self._skipping: list[str] = []
        self._heading = 0
        self._pre = 0
        self._in_title = False
        self._title: list[str] = []
        self._parts: list[str] = []
        self._line = 0
        self._end = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "title" and not self.outline.title and self._skipping in ([], ["head"]):
            self._in_title = True
        elif self._skipping:
            if tag == "body":  # a head that was never closed
                self._skipping.clear()
            elif tag == self._skipping[-1]:
                self._skipping.append(tag)
        elif tag in _SKIPPED:
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
        if tag not in _SKIPPED:  # <svg/> closes itself
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag == "title" and self._in_title:
            self._in_title = False
            self.outline.title = " ".join("".join(self._title).split())
        elif self._skipping:
            if tag == self._skipping[-1]:
                self._skipping.pop()
        elif tag in _BREAKS and tag not in _INSIDE:
            self.flush()

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self._title.append(data)
        elif not self._skipping:
            if not self._line and data.strip():
                lead = data[: len(data) - len(data.lstrip())]
                self._line = self.getpos()[0] + lead.count("\n")
            if data.strip():
                self._end = self.getpos()[0] + data.rstrip().count("\n")
            self._parts.append(data)

    def flush(self) -> None:
        """Ends the block that is open."""
        text = "".join(self._parts)
        if not self._pre:
            text = "\n".join(line for raw in text.split("\n") if (line := _SPACE.sub(" ", raw).strip()))
        if text.strip():
            if self._heading:
                self.outline.heading(self._heading, text, self._line)
            else:
                self.outline.block(text.strip("\n"), self._line, max(self._line, self._end), is_code=self._pre > 0)
        self._parts.clear()
        self._heading = self._pre = self._line = self._end = 0
