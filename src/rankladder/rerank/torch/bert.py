"""BERT over packed sequences. Source: Devlin et al. 2018, arXiv:1810.04805; transformers' BertModel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch.nn.functional as nn
from torch import Tensor

from rankladder.checkpoint.network import Bert
from rankladder.rerank.torch.attention import Attend
from rankladder.rerank.torch.batches import Layout, Packed
from rankladder.rerank.torch.layers import LayerNorm, Linear, Place, Weights, activate


@dataclass(frozen=True, slots=True)
class _Layer:
    qkv: Linear
    attn_out: Linear
    attn_norm: LayerNorm
    mlp_in: Linear
    mlp_out: Linear
    mlp_norm: LayerNorm


class BertEncoder:
    """The encoder. Always in fp32: the embeddings, the residual stream, norms and the softmax."""

    def __init__(self, net: Bert, weights: Weights, place: Place, attend: Attend) -> None:
        def norm(name: str) -> LayerNorm:
            return LayerNorm(place.exact(weights[f"{name}.weight"]), place.exact(weights[f"{name}.bias"]), net.norm_eps)

        def linear(*names: str) -> Linear:
            weight, bias = (
                np.concatenate([weights[f"{name}.{part}"] for name in names]) for part in ("weight", "bias")
            )
            return Linear(place.matrix(weight), place.matrix(bias))

        self.net = net
        self.head_size = net.width // net.heads
        self._attend = attend
        self._words = place.exact(weights["embeddings.word_embeddings.weight"])
        self._places = place.exact(weights["embeddings.position_embeddings.weight"])
        self._types = place.exact(weights["embeddings.token_type_embeddings.weight"])
        self._embedding_norm = norm("embeddings.LayerNorm")
        self._layers = [
            _Layer(
                qkv=linear(*(f"{name}.attention.self.{part}" for part in ("query", "key", "value"))),
                attn_out=linear(f"{name}.attention.output.dense"),
                attn_norm=norm(f"{name}.attention.output.LayerNorm"),
                mlp_in=linear(f"{name}.intermediate.dense"),
                mlp_out=linear(f"{name}.output.dense"),
                mlp_norm=norm(f"{name}.output.LayerNorm"),
            )
            for name in (f"encoder.layer.{number}" for number in range(net.layers))
        ]

    def __call__(self, batch: Packed, at: Layout, *, cls_only: bool) -> Tensor:
        """Hidden states after the last layer, fp32: (T, H), or (B, H), the first tokens', where ``cls_only``.

        With ``cls_only`` the last layer computes its queries, output projection and MLP for the first tokens alone.
        """
        positions = at.positions.clamp(max=self.net.positions - 1)  # of a graph's padding alone
        types = (at.positions >= batch.document_starts[at.owner]).int()
        words = nn.embedding(batch.ids, self._words)
        x = self._embedding_norm(words + nn.embedding(types, self._types) + nn.embedding(positions, self._places))
        for layer in self._layers:
            first = cls_only and layer is self._layers[-1]
            mixed = layer.attn_out(self._attention(layer, x, at, first=first))
            x = layer.attn_norm((x[at.first] if first else x) + mixed)
            x = layer.mlp_norm(x + layer.mlp_out(activate(layer.mlp_in(x), self.net.activation)))
        return x

    def _attention(self, layer: _Layer, x: Tensor, at: Layout, *, first: bool) -> Tensor:
        """X (T, H) → (T, H), or (B, H) where ``first``."""
        width, heads = self.net.width, (self.net.heads, self.head_size)
        if first:
            q = layer.qkv.rows(0, width)(x[at.first]).view(-1, *heads)
            k, v = layer.qkv.rows(width, 3 * width)(x).view(-1, 2, *heads).unbind(1)
        else:
            q, k, v = layer.qkv(x).view(-1, 3, *heads).unbind(1)
        return self._attend(q, k, v, at, window=None, first=first).flatten(1)
