"""How long a passage may be, and how a text is measured: in words, or in the units of the reader of passages."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import islice
from typing import Protocol

PASSAGE_WORDS = 200
"""Target length of a passage where no model is known that reads it: about 260 tokens of English."""

_CODE_FACTOR = 3
_CHARACTERS = 12  # a text without spaces counts as one word for this many characters
_WORD = re.compile(r"\S+")
_WITHOUT_BLANKS = re.compile("[\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
_CLOSES = frozenset("\u3001\u3002\uff0c\uff0e\uff1a\uff1b\uff01\uff1f\uff09\u300d\u300f\u3011\u300b\u30fc\u3005")


class Laid(Protocol):
    """One text with the ruler laid along it."""

    def size(self, start: int, end: int) -> int:
        """Units between two characters."""

    def reach(self, start: int, units: int) -> int:
        """The last character up to which there are at most so many units from ``start`` on."""


class Ruler(Protocol):
    """Measures texts in units; a passage may have ``most`` units."""

    @property
    def most(self) -> int:
        """Units of a passage with its title."""

    @property
    def joint(self) -> int:
        """Units between two blocks of a passage."""

    @property
    def slack(self) -> int:
        """Units by which a text may differ from the sum of its parts, for each border between them."""

    @property
    def whole_code(self) -> int:
        """A code block is kept whole up to so many times ``most``."""

    def sizes(self, texts: Sequence[str]) -> list[int]:
        """Units of each text."""

    def titles(self, texts: Sequence[str]) -> list[int]:
        """Units that each text takes as a title; 0 for all where titles are not counted."""

    def lay(self, text: str) -> Laid:
        """The text, measured throughout."""

    def excess(self, title: str, text: str) -> int:
        """By how many units a passage is longer than ``most``; below 1 where it is not."""


def word_count(text: str) -> int:
    """Words between spaces; a text with few spaces (Chinese, base64) counts one for every 12 characters.

    >>> word_count("two words"), word_count("x" * 120)
    (2, 10)
    """
    return max(len(text.split()), len(text) // _CHARACTERS)


class WordRuler:
    """So many words; titles are not counted, and a code block is kept whole up to three times as many."""

    joint = slack = 0
    whole_code = _CODE_FACTOR

    def __init__(self, words: int) -> None:
        self.most = words

    def sizes(self, texts: Sequence[str]) -> list[int]:
        """See Ruler."""
        return [word_count(text) for text in texts]

    def titles(self, texts: Sequence[str]) -> list[int]:
        """See Ruler."""
        return [0] * len(texts)

    def lay(self, text: str) -> Laid:
        """See Ruler."""
        return _InWords(text)

    def excess(self, title: str, text: str) -> int:
        """See Ruler: words of parts are words of the whole."""
        return 0


class _InWords:
    def __init__(self, text: str) -> None:
        self._text = text

    def size(self, start: int, end: int) -> int:
        return word_count(self._text[start:end])

    def reach(self, start: int, units: int) -> int:
        farthest = start + units * _CHARACTERS
        after = next(islice(_WORD.finditer(self._text, start, farthest + 1), units, None), None)
        return min(farthest, len(self._text) if after is None else after.start())


def end_of_word(text: str, start: int, end: int) -> int:
    """The last place up to ``end`` where no word is cut; ``end``, or before its marks, where one word reaches there.

    In scripts without blanks every character is a word, with the marks and the closing signs that follow it.

    >>> end_of_word("over the hill", 0, 10), end_of_word("overthehill", 0, 4)
    (9, 4)
    """
    if end >= len(text):
        return len(text)
    for place in range(end, start, -1):
        if _parts_words(text[place - 1], text[place]):
            return place
    while end > start + 1 and unicodedata.category(text[end])[0] == "M":
        end -= 1
    return end


def _parts_words(before: str, after: str) -> bool:
    if before.isspace() or after.isspace():
        return True
    if after in _CLOSES or unicodedata.category(after)[0] == "M":
        return False
    return before in _CLOSES or bool(_WITHOUT_BLANKS.match(before) or _WITHOUT_BLANKS.match(after))
