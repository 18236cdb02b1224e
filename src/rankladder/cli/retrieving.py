"""Options that say how candidates are found, and the retriever that they name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click
from click.shell_completion import CompletionItem

from rankladder.cli.left_out import note_left_out
from rankladder.cli.output import note
from rankladder.errors import BadOption, RankladderError
from rankladder.textfiles import AS_NAMED, ReadAs

if TYPE_CHECKING:
    from rankladder.rerank import Long, ModelTokens, Reranker
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
            help="Find candidates by their words, by their meaning (extra dense), or by both, fused by rank.",
        ),
    ):
        command = option(command)
    return command


def passage_options(command: F) -> F:
    """Adds ``--passage-words`` and ``--passage-tokens``."""
    for option in (
        click.option(
            "--passage-tokens",
            type=click.IntRange(16),
            help="Split prose into passages of at most this many of the model's tokens, title included.  "
            "[default: what the model reads beside a query of 32 tokens, at most 256]",
        ),
        click.option(
            "--passage-words",
            type=click.IntRange(20),
            help="Split prose into passages of about this many words instead, for any model.",
        ),
    ):
        command = option(command)
    return command


def check_passage_options(passage_words: int | None, passage_tokens: int | None) -> None:
    """Raises UsageError where a length is given in words and in tokens."""
    if passage_words is not None and passage_tokens is not None:
        raise click.UsageError("--passage-words and --passage-tokens exclude each other")


def passages_for(model: str, *, max_tokens: int | None, offline: bool | None) -> ModelTokens | None:
    """What the model that will read passages reads; None for a hosted one."""
    from rankladder.rerank import open_tokens

    return open_tokens(model, max_tokens=max_tokens, offline=offline)


def open_index_of(
    path: Path,
    reranker: Reranker | None,
    select: Selection,
    read_as: ReadAs,
    language: str | None,
    *,
    model: str,
    passage_words: int | None,
    passage_tokens: int | None,
    long: Long,
) -> Index:
    """The index at a path, or the cached index of the documents there, brought up to date.

    Without a reranker and without a length, the cached index that was used last, else one as ``model`` would read it.
    Raises BadOption and UsageError for what was settled when an index was built: its selection, language, passages,
    and how its documents are read.
    """
    from rankladder.retrieve import cached_index, is_index, open_index
    from rankladder.retrieve.languages import DEFAULT
    from rankladder.textfiles.selection import EVERYTHING

    if is_index(path):
        if select != EVERYTHING or language is not None:
            raise BadOption(
                f"{path} is an index: its files, their ids and their language are fixed",
                hint="give --include, --exclude, --no-ignore, --ids and --language to `rankladder index`",
            )
        if read_as != AS_NAMED:
            raise BadOption(
                f"{path} is an index: the way its documents are read is fixed",
                hint="give --as, --text-key, --title-key and --id-key to `rankladder index`",
            )
        if passage_words is not None or passage_tokens is not None:
            raise click.UsageError(
                f"{path} is an index, and its passages are already made: give --passage-words or --passage-tokens to "
                "`rankladder index`"
            )
        index = open_index(path)
        if long == "truncate":
            _note_sizes(index, reranker)
        return index
    tokens = _kept_tokens(model) if reranker is None else reranker.tokens
    index, report = cached_index(
        path,
        passage_words=passage_words,
        passage_tokens=passage_tokens,
        passages_for=None if passage_words is not None else tokens or reranker,
        tokens_for=tokens,
        select=select,
        read_as=read_as,
        language=language or DEFAULT,
        any_kept=reranker is None and passage_words is None and passage_tokens is None,
    )
    if report.added or report.changed or report.removed:
        note_left_out(report)
    return index


def _kept_tokens(model: str) -> ModelTokens | None:
    """What a model reads, the box where it is not on this machine: without a reranker none is fetched."""
    from rankladder.rerank import open_tokens

    try:
        return open_tokens(model, offline=True)
    except RankladderError:
        return open_tokens()


def _note_sizes(index: Index, reranker: Reranker | None) -> None:
    """Says where the passages of an index are longer than the reranker reads."""
    sizing, tokens = index.manifest.sizing, None if reranker is None else reranker.tokens
    if tokens is None or not sizing.tokens or sizing.tokens <= tokens.room:
        return
    note(
        f"the passages of {index.path} have up to {sizing.tokens} tokens of {sizing.model}; "
        f"{tokens.model} reads {tokens.max_tokens} with the query, so long ones are cut. "
        f"`rankladder index … --model {tokens.model} --max-tokens {tokens.max_tokens}` makes shorter ones"
    )


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
