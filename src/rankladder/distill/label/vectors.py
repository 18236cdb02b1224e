"""Vectors of texts, embedded once and kept in memory: a passage is among the candidates of many queries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rankladder.errors import BadOption
from rankladder.folders import cache_folder
from rankladder.retrieve import SentenceEmbedder
from rankladder.retrieve.dense import document_vectors

KEPT_BYTES = 2 << 30
_BATCH = 32


class KeptVectors:
    """The vectors of texts by what makes them; the oldest go when more than ``most_bytes`` are kept."""

    def __init__(
        self, make: Callable[[list[str]], Sequence[NDArray[np.floating[Any]]]], *, most_bytes: int = KEPT_BYTES
    ) -> None:
        self._make = make
        self._most = most_bytes
        self._kept: dict[str, NDArray[np.floating[Any]]] = {}
        self._bytes = 0

    def of(self, texts: Sequence[str]) -> list[NDArray[np.floating[Any]]]:
        """One array a text, in the order given; those that are not kept yet are made, each once."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._kept]
        found = {text: self._kept[text] for text in texts if text in self._kept}
        for text, vectors in zip(missing, self._make(missing) if missing else (), strict=True):
            found[text] = self._kept[text] = vectors
            self._bytes += vectors.nbytes
        while self._bytes > self._most:
            self._bytes -= self._kept.pop(next(iter(self._kept))).nbytes
        return [found[text] for text in texts]


def query_vectors(embedder: SentenceEmbedder, texts: list[str]) -> list[NDArray[np.float32]]:
    """One vector (D,) of length 1 a query."""
    return list(_unit(embedder.encode_queries(texts)))


def passage_vectors(embedder: SentenceEmbedder, texts: list[str]) -> list[NDArray[np.float32]]:
    """One vector (D,) of length 1 a document; those that mining or a search has made are read from the disk."""
    return list(_unit(document_vectors(texts, embedder, cache=cache_folder("embeddings"))))


def token_vectors(embedder: SentenceEmbedder, texts: list[str], prompt: str) -> list[NDArray[np.float16]]:
    """Each text's token vectors (T, H), rows of length 1, prompt and special tokens among them, in half precision.

    Raises BadOption for a static model: its tokens know nothing of each other.
    """
    model = embedder._model
    if type(model[0]).__name__ == "StaticEmbedding":
        raise BadOption(f"{embedder.name} has no token vectors in context", hint="maxsim: takes a transformer")
    rows = model.encode(
        texts, prompt=prompt, batch_size=_BATCH, show_progress_bar=False, output_value="token_embeddings"
    )
    return [_unit(np.asarray(one.float().cpu().numpy())).astype(np.float16) for one in rows]


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), dtype=np.float32)
