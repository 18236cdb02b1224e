"""Prose into passages: sections first, then paragraphs, then sentences."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

PASSAGE_WORDS = 200
"""Target length of a passage: about 260 tokens of English, well inside a reranker's 512 with its query (a guess)."""

_CODE_FACTOR = 3  # a code block is kept whole up to this many times the target
_CHARACTERS = 12  # a text without spaces counts as one word for this many characters
_WORD = re.compile(r"\S+")
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


def word_count(text: str) -> int:
    """Words between spaces; a text with few spaces (Chinese, base64) counts one for every 12 characters.

    >>> word_count("two words"), word_count("x" * 120)
    (2, 10)
    """
    return max(len(text.split()), len(text) // _CHARACTERS)


def cut_passages(page: Page, *, words: int = PASSAGE_WORDS) -> Iterator[Block]:
    """The passages of a page, in order: blocks of one section joined while they fit into ``words``.

    A longer paragraph is cut at sentences (then words), a code block longer than three times ``words`` at lines.
    """
    held: list[Block] = []
    size = 0
    for block in page.blocks:
        count = word_count(block.text)
        if held and (block.path != held[0].path or size + count > words):
            yield _joined(held)
            held, size = [], 0
        if count > (words * _CODE_FACTOR if block.is_code else words):
            yield from _pieces(block, count, words)
        else:
            held.append(block)
            size += count
    if held:
        yield _joined(held)


def cut_text(text: str, *, words: int) -> list[str]:
    """A plain text in passages of at most about ``words``, cut as a paragraph is.

    >>> cut_text("One two. Three four.", words=2)
    ['One two.', 'Three four.']
    """
    return [block.text for block in cut_passages(Page("", (Block(text, 1, 1),)), words=words)]


def _joined(blocks: list[Block]) -> Block:
    text = "\n\n".join(block.text for block in blocks)
    return Block(text, blocks[0].line, blocks[-1].end_line, blocks[0].path)


def _pieces(block: Block, count: int, words: int) -> Iterator[Block]:
    """A long block in even pieces of at most about ``words``."""
    target = math.ceil(count / math.ceil(count / words))
    line, counted = block.line, 0
    for start, end in _spans(block.text, _LINE_END if block.is_code else _SENTENCE_END, target, words):
        body = block.text[start:end]
        kept = body.strip("\n") if block.is_code else body.strip()
        if not kept.strip():
            continue
        first = start + body.index(kept)
        line += block.text.count("\n", counted, first)
        counted = first
        first_line, last_line = (min(at, block.end_line) for at in (line, line + kept.count("\n")))
        yield Block(kept, first_line, last_line, block.path, block.is_code)


def _spans(text: str, boundary: re.Pattern[str], target: int, most: int) -> Iterator[tuple[int, int]]:
    """Spans that cover the text, cut at boundaries, closed once they reach ``target`` words."""
    start = end = size = 0
    for stop in [*(match.end() for match in boundary.finditer(text)), len(text)]:
        if stop == end:
            continue
        count = word_count(text[end:stop])
        if size and size + count > most:
            yield start, end
            start, size = end, 0
        if count > most:
            *whole, (start, stop) = _hard_spans(text, end, stop, most)  # noqa: PLW2901
            yield from whole
            count = word_count(text[start:stop])
        end, size = stop, size + count
        if size >= target:
            yield start, end
            start, size = end, 0
    if start < len(text):
        yield start, len(text)


def _hard_spans(text: str, start: int, end: int, most: int) -> Iterator[tuple[int, int]]:
    """A sentence that is too long, cut between words, and a word that is too long, cut anywhere."""
    size = 0
    for word in _WORD.finditer(text, start, end):
        weight = max(1, len(word[0]) // _CHARACTERS)
        if size and size + weight > most:
            yield start, word.start()
            start, size = word.start(), 0
        while word.end() - start > most * _CHARACTERS:
            yield start, start + most * _CHARACTERS
            start, size = start + most * _CHARACTERS, 0
        size += weight
    yield start, end
