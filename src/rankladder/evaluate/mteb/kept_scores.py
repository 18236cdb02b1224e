"""Scores of the pairs that mteb hands over, kept as ``rankladder evaluate`` keeps its own."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rankladder.evaluate.scoring import timed_batches
from rankladder.evaluate.store import Record, ScoreStore, pair_key
from rankladder.progress import Progress
from rankladder.rerank import PairsTruncated, Reranker
from rankladder.rerank.hosted import is_hosted
from rankladder.rerank.scorer import score_blocks


@dataclass(frozen=True, slots=True)
class TextPair:
    """A query and a document: their texts, and their ids, ``""`` where mteb does not say."""

    query: str
    document: str
    query_id: str = ""
    document_id: str = ""


def kept_scores(
    reranker: Reranker, pairs: Sequence[TextPair], *, folder: Path, collection: str, progress: bool | None = None
) -> NDArray[np.float32]:
    """Raw logits (N,), one per pair, in the order given; what ``folder`` holds already is not scored again.

    Each batch is on the disk before the next begins, so an interruption loses one: 64 pairs, later as many as take
    about five seconds. A hosted service is asked for a query's documents all at once, and its scores hold for this
    list of pairs alone. Warns of pairs that were cut. Raises what the reranker raises, and as ``ScoreStore``.
    """
    hosted = is_hosted(reranker.name)
    keys = [pair_key(pair.query, pair.document) for pair in pairs]
    store = ScoreStore(
        folder,
        collection=collection,
        model=reranker.name,
        digest=reranker.digest,
        long="truncate",
        listed=hashlib.sha256("".join(keys).encode()).hexdigest() if hosted else "",
    )
    missing = [place for place in {key: place for place, key in enumerate(keys)}.values() if keys[place] not in store]
    if hosted:
        asked = {pairs[place].query for place in missing}
        missing = [place for place, pair in enumerate(pairs) if pair.query in asked]

    def same_query(one: int, following: int) -> bool:
        return hosted and pairs[one].query == pairs[following].query

    done = len(pairs) - len(missing)
    with Progress(f"{collection}: {reranker.name}", len(pairs), "pairs", done=done, wanted=progress) as bar:
        for batch in timed_batches(missing, together=same_query):
            texts = [(pairs[place].query, pairs[place].document) for place in batch]
            scored = score_blocks(reranker.scorer, [texts], long="truncate", done=bar.add)
            store.add(
                [
                    Record(
                        pairs[place].query_id,
                        pairs[place].document_id,
                        keys[place],
                        one.score,
                        one.reading is not None and one.reading.truncated,
                    )
                    for place, one in zip(batch, scored, strict=True)
                ]
            )
    if cut := sum(map(store.truncated, keys)):
        said = f"{cut:,} of {len(keys):,} pairs were longer than {reranker.max_tokens} tokens and were cut"
        warnings.warn(PairsTruncated(said), stacklevel=2)
    return np.array([store.score(key) for key in keys], dtype=np.float32)
