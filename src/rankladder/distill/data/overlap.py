"""Whether a judged set asks what the student was trained on: then its figure says nothing about new queries."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rankladder.distill.data.corpus import text_digest
from rankladder.distill.recipe.tables import NANO_BEIR, Recipe
from rankladder.errors import BadInput
from rankladder.evaluate import Dataset, read_dataset
from rankladder.values import Query

_NEAR = 0.8
_NAMED = 3
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Overlap:
    """A judged query that is a training query too."""

    dataset: str
    query: str
    """Its id."""
    text: str
    trained_on: str
    kind: Literal["exact", "near"]


def find_overlaps(trained_on: Iterable[str], datasets: Sequence[Dataset]) -> list[Overlap]:
    """The judged queries that are training queries too, in text (case and white space aside) or nearly in words.

    Near: the sets of words overlap by 0.8 or more (Jaccard). Only the judged queries are held in memory,
    however many are trained on.
    """
    judged: dict[str, list[tuple[Dataset, Query]]] = {}
    for dataset in datasets:
        for query in dataset.queries.values():
            judged.setdefault(text_digest(query.text), []).append((dataset, query))
    near = _Alike({digest: asked[0][1].text for digest, asked in judged.items()})
    found: dict[str, tuple[str, Literal["exact", "near"]]] = {}
    if judged:
        for text in trained_on:
            digest = text_digest(text)
            if digest in judged:
                found[digest] = (text, "exact")
            for key in near.matches(text):
                found.setdefault(key, (text, "near"))
    return [
        Overlap(dataset.name, query.id, query.text, *found[digest])
        for digest, asked in judged.items()
        if digest in found
        for dataset, query in asked
    ]


class _Alike:
    """Texts by key; finds exactly those whose words overlap another text's enough.

    Sets that overlap so much share one of their few rarest words, so only texts that do are compared.
    Source: prefix filtering, Chaudhuri, Ganti and Kaushik, ICDE 2006.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._words = {key: _words(text) for key, text in texts.items()}
        self._common = Counter(word for words in self._words.values() for word in words)
        self._having: dict[str, list[str]] = {}
        for key, words in self._words.items():
            for word in self._rarest(words):
                self._having.setdefault(word, []).append(key)

    def matches(self, text: str) -> list[str]:
        """The keys of the texts that are alike."""
        own = _words(text)
        near = {key: None for word in self._rarest(own) for key in self._having.get(word, ())}
        return [key for key in near if len(own & self._words[key]) >= _NEAR * len(own | self._words[key])]

    def _rarest(self, words: frozenset[str]) -> list[str]:
        ordered = sorted(words, key=lambda word: (self._common[word], word))
        return ordered[: len(ordered) - math.ceil(_NEAR * len(ordered)) + 1]


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.lower()))


def check_overlaps(
    trained_on: Iterable[str], datasets: Sequence[Dataset], *, allowed: bool, say: Callable[[str], object]
) -> list[Overlap]:
    """The overlaps, said where they are allowed. Raises BadInput, naming the first, where they are not."""
    found = find_overlaps(trained_on, datasets)
    for dataset in datasets:
        here = [one for one in found if one.dataset == dataset.name]
        if not here:
            continue
        shown = "; ".join(f"{one.query} {one.text!r:.60} ({one.kind})" for one in here[:_NAMED])
        message = f"{dataset.name}: {len(here):,} of {len(dataset.queries):,} judged queries are trained on: {shown}"
        if not allowed:
            raise BadInput(
                message, hint='leave them out of the training data, or write evaluate.overlap = "allow": figures say so'
            )
        say(message)
    return found


def overlaps_of(recipe: Recipe, trained_on: Iterable[str], *, say: Callable[[str], object]) -> list[Overlap]:
    """The overlaps of a recipe's judged sets with what is trained on, as ``check_overlaps`` has them.

    Raises what reading the sets raises, and BadInput where the recipe does not allow overlaps.
    """
    paths = dict.fromkeys((*recipe.evaluate.sets, *recipe.evaluate.during))
    judged = [read_dataset(path) for path in paths if path != NANO_BEIR]  # whose figure is never shown as the student's
    return check_overlaps(trained_on, judged, allowed=recipe.evaluate.overlap == "allow", say=say)
