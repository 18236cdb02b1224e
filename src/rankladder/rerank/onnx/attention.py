"""Self-attention as graph nodes: global, and sliding-window computed only where the window is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rankladder.rerank.onnx.graph import MICROSOFT, Graph

BLOCKED_FROM = 384
"""Tokens from which a sliding-window layer works block by block. Measured on two AVX2 cores, see docs/notes.md."""

_NEVER = float(np.finfo(np.float32).min)  # what transformers adds where a token may not look


def attend(graph: Graph, q: str, k: str, v: str, *, heads: int, bias: str = "", mask: str = "") -> str:
    """Scaled dot-product attention: q (B, T, H), k and v (B, S, H) → (B, T, H).

    ``bias`` (3H,) is added to q, k and v; ``mask`` (B or 1, 1, T, S) to the scores.
    """
    return graph.op("MultiHeadAttention", q, k, v, bias, "", mask, domain=MICROSOFT, num_heads=heads)


@dataclass(frozen=True, slots=True)
class Window:
    """What every sliding-window layer of one graph shares: token i sees tokens i − side … i + side.

    Three ways, by the number of tokens T: up to side + 1 every token sees every other and no mask is needed; up to
    BLOCKED_FROM the scores are T × T with a mask; beyond, blocks of ``side`` queries look at three blocks of keys, so
    that time and memory grow with T and not with its square.
    """

    side: int
    fits: str
    """bool (): T ≤ side + 1."""
    dense: str
    """bool (): T ≤ BLOCKED_FROM."""
    mask: str
    """(1, 1, T, T) where the layer works densely with a mask, (blocks, 1, side, 3·side) where it works in blocks."""
    length: str
    """int64 (1,): T."""
    width: int

    @classmethod
    def over(cls, graph: Graph, length: str, *, side: int, width: int) -> Window:
        """The window of a graph whose sequences have ``length`` (int64 (1,)) tokens of ``width`` values."""
        tokens = graph.op("Squeeze", length)
        fits = graph.op("LessOrEqual", tokens, graph.integer(side + 1))
        dense = graph.op("LessOrEqual", tokens, graph.integer(BLOCKED_FROM))

        def band(rows: str, columns: str) -> str:
            """0 where |row − column| ≤ side, else the lowest float: (…, R, 1) and (…, 1, C) → (…, R, C)."""
            far = graph.op("Greater", graph.op("Abs", graph.op("Sub", rows, columns)), graph.integer(side))
            return graph.op("Where", far, graph.scalar(_NEVER), graph.scalar(0.0))

        def dense_mask() -> str:
            places = graph.op("Range", graph.integer(0), tokens, graph.integer(1))
            rows, columns = (graph.op("Unsqueeze", places, graph.constant(axis)) for axis in (1, 0))
            return graph.op("Unsqueeze", band(rows, columns), graph.constant(0, 1))

        def blocked_mask() -> str:
            starts = graph.op(
                "Mul",
                graph.op("Range", graph.integer(0), cls._blocks(graph, tokens, side), graph.integer(1)),
                graph.integer(side),
            )
            starts = graph.op("Unsqueeze", starts, graph.constant(1, 2, 3))  # (blocks, 1, 1, 1)
            rows = graph.op("Add", starts, graph.weight(np.arange(side).reshape(1, 1, side, 1)))
            columns = graph.op("Add", starts, graph.weight(np.arange(-side, 2 * side).reshape(1, 1, 1, 3 * side)))
            inside = graph.op(
                "And", graph.op("GreaterOrEqual", columns, graph.integer(0)), graph.op("Less", columns, tokens)
            )
            return graph.op("Where", inside, band(rows, columns), graph.scalar(_NEVER))

        mask = graph.choose(dense, dense_mask, blocked_mask)
        return cls(side=side, fits=fits, dense=dense, mask=mask, length=length, width=width)

    @staticmethod
    def _blocks(graph: Graph, tokens: str, side: int) -> str:
        """⌈T / side⌉, int64 ()."""
        return graph.op("Div", graph.op("Add", tokens, graph.integer(side - 1)), graph.integer(side))

    def attend(self, graph: Graph, q: str, k: str, v: str, *, heads: int) -> str:
        """Attention of q, k, v (1, T, H) inside the window → (1, T, H)."""

        def masked() -> str:
            return attend(graph, q, k, v, heads=heads, mask=self.mask)

        def unmasked() -> str:
            return attend(graph, q, k, v, heads=heads)

        def in_blocks() -> str:
            return self._blocked(graph, q, k, v, heads=heads)

        return graph.choose(self.dense, lambda: graph.choose(self.fits, unmasked, masked), in_blocks)

    def _blocked(self, graph: Graph, q: str, k: str, v: str, *, heads: int) -> str:
        """Blocks of ``side`` queries against the keys of the block before, its own and the next."""
        side, width = self.side, self.width
        last = graph.op("Mod", graph.op("Neg", self.length), graph.constant(side))  # padding that fills the last block
        zero, one = graph.constant(0), graph.constant(1)
        shape = graph.constant(-1, side, width)

        def blocks(x: str, before: str, after: str) -> str:
            pads = graph.op("Concat", zero, before, zero, zero, after, zero, axis=0)
            return graph.op("Reshape", graph.op("Pad", x, pads), shape)

        def neighbours(x: str) -> str:
            every = blocks(
                x, graph.constant(side), graph.op("Add", last, graph.constant(side))
            )  # (blocks + 2, side, H)
            parts = [
                graph.op("Slice", every, graph.constant(first), graph.constant(end), zero)
                for first, end in ((0, -2), (1, -1), (2, np.iinfo(np.int64).max))
            ]
            return graph.op("Concat", *parts, axis=1)  # (blocks, 3·side, H)

        out = attend(graph, blocks(q, zero, last), neighbours(k), neighbours(v), heads=heads, mask=self.mask)
        flat = graph.op("Reshape", out, graph.constant(1, -1, width))
        return graph.op("Slice", flat, zero, self.length, one)
