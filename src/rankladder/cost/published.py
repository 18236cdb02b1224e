"""The published speeds, to be read beside one's own: other machines, other programs, the same lengths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rankladder.catalogue import Model, all_models
from rankladder.checkpoint import ModernBert, Network


@dataclass(frozen=True, slots=True)
class Published:
    """Pairs per second with Sentence Transformers: lengths as in Natural Questions, at most 512 tokens, best batch
    size, median of three. None where no figure was published.
    """

    h100_bf16: float | None = None
    """NVIDIA H100, bf16; FlashAttention 2 without padding for the Ettin rungs, padded for the others."""
    rtx_3090_bf16: float | None = None
    """NVIDIA RTX 3090, bf16, FlashAttention 2 without padding."""
    i7_13700k_fp32: float | None = None
    """Intel Core i7-13700K, fp32."""


SOURCE = "huggingface.co/blog/ettin-reranker, 2026-05-19"

_BY_NAME: Mapping[str, Published] = {
    "ettin-17m": Published(7517, 9008, 267.4),
    "ettin-32m": Published(6602, 4497, 92.5),
    "ettin-68m": Published(4913, 1916, 31.2),
    "ettin-150m": Published(3237, 982, 14.0),
    "ettin-400m": Published(1738, 429, 5.2),
    "ettin-1b": Published(928, 189, 2.1),
    "minilm-l4": Published(h100_bf16=4029),
    "minilm-l6": Published(h100_bf16=3817),
    "minilm-l12": Published(h100_bf16=3311),
    "gte-modernbert": Published(h100_bf16=1410),
    "granite-r2": Published(h100_bf16=1410),
}


def published(name: str, network: Network | None = None) -> tuple[str, Published] | None:
    """The published figures of a model and the catalogue name they were published under; None where there are none.

    A catalogue name or hub id is used as it is. Any other name, a folder's, counts as the Ettin rung of the same shape
    where ``network`` has one: the values of the weights do not change the work.

    >>> published("cross-encoder/ettin-reranker-17m-v1")[1].i7_13700k_fp32
    267.4
    """
    hub_id = name.partition("@")[0]
    known = next((model for model in all_models() if hub_id in {model.name, model.hub_id}), None)
    if known is None and network is not None:
        known = next(
            (model for model in all_models() if model.name.startswith("ettin") and _fits(model, network)), None
        )
    if known is None or known.name not in _BY_NAME:
        return None
    return known.name, _BY_NAME[known.name]


def _fits(model: Model, network: Network) -> bool:
    shape = network.encoder
    return isinstance(shape, ModernBert) and (model.layers, model.width, model.heads, model.inner) == (
        shape.layers,
        shape.width,
        shape.heads,
        shape.inner,
    )
