"""Letters as they are searched for: one form for each, for every form of writing.

A text is composed (NFC). Then every letter becomes its compatibility form (``ﬁ`` → fi, full-width A → A) in small
letters, and digits of every script become ASCII's. Marks that do not tell letters apart fall away, and so does what is
not seen (soft hyphens, joiners, zero-width spaces). Every other sign becomes a space.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

_SPACELESS = frozenset(
    (
        *("CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HALFWIDTH", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC"),
        *("THAI", "LAO", "KHMER", "MYANMAR", "JAVANESE", "BALINESE", "TAI", "NEW"),  # New Tai Lue
    )
)
"""First words of the names of characters whose scripts write words together; Korean's with their endings."""
_ALONE = frozenset(["CJK", "HANGUL", "IDEOGRAPHIC"])
_DECOMPOSED = frozenset(["LATIN", "GREEK"])
_LETTERS = {
    "ё": "е", "ѐ": "е", "ѝ": "и", "ς": "σ",
    "أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ی": "ي", "ک": "ك", "ة": "ه",
}  # fmt: skip
"""Letters of other scripts than Latin that are searched for as others, and have no decomposition that says so."""
_APOSTROPHES = frozenset("ʹʻʼʽʾʿˈ")  # letters to Unicode, signs to a reader
_UNSEEN = frozenset("\u034f\u0640\u115f\u1160\u17b4\u17b5\u3164\uffa0")
_DROPPED_MARKS = ("COMBINING", "ARABIC", "HEBREW", "SYRIAC", "VARIATION", "MONGOLIAN FREE")
_VOICED = frozenset("\u3099\u309a")  # the marks of kana are part of the letter
_SARA_AM = frozenset("\u0e33\u0eb3")  # a vowel of Thai and of Lao; its compatibility form is a mark and another vowel
_TWO_FOR_SARA_AM = re.compile("\u0e4d([\u0e48-\u0e4b]?)\u0e32|\u0ecd([\u0ec8-\u0ecb]?)\u0eb2")
_APART = ("<square>", "<circle>", "<fraction>")  # ㎏, ①, ½: words of their own


@cache
def _script(character: str) -> str:
    """The first word of a character's name, which is its script for every letter; "" for one without a name."""
    return unicodedata.name(character, "").partition(" ")[0]


@cache
def is_spaceless(character: str) -> bool:
    """Whether a letter's script writes words together.

    >>> is_spaceless("書"), is_spaceless("é"), is_spaceless("ไ"), is_spaceless("。")
    (True, False, True, False)
    """
    return _script(character) in _SPACELESS and (character.isalnum() or is_mark(character))


def may_stand_alone(character: str) -> bool:
    """Whether a single character of a spaceless script may be a word: Chinese characters, and Korean syllables."""
    return _script(character) in _ALONE


def is_syllable(character: str) -> bool:
    """Whether a character is Korean, whose words have endings."""
    return _script(character) == "HANGUL"


def is_mark(character: str) -> bool:
    """Whether a character is a combining mark."""
    return unicodedata.category(character)[0] == "M"


class Letters(dict[int, str]):
    """A table for ``str.translate`` of a composed text, filled as characters are met.

    ``kept`` are small letters that a language tells from those without their marks; ``casing`` gives small letters that
    are not Unicode's.
    """

    def __init__(self, kept: str = "", casing: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._kept = frozenset(kept)
        self._casing = dict(casing or {})

    def __missing__(self, code: int) -> str:
        self[code] = folded = self._folded(chr(code))
        return folded

    def fold(self, text: str) -> str:
        """The text in the form that is searched for; words are parted by spaces.

        >>> Letters().fold("Ｒésumé: ﬁn­d it—1½ ㎏!").split()
        ['resume', 'find', 'it', '1', '1', '2', 'kg']
        """
        if text.isascii():
            return text.translate(self)
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).translate(self))
        return _TWO_FOR_SARA_AM.sub(_sara_am, folded)

    def _folded(self, character: str) -> str:
        if character in _UNSEEN or unicodedata.category(character) == "Cf":
            return ""
        small = self._casing.get(character) or character.lower()
        if small in self._kept or character in _SARA_AM:
            return small
        if unicodedata.decomposition(character).startswith(_APART):
            return f" {''.join(map(_plain, unicodedata.normalize('NFKC', small)))} "
        if character in _APOSTROPHES or unicodedata.category(character)[0] not in "LMN":
            return " "
        return "".join(map(_plain, unicodedata.normalize("NFKC", small)))


def _sara_am(found: re.Match[str]) -> str:
    return f"{found[1]}\u0e33" if found[1] is not None else f"{found[2]}\u0eb3"


def _plain(character: str) -> str:
    """One character of a compatibility form as it is searched for."""
    if character in _UNSEEN:
        return ""
    if is_mark(character):
        dropped = unicodedata.name(character, "").startswith(_DROPPED_MARKS) and character not in _VOICED
        return "" if dropped else character
    if not character.isalnum() or character in _APOSTROPHES:
        return " "
    if (digit := unicodedata.decimal(character, None)) is not None:
        return str(digit)
    small = character.lower()
    if _script(character) in _DECOMPOSED:
        small = "".join(one for one in unicodedata.normalize("NFKD", small) if not is_mark(one))
    if _script(character) == "LATIN":
        return "".join(_latin().analyze(small)).lower()
    return "".join(_LETTERS.get(one, one) for one in small)


@cache
def _latin() -> TextAnalyzer:
    """Letters like ø, ł and þ, which have no decomposition; tantivy's copy of Lucene's ASCIIFoldingFilter."""
    return TextAnalyzerBuilder(Tokenizer.raw()).filter(Filter.ascii_fold()).build()
