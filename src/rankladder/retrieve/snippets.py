"""The part of a text that shows why it was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rankladder.arguments import checked
from rankladder.errors import BadOption
from rankladder.retrieve.analysis import Word, analysis_of
from rankladder.retrieve.languages import DEFAULT
from rankladder.retrieve.stopwords import content_words


@dataclass(frozen=True, slots=True)
class Snippet:
    """A window of a text on one line.

    ``spans`` are the (start, end) characters of ``text`` that match the query; ``start`` and ``end`` say where the
    window lies in the text that it was taken from.
    """

    text: str
    spans: tuple[tuple[int, int], ...]
    start: int
    end: int


@checked
def snippet(
    text: str,
    query_text: str,
    *,
    words: int = 30,
    start: int | None = None,
    end: int | None = None,
    language: str = DEFAULT,
) -> Snippet:
    """The window of ``words`` words that holds the most distinct terms of the query, then the most matches.

    English stop words of the query (``the``, ``how``) do not count, unless it has no others. The first such window
    wins, its matches in its middle; the head of the text where nothing matches. In a script without spaces each
    character is a word. ``start`` and ``end`` (characters) keep the window inside a passage; ``language`` is that of
    the index. White space is collapsed to single spaces. Raises BadOption for ``words`` below 1, a range outside the
    text, or a language that is not known.

    >>> snippet("The sky is grey. Why is the sea blue? It reflects the sky.", "blue sea", words=6)
    Snippet(text='is the sea blue? It reflects', spans=((7, 10), (11, 15)), start=21, end=49)
    """
    if words < 1:
        raise BadOption(f"words must be at least 1, got {words}")
    first, last = 0 if start is None else start, len(text) if end is None else end
    if not 0 <= first <= last <= len(text):
        raise BadOption(f"start and end must lie in the text of {len(text)} characters, got {first} and {last}")
    part = text[first:last]
    analysis = analysis_of(language)
    found = analysis.words_of(part)
    if not found:
        head = part[: words * 12]
        return Snippet(" ".join(head.split()), (), first, first + len(head))
    asked = content_words(query_text) if language == DEFAULT else query_text
    hits = _hits(found, analysis.shown_terms(asked)) or _hits(found, frozenset(analysis.query_terms(asked)))
    hits = hits or [()] * len(found)
    begin = _best_window(hits, words)
    stop = min(begin + words, len(found))
    left = found[begin].start if begin else 0
    right = found[stop].start if stop < len(found) else len(part)
    matched = [(word.start, word.end) for word, hit in zip(found, hits, strict=True) if hit]
    inside = [(a - left, b - left) for a, b in _joined(matched) if left <= a and b <= right]
    return _on_one_line(part[left:right], inside, first + left)


def _hits(found: Sequence[Word], wanted: frozenset[str]) -> list[tuple[str, ...]]:
    """The terms of each word that are wanted; none at all where no word has one."""
    hits = [tuple(term for term in word.terms if term in wanted) for word in found]
    return hits if any(hits) else []


def _joined(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans with those that touch made one, as in a script without spaces."""
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and start == joined[-1][1]:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _best_window(hits: Sequence[tuple[str, ...]], words: int) -> int:
    """Where the best window begins; it is moved back so that its matches are in its middle."""
    inside: Counter[str] = Counter()
    best, best_at, matches = (0, 0), 0, 0
    for place, hit in enumerate(hits):
        inside.update(hit)
        matches += bool(hit)
        gone = place - words
        if gone >= 0 and hits[gone]:
            matches -= 1
            inside -= Counter(hits[gone])
        if (len(inside), matches) > best:
            best, best_at = (len(inside), matches), max(0, gone + 1)
    if best == (0, 0):
        return 0
    matched = [place for place in range(best_at, min(best_at + words, len(hits))) if hits[place]]
    spare = words - (matched[-1] - matched[0] + 1)
    return max(0, min(matched[0] - spare // 2, len(hits) - words))


def _on_one_line(window: str, spans: Sequence[tuple[int, int]], offset: int) -> Snippet:
    """The snippet of a window: white space collapsed, the spans moved along."""
    lead = len(window) - len(window.lstrip())
    kept = window.strip()
    pieces: list[str] = []
    places: list[int] = []  # the place of every character of the window in the snippet
    length = 0
    for sign in kept:
        places.append(length)
        if sign.isspace():
            if pieces[-1] == " ":
                places[-1] = length - 1
                continue
            sign = " "  # noqa: PLW2901
        pieces.append(sign)
        length += 1
    places.append(length)
    moved = tuple((places[a - lead], places[b - lead - 1] + 1) for a, b in spans)
    return Snippet("".join(pieces), moved, offset + lead, offset + lead + len(kept))
