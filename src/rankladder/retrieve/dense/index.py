"""A collection, embedded: exact dense retrieval."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rankladder.arguments import checked
from rankladder.errors import BadInput, BadOption, DuplicateId
from rankladder.progress import Progress
from rankladder.retrieve.dense.embedder import Embedder
from rankladder.retrieve.dense.nearest import nearest
from rankladder.retrieve.dense.store import EmbeddingStore, text_key
from rankladder.values import Document, Hit, Query, Ranking

BLOCK = 512
"""Texts embedded, and written, at a time: what an interruption can lose."""


class TextsCut(UserWarning):
    """Queries were longer than the embedder reads and were cut."""


class DenseIndex:
    """A ``Retriever`` over documents and their embeddings: every document is compared with the query.

    The documents are held in memory; the embeddings stay in their files, which are mapped.
    """

    def __init__(self, documents: Sequence[Document], embedder: Embedder, store: EmbeddingStore) -> None:
        self.embedder = embedder
        self._documents = documents
        places = [store.where[text_key(document.full_text)] for document in documents]
        self._rows = _StoredRows([block.rows for block in store.blocks], np.array(places, np.int32).reshape(-1, 2))
        self.cut = sum(bool(store.blocks[block].cut[row]) for block, row in places)

    @classmethod
    @checked
    def of(
        cls,
        documents: Iterable[Document],
        embedder: Embedder,
        *,
        cache: Path | None,
        progress: bool | None = None,
    ) -> DenseIndex:
        """The documents, embedded where their text (title included) is not in the cache yet.

        Args:
            documents: In the order that ties are broken by.
            embedder: Makes the vectors.
            cache: The folder of all embeddings (``cache_folder("embeddings")``); they are written as they are made, so
                an interruption loses at most 512 of them. None keeps them in memory alone. Where the folder cannot be
                written, an EmbeddingsNotKept warning says so.
            progress: Show a bar on stderr; by default on a terminal.

        Raises:
            BadInput: No documents, or a vector that is not finite.
            DuplicateId: Two documents share an id.
        """
        kept = list(documents)
        if not kept:
            raise BadInput("no documents to embed")
        _check_ids(kept)
        keys = [text_key(document.full_text) for document in kept]
        folder = None if cache is None else cache / embedder.digest[:32]
        store = EmbeddingStore(folder, frozenset(keys))
        _embed(kept, keys, embedder, store, progress=progress)
        return cls(kept, embedder, store)

    def __len__(self) -> int:
        return len(self._documents)

    @property
    def name(self) -> str:
        """``dense`` and the embedder: what a run of it is called."""
        return f"dense {self.embedder.name}"

    @property
    def remark(self) -> str:
        """One line on the documents that were not embedded whole, "" where all were."""
        if not self.cut:
            return ""
        limit, count = self.embedder.max_tokens, len(self)
        return f"{self.cut:,} of {count:,} documents are longer than {self.embedder.name} reads ({limit} tokens): cut"

    @checked
    def retrieve(self, query: Query, *, k: int) -> Ranking:
        """The best ``k`` documents (all, where there are fewer). Raises BadOption for ``k`` below 1."""
        return self.retrieve_many([query], k=k)[0]

    @checked
    def retrieve_many(self, queries: Sequence[Query], *, k: int) -> list[Ranking]:
        """The best ``k`` documents for each query; equal scores in the documents' order.

        A score is the dot product of the two vectors: their cosine where the model compares by it. Queries longer than
        the embedder reads are cut, with one TextsCut warning. Raises BadOption for ``k`` below 1.
        """
        if k < 1:
            raise BadOption(f"k must be at least 1, got {k}")
        texts = [query.text for query in queries]
        if cut := int(self.embedder.queries_cut(texts).sum()):
            limit = self.embedder.max_tokens
            warnings.warn(
                TextsCut(f"{cut} of {len(texts)} queries are longer than {self.embedder.name} reads ({limit} tokens)"),
                stacklevel=2,
            )
        found = nearest(self._rows, self.embedder.encode_queries(texts), k)
        return [
            Ranking.of(
                query,
                [Hit(self._documents[at], float(score), int(at)) for at, score in zip(*best, strict=True)],
                "dense",
            )
            for query, best in zip(queries, found, strict=True)
        ]


def document_vectors(texts: Sequence[str], embedder: Embedder, *, cache: Path | None) -> NDArray[np.float32]:
    """One row for each text, (N, D): from the cache where they are there, else kept there."""
    documents = [Document(str(place), text) for place, text in enumerate(texts)]
    keys = [text_key(text) for text in texts]
    store = EmbeddingStore(None if cache is None else cache / embedder.digest[:32], frozenset(keys))
    _embed(documents, keys, embedder, store, progress=False)
    found = [store.where[key] for key in keys]
    return np.stack([store.blocks[block].rows[row] for block, row in found])


class _StoredRows:
    """Rows of several blocks in the documents' order; ``places`` (N, 2) holds block and row of each."""

    def __init__(self, blocks: Sequence[NDArray[np.float32]], places: NDArray[np.int32]) -> None:
        self._blocks, self._places = blocks, places

    @property
    def shape(self) -> tuple[int, int]:
        return len(self._places), self._blocks[0].shape[1]

    def take(self, places: NDArray[np.int64]) -> NDArray[np.float32]:
        rows = np.empty((len(places), self.shape[1]), np.float32)
        chosen = self._places[places]
        for block in np.unique(chosen[:, 0]):
            here = chosen[:, 0] == block
            rows[here] = self._blocks[block][chosen[here, 1]]
        return rows


def _check_ids(documents: Sequence[Document]) -> None:
    seen: set[str] = set()
    for document in documents:
        if document.id in seen:
            raise DuplicateId(f"two documents have the id {document.id!r}", hint="make the ids unique")
        seen.add(document.id)


def _embed(
    documents: Sequence[Document],
    keys: Sequence[bytes],
    embedder: Embedder,
    store: EmbeddingStore,
    *,
    progress: bool | None,
) -> None:
    """Embeds what the store lacks, each text once, a block at a time; processes that share the store take turns."""
    first_of = {key: place for place, key in reversed(list(enumerate(keys)))}
    left = deque(sorted(place for key, place in first_of.items() if key not in store))
    with Progress("embedding", len(left), "documents", wanted=progress) as bar:
        while left:
            with store.turn():
                before, chosen = len(left), list[int]()
                while left and len(chosen) < BLOCK:
                    place = left.popleft()
                    if keys[place] not in store:  # else another process was first
                        chosen.append(place)
                if chosen:
                    block = [documents[place] for place in chosen]
                    rows = embedder.encode_documents(block)
                    store.add([keys[place] for place in chosen], rows, embedder.documents_cut(block))
                bar.add(before - len(left))
