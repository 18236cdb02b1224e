"""The CPU engine: ONNX Runtime, one sequence per call, one call per core."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from rankladder.checkpoint.network import Bert, Checkpoint
from rankladder.rerank.engine import Stop, collected
from rankladder.rerank.onnx.cache import cached_graph
from rankladder.rerank.onnx.precision import Precision
from rankladder.rerank.onnx.runtime import onnxruntime
from rankladder.rerank.pairs import TokenPair, check_sequences
from rankladder.temporary import remove_temporary

LONG = 1024
"""Tokens beyond which a sequence's working memory is given back, where one long document would keep it for good: 19 MB
after 3,000 tokens with the tests' tiny network (4 layers, width 64).
"""


class _Gate:
    """Lets so many in at once. Callers queue for a permit, so a thread that releases a permit and asks again cannot
    starve the others.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._free = threading.BoundedSemaphore(places)
        self._turnstile = threading.Lock()

    def __enter__(self) -> None:
        with self._turnstile:
            self._free.acquire()

    def __exit__(self, *_: object) -> None:
        self._free.release()

    def close(self) -> None:
        """Lets nobody in any more, and waits until all are out."""
        self._turnstile.acquire()
        for _ in range(self._places):
            self._free.acquire()

    def open(self) -> None:
        """Ends what ``close`` began."""
        self._free.release(self._places)
        self._turnstile.release()


class _Forks:
    """Makes a fork wait until no call is under way: its child would inherit the runtime's locks as they are, held."""

    def __init__(self) -> None:
        self.engines: weakref.WeakSet[OnnxEngine] = weakref.WeakSet()
        self._one_at_a_time = threading.Lock()
        self._paused: list[OnnxEngine] = []
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=self._pause, after_in_parent=self._resume, after_in_child=self._begin_anew)

    def _pause(self) -> None:
        self._one_at_a_time.acquire()
        self._paused = list(self.engines)
        for engine in self._paused:
            engine.gate.close()

    def _resume(self) -> None:
        for engine in self._paused:
            engine.gate.open()
        self._paused = []
        self._one_at_a_time.release()

    def _begin_anew(self) -> None:
        # Not released but replaced: threads that do not exist in the child may have held the locks inside.
        for engine in self._paused:
            engine.gate = _Gate(engine.threads)
        self._paused = []
        self._one_at_a_time = threading.Lock()


_FORKS = _Forks()


class OnnxEngine:
    """Scores token sequences. No sequence is padded and none shares a call, so a score depends on nothing but its own
    tokens: it is the same to the bit in any batch, order, thread count and under concurrent callers.

    At most ``threads`` calls run at once over all callers of this engine, so they do not oversubscribe the cores, and
    they take turns: a short call does not wait for the end of a long one. Engines do not know of each other: two that
    are called at once run twice as many threads, so divide the cores between them. The runtime starts no threads of its
    own, and a fork waits until no call is under way, so the child's engine works.
    """

    name = about = "onnx"
    device = "cpu"
    reads_ahead = False
    token_budget: int | None = None

    def __init__(self, checkpoint: Checkpoint, *, precision: Precision, threads: int) -> None:
        graph, kept = cached_graph(checkpoint, precision)
        if not kept:
            weakref.finalize(self, remove_temporary, graph.parent)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # The graph is written with fused operators; the extended level would turn Add + LayerNormalization into
        # SkipLayerNormalization, which is several times slower on a CPU.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.enable_mem_pattern = False  # would keep one memory plan for every length ever seen
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        encoder = checkpoint.network.encoder
        self._segmented = isinstance(encoder, Bert)
        self._longest, self._vocabulary = encoder.positions, encoder.vocabulary
        self.threads = threads
        self.gate = _Gate(threads)
        self._giving_back = onnxruntime.RunOptions()
        self._giving_back.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        _FORKS.engines.add(self)

    def score(
        self, sequences: Sequence[TokenPair], *, done: Callable[[int], object] = lambda count: None
    ) -> NDArray[np.float32]:
        """Raw logits (N,) in the order given; ``done(1)`` is called after each sequence. Raises as ``stream``."""
        return collected(self.stream(sequences), len(sequences), done=done)

    def stream(
        self, sequences: Sequence[TokenPair], *, stop: Stop | None = None
    ) -> Generator[tuple[int, float], None, None]:
        """The place of each sequence with its raw logit, as they are computed, long sequences first.

        Once ``stop`` is set, or the generator is closed, each thread ends after the sequence that it computes.

        Raises BadInput as ``check_sequences``, before anything is computed.
        """
        check_sequences(sequences, longest=self._longest, vocabulary=self._vocabulary)
        order = sorted(range(len(sequences)), key=lambda row: -len(sequences[row].ids))
        workers = min(self.threads, len(sequences))
        if workers > 1:
            yield from self._stream_from_threads(sequences, order, workers, stop)
            return
        for row in order:
            if stop is not None and stop.is_set():
                return
            with self.gate:
                logit = self._logit(sequences[row])
            yield row, logit

    def _stream_from_threads(
        self, sequences: Sequence[TokenPair], order: Sequence[int], workers: int, stop: Stop | None
    ) -> Generator[tuple[int, float], None, None]:
        waiting, lock, ended = iter(order), threading.Lock(), threading.Event()
        found: SimpleQueue[tuple[int, float] | None] = SimpleQueue()

        def work() -> None:
            try:
                while not ended.is_set() and not (stop is not None and stop.is_set()):
                    with lock:
                        row = next(waiting, None)
                    if row is None:
                        return
                    with self.gate:
                        logit = self._logit(sequences[row])
                    found.put((row, logit))
            except BaseException:
                ended.set()  # the other threads need not go on
                raise
            finally:
                found.put(None)

        with ThreadPoolExecutor(workers, thread_name_prefix="rankladder") as pool:
            threads = [pool.submit(work) for _ in range(workers)]
            try:
                running = workers
                while running:
                    scored = found.get()
                    if scored is None:
                        running -= 1
                    else:
                        yield scored
            finally:
                ended.set()
        for thread in threads:
            thread.result()

    def _logit(self, sequence: TokenPair) -> float:
        feed = {"ids": sequence.ids[None]}
        if self._segmented:
            feed["segments"] = sequence.segments[None]
        (logit,) = self._session.run(None, feed, self._giving_back if len(sequence.ids) > LONG else None)
        return float(logit[0])
