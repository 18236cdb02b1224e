"""The activations that a head or an MLP may use, as graph nodes."""

from __future__ import annotations

from rankladder.checkpoint.network import Activation
from rankladder.rerank.onnx.graph import MICROSOFT, Graph


def activate(graph: Graph, x: str, activation: Activation) -> str:
    """``activation(x)``, element by element."""
    match activation:
        case "identity":
            return x
        case "gelu":
            return graph.op("Gelu", x, domain=MICROSOFT)
        case "gelu_tanh":
            return graph.op("FastGelu", x, domain=MICROSOFT)
        case "silu":
            return graph.op("QuickGelu", x, domain=MICROSOFT, alpha=1.0)
        case "relu" | "tanh" | "sigmoid":
            return graph.op(activation.capitalize(), x)
