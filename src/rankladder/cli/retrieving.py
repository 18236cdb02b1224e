"""Options that say how candidates are found, and the retriever that they name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click
from click.shell_completion import CompletionItem

from rankladder.cli.left_out import note_left_out
from rankladder.cli.output import note
from rankladder.errors import BadOption

if TYPE_CHECKING:
    from rankladder.rerank import Reranker
    from rankladder.retrieve import DenseIndex, Index, Retriever
    from rankladder.textfiles import Selection

Choice = Literal["bm25", "dense", "hybrid"]
F = TypeVar("F", bound=Callable[..., Any])


def _complete_embedder(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from rankladder.retrieve import all_embedders

    return [CompletionItem(one.name) for one in all_embedders() if one.name.startswith(incomplete)]


def retriever_options(command: F) -> F:
    """Adds ``--retriever`` and ``--embedder``."""
    for option in (
        click.option(
            "--embedder",
            default="all-MiniLM-L6-v2",
            show_default=True,
            envvar="RANKLADDER_EMBEDDER",
            show_envvar=True,
            shell_complete=_complete_embedder,
            help="For dense and hybrid: a Sentence Transformers model by name, hub id, or folder.",
        ),
        click.option(
            "--retriever",
            type=click.Choice(["bm25", "dense", "hybrid"]),
            default="bm25",
            show_default=True,
            help="Finds candidates by their words, by their meaning (extra dense), or both ways, fused by rank.",
        ),
    ):
        command = option(command)
    return command


def open_index_of(path: Path, reranker: Reranker | None, select: Selection) -> Index:
    """The index at a path, or the cached index of the documents there, brought up to date.

    Raises BadOption for an index with a selection: it was made when the index was built.
    """
    from rankladder.retrieve import cached_index, is_index, open_index
    from rankladder.textfiles.selection import EVERYTHING

    if is_index(path):
        if select != EVERYTHING:
            raise BadOption(
                f"{path} is an index: which files it holds, and their ids, are settled",
                hint="give --include, --exclude, --no-ignore and --ids to `rankladder index`",
            )
        return open_index(path)
    reads_ids = reranker is not None and reranker.tokenizer  # a hosted model reads texts alone
    index, report = cached_index(path, tokens_for=reranker if reads_ids else None, select=select)
    if report.added or report.changed or report.removed:
        note_left_out(report)
    return index


def open_retriever(index: Index, choice: Choice, *, embedder: str, offline: bool | None) -> Retriever:
    """The retriever over an index; what is not embedded yet is embedded now, and kept in the user's cache."""
    if choice == "bm25":
        return index
    from rankladder.retrieve import HybridRetriever

    dense = _dense(index, embedder, offline)
    return dense if choice == "dense" else HybridRetriever([index, dense])


def _dense(index: Index, embedder: str, offline: bool | None) -> DenseIndex:
    from rankladder.folders import cache_folder
    from rankladder.retrieve import DenseIndex, open_embedder

    opened = open_embedder(embedder, offline=offline)
    dense = DenseIndex.of(index.documents(), opened, cache=cache_folder("embeddings"))
    if dense.remark:
        note(dense.remark)
    return dense
