"""Dense retrieval: any Sentence Transformers embedder, exact search, embeddings kept on disk (extra ``dense``)."""

from rankladder.retrieve.dense.embedder import Embedder, SentenceEmbedder
from rankladder.retrieve.dense.index import DenseIndex, TextsCut, document_vectors
from rankladder.retrieve.dense.known import KnownEmbedder, all_embedders
from rankladder.retrieve.dense.opening import open_embedder
from rankladder.retrieve.dense.store import EmbeddingsNotKept

__all__ = [
    "DenseIndex",
    "Embedder",
    "EmbeddingsNotKept",
    "KnownEmbedder",
    "SentenceEmbedder",
    "TextsCut",
    "all_embedders",
    "document_vectors",
    "open_embedder",
]
