"""A score depends on its pair alone: bit for bit, whatever stands beside it and whoever else asks."""

from __future__ import annotations

import multiprocessing
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from rankladder import Reranker

WORDS = "rain falls when water vapour condenses why is the sky blue git reset soft moves the branch back".split()


def some_pairs(count: int, seed: int) -> list[tuple[str, str]]:
    draw = random.Random(seed)
    return [
        (" ".join(draw.choices(WORDS, k=4)), " ".join(draw.choices(WORDS, k=draw.randint(1, 150))))
        for _ in range(count)
    ]


@pytest.fixture(scope="module", params=["ettin", "modernbert_mean", "bert"])
def folder(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module", params=["fp32", "int8"])
def reranker(request: pytest.FixtureRequest, folder: Path) -> Reranker:
    return Reranker.open(folder, dtype=request.param, threads=2)


@pytest.fixture(scope="module")
def pairs() -> list[tuple[str, str]]:
    return some_pairs(40, seed=3)


@pytest.fixture(scope="module")
def alone(reranker: Reranker, pairs: list[tuple[str, str]]) -> np.ndarray:
    return np.concatenate([reranker.predict([pair]) for pair in pairs])


def test_scores_do_not_depend_on_batch_mates(
    reranker: Reranker, pairs: list[tuple[str, str]], alone: np.ndarray
) -> None:
    assert reranker.predict(pairs).tobytes() == alone.tobytes()


def test_scores_do_not_depend_on_order(reranker: Reranker, pairs: list[tuple[str, str]], alone: np.ndarray) -> None:
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(pairs))
        assert reranker.predict([pairs[i] for i in order]).tobytes() == alone[order].tobytes()


def test_scores_do_not_depend_on_threads(
    reranker: Reranker, pairs: list[tuple[str, str]], alone: np.ndarray, folder: Path
) -> None:
    for threads in (1, 3, 8):
        other = Reranker.open(folder, dtype=reranker.dtype, threads=threads)
        assert other.predict(pairs).tobytes() == alone.tobytes()


def test_scores_do_not_depend_on_concurrent_callers(
    reranker: Reranker, pairs: list[tuple[str, str]], alone: np.ndarray
) -> None:
    with ThreadPoolExecutor(6) as pool:
        for scores in pool.map(lambda _: reranker.predict(pairs), range(12)):
            assert scores.tobytes() == alone.tobytes()


def _predict(reranker: Reranker, pairs: list[tuple[str, str]], queue: multiprocessing.SimpleQueue[bytes]) -> None:
    queue.put(reranker.predict(pairs).tobytes())


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_an_open_reranker_works_in_a_forked_process(
    reranker: Reranker, pairs: list[tuple[str, str]], alone: np.ndarray
) -> None:
    context = multiprocessing.get_context("fork")
    queue: multiprocessing.SimpleQueue[bytes] = context.SimpleQueue()
    child = context.Process(target=_predict, args=(reranker, pairs, queue))
    child.start()
    child.join(60)
    assert child.exitcode == 0
    assert queue.get() == alone.tobytes()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_while_other_threads_score_gives_a_child_that_works(
    reranker: Reranker, pairs: list[tuple[str, str]], alone: np.ndarray
) -> None:
    context = multiprocessing.get_context("fork")
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            reranker.predict(pairs[:8])

    threads = [threading.Thread(target=busy) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            queue: multiprocessing.SimpleQueue[bytes] = context.SimpleQueue()
            child = context.Process(target=_predict, args=(reranker, pairs[:4], queue))
            child.start()
            child.join(30)
            assert child.exitcode == 0
            assert queue.get() == alone[:4].tobytes()
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_many_queries_in_one_call_rank_as_one_by_one(reranker: Reranker, pairs: list[tuple[str, str]]) -> None:
    documents = [text for _, text in pairs]
    tasks = [(query, documents[: 5 + place]) for place, (query, _) in enumerate(pairs[:6])]
    together = reranker.rank_many(tasks)
    assert [[(h.index, h.score) for h in ranking] for ranking in together] == [
        [(h.index, h.score) for h in reranker.rank(*task)] for task in tasks
    ]
