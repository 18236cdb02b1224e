"""Headings and blocks, collected in order, into a page."""

from __future__ import annotations

from dataclasses import dataclass

from rankladder.textfiles.passages import Block, Page


@dataclass(slots=True)
class _Heading:
    level: int
    text: str
    line: int
    bare: bool = True  # nothing under it yet


class Outline:
    """What the parsers fill. A heading with nothing under it becomes a block of its own, so that it can be found."""

    def __init__(self, title: str = "") -> None:
        self.title = title
        self._open: list[_Heading] = []
        self._tops: list[str] = []
        self._blocks: list[Block] = []

    def heading(self, level: int, text: str, line: int) -> None:
        """Closes the headings of this level and below, and opens one."""
        text = " ".join(text.split())
        if not text:
            return
        self._close(level)
        if self._open:
            self._open[-1].bare = False
        if level == 1:
            self._tops.append(text)
        self._open.append(_Heading(level, text, line))

    def block(self, text: str, line: int, end_line: int, *, is_code: bool = False) -> None:
        """Adds a block under the open headings."""
        for heading in self._open:
            heading.bare = False
        self._blocks.append(Block(text, line, end_line, self._path(), is_code))

    def page(self) -> Page:
        """The page; a single heading of level 1 is its title where it has no other."""
        self._close(1)
        if len(self._tops) == 1 and (not self.title or self.title == self._tops[0]):
            top = self._tops[0]
            cut = [Block(b.text, b.line, b.end_line, b.path[b.path[:1] == (top,) :], b.is_code) for b in self._blocks]
            return Page(top, tuple(cut))
        return Page(self.title, tuple(self._blocks))

    def _path(self) -> tuple[str, ...]:
        return tuple(heading.text for heading in self._open)

    def _close(self, level: int) -> None:
        while self._open and self._open[-1].level >= level:
            closed = self._open.pop()
            if closed.bare:
                self._blocks.append(Block(closed.text, closed.line, closed.line, self._path()))
