"""How text becomes terms: one analyser for documents, queries and snippets."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

from rankladder.surrogates import encodable

ANALYSER = "english-1"
"""Its name in an index; a change of the steps below changes the name, and so rebuilds every index."""

MAX_TERMS = 1_024
"""Distinct terms of a query that are searched for: the first ones."""

_LONGEST = 100  # bytes; longer words (base64, hashes) are not indexed


@cache
def analyser() -> TextAnalyzer:
    """Words of letters and digits, lower case, stemmed as English: ``en_stem``, but for words of 40 to 100 bytes.

    A language without spaces (Chinese, Japanese, Thai) is not cut into words: whole runs of letters match, or nothing.
    """
    return (
        TextAnalyzerBuilder(Tokenizer.simple())
        .filter(Filter.remove_long(_LONGEST + 1))
        .filter(Filter.lowercase())
        .filter(Filter.stemmer("english"))
        .build()
    )


@cache
def _splitter() -> TextAnalyzer:
    return TextAnalyzerBuilder(Tokenizer.simple()).build()


def query_terms(text: str) -> dict[str, int]:
    """The terms of a query, each with how often it stands there, in the order of their first appearance.

    No sign has a meaning of its own: quotes, stars and colons only part words.

    >>> query_terms('running "run" AND (text:fox*)')
    {'run': 2, 'and': 1, 'text': 1, 'fox': 1}
    """
    counts = Counter[str](analyser().analyze(encodable(text)))
    return dict(list(counts.items())[:MAX_TERMS])


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text: characters ``start`` to ``end``, and its term, ``""`` where it has none (too long)."""

    term: str
    start: int
    end: int


def words_of(text: str) -> list[Word]:
    """The words of a text in order, with their places.

    >>> words_of("Foxes, running!")
    [Word(term='fox', start=0, end=5), Word(term='run', start=7, end=14)]
    """
    terms: dict[str, str] = {}
    words: list[Word] = []
    place = 0
    text = encodable(text)  # tantivy takes UTF-8; the length stays, and so do the places
    for word in _splitter().analyze(text):
        place = text.index(word, place)  # between two words stand no letters, so the first find is the word itself
        if word not in terms:
            terms[word] = "".join(analyser().analyze(word))
        words.append(Word(terms[word], place, place + len(word)))
        place += len(word)
    return words
