"""How text becomes terms: one analyser for documents, queries and snippets."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby, pairwise

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

from rankladder.retrieve.folding import Letters, is_mark, is_spaceless, is_syllable, may_stand_alone
from rankladder.retrieve.languages import language_of
from rankladder.surrogates import encodable

ANALYSER = "folded-2"
"""Its name in an index; a change of the steps below changes the name, and so rebuilds every index."""

MAX_TERMS = 1_024
"""Distinct terms of a query that are searched for: the first ones."""

_LONGEST = 100  # bytes; longer words (base64, hashes) are not indexed
_LONGEST_CHARACTER = 32  # code points that are tried as one character with its marks
_STEMS_KEPT = 100_000
_ASCII_WORD = re.compile("[0-9A-Za-z]+")
_MAY_BE_SPACELESS = re.compile("[\u0e00-\u0eff\u1000-\u11ff\u1780-\u17ff\u1950-\u1aff\u1b00-\u1b7f\u2e80-\U0003ffff]")
_DIGRAPH = re.compile("([ao])e|(?<![aeiouyq])ue")  # as Lucene's GermanNormalizationFilter


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text, or a character of a script without spaces: characters ``start`` to ``end``, and the terms under
    which it is found; none where it is too long to be searched for.
    """

    terms: tuple[str, ...]
    start: int
    end: int


class Analysis:
    """How texts of one language become terms.

    Letters are folded (``rankladder.retrieve.folding``) and words brought to their stem. Scripts that part words by
    spaces give words; in the others every two neighbouring characters are a term, as in Lucene's CJKAnalyzer, and a
    Chinese character or Korean syllable is one besides.
    """

    def __init__(self, code: str) -> None:
        self.language = language_of(code)
        self._letters = Letters(self.language.kept, self.language.casing)
        self._stems: dict[str, str] = {}

    def analyser(self) -> TextAnalyzer:
        """Tantivy's part: words between spaces, those of more than 100 bytes dropped, brought to their stem."""
        return _analyser(self.language.stemmer, self.language.fold_stems)

    def searchable(self, text: str) -> str:
        """What the index is given for a text: its words between spaces, not yet brought to their stem.

        >>> Analysis("en").searchable("Das Café 東京都")
        'das cafe 東京 京都 東 京 都'
        """
        folded = self._folded(text)
        if not _MAY_BE_SPACELESS.search(folded):
            return folded
        return " ".join(part for word in folded.split() for part in _parts(word))

    def query_terms(self, text: str) -> dict[str, int]:
        """The terms of a query, each with its count, in the order of their first appearance.

        No sign has a meaning of its own: quotes, stars and colons only part words.

        >>> Analysis("en").query_terms('running "run" AND (text:fox*)')
        {'run': 2, 'and': 1, 'text': 1, 'fox': 1}
        """
        parts = (part for word in self._folded(text).split() for part in _asked(word))
        counts = Counter[str](self.analyser().analyze(" ".join(parts)))
        return dict(list(counts.items())[:MAX_TERMS])

    def shown_terms(self, text: str) -> frozenset[str]:
        """The terms of a query that are worth showing in a text: of characters in a row, the pairs alone."""
        parts = (part for word in self._folded(text).split() for part in _asked(word, alone=False))
        return frozenset(self.analyser().analyze(" ".join(parts)))

    def words_of(self, text: str) -> list[Word]:
        """The words of a text in order, with their places.

        >>> Analysis("en").words_of("Foxes, running!")
        [Word(terms=('fox',), start=0, end=5), Word(terms=('run',), start=7, end=14)]
        """
        if text.isascii():
            return [Word(self._terms(found[0]), found.start(), found.end()) for found in _ASCII_WORD.finditer(text)]
        text = encodable(text)  # the length stays, and so do the places
        return [word for start, end in self._runs(text) for word in self._words(text[start:end], start)]

    def _folded(self, text: str) -> str:
        folded = self._letters.fold(encodable(text))
        return _DIGRAPH.sub(lambda found: found[1] or "u", folded) if self.language.digraphs else folded

    def _runs(self, text: str) -> Iterator[tuple[int, int]]:
        """The runs of characters with no word boundary between them."""
        for joined, run in groupby(enumerate(text), key=lambda at: self._letters[ord(at[1])] != " "):
            places = [place for place, _ in run]
            if joined:
                yield places[0], places[-1] + 1

    def _words(self, run: str, start: int) -> Iterator[Word]:
        """The words of a run: one, but for characters of scripts without spaces, each of which is one."""
        if not _MAY_BE_SPACELESS.search(run):
            terms = self._terms(run)
            if terms or any(character.isalnum() for character in run):
                yield Word(terms, start, start + len(run))
            return
        for spaceless, characters in groupby(self._characters(run), key=lambda one: is_spaceless(one[2][:1])):
            group = list(characters)
            if not spaceless:
                first, last = group[0][0], group[-1][1]
                yield Word(self._terms(run[first:last]), start + first, start + last)
                continue
            units = [folded for _, _, folded in group]
            parts = [[unit] if len(units) == 1 or may_stand_alone(unit[0]) else [] for unit in units]
            for place, (left, right) in enumerate(pairwise(units)):
                parts[place].append(left + right)
                parts[place + 1].append(left + right)
            for (first, last, _), found in zip(group, parts, strict=True):
                yield Word(tuple(map(self._stem, found)), start + first, start + last)

    def _characters(self, run: str) -> list[tuple[int, int, str]]:
        """The characters of a run as a reader sees them, marks with their letters, each with its start, its end and its
        folded form. The text between characters of spaceless scripts is one; only its first sign is folded.
        """
        found: list[tuple[int, int, str]] = []
        for place, character in enumerate(run):
            folded = self._letters[ord(character)].strip()
            first, _, before = found[-1] if found else (place, place, "")
            if before and (not folded or not (is_spaceless(before[0]) or is_spaceless(folded[0]))):
                found[-1] = (first, place + 1, before)
                continue
            joined = self._folded(run[first : place + 1]).strip() if place - first < _LONGEST_CHARACTER else ""
            if before and joined and len(list(_units(joined))) == 1:
                found[-1] = (first, place + 1, joined)
            elif folded:
                found.append((place, place + 1, folded))
        return found

    def _terms(self, run: str) -> tuple[str, ...]:
        return tuple(term for word in self._folded(run).split() if (term := self._stem(word)))

    def _stem(self, word: str) -> str:
        stem = self._stems.get(word)
        if stem is None:
            if len(self._stems) > _STEMS_KEPT:
                self._stems.clear()
            self._stems[word] = stem = "".join(self.analyser().analyze(word))
        return stem


@cache
def analysis_of(code: str) -> Analysis:
    """The analysis of a language, by its code. Raises BadOption."""
    return Analysis(code)


@cache
def _analyser(stemmer: str, fold_stems: bool) -> TextAnalyzer:
    builder = TextAnalyzerBuilder(Tokenizer.whitespace()).filter(Filter.remove_long(_LONGEST + 1))
    if stemmer:
        builder = builder.filter(Filter.stemmer(stemmer))
    return (builder.filter(Filter.ascii_fold()) if fold_stems else builder).build()


def _units(word: str) -> Iterator[str]:
    """A folded word in pieces: each character of a spaceless script with its marks, and the text between them.

    >>> list(_units("git提交น้ำ"))
    ['git', '提', '交', 'น้', 'ำ']
    """
    unit = ""
    for character in word:
        same = unit and (is_mark(character) or not (is_spaceless(character) or is_spaceless(unit[0])))
        if unit and not same:
            yield unit
        unit = unit + character if same else character
    if unit:
        yield unit


def _parts(word: str) -> Iterator[str]:
    """What a document's folded word is found under: itself, or pairs of characters and those that may be alone."""
    for spaceless, pieces in groupby(_units(word), key=lambda unit: is_spaceless(unit[0])):
        units = list(pieces)
        if spaceless:
            yield from map("".join, pairwise(units))
            yield from (unit for unit in units if len(units) == 1 or may_stand_alone(unit[0]))
        else:
            yield from units


def _asked(word: str, *, alone: bool = True) -> Iterator[str]:
    """What a query's folded word is searched under: as ``_parts``, but Korean syllables alone only where an ending may
    hide a word of one syllable, and with ``alone`` False no character of a longer row by itself.
    """
    for spaceless, pieces in groupby(_units(word), key=lambda unit: is_spaceless(unit[0])):
        units = list(pieces)
        if not spaceless:
            yield from units
            continue
        yield from map("".join, pairwise(units))
        short = len(units) <= 2
        yield from (
            unit
            for unit in units
            if len(units) == 1 or (alone and may_stand_alone(unit[0]) and (short or not is_syllable(unit[0])))
        )
