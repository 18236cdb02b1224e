"""Index and search: BM25 over an index on disk, behind one small protocol."""

from rankladder.retrieve.building import IndexReport, build_index
from rankladder.retrieve.cached import cached_index
from rankladder.retrieve.index import Index, is_index, open_index
from rankladder.retrieve.manifest import Manifest, Settings, SourceState
from rankladder.retrieve.retriever import Retriever
from rankladder.retrieve.search import SearchResult, Stage, search
from rankladder.retrieve.snippets import Snippet, snippet

__all__ = [
    "Index",
    "IndexReport",
    "Manifest",
    "Retriever",
    "SearchResult",
    "Settings",
    "Snippet",
    "SourceState",
    "Stage",
    "build_index",
    "cached_index",
    "is_index",
    "open_index",
    "search",
    "snippet",
]
