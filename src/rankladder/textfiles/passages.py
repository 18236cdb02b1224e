"""Prose into passages: sections first, then paragraphs, then sentences."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from rankladder.textfiles.rulers import Laid, Ruler, WordRuler, end_of_word

_SENTENCE_END = re.compile(
    r"(?<=[.!?])[\"'”’)\]]*\s+|(?<=[。！？])|\n(?=[^\S\n]*(?:[-*+•]|\d+[.)])\s)|\n(?=[^\S\n]*\|)|\n\n"
)
_LINE_END = re.compile(r"\n")


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, list, table or code block. Lines count from 1; ``path`` holds the headings above it."""

    text: str
    line: int
    end_line: int
    path: tuple[str, ...] = ()
    is_code: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A prose file: its own title, ``""`` where it has none, and its blocks in order."""

    title: str
    blocks: tuple[Block, ...]

    def title_of(self, block: Block) -> str:
        """The headings above a block: the page's title and the headings, a repeated one once."""
        return " › ".join(next(same) for _, same in groupby(filter(None, (self.title, *block.path)), key=str.casefold))


def cut_passages(page: Page, *, ruler: Ruler) -> Iterator[tuple[str, Block]]:
    """The passages of a page, in order, each with its title: blocks of one section joined while they fit.

    A longer paragraph is cut at list items, rows and sentences (then words), a longer code block at lines, in even
    pieces. With its title no passage is longer than ``ruler.most``. A title that would take more than half of that is
    shortened, and becomes a passage of its own before those that it stands above.
    """
    return _Cutting(page, ruler).passages()


def cut_text(text: str, *, words: int) -> list[str]:
    """A plain text in passages of at most about ``words``, cut as a paragraph is.

    >>> cut_text("One two. Three four.", words=2)
    ['One two.', 'Three four.']
    """
    page = Page("", (Block(text, 1, 1),))
    return [block.text for _, block in cut_passages(page, ruler=WordRuler(words))]


class _Cutting:
    """One page under one ruler."""

    def __init__(self, page: Page, ruler: Ruler) -> None:
        self.page = page
        self.ruler = ruler

    def passages(self) -> Iterator[tuple[str, Block]]:
        sizes = self.ruler.sizes([block.text for block in self.page.blocks])
        held: list[Block] = []
        used, title, full, limit = 0, "", "", 0
        for block, size in zip(self.page.blocks, sizes, strict=True):
            above = self.page.title_of(block)
            if held and (above != full or used + self.ruler.joint + size > limit):
                yield from self._joined(title, held, used, limit)
                held, used = [], 0
            if above != full or not limit:
                full = above
                title, limit = self._room_under(full)
                if title != full:
                    yield from self._pieces("", replace(block, text=full, end_line=block.line), self.ruler.most)
            if size > limit * (self.ruler.whole_code if block.is_code else 1):
                yield from self._pieces(title, block, limit, size=size)
            else:
                used += size + (self.ruler.joint if held else 0)
                held.append(block)
        if held:
            yield from self._joined(title, held, used, limit)

    def _room_under(self, title: str) -> tuple[str, int]:
        """The title, shortened where it must be, and what it leaves for text."""
        most = self.ruler.most
        (size,) = self.ruler.titles([title])
        if size <= most // 2:
            return title, most - size
        end = end_of_word(title, 0, self.ruler.lay(title).reach(0, most // 2 - 1))
        return f"{title[:end].rstrip()}…", most - most // 2

    def _joined(self, title: str, blocks: Sequence[Block], size: int, limit: int) -> Iterator[tuple[str, Block]]:
        """Some blocks as one passage, or as two where together they are longer than their sum."""
        first, last = blocks[0], blocks[-1]
        block = replace(first, text="\n\n".join(block.text for block in blocks), end_line=last.end_line)
        over = self._excess(title, block.text, size, limit, borders=len(blocks))
        if over <= 0:
            yield title, block
        elif len(blocks) > 1:
            for part in (blocks[:-1], blocks[-1:]):
                yield from self._joined(title, part, sum(self.ruler.sizes([one.text for one in part])), limit)
        else:
            yield from self._pieces(title, block, max(1, size - over))

    def _pieces(self, title: str, block: Block, limit: int, *, size: int | None = None) -> Iterator[tuple[str, Block]]:
        """A long block in even pieces of at most ``limit``."""
        laid = self.ruler.lay(block.text)
        count = laid.size(0, len(block.text)) if size is None else size
        target = math.ceil(count / math.ceil(count / limit))
        line, counted = block.line, 0
        for start, end in _spans(block.text, _LINE_END if block.is_code else _SENTENCE_END, laid, target, limit):
            body = block.text[start:end]
            kept = body.strip("\n") if block.is_code else body.strip()
            if not kept.strip():
                continue
            first = start + body.index(kept)
            line += block.text.count("\n", counted, first)
            counted = first
            first_line, last_line = (min(at, block.end_line) for at in (line, line + kept.count("\n")))
            piece = Block(kept, first_line, last_line, block.path, block.is_code)
            inside = laid.size(start, end)
            parted = _is_parted(block.text, start) and _is_parted(block.text, end)
            over = self._excess(title, kept, inside, limit, borders=1) if parted else self.ruler.excess(title, kept)
            if 0 < over < inside:
                yield from self._pieces(title, piece, inside - over)
            else:
                yield title, piece

    def _excess(self, title: str, text: str, size: int, limit: int, *, borders: int) -> int:
        """By how much a passage is too long: measured as a whole only where the sum of its parts comes near."""
        if size <= limit - self.ruler.slack * (borders + 1):
            return 0
        return self.ruler.excess(title, text)


def _is_parted(text: str, place: int) -> bool:
    """Whether there is a blank, or nothing, at one side of a place."""
    return place in (0, len(text)) or text[place - 1].isspace() or text[place].isspace()


def _spans(text: str, boundary: re.Pattern[str], laid: Laid, target: int, most: int) -> Iterator[tuple[int, int]]:
    """Spans that cover the text, cut at boundaries, closed once they reach ``target``."""
    start = end = size = 0
    for stop in [*(match.end() for match in boundary.finditer(text)), len(text)]:
        if stop == end:
            continue
        count = laid.size(end, stop)
        if size and size + count > most:
            yield start, end
            start, size = end, 0
        if count > most:
            *whole, (start, stop) = _hard_spans(text, end, stop, laid, most)  # noqa: PLW2901
            yield from whole
            count = laid.size(start, stop)
        end, size = stop, size + count
        if size >= target:
            yield start, end
            start, size = end, 0
    if start < len(text):
        yield start, len(text)


def _hard_spans(text: str, start: int, end: int, laid: Laid, most: int) -> Iterator[tuple[int, int]]:
    """A sentence that is too long, cut between words, and a word that is too long, cut between characters."""
    while (reached := laid.reach(start, most)) < end:
        stop = end_of_word(text, start, max(reached, start + 1))
        yield start, stop
        start = stop
    yield start, end
