"""Index and search: BM25 over an index on disk, behind one small protocol."""

from rankladder.retrieve.building import IndexReport, build_index
from rankladder.retrieve.cached import cached_index
from rankladder.retrieve.index import Index, open_index
from rankladder.retrieve.manifest import Manifest, Settings, SourceState
from rankladder.retrieve.retriever import Retriever
from rankladder.retrieve.snippets import Snippet, snippet

__all__ = [
    "Index",
    "IndexReport",
    "Manifest",
    "Retriever",
    "Settings",
    "Snippet",
    "SourceState",
    "build_index",
    "cached_index",
    "open_index",
    "snippet",
]
