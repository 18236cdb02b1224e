"""The part of a text that shows why it was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rankladder.arguments import checked
from rankladder.errors import BadOption
from rankladder.retrieve.analysis import Word, query_terms, words_of


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
    text: str, query_text: str, *, words: int = 30, start: int | None = None, end: int | None = None
) -> Snippet:
    """The window of ``words`` words that holds the most distinct terms of the query, then the most matches.

    The first such window wins, its matches in its middle; the head of the text where nothing matches. ``start`` and
    ``end`` (characters) keep the window inside a passage. White space is collapsed to single spaces. Raises BadOption
    for ``words`` below 1 or a range outside the text.

    >>> snippet("The sky is grey. Why is the sea blue? It reflects the sky.", "blue sea", words=6)
    Snippet(text='is the sea blue? It reflects', spans=((7, 10), (11, 15)), start=21, end=49)
    """
    if words < 1:
        raise BadOption(f"words must be at least 1, got {words}")
    first, last = 0 if start is None else start, len(text) if end is None else end
    if not 0 <= first <= last <= len(text):
        raise BadOption(f"start and end must lie in the text of {len(text)} characters, got {first} and {last}")
    part = text[first:last]
    found = words_of(part)
    if not found:
        head = part[: words * 12]
        return Snippet(" ".join(head.split()), (), first, first + len(head))
    wanted = query_terms(query_text).keys() - {""}
    hits = [word.term in wanted for word in found]
    begin = _best_window(found, hits, words)
    stop = min(begin + words, len(found))
    left = found[begin].start if begin else 0
    right = found[stop].start if stop < len(found) else len(part)
    window, matched = part[left:right], [(w.start, w.end) for w, hit in zip(found, hits, strict=True) if hit]
    inside = [(a - left, b - left) for a, b in matched if left <= a and b <= right]
    return _on_one_line(window, inside, first + left)


def _best_window(found: Sequence[Word], hits: Sequence[bool], words: int) -> int:
    """Where the best window begins; it is moved back so that its matches stand in its middle."""
    inside: Counter[str] = Counter()
    best, best_at, matches = (0, 0), 0, 0
    for place, word in enumerate(found):
        if hits[place]:
            inside[word.term] += 1
            matches += 1
        gone = place - words
        if gone >= 0 and hits[gone]:
            matches -= 1
            inside[found[gone].term] -= 1
            if not inside[found[gone].term]:
                del inside[found[gone].term]
        if (len(inside), matches) > best:
            best, best_at = (len(inside), matches), max(0, gone + 1)
    if best == (0, 0):
        return 0
    matched = [place for place in range(best_at, min(best_at + words, len(found))) if hits[place]]
    spare = words - (matched[-1] - matched[0] + 1)
    return max(0, min(matched[0] - spare // 2, len(found) - words))


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
