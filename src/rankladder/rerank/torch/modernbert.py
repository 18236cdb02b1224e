"""ModernBERT over packed sequences. Source: Warner et al. 2024, arXiv:2412.13663; transformers' ModernBertModel."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as nn
from torch import Tensor

from rankladder.checkpoint.network import ModernBert
from rankladder.rerank.rotary import rotary_tables
from rankladder.rerank.torch.attention import Attend
from rankladder.rerank.torch.batches import Layout, Packed
from rankladder.rerank.torch.layers import LayerNorm, Linear, Place, Weights, activate


@dataclass(frozen=True, slots=True)
class _Layer:
    window: int | None
    attn_norm: LayerNorm | None
    qkv: Linear
    attn_out: Linear
    mlp_norm: LayerNorm
    mlp_in: Linear
    mlp_out: Linear


class ModernBertEncoder:
    """The encoder. Always in fp32: embeddings, residual stream, norms, rotary positions and the softmax."""

    def __init__(self, net: ModernBert, weights: Weights, place: Place, attend: Attend) -> None:
        def norm(name: str) -> LayerNorm:
            return LayerNorm(place.exact(weights[name]), None, net.norm_eps)

        def linear(name: str) -> Linear:
            return Linear(place.matrix(weights[name]))

        self.net = net
        self.head_size = net.width // net.heads
        self._attend = attend
        self._table = place.exact(weights["embeddings.tok_embeddings.weight"])
        self._embedding_norm = norm("embeddings.norm.weight")
        self._final_norm = norm("final_norm.weight")
        self._rotations = {
            window: _rotation(net.positions, self.head_size, theta, place)
            for window, theta in ((None, net.global_theta), (net.window_side, net.local_theta))
        }
        self._layers = [
            _Layer(
                window=None if net.global_layers[place_] else net.window_side,
                attn_norm=None if place_ == 0 else norm(f"layers.{place_}.attn_norm.weight"),
                qkv=linear(f"layers.{place_}.attn.Wqkv.weight"),
                attn_out=linear(f"layers.{place_}.attn.Wo.weight"),
                mlp_norm=norm(f"layers.{place_}.mlp_norm.weight"),
                mlp_in=linear(f"layers.{place_}.mlp.Wi.weight"),
                mlp_out=linear(f"layers.{place_}.mlp.Wo.weight"),
            )
            for place_ in range(net.layers)
        ]

    def __call__(self, batch: Packed, at: Layout, *, cls_only: bool) -> Tensor:
        """Hidden states after the final norm, fp32: (T, H), or (B, H), the first tokens', where ``cls_only``.

        With ``cls_only`` the last layer computes its output projection and MLP for the first tokens alone, and its
        queries too where it attends globally, as the last layer of every published model does.
        """
        positions = at.positions.clamp(max=self.net.positions - 1)  # of a graph's padding alone
        turns = {window: table[:, positions] for window, table in self._rotations.items()}
        x = self._embedding_norm(nn.embedding(batch.ids, self._table))
        for layer in self._layers:
            first = cls_only and layer is self._layers[-1]
            normed = x if layer.attn_norm is None else layer.attn_norm(x)
            mixed = self._attention(layer, normed, at, turns[layer.window], first=first)
            x = (x[at.first] if first else x) + layer.attn_out(mixed)
            inner, gate = layer.mlp_in(layer.mlp_norm(x)).chunk(2, dim=-1)
            x = x + layer.mlp_out(activate(inner, self.net.activation) * gate)
        return self._final_norm(x)

    def _attention(self, layer: _Layer, x: Tensor, at: Layout, turn: Tensor, *, first: bool) -> Tensor:
        """X (T, H) → (T, H), or (B, H) where ``first``."""
        width, heads = self.net.width, (self.net.heads, self.head_size)
        if first and layer.window is None:
            # Position 0 turns by nothing, so the first token's query needs no rotation.
            q = layer.qkv.rows(0, width)(x[at.first]).view(-1, *heads)
            kv = layer.qkv.rows(width, 3 * width)(x).view(-1, 2, *heads)
            return self._attend(q, rotate(kv[:, :1], turn)[:, 0], kv[:, 1], at, window=None, first=True).flatten(1)
        qkv = layer.qkv(x).view(-1, 3, *heads)
        q, k = rotate(qkv[:, :2], turn).unbind(1)
        mixed = self._attend(q, k, qkv[:, 2], at, window=layer.window, first=False).flatten(1)
        return mixed[at.first] if first else mixed


def rotate(x: Tensor, turn: Tensor) -> Tensor:
    """X (T, heads, head size) turned by cosines and sines (2, T, head size / 2), computed in fp32, in x's dtype.

    Source: Su et al. 2021, arXiv:2104.09864, with halves for pairs, as transformers has it.
    """
    cos, sin = turn[:, :, None, None]
    left, right = x.float().chunk(2, dim=-1)
    return torch.cat([left * cos - right * sin, right * cos + left * sin], dim=-1).to(x.dtype)


def _rotation(positions: int, head_size: int, theta: float, place: Place) -> Tensor:
    """fp32 (2, positions, head size / 2): cosines and sines."""
    return torch.stack([place.exact(table) for table in rotary_tables(positions, head_size, theta)])
