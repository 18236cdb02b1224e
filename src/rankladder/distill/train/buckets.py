"""Batches of like length: less padding, with the same number of pairs in every step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

STEPS_SORTED_TOGETHER = 32
"""Steps whose pairs are sorted by length together: enough to fill batches evenly, few enough to keep them random."""
_BLOCK = 10_000


def ordered(lengths: NDArray[np.integer[Any]], *, step: int, run: int, seed: int) -> NDArray[np.int64]:
    """Places of all pairs (N,) in the order in which they are trained on.

    Every ``step`` places are one optimiser step, whatever the number of processes or of passes that it is divided
    into; each ``run`` places in it have like lengths. Steps come in random order; which pairs share a step is random
    too, within blocks of ``STEPS_SORTED_TOGETHER`` steps. The last, smaller step keeps its place at the end.
    """
    chance = np.random.default_rng(seed)
    places = chance.permutation(len(lengths))
    whole = len(places) // step * step
    steps: list[NDArray[np.int64]] = []
    for start in range(0, whole, step * STEPS_SORTED_TOGETHER):
        block = places[start : min(whole, start + step * STEPS_SORTED_TOGETHER)]
        runs = block[np.argsort(lengths[block], kind="stable")].reshape(-1, run if step % run == 0 else step)
        runs = runs[chance.permutation(len(runs))]  # so that a step has runs of all lengths
        steps += list(runs.reshape(-1, step))
    tail = places[whole:]
    parts = [steps[place] for place in chance.permutation(len(steps))]
    return np.concatenate([*parts, tail[np.argsort(lengths[tail], kind="stable")]]).astype(np.int64)


def bucket_sampler(
    rows: Any, *, batch: int, step: int, run: int, whole: bool, seed: int, epoch: Callable[[], int] = lambda: 0
) -> Any:
    """A batch sampler over the places of a data set of queries and documents, in ``ordered``'s order, anew each epoch.

    Args:
        rows: A data set with ``query`` and ``document`` columns.
        batch: Places a pass.
        step: Places an optimiser step, a multiple of ``batch`` in training.
        run: Places of like length; the order depends on it and not on ``batch``, which differs with the processes.
        whole: Whether the last step is filled up with places of the first. A smaller one would weigh its pairs more,
            and be another one for each number of processes that shares it.
        seed: Of the order; the epoch is added.
        epoch: Is asked at the start of each pass. What the trainer tells its samplers is lost where several processes
            go on inside an epoch: they are wrapped twice then.
    """
    from sentence_transformers.base.sampler import DefaultBatchSampler

    lengths = row_lengths(rows)
    count = math.ceil(len(lengths) / step) * step if whole else len(lengths)

    class Buckets(DefaultBatchSampler):
        def __iter__(self) -> Iterator[list[int]]:
            order = np.resize(ordered(lengths, step=step, run=run, seed=seed + epoch()), count)  # it begins anew
            for start in range(0, count, batch):
                yield order[start : start + batch].tolist()

        def __len__(self) -> int:
            return math.ceil(count / batch)

    return Buckets(rows, batch_size=batch, drop_last=False)


def row_lengths(rows: Any) -> NDArray[np.int32]:
    """Characters of each row's texts (N,), with the longest candidate's where there are several."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = [np.zeros(0, dtype=np.int32)]
    for block in rows.select_columns(["query", "document"]).with_format("arrow").iter(_BLOCK):
        queries, documents = block["query"], block["document"].combine_chunks()
        if pa.types.is_string(documents.type):
            longest = pc.utf8_length(documents).to_numpy()
        else:
            counts = pc.list_value_length(documents).to_numpy()
            lengths = pc.utf8_length(pc.list_flatten(documents)).to_numpy()
            longest = np.maximum.reduceat(lengths, np.cumsum(counts) - counts)
        found.append((pc.utf8_length(queries).to_numpy() + longest).astype(np.int32))
    return np.concatenate(found)
