"""What a checkpoint says the network is: the one description that every engine builds from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

Activation = Literal["identity", "gelu", "gelu_tanh", "relu", "silu", "tanh", "sigmoid"]
"""``gelu`` is the exact (erf) form, ``gelu_tanh`` its tanh approximation."""


@dataclass(frozen=True, slots=True)
class Bert:
    """A BERT encoder: post-norm, biases everywhere, learned positions, token types.

    Weights (float32), with H width, I inner, V vocabulary:
    ``embeddings.word_embeddings.weight`` [V,H], ``embeddings.position_embeddings.weight`` [positions,H],
    ``embeddings.token_type_embeddings.weight`` [types,H], ``embeddings.LayerNorm.{weight,bias}`` [H]; per layer N under
    ``encoder.layer.N.``: ``attention.self.{query,key,value}``, ``attention.output.dense`` [H,H] + bias,
    ``attention.output.LayerNorm``, ``intermediate.dense`` [I,H] + bias, ``output.dense`` [H,I] + bias,
    ``output.LayerNorm``.
    """

    layers: int
    width: int
    heads: int
    inner: int
    vocabulary: int
    positions: int
    types: int
    norm_eps: float
    activation: Activation


@dataclass(frozen=True, slots=True)
class ModernBert:
    """A ModernBERT encoder: pre-norm, no biases, rotary positions, gated MLP, global and sliding-window attention.

    Weights (float32): ``embeddings.tok_embeddings.weight`` [V,H], ``embeddings.norm.weight`` [H]; per layer N under
    ``layers.N.``: ``attn_norm.weight`` [H] (absent in layer 0), ``attn.Wqkv.weight`` [3H,H], ``attn.Wo.weight`` [H,H],
    ``mlp_norm.weight`` [H], ``mlp.Wi.weight`` [2I,H] (first half is activated, second half gates),
    ``mlp.Wo.weight`` [H,I]; ``final_norm.weight`` [H].
    """

    layers: int
    width: int
    heads: int
    inner: int
    vocabulary: int
    positions: int
    norm_eps: float
    activation: Activation
    window_side: int
    """In a sliding-window layer, token i sees tokens i − side … i + side."""
    global_layers: tuple[bool, ...]
    """Whether layer N attends globally; one entry a layer."""
    global_theta: float
    local_theta: float


@dataclass(frozen=True, slots=True)
class Dense:
    """A head step ``activation(x @ weight.T + bias)``: weights ``head.N.weight`` [outputs, inputs] and, where ``bias``,
    ``head.N.bias`` [outputs], with N the step's place in the head.
    """

    inputs: int
    outputs: int
    bias: bool
    activation: Activation


@dataclass(frozen=True, slots=True)
class Norm:
    """A head step ``LayerNorm(x)``: weights ``head.N.weight`` [width] and, where ``bias``, ``head.N.bias`` [width]."""

    width: int
    bias: bool
    eps: float


@dataclass(frozen=True, slots=True)
class Network:
    """Encoder → pooling → head steps → one raw logit."""

    encoder: Bert | ModernBert
    pooling: Literal["cls", "mean"]
    head: tuple[Dense | Norm, ...]


@dataclass(frozen=True, slots=True)
class Int8Gate:
    """A recorded measurement (``int8.json`` beside the weights): what int8 does to nDCG@10 on judged data."""

    dataset: str
    fp32: float
    int8: float

    @property
    def loss(self) -> float:
        """nDCG@10 lost by int8; negative where it gained."""
        return self.fp32 - self.int8


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model's files, fully read and fully understood."""

    name: str
    """As the user named it: a catalogue name, a hub id, or a folder."""
    folder: Path
    revision: str | None
    """The hub commit, where it came from the hub."""
    network: Network
    weights: Mapping[str, NDArray[np.float32]]
    """Canonical name → float32 array, converted when asked for so that a large model is not held twice."""
    tokenizer: Tokenizer
    """With truncation and padding off."""
    max_tokens: int
    """Longest sequence, special tokens included."""
    digest: str
    """SHA-256 (hex) over the weights, the network and the tokenizer."""
    tokenizer_digest: str
    """SHA-256 (hex) of the tokenizer alone: models that share it read the same token ids."""
    int8_gate: tuple[Int8Gate, ...] = ()

    @property
    def vocabulary(self) -> int:
        """Token ids are below it."""
        return self.network.encoder.vocabulary
