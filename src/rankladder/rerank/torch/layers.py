"""The parts that networks are made of: where weights lie, linear steps, norms and activations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as nn
from numpy.typing import NDArray
from torch import Tensor

from rankladder.checkpoint.network import Activation

Weights = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a network's weights lie, and the number format that its large matrices are multiplied in."""

    device: torch.device
    dtype: torch.dtype

    def exact(self, array: NDArray[np.float32]) -> Tensor:
        """The array on the device, in fp32."""
        return torch.tensor(array, dtype=torch.float32, device=self.device)

    def matrix(self, array: NDArray[np.float32]) -> Tensor:
        """The array on the device, in the network's dtype."""
        return torch.tensor(array, dtype=torch.float32).to(self.dtype).to(self.device)


@dataclass(frozen=True, slots=True)
class Linear:
    """``x @ weight.T + bias``, in the dtype of the weight, for any dtype of x."""

    weight: Tensor
    """(outputs, inputs)"""
    bias: Tensor | None = None
    """(outputs,)"""

    def __call__(self, x: Tensor) -> Tensor:
        """(…, inputs) → (…, outputs)."""
        return nn.linear(x.to(self.weight.dtype), self.weight, self.bias)

    def rows(self, start: int, end: int) -> Linear:
        """The part of it that computes outputs start … end − 1."""
        return Linear(self.weight[start:end], None if self.bias is None else self.bias[start:end])


@dataclass(frozen=True, slots=True)
class LayerNorm:
    """LayerNorm over the last axis, fp32 in and out."""

    weight: Tensor
    bias: Tensor | None
    eps: float

    def __call__(self, x: Tensor) -> Tensor:
        """(…, H) → (…, H)."""
        return nn.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)


def activate(x: Tensor, activation: Activation) -> Tensor:
    """``activation(x)``, element by element."""
    match activation:
        case "identity":
            return x
        case "gelu":
            return nn.gelu(x)
        case "gelu_tanh":
            return nn.gelu(x, approximate="tanh")
        case "silu":
            return nn.silu(x)
        case "relu":
            return torch.relu(x)
        case "tanh":
            return torch.tanh(x)
        case "sigmoid":
            return torch.sigmoid(x)
