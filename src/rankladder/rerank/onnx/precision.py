"""fp32 and int8: how a graph stores a matrix and multiplies by it."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rankladder.checkpoint import quantise_rows
from rankladder.rerank.onnx.graph import MICROSOFT, Graph

Precision = Literal["fp32", "s8", "u8"]
"""How weights are stored and multiplied.

``fp32``: single precision. ``s8`` and ``u8`` are both int8 with one scale per output channel and activations quantised
as they come, and hold the same integers: ``s8`` as signed bytes, for processors that multiply u8 × s8 without overflow
(VNNI, AMX, Arm dot product); ``u8`` with an offset of 128, for AVX2, whose u8 × s8 instruction saturates (on 148×256 by
256×768 normal values, ONNX Runtime 1.31: largest error 17 % of the largest output with s8, 1.1 % with u8).
"""


def linear(graph: Graph, x: str, weight: NDArray[np.float32], *, precision: Precision) -> str:
    """``x @ weight.T`` for x (…, inputs) and weight [outputs, inputs]; no bias."""
    if precision == "fp32":
        return graph.op("MatMul", x, graph.weight(weight.T))
    integers, scale = quantise_rows(weight)
    if precision == "s8":
        stored, zero = integers.T, np.zeros(len(scale), dtype=np.int8)
    else:
        stored, zero = (integers.T.astype(np.int16) + 128).astype(np.uint8), np.full(len(scale), 128, dtype=np.uint8)
    return graph.op(
        "DynamicQuantizeMatMul",
        x,
        graph.weight(np.ascontiguousarray(stored)),
        graph.weight(scale),
        graph.weight(zero),
        domain=MICROSOFT,
    )


def lookup(graph: Graph, ids: str, table: NDArray[np.float32], *, precision: Precision) -> str:
    """Rows of a table [V, H] for ids (1, T) → (1, T, H); int8 keeps one byte a value and a scale a row."""
    if precision == "fp32":
        return graph.op("Gather", graph.weight(table), ids, axis=0)
    integers, scale = quantise_rows(table)
    rows = graph.op("Cast", graph.op("Gather", graph.weight(integers), ids, axis=0), to=1)
    return graph.op("Mul", rows, graph.op("Gather", graph.weight(scale[:, None]), ids, axis=0))


def layer_norm(
    graph: Graph, x: str, weight: NDArray[np.float32], bias: NDArray[np.float32] | None, *, eps: float
) -> str:
    """LayerNorm over the last axis, always in fp32."""
    inputs = [x, graph.weight(weight)] + ([] if bias is None else [graph.weight(bias)])
    return graph.op("LayerNormalization", *inputs, axis=-1, epsilon=eps)
