"""ModernBERT as an ONNX graph. Source: Warner et al. 2024, arXiv:2412.13663; transformers' ModernBertModel."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from rankladder.checkpoint.network import ModernBert
from rankladder.rerank.onnx.activation import activate
from rankladder.rerank.onnx.attention import Window, attend
from rankladder.rerank.onnx.graph import MICROSOFT, Graph
from rankladder.rerank.onnx.precision import Precision, layer_norm, linear, lookup
from rankladder.rerank.rotary import rotary_tables

Weights = Mapping[str, NDArray[np.float32]]


def encode(graph: Graph, net: ModernBert, weights: Weights, ids: str, *, precision: Precision, cls_only: bool) -> str:
    """Hidden states after the final norm: ids int32 (1, T) → (1, T, H), or (1, 1, H) where ``cls_only``.

    With ``cls_only`` the last layer computes its queries, output projection and MLP for the first token alone.
    """
    head_size = net.width // net.heads

    def norm(x: str, name: str) -> str:
        return layer_norm(graph, x, weights[name], None, eps=net.norm_eps)

    x = norm(
        lookup(graph, ids, weights["embeddings.tok_embeddings.weight"], precision=precision), "embeddings.norm.weight"
    )
    length = graph.op("Slice", graph.op("Shape", ids), graph.constant(1), graph.constant(2))
    window = Window.over(graph, length, side=net.window_side, width=net.width)
    start = graph.constant(0)
    rotations = {
        is_global: [graph.weight(table) for table in rotary_tables(net.positions, head_size, theta)]
        for is_global, theta in ((True, net.global_theta), (False, net.local_theta))
    }

    def rotate(x: str, is_global: bool) -> str:
        return graph.op("RotaryEmbedding", x, start, *rotations[is_global], domain=MICROSOFT, num_heads=net.heads)

    def attention(x: str, layer: int, *, first_only: bool) -> str:
        is_global = net.global_layers[layer]
        wqkv = weights[f"layers.{layer}.attn.Wqkv.weight"]
        if first_only:
            # Position 0 turns by nothing, so the one query needs no rotation.
            q = linear(graph, first(x), wqkv[: net.width], precision=precision)
            seen = (
                x if is_global else graph.op("Slice", x, start, graph.constant(net.window_side + 1), graph.constant(1))
            )
            kv = linear(graph, seen, wqkv[net.width :], precision=precision)
            k, v = graph.split(kv, 2)
            return attend(graph, q, rotate(k, is_global), v, heads=net.heads)
        q, k, v = graph.split(linear(graph, x, wqkv, precision=precision), 3)
        q, k = rotate(q, is_global), rotate(k, is_global)
        return attend(graph, q, k, v, heads=net.heads) if is_global else window.attend(graph, q, k, v, heads=net.heads)

    def first(x: str) -> str:
        return graph.op("Slice", x, graph.constant(0), graph.constant(1), graph.constant(1))

    for layer in range(net.layers):
        name = f"layers.{layer}"
        first_only = cls_only and layer == net.layers - 1
        normed = x if layer == 0 else norm(x, f"{name}.attn_norm.weight")
        mixed = attention(normed, layer, first_only=first_only)
        x = graph.op(
            "Add",
            first(x) if first_only else x,
            linear(graph, mixed, weights[f"{name}.attn.Wo.weight"], precision=precision),
        )
        wide = linear(graph, norm(x, f"{name}.mlp_norm.weight"), weights[f"{name}.mlp.Wi.weight"], precision=precision)
        inner, gate = graph.split(wide, 2)
        gated = graph.op("Mul", activate(graph, inner, net.activation), gate)
        x = graph.op("Add", x, linear(graph, gated, weights[f"{name}.mlp.Wo.weight"], precision=precision))
    return norm(x, "final_norm.weight")
