"""One known model, as a row of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Model:
    """One known model. Scores are the publisher's mean nDCG@10, None where none is published."""

    name: str
    hub_id: str | None
    """None for the model in the box."""
    revision: str | None
    """The hub commit of the name."""
    architecture: Literal["modernbert", "bert", "deberta-v2", "xlm-roberta", "qwen2", "qwen3"]
    layers: int
    width: int
    heads: int
    inner: int
    parameters: int
    """Counted from the shapes of the weights, head included."""
    max_tokens: int
    licence: str
    mteb_ndcg: float | None
    """MTEB(eng, v2) Retrieval, top 100 reranked, mean over six embedders."""
    nanobeir_ndcg: float | None

    @property
    def engines(self) -> tuple[str, ...]:
        """The engines that run it."""
        return ("onnx", "torch") if self.architecture in {"modernbert", "bert"} else ("sentence-transformers",)
