"""The CPU engine: ONNX Runtime, one sequence per call, one call per core."""

from __future__ import annotations

import os
import shutil
import threading
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from rankladder.checkpoint.network import Bert, Checkpoint
from rankladder.rerank.onnx.cache import cached_graph
from rankladder.rerank.onnx.precision import Precision
from rankladder.rerank.pairs import TokenPair


class OnnxEngine:
    """Scores token sequences. No sequence is padded and none shares a call, so a score depends on nothing but its own
    tokens: it is the same to the bit in any batch, order, thread count and under concurrent callers.

    At most ``threads`` calls run at once over all callers, so concurrent callers do not oversubscribe the cores. The
    runtime starts no threads of its own, so an engine survives a fork.
    """

    name = "onnx"

    def __init__(self, checkpoint: Checkpoint, *, precision: Precision, threads: int) -> None:
        graph, kept = cached_graph(checkpoint, precision)
        if not kept:
            weakref.finalize(self, shutil.rmtree, graph.parent, ignore_errors=True)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # The graph is written with fused operators; the extended level would turn Add + LayerNormalization into
        # SkipLayerNormalization, which is several times slower on a CPU.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.enable_mem_pattern = False  # would keep one memory plan for every length ever seen
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._segmented = isinstance(checkpoint.network.encoder, Bert)
        self.threads = threads
        self._open_gate()

    def _open_gate(self) -> None:
        self._gate = threading.BoundedSemaphore(self.threads)
        self._process = os.getpid()

    def score(
        self, sequences: Sequence[TokenPair], *, done: Callable[[int], object] = lambda count: None
    ) -> NDArray[np.float32]:
        """Raw logits (N,) in the order given; ``done(1)`` is called after each sequence, from any thread."""
        if os.getpid() != self._process:
            self._open_gate()  # a fork copied the gate in whatever state it was
        logits = np.empty(len(sequences), dtype=np.float32)
        waiting = iter(sorted(range(len(sequences)), key=lambda row: -len(sequences[row].ids)))  # long ones first
        lock, stop = threading.Lock(), threading.Event()

        def work() -> None:
            while not stop.is_set():
                with lock:
                    row = next(waiting, None)
                if row is None:
                    return
                with self._gate:
                    logits[row] = self._logit(sequences[row])
                done(1)

        workers = min(self.threads, len(sequences))
        if workers <= 1:
            work()
            return logits
        with ThreadPoolExecutor(workers, thread_name_prefix="rankladder") as pool:
            try:
                for future in [pool.submit(work) for _ in range(workers)]:
                    future.result()
            finally:
                stop.set()
        return logits

    def _logit(self, sequence: TokenPair) -> np.float32:
        feed = {"ids": sequence.ids[None]}
        if self._segmented:
            feed["segments"] = sequence.segments[None]
        (logit,) = self._session.run(None, feed)
        return np.float32(logit[0])
