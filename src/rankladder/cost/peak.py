"""How many operations a second this machine reaches in plain matrix products: what a model's speed is held against."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from rankladder.rerank.engine import precision_of
from rankladder.temporary import temporary_folder

PROBE_S = 0.3
"""Seconds that each size is multiplied for."""

_ROWS = 256
"""Rows of a product on the CPU: a sequence or two, as the engines have them."""

_GPU_SIZE = 8192
"""Rows and columns of a product on a GPU, where a smaller one would measure how fast it can be started."""


def onnx_gflops(dtype: str, *, width: int, threads: int) -> float:
    """GFLOP/s of ONNX Runtime in fp32 or int8, over ``threads`` products at once, as the onnx engine runs them.

    The better of two shapes: a model of that width's (256 × H by H × 4H), and 256 × 1024 by 1024 × 1024. int8 includes
    quantising the activations, which the engine cannot leave out either.
    """
    from rankladder.rerank.onnx.graph import Graph
    from rankladder.rerank.onnx.precision import linear
    from rankladder.rerank.onnx.runtime import onnxruntime

    precision = precision_of(dtype)
    draw, best = np.random.default_rng(0), 0.0
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    with temporary_folder() as folder:
        for inner, outer in {(width, 4 * width), (1024, 1024)}:
            path = folder / f"{inner}.onnx"
            with path.with_suffix(".weights").open("wb") as weights:
                graph = Graph(weights, weights_name=f"{inner}.weights")
                x = graph.input("x", np.dtype(np.float32), (_ROWS, inner))
                weight = draw.standard_normal((outer, inner), dtype=np.float32)
                product = linear(graph, x, weight, precision=precision)
                path.write_bytes(graph.finish(product, np.dtype(np.float32), (_ROWS, outer)))
            session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
            feed = {"x": draw.standard_normal((_ROWS, inner), dtype=np.float32)}

            def multiply(session: onnxruntime.InferenceSession = session, feed: dict[str, np.ndarray] = feed) -> None:
                session.run(None, feed)

            best = max(best, 2e-9 * _ROWS * inner * outer * _calls_per_second(multiply, threads))
            del session, multiply
    return best


def torch_gflops(dtype: str, *, width: int, device: str, threads: int) -> float:
    """GFLOP/s of torch in fp32, bf16 or fp16: 8192 square on a GPU, else the better of ``onnx_gflops``' two shapes.

    Weights lie as networks hold them, [outputs, inputs]: without that bf16 and fp16 were ten times slower on a CPU that
    has no instructions for them (torch 2.13, AVX2: 0.26 against 2.5 GFLOP/s). fp32 on CUDA is what the process allows,
    TF32 where that is switched on.
    """
    import torch

    kind = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[dtype]
    on_cuda, best = device.startswith("cuda"), 0.0
    before = torch.get_num_threads()
    if device == "cpu":
        torch.set_num_threads(threads)
    try:
        for rows, inner, outer in torch_shapes(width, device):
            x = torch.randn(rows, inner, device=device).to(kind)
            weight = torch.randn(outer, inner, device=device).to(kind)

            def multiply(x: torch.Tensor = x, weight: torch.Tensor = weight) -> None:
                torch.nn.functional.linear(x, weight)
                if on_cuda:
                    torch.cuda.synchronize(device)
                elif device == "mps":
                    torch.mps.synchronize()

            best = max(best, 2e-9 * rows * inner * outer * _calls_per_second(multiply, 1))
    finally:
        torch.set_num_threads(before)
    return best


def torch_shapes(width: int, device: str) -> set[tuple[int, int, int]]:
    """The products that are timed: rows, inputs, outputs.

    >>> torch_shapes(256, "mps")
    {(8192, 8192, 8192)}
    """
    if device != "cpu":
        return {(_GPU_SIZE, _GPU_SIZE, _GPU_SIZE)}
    return {(_ROWS, width, 4 * width), (_ROWS, 1024, 1024)}


def _calls_per_second(call: Callable[[], None], threads: int) -> float:
    """Calls a second over so many threads, in the best of five slices of time: others on the machine only take away."""
    call()

    def repeat(until: float) -> int:
        count = 0
        while time.perf_counter() < until:
            call()
            count += 1
        return count

    best = 0.0
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(5):
            start = time.perf_counter()
            counts = list(pool.map(repeat, [start + PROBE_S / 5] * threads))
            best = max(best, sum(counts) / (time.perf_counter() - start))
    return best
