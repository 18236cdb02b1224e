"""Names that people bring from other rerankers, and ours for the same thing: every refusal of one names the other."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from rankladder.errors import BadOption

P = ParamSpec("P")
R = TypeVar("R")

ARGUMENTS = {
    "batch_size": "leave it out: a score does not depend on a batch, and batches are sized by their tokens",
    "show_progress_bar": "progress=True or progress=False",
    "convert_to_numpy": "leave it out: predict gives a numpy array",
    "convert_to_tensor": "torch.from_numpy(reranker.predict(pairs))",
    "apply_softmax": "rankladder.probability(scores)",
    "activation_fn": "rankladder.probability(scores) is the sigmoid; predict gives raw logits",
    "activation_fct": "rankladder.probability(scores) is the sigmoid; predict gives raw logits",
    "return_documents": "leave it out: hit.document is always present",
    "top_n": "top_k",
    "k": "top_k",
    "limit": "top_k",
    "rank_fields": "Document(id, text, title): a document is read as its title and text",
    "max_chunks_per_doc": 'long="passages" reads a long document whole',
    "max_tokens_per_doc": "Reranker.open(name, max_tokens=…)",
    "max_length": "Reranker.open(name, max_tokens=…)",
    "passages": "documents",
    "docs": "documents",
    "texts": "documents",
    "candidates": "documents",
    "sentences": "pairs",
    "sentence_pairs": "pairs",
    "inputs": "pairs",
    "doc_ids": "Document(id, text) carries its own id",
    "metadata": "Document(id, text, metadata={…}) carries its own",
    "model": "the first argument of Reranker.open",
    "model_name": "the first argument of Reranker.open",
    "model_name_or_path": "the first argument of Reranker.open",
    "model_type": "engine, to choose another engine than the model's default",
    "backend": "engine",
    "cache_dir": "the environment variable RANKLADDER_CACHE, and HF_HOME for models of the hub",
    "local_files_only": "offline=True",
    "token": "the environment variable HF_TOKEN",
    "trust_remote_code": "leave it out: code of a checkpoint is never run",
    "torch_dtype": "dtype",
    "model_kwargs": "dtype, device and attention are arguments of Reranker.open",
    "num_workers": "threads, an argument of Reranker.open",
    "num_threads": "threads",
    "api_key": "the environment variable of the service, such as COHERE_API_KEY",
}
"""An argument of Sentence Transformers, FlashRank, Cohere's SDK or the rerankers library → what to write here."""

HIT_NAMES = {
    "relevance_score": "hit.score",
    "corpus_id": "hit.index",
    "rank": "enumerate(ranking, start=1)",
    "text": "hit.document.text",
    "title": "hit.document.title",
    "id": "hit.document.id",
    "doc_id": "hit.document.id",
    "meta": "hit.document.metadata",
    "metadata": "hit.document.metadata",
    "page_content": "hit.document.text",
}
"""A field of another library's result → the same of a Hit."""

RANKING_NAMES = {
    "results": "the ranking itself: for hit in ranking",
    "data": "the ranking itself: for hit in ranking",
    "scores": "[hit.score for hit in ranking]",
    "top_k": "ranking[:k]",
    "get_result_by_docid": "{hit.document.id: hit for hit in ranking}[id]",
    "results_count": "len(ranking)",
    "get_score_by_docid": "{hit.document.id: hit.score for hit in ranking}[id]",
}
"""A member of another library's list of results → the same of a Ranking."""

RERANKER_NAMES = {
    "rerank": "reranker.rank(query, documents)",
    "compute_score": "reranker.predict(pairs)",
    "score": "reranker.predict([(query, document)])",
    "from_pretrained": "Reranker.open(name)",
    "device": "reranker.about",
    "max_length": "reranker.max_tokens",
}
"""A member of another library's reranker → the same of a Reranker."""

CLASSES = (
    "CrossEncoder",
    "Ranker",
    "RerankRequest",
    "FlagReranker",
    "TextCrossEncoder",
    "Client",
    "ClientV2",
    "MxbaiRerankV2",
)
"""What other libraries call their reranker."""


def missing(kind: str, name: str, ours: dict[str, str]) -> str:
    """The message for a name that a value of this ``kind`` does not have; it ends with ours where there is one.

    >>> missing("Hit", "relevance_score", HIT_NAMES)
    "a Hit has no 'relevance_score'; hint: hit.score"
    """
    return f"a {kind} has no {name!r}" + (f"; hint: {ours[name]}" if name in ours else "")


def names_checked(function: Callable[P, R]) -> Callable[P, R]:
    """The function itself, but an argument that it does not have is a BadOption that names ours, or lists all."""
    known = list(inspect.signature(function).parameters)

    @functools.wraps(function)
    def checked(*args: P.args, **given: P.kwargs) -> R:
        if unknown := given.keys() - set(known):
            name = min(unknown)
            ours = ARGUMENTS.get(name)
            options = ", ".join(parameter for parameter in known if parameter not in {"self", "cls"})
            raise BadOption(
                f"{function.__name__} has no argument {name!r}",
                hint=ours if ours and ours not in unknown else f"the arguments are {options}",
            )
        return function(*args, **given)

    return checked
