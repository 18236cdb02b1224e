"""Headings and blocks, collected in order, into a page."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
        self._tops: list[_Heading] = []  # the headings of the highest level that is there
        self._blocks: list[Block] = []

    def heading(self, level: int, text: str, line: int) -> None:
        """Closes the headings of this level and below, and opens one."""
        text = " ".join(text.split())
        if not text:
            return
        self._close(level)
        if self._open:
            self._open[-1].bare = False
        opened = _Heading(level, text, line)
        if self._tops and level < self._tops[0].level:
            self._tops.clear()
        if not self._tops or level == self._tops[0].level:
            self._tops.append(opened)
        self._open.append(opened)

    def block(self, text: str, line: int, end_line: int, *, is_code: bool = False) -> None:
        """Adds a block under the open headings."""
        self.pass_over()
        self._blocks.append(Block(text, line, end_line, self._path(), is_code))

    def end(self, level: int) -> None:
        """Closes the headings of this level and below, with no other in their place."""
        self._close(level)

    def pass_over(self) -> None:
        """Says that the open headings have something under them, though nothing that is kept."""
        for heading in self._open:
            heading.bare = False

    def page(self) -> Page:
        """The page. Its title is the single heading of the highest level, where that is level 1 and there is no other
        title, or where the title says the same with no more than a site's name beside it.
        """
        self._close(1)
        top = self._tops[0] if len(self._tops) == 1 else None
        if top is None or not (says(self.title, top.text) if self.title else top.level == 1):
            return Page(self.title, tuple(self._blocks))
        cut = [replace(block, path=block.path[block.path[:1] == (top.text,) :]) for block in self._blocks]
        return Page(top.text, tuple(cut))

    def _path(self) -> tuple[str, ...]:
        return tuple(heading.text for heading in self._open)

    def _close(self, level: int) -> None:
        while self._open and self._open[-1].level >= level:
            closed = self._open.pop()
            if closed.bare:
                self._blocks.append(Block(closed.text, closed.line, closed.line, self._path()))


def says(title: str, heading: str) -> bool:
    """Whether a page's title says what its heading says: the same words, or the words with a sign between them and
    what stands before or behind.

    >>> says("Sorting — The handbook 2.1", "Sorting"), says("The handbook: Sorting", "Sorting")
    (True, True)
    >>> says("Sorting out", "Sorting")
    False
    """
    whole, part = (" ".join(text.casefold().split()) for text in (title, heading))
    before, found, after = whole.partition(part)
    return bool(part and found) and _parted(before) and _parted(after[::-1])


def _parted(text: str) -> bool:
    """Whether a text is empty, or ends in a sign that parts a title: a dash, a bar, a colon, spaces aside."""
    return not text.strip() or text.rstrip()[-1] in "-–—|·:«»•›>/‹<"
