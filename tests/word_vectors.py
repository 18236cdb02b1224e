"""An embedder whose vectors a reader can work out: how often a text has each word."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rankladder.values import Document


class WordEmbedder:
    """One number for each word of the vocabulary: how often the text has it. Reads the first ``max_tokens`` words."""

    name = "words"

    def __init__(self, vocabulary: Sequence[str], *, max_tokens: int | None = None) -> None:
        self.vocabulary = list(vocabulary)
        self.max_tokens = max_tokens
        self.digest = hashlib.sha256(repr((self.vocabulary, max_tokens)).encode()).hexdigest()
        self.embedded: list[list[str]] = []
        """The document ids of every call."""

    def encode_queries(self, queries: Sequence[str]) -> NDArray[np.float32]:
        return self._rows(queries)

    def encode_documents(self, documents: Sequence[Document]) -> NDArray[np.float32]:
        self.embedded.append([document.id for document in documents])
        return self._rows([document.full_text for document in documents])

    def queries_cut(self, queries: Sequence[str]) -> NDArray[np.bool_]:
        limit = self.max_tokens or 10**9
        return np.array([len(text.split()) > limit for text in queries], np.bool_)

    def documents_cut(self, documents: Sequence[Document]) -> NDArray[np.bool_]:
        return self.queries_cut([document.full_text for document in documents])

    def _rows(self, texts: Sequence[str]) -> NDArray[np.float32]:
        counts = [[text.split()[: self.max_tokens].count(word) for word in self.vocabulary] for text in texts]
        return np.array(counts, np.float32).reshape(len(texts), len(self.vocabulary))
