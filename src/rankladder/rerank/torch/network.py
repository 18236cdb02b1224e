"""A whole network over packed sequences, from token ids to one logit each."""

from __future__ import annotations

import torch
from torch import Tensor

from rankladder.checkpoint.network import Bert, Dense, Network
from rankladder.rerank.torch.attention import Attend
from rankladder.rerank.torch.batches import Layout, Packed
from rankladder.rerank.torch.bert import BertEncoder
from rankladder.rerank.torch.layers import LayerNorm, Linear, Place, Weights, activate
from rankladder.rerank.torch.modernbert import ModernBertEncoder


class PackedNetwork:
    """Encoder → pooling → head. The head's one row a sequence is always computed in fp32."""

    def __init__(self, network: Network, weights: Weights, place: Place, attend: Attend) -> None:
        self.network = network
        self._encoder: BertEncoder | ModernBertEncoder
        if isinstance(network.encoder, Bert):
            self._encoder = BertEncoder(network.encoder, weights, place, attend)
        else:
            self._encoder = ModernBertEncoder(network.encoder, weights, place, attend)
        self._head: list[Linear | LayerNorm] = []
        for number, step in enumerate(network.head):
            weight = place.exact(weights[f"head.{number}.weight"])
            bias = place.exact(weights[f"head.{number}.bias"]) if step.bias else None
            self._head.append(Linear(weight, bias) if isinstance(step, Dense) else LayerNorm(weight, bias, step.eps))

    def __call__(self, batch: Packed) -> Tensor:
        """Raw logits, fp32 (B,)."""
        at = Layout(batch)
        if self.network.pooling == "cls":
            x = self._encoder(batch, at, cls_only=True)
        else:
            hidden = self._encoder(batch, at, cls_only=False)
            summed = torch.zeros((at.rows, hidden.shape[1]), device=hidden.device).index_add_(0, at.owner, hidden)
            x = summed / at.ends.diff().clamp(min=1)[:, None]
        for step, compute in zip(self.network.head, self._head, strict=True):
            x = compute(x)
            if isinstance(step, Dense):
                x = activate(x, step.activation)
        return x.reshape(-1)
