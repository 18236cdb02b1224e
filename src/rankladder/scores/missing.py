"""Scoring what is not kept yet, in batches that are kept before the next begins."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Hashable, Sequence
from contextlib import closing

from rankladder.scores.kept import KeptScore, KeptScores

ScorePlaces = Callable[[Sequence[int]], Generator[tuple[Sequence[int], Sequence[KeptScore]]]]
"""Scores pairs, given by their places: all at once, or some of them at a time as they come."""
FIRST_BATCH = 4
LARGEST_BATCH = 2048
BATCH_S = 5.0
_GROWTH = 4


def missing_places(keys: Sequence[bytes], kept: KeptScores, *, lists: Sequence[Hashable] | None = None) -> list[int]:
    """The places of the pairs (``pair_key``) that are not kept, each pair once.

    ``lists`` names the list that each pair belongs to, for a service, which is paid by the request and may look at the
    whole list: it is asked for all pairs of a list, or for none of them.
    """
    first = {key: place for place, key in reversed(list(enumerate(keys)))}
    found = kept.get(list(first))
    missing = sorted(place for place, score in zip(first.values(), found, strict=True) if score is None)
    if lists is None:
        return missing
    asked = {lists[place] for place in missing}
    return [place for place, one in enumerate(lists) if one in asked]


def score_missing(
    places: Sequence[int],
    keys: Sequence[bytes],
    kept: KeptScores,
    score: ScorePlaces,
    *,
    lists: Sequence[Hashable] | None = None,
    at_once: bool = False,
    done: Callable[[int], object] = lambda count: None,
) -> None:
    """Scores the pairs at some places (``missing_places``) and keeps them, in batches.

    A batch is 4 pairs at first, then as many as take about five seconds: that is what an interruption loses. It is kept
    before the next begins, and what ``score`` gives before the end of a batch is kept at once.

    Args:
        places: Which pairs.
        keys: All pairs.
        kept: Where the scores go.
        score: Scores the pairs at some places.
        lists: As for ``missing_places``: a list is never in two batches.
        at_once: No batches: ``score`` gives scores as they come, by itself.
        done: Called with the number of newly scored pairs, after each step.

    Raises what ``score`` raises, and StorageFailed.
    """
    size, start = len(places) if at_once else FIRST_BATCH, 0
    while start < len(places):
        end = min(start + size, len(places))
        while lists is not None and end < len(places) and lists[places[end - 1]] == lists[places[end]]:
            end += 1
        began = time.perf_counter()
        with closing(score(places[start:end])) as coming:
            for scored, scores in coming:
                kept.put([keys[place] for place in scored], scores)
                done(len(scored))
        size, start = next_size(end - start, time.perf_counter() - began), end


def next_size(size: int, seconds: float) -> int:
    """How many pairs to score next, after so many took so long: what takes about five seconds, at most four times as
    many.

    >>> next_size(64, 2.5), next_size(64, 0.5), next_size(64, 60.0), next_size(2048, 0.1)
    (128, 256, 5, 2048)
    """
    return max(1, min(int(size * BATCH_S / max(seconds, 1e-9)), _GROWTH * size, LARGEST_BATCH))
