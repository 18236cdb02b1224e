"""BERT as an ONNX graph. Source: Devlin et al. 2018, arXiv:1810.04805; transformers' BertModel."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from rankladder.checkpoint.network import Bert
from rankladder.rerank.onnx.activation import activate
from rankladder.rerank.onnx.attention import attend
from rankladder.rerank.onnx.graph import MICROSOFT, Graph
from rankladder.rerank.onnx.precision import Precision, layer_norm, linear, lookup

Weights = Mapping[str, NDArray[np.float32]]


def encode(
    graph: Graph, net: Bert, weights: Weights, ids: str, segments: str, *, precision: Precision, cls_only: bool
) -> str:
    """Hidden states after the last layer: ids and segments int32 (1, T) → (1, T, H), or (1, 1, H) where ``cls_only``.

    With ``cls_only`` the last layer computes its query, output projection and MLP for the first token alone.
    """

    def norm(x: str, name: str) -> str:
        return layer_norm(graph, x, weights[f"{name}.weight"], weights[f"{name}.bias"], eps=net.norm_eps)

    def first(x: str) -> str:
        return graph.op("Slice", x, graph.constant(0), graph.constant(1), graph.constant(1))

    def biased(x: str, name: str) -> str:
        product = linear(graph, x, weights[f"{name}.weight"], precision=precision)
        return graph.op("Add", product, graph.weight(weights[f"{name}.bias"]))

    def attention(x: str, name: str, *, first_only: bool) -> str:
        parts = [f"{name}.{part}" for part in ("query", "key", "value")]
        wq, wk, wv = (weights[f"{part}.weight"] for part in parts)
        bias = graph.weight(np.concatenate([weights[f"{part}.bias"] for part in parts]))
        if first_only:
            q = linear(graph, first(x), wq, precision=precision)
            k, v = graph.split(linear(graph, x, np.concatenate([wk, wv]), precision=precision), 2)
        else:
            qkv = linear(graph, x, np.concatenate([wq, wk, wv]), precision=precision)
            q, k, v = graph.split(qkv, 3)
        return attend(graph, q, k, v, heads=net.heads, bias=bias)

    def mlp(x: str, name: str) -> str:
        wide = linear(graph, x, weights[f"{name}.intermediate.dense.weight"], precision=precision)
        bias = graph.weight(weights[f"{name}.intermediate.dense.bias"])
        if net.activation == "gelu":
            inner = graph.op("BiasGelu", wide, bias, domain=MICROSOFT)
        else:
            inner = activate(graph, graph.op("Add", wide, bias), net.activation)
        return biased(inner, f"{name}.output.dense")

    length = graph.op("Slice", graph.op("Shape", ids), graph.constant(1), graph.constant(2))
    places = graph.weight(weights["embeddings.position_embeddings.weight"])
    x = graph.op(
        "Add",
        graph.op(
            "Add",
            lookup(graph, ids, weights["embeddings.word_embeddings.weight"], precision=precision),
            graph.op("Gather", graph.weight(weights["embeddings.token_type_embeddings.weight"]), segments, axis=0),
        ),
        graph.op("Slice", places, graph.constant(0), length, graph.constant(0)),
    )
    x = norm(x, "embeddings.LayerNorm")
    for layer in range(net.layers):
        name = f"encoder.layer.{layer}"
        first_only = cls_only and layer == net.layers - 1
        mixed = attention(x, f"{name}.attention.self", first_only=first_only)
        mixed = biased(mixed, f"{name}.attention.output.dense")
        x = norm(graph.op("Add", first(x) if first_only else x, mixed), f"{name}.attention.output.LayerNorm")
        x = norm(graph.op("Add", x, mlp(x, name)), f"{name}.output.LayerNorm")
    return x
