"""The dense embedders that the Ettin rerankers were published with, by name."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from rankladder.catalogue import all_models
from rankladder.errors import ModelMissing


@dataclass(frozen=True, slots=True)
class KnownEmbedder:
    """One known embedder; what its publisher says to put before a query and before a document, "" for nothing."""

    name: str
    hub_id: str
    revision: str
    """The hub commit of the name."""
    width: int
    max_tokens: int | None
    """None for one without a limit."""
    query_prompt: str
    document_prompt: str
    licence: str
    mteb_ndcg: float
    """MTEB(eng, v2) Retrieval without a reranker, mean nDCG@10."""


# Scores: huggingface.co/blog/ettin-reranker (2026-05-19). Revisions: those that the registry of mteb 2.26 pins;
# jina's is what public code pins for this id, several repositories agreeing (looked up 2026-11). Prompts: the model
# cards. EmbeddingGemma's documents read "title: none": mteb embeds title and text as one text, and so does this.
_TABLE = (
    KnownEmbedder(
        name="static-retrieval-mrl-en-v1",
        hub_id="sentence-transformers/static-retrieval-mrl-en-v1",
        revision="f60985c706f192d45d218078e49e5a8b6f15283a",
        width=1024,
        max_tokens=None,
        query_prompt="",
        document_prompt="",
        licence="Apache-2.0",
        mteb_ndcg=0.3495,
    ),
    KnownEmbedder(
        name="all-MiniLM-L6-v2",
        hub_id="sentence-transformers/all-MiniLM-L6-v2",
        revision="8b3219a92973c328a8e22fadcfa821b5dc75636a",
        width=384,
        max_tokens=256,
        query_prompt="",
        document_prompt="",
        licence="Apache-2.0",
        mteb_ndcg=0.4292,
    ),
    KnownEmbedder(
        name="bge-small-en-v1.5",
        hub_id="BAAI/bge-small-en-v1.5",
        revision="5c38ec7c405ec4b44b94cc5a9bb96e735b38267a",
        width=384,
        max_tokens=512,
        query_prompt="Represent this sentence for searching relevant passages: ",
        document_prompt="",
        licence="MIT",
        mteb_ndcg=0.5149,
    ),
    KnownEmbedder(
        name="nomic-embed-text-v1.5",
        hub_id="nomic-ai/nomic-embed-text-v1.5",
        revision="b0753ae76394dd36bcfb912a46018088bca48be0",
        width=768,
        max_tokens=2048,  # 8192 needs the scaled positions of the checkpoint's own code, which is not run
        query_prompt="search_query: ",
        document_prompt="search_document: ",
        licence="Apache-2.0",
        mteb_ndcg=0.5226,
    ),
    KnownEmbedder(
        name="embeddinggemma-300m",
        hub_id="google/embeddinggemma-300m",
        revision="64614b0b8b64f0c6c1e52b07e4e9a4e8fe4d2da2",
        width=768,
        max_tokens=2048,
        query_prompt="task: search result | query: ",
        document_prompt="title: none | text: ",
        licence="Gemma",
        mteb_ndcg=0.5463,
    ),
    KnownEmbedder(
        name="jina-embeddings-v5-text-small-retrieval",
        hub_id="jinaai/jina-embeddings-v5-text-small-retrieval",
        revision="6856e76bb72982e58de0620458a4e8b3614da340",
        width=1024,
        max_tokens=32768,
        query_prompt="Query: ",
        document_prompt="Document: ",
        licence="CC BY-NC 4.0",
        mteb_ndcg=0.5980,
    ),
)


def all_embedders() -> tuple[KnownEmbedder, ...]:
    """Every known embedder, from the fastest to the strongest."""
    return _TABLE


def known_embedder(name: str) -> KnownEmbedder | None:
    """The known embedder of a name or a hub id, None for any other.

    >>> known_embedder("BAAI/bge-small-en-v1.5").query_prompt
    'Represent this sentence for searching relevant passages: '
    """
    return next((embedder for embedder in _TABLE if name in {embedder.name, embedder.hub_id}), None)


def is_reranker(name: str) -> bool:
    """Whether a name or a hub id is a reranker of the catalogue."""
    return any(name in {model.name, model.hub_id} for model in all_models())


def unknown_embedder(name: str) -> ModelMissing:
    """The error for a name that is no embedder's: it names the nearest, and says where a reranker is given."""
    if is_reranker(name):
        return ModelMissing(f"{name} is a reranker, not an embedder", hint=f"--model {name} reranks what was found")
    by_lower = {embedder.name.lower(): embedder.name for embedder in _TABLE}
    near = [by_lower[found] for found in get_close_matches(name.lower(), by_lower, n=3, cutoff=0.5)]
    return ModelMissing(
        f"no embedder is called {name!r}",
        hint=f"did you mean {' or '.join(near)}?"
        if near
        else f"known: {', '.join(by_lower.values())}; or a hub id, organisation/name, or a folder",
    )
