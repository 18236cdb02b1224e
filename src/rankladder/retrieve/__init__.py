"""Index and search: BM25 over an index on disk, dense and hybrid retrieval, behind one small protocol."""

from rankladder.retrieve.building import IndexReport, build_index
from rankladder.retrieve.cached import cached_index
from rankladder.retrieve.dense import (
    DenseIndex,
    Embedder,
    EmbeddingsNotKept,
    KnownEmbedder,
    SentenceEmbedder,
    TextsCut,
    all_embedders,
    open_embedder,
)
from rankladder.retrieve.fusion import HybridRetriever, reciprocal_rank_fusion
from rankladder.retrieve.index import Index, open_index
from rankladder.retrieve.languages import LANGUAGES, Language
from rankladder.retrieve.manifest import Manifest, Settings, SourceState, is_index
from rankladder.retrieve.retriever import Retriever, Stage, StagedRetriever, retrieve_many
from rankladder.retrieve.search import SearchResult, search
from rankladder.retrieve.sizing import Sizing, ruler_of
from rankladder.retrieve.snippets import Snippet, snippet

__all__ = [
    "LANGUAGES",
    "DenseIndex",
    "Embedder",
    "EmbeddingsNotKept",
    "HybridRetriever",
    "Index",
    "IndexReport",
    "KnownEmbedder",
    "Language",
    "Manifest",
    "Retriever",
    "SearchResult",
    "SentenceEmbedder",
    "Settings",
    "Sizing",
    "Snippet",
    "SourceState",
    "Stage",
    "StagedRetriever",
    "TextsCut",
    "all_embedders",
    "build_index",
    "cached_index",
    "is_index",
    "open_embedder",
    "open_index",
    "reciprocal_rank_fusion",
    "retrieve_many",
    "ruler_of",
    "search",
    "snippet",
]
