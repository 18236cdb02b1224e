"""Scoring ahead: pairs that a teacher has not scored yet, scored in several processes or on a Ray cluster.

Only this process writes the cache, a batch at a time as it comes back, under the pair's own key: a batch that is done
twice, because a worker was lost, is one row still, and one that is lost is asked for again.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain, islice
from typing import Any

from rankladder.distill.label.teachers import Teacher, checked, open_teacher
from rankladder.distill.stage import Made
from rankladder.errors import BadOption, RankladderError, Unavailable, WorkerFailed
from rankladder.rerank.engine import need
from rankladder.scores import KeptScore, KeptScores, missing_places, pair_key

Pair = tuple[str, str]
Scored = tuple[str, Sequence[float]]
"""The digest of the teacher that a worker has, and its scores."""
BATCH_CHARACTERS = 200_000
"""Characters in a batch: about 50,000 tokens. A worker that is lost costs this much."""
BATCH_PAIRS = 1024
WAVE = 256
"""Batches that a Ray cluster holds at a time, for each GPU where it has any: what the driver keeps in memory, and how
much is scored between two loads of a teacher on a GPU.
"""


def plan_batches(pairs: Iterable[Pair]) -> Iterator[list[Pair]]:
    """The pairs in batches of at most ``BATCH_PAIRS`` and ``BATCH_CHARACTERS``, or of one that is longer.

    >>> [len(batch) for batch in plan_batches([("q", "d" * 150_000)] * 2 + [("q", "d")] * 2)]
    [1, 3]
    """
    batch: list[Pair] = []
    characters = 0
    for pair in pairs:
        size = len(pair[0]) + len(pair[1])
        if batch and (len(batch) == BATCH_PAIRS or characters + size > BATCH_CHARACTERS):
            yield batch
            batch, characters = [], 0
        batch.append(pair)
        characters += size
    if batch:
        yield batch


def score_ahead(
    name: str,
    mined: Made,
    kept: KeptScores,
    *,
    digest: str,
    processes: int,
    ray: str | None,
    each: Callable[[int], object],
) -> None:
    """Scores what is not kept of a teacher, in several processes or on the Ray cluster at the address.

    ``each`` is called with scored pairs. Raises what the teacher raises; BadOption where a worker's teacher has
    another digest; Unavailable for a cluster that cannot be reached; WorkerFailed where a worker process was killed.
    """
    batches = plan_batches(chain.from_iterable(missing_pairs(mined, kept)))
    scored = _with_ray(name, batches, ray) if ray is not None else _with_processes(name, batches, processes)
    for pairs, (theirs, scores) in scored:
        if theirs != digest:
            raise BadOption(
                f"teacher {name}: the scores of a worker differ from the others: it has another device, number format "
                "or version of rankladder",
                hint=f"install one version everywhere and fix the options: {name},engine=…,device=…,dtype=…",
            )
        kept.put([pair_key(*pair) for pair in pairs], list(map(KeptScore, scores)))
        each(len(pairs))


def missing_pairs(mined: Made, kept: KeptScores) -> Iterator[list[Pair]]:
    """The pairs of each part that have no score, each once."""
    asked: set[bytes] = set()
    for table in mined.tables():
        rows = list(zip(table["query"].to_pylist(), table["document"].to_pylist(), strict=True))
        keys = [pair_key(*pair) for pair in rows]
        new = [place for place in missing_places(keys, kept) if keys[place] not in asked]
        asked.update(keys[place] for place in new)
        yield [rows[place] for place in new]


def _with_processes(name: str, batches: Iterator[list[Pair]], processes: int) -> Iterator[tuple[list[Pair], Scored]]:
    """Batches in order, two for each process under way."""
    context = multiprocessing.get_context("spawn")
    shares = context.Queue()
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    for place in range(processes):
        shares.put(cores[place::processes])
    with ProcessPoolExecutor(processes, context, initializer=_take_share, initargs=(shares,)) as pool:
        under_way = []
        try:
            for batch in batches:
                under_way.append((batch, pool.submit(score_pairs, name, batch)))
                if len(under_way) >= 2 * processes:
                    first, scores = under_way.pop(0)
                    yield first, scores.result()
            for first, scores in under_way:
                yield first, scores.result()
        except BrokenProcessPool as error:
            raise WorkerFailed(
                f"teacher {name}: a worker process was killed, perhaps because memory ran out",
                hint="use fewer --processes; the same command resumes with the pairs that are left",
            ) from error


def _take_share(shares: Any) -> None:
    """Gives this worker its own part of the cores, where there are enough: each would else start a thread for all."""
    if cores := shares.get():
        os.sched_setaffinity(0, cores)


def _with_ray(name: str, batches: Iterator[list[Pair]], address: str) -> Iterator[tuple[list[Pair], Scored]]:
    """Batches as Ray Data hands them back, a wave at a time; a task whose worker was lost is run again by Ray."""
    with _cluster(address) as gpus:
        while wave := list(islice(batches, WAVE * max(1, gpus))):
            yield from _wave(name, wave, gpus)


def cluster_digest(name: str, address: str) -> str:
    """The digest that a teacher has on a worker of the Ray cluster, with a GPU where there are any."""
    with _cluster(address) as gpus:
        ((_, (digest, _)),) = _wave(name, [[]], gpus)
    return digest


@contextmanager
def _cluster(address: str) -> Iterator[int]:
    """The Ray cluster at an address: how many GPUs it has. Raises Unavailable where it cannot be reached."""
    need("ray", extra="ray")
    import ray

    try:
        ray.init(address=address, ignore_reinit_error=True, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:  # ConnectionError, RuntimeError, ValueError, TimeoutError: what it meets below
        raise Unavailable(
            f"no Ray cluster at {address}: {str(error).strip().partition(chr(10))[0]}",
            hint="ray start --head starts one; its address is HOST:6379, or auto on a machine of the cluster",
        ) from error
    try:
        yield int(ray.cluster_resources().get("GPU", 0))  # type: ignore[no-untyped-call]
    finally:
        ray.shutdown()


def _wave(name: str, wave: list[list[Pair]], gpus: int) -> Iterator[tuple[list[Pair], Scored]]:
    """A wave's batches as they are scored: by tasks, or, where there are GPUs, by actors that hold one each.

    Ray ends the process of a task on a GPU after one call, and with it the teacher; an actor's lives for the wave.
    """
    import ray.data

    ray.data.DataContext.get_current().enable_progress_bars = False
    rows: Any = ray.data.from_items([{"pairs": _packed(batch)} for batch in wave], override_num_blocks=len(wave))
    if gpus:
        pool = ray.data.ActorPoolStrategy(min_size=1, max_size=gpus)
        scored = rows.map(_Scorer, fn_constructor_args=(name,), compute=pool, num_gpus=1)
    else:
        scored = rows.map(_scored_row, fn_args=(name,))
    try:
        for row in scored.iter_rows():
            yield _unpacked(row["pairs"]), (row["digest"], row["scores"])
    except ray.exceptions.RayError as error:
        cause: BaseException | None = error
        while cause is not None:
            cause = getattr(cause, "cause", None) or cause.__cause__
            if isinstance(cause, RankladderError):
                raise cause from None
        raise Unavailable(
            f"teacher {name}: Ray gave up: {str(error).strip().partition(chr(10))[0]}",
            hint="the same command resumes with the pairs that are left",
        ) from error


def _scored_row(row: dict[str, Any], name: str) -> dict[str, Any]:
    digest, scores = score_pairs(name, _unpacked(row["pairs"]))
    return {"pairs": row["pairs"], "digest": digest, "scores": scores}


class _Scorer:
    """A row's scores by a teacher that is opened with the first and stays in the actor's process."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        return _scored_row(row, self.name)


def _packed(batch: list[Pair]) -> str:
    import msgspec

    return msgspec.json.encode(batch).decode()


def _unpacked(text: str) -> list[Pair]:
    import msgspec

    return msgspec.json.decode(text, type=list[tuple[str, str]])


def score_pairs(name: str, pairs: list[Pair]) -> Scored:
    """A teacher's digest and its scores of pairs, in a worker. Raises BadInput for one that is not finite."""
    teacher = _teacher(name)
    rows = {"query": [query for query, _ in pairs], "document": [document for _, document in pairs]}
    scores = checked(teacher.score(rows), rows, name) if pairs else ()
    return teacher.digest, [float(score) for score in scores]


@lru_cache(maxsize=1)
def _teacher(name: str) -> Teacher:
    """The teacher of this process."""
    return open_teacher(name)
