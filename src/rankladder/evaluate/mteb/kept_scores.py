"""Scores of the pairs that mteb hands over, kept as ``rankladder evaluate`` keeps its own."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Generator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rankladder.evaluate.scoring import scores_of
from rankladder.progress import Progress
from rankladder.rerank import PairsTruncated, Reranker
from rankladder.rerank.blocks import score_blocks
from rankladder.scores import KeptScore, missing_places, pair_key, score_missing


def kept_scores(
    reranker: Reranker, pairs: Sequence[tuple[str, str]], *, folder: Path, collection: str, progress: bool | None = None
) -> NDArray[np.float32]:
    """Raw logits (N,), one per pair (query, document), in the order given; what ``folder`` holds is not scored again.

    Each batch is on the disk before the next begins (``score_missing``). A hosted service is asked for a query's
    documents all at once, and its scores hold for this list of pairs alone. Warns of pairs that were cut. Raises what
    the reranker raises, and as ``KeptScores``.
    """
    hosted = reranker.facts.hosted
    keys = [pair_key(*pair) for pair in pairs]
    lists = [query for query, _ in pairs] if hosted else None
    listed = hashlib.sha256(b"".join(keys)).hexdigest() if hosted else ""
    with scores_of(reranker, folder, collection, long="truncate", listed=listed) as kept:
        missing = missing_places(keys, kept, lists=lists)
        done = len(pairs) - len(missing)
        with Progress(f"{collection}: {reranker.name}", len(pairs), "pairs", done=done, wanted=progress) as bar:

            def score(places: Sequence[int]) -> Generator[tuple[Sequence[int], list[KeptScore]]]:
                scored = score_blocks(
                    reranker.scorer, [[pairs[place] for place in places]], long="truncate", done=bar.add
                )
                yield (
                    places,
                    [KeptScore(one.score, one.reading is not None and one.reading.truncated) for one in scored],
                )

            score_missing(missing, keys, kept, score, lists=lists)
        found = kept.all(keys)
    if cut := sum(one.truncated for one in found):
        message = f"{cut:,} of {len(keys):,} pairs were longer than {reranker.max_tokens} tokens and were cut"
        warnings.warn(PairsTruncated(message), stacklevel=2)
    return np.array([one.score for one in found], dtype=np.float32)
