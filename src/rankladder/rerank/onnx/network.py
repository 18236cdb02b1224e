"""A whole network, from token ids to one logit, as an ONNX model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from rankladder.checkpoint.network import Bert, Dense, Network
from rankladder.rerank.onnx import bert, modernbert
from rankladder.rerank.onnx.activation import activate
from rankladder.rerank.onnx.graph import Graph
from rankladder.rerank.onnx.precision import Precision, layer_norm, linear

_IDS = np.dtype(np.int32)
_LOGIT = np.dtype(np.float32)


def write_network(
    network: Network,
    weights: Mapping[str, NDArray[np.float32]],
    weights_file: BinaryIO,
    *,
    weights_name: str,
    precision: Precision,
) -> bytes:
    """The encoded model; its weights go to ``weights_file``, which the model knows as ``weights_name``.

    Inputs: ``ids`` int32 (1, T) and, for BERT, ``segments`` int32 (1, T). Output: ``logit`` float32 (1,).
    """
    graph = Graph(weights_file, weights_name=weights_name)
    cls_only = network.pooling == "cls"
    ids = graph.input("ids", _IDS, (1, "T"))
    if isinstance(network.encoder, Bert):
        segments = graph.input("segments", _IDS, (1, "T"))
        hidden = bert.encode(graph, network.encoder, weights, ids, segments, precision=precision, cls_only=cls_only)
    else:
        hidden = modernbert.encode(graph, network.encoder, weights, ids, precision=precision, cls_only=cls_only)
    pooled = hidden if cls_only else graph.op("ReduceMean", hidden, axes=[1])
    x = graph.op("Reshape", pooled, graph.constant(1, network.encoder.width))
    for place, step in enumerate(network.head):
        weight = weights[f"head.{place}.weight"]
        bias = weights[f"head.{place}.bias"] if step.bias else None
        if isinstance(step, Dense):
            x = linear(graph, x, weight, precision="fp32")  # one row: quantising it saves nothing and costs accuracy
            x = x if bias is None else graph.op("Add", x, graph.weight(bias))
            x = activate(graph, x, step.activation)
        else:
            x = layer_norm(graph, x, weight, bias, eps=step.eps)
    return graph.finish(graph.op("Reshape", x, graph.constant(1)), _LOGIT, (1,))
