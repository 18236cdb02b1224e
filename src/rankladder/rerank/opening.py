"""A model's name and the options of ``Reranker.open`` → what scores."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from rankladder.checkpoint import find_checkpoint, foreign_family, read_checkpoint, read_foreign, read_tokens
from rankladder.checkpoint.panics import panics_as
from rankladder.errors import BadOption, CheckpointRefused
from rankladder.rerank.engine import (
    DtypeWish,
    EngineWish,
    check_torch_options,
    choose_dtype,
    choose_engine,
    need,
    open_engine,
)
from rankladder.rerank.hosted import is_hosted, open_hosted
from rankladder.rerank.pairs import PairReader
from rankladder.rerank.scorer import Scorer, native_scorer
from rankladder.rerank.sentence.reading import foreign_reader
from rankladder.rerank.tokens import ModelTokens

if TYPE_CHECKING:
    from rankladder.rerank.torch.attention import AttentionWish


_MOST_THREADS = 4096


def open_scorer(
    name: str | os.PathLike[str] | None,
    *,
    engine: EngineWish,
    device: str | None,
    dtype: DtypeWish,
    max_tokens: int | None,
    threads: int | None,
    revision: str | None,
    offline: bool | None,
    attention: AttentionWish = "auto",
    cuda_graphs: bool = False,
) -> Scorer:
    """The scorer of a hosted model, of a checkpoint that we understand, or of one that Sentence Transformers runs.

    Arguments and errors are those of ``Reranker.open``.
    """
    if threads is not None and not 1 <= threads <= _MOST_THREADS:
        raise BadOption(f"threads must be at least 1 and at most {_MOST_THREADS:,}, got {threads}")
    if isinstance(name, str) and is_hosted(name):
        check_torch_options("a hosted model", attention=attention, cuda_graphs=cuda_graphs)
        return open_hosted(
            name,
            engine=engine,
            device=device,
            dtype=dtype,
            max_tokens=max_tokens,
            threads=threads,
            revision=revision,
            offline=offline,
        )
    found = find_checkpoint(Path(name) if isinstance(name, os.PathLike) else name, revision=revision, offline=offline)
    chosen = choose_engine(found, engine)
    check_torch_options(chosen.engine, attention=attention, cuda_graphs=cuda_graphs)
    with panics_as(lambda message: CheckpointRefused(f"{found.folder}: a library fails on its files: {message}")):
        if chosen.engine == "sentence-transformers":
            foreign = read_foreign(found)
            limit = _limit(foreign.name, max_tokens, foreign.max_tokens)
            choice = choose_dtype(foreign, dtype, engine=chosen.engine)
            need("sentence_transformers", extra="sentence-transformers")
            from rankladder.rerank.sentence.scorer import sentence_scorer

            return sentence_scorer(
                foreign, dtype=choice, why=chosen.reason, max_tokens=limit, device=device, threads=threads
            )
        checkpoint = read_checkpoint(found.folder, name=found.name, revision=found.revision)
        limit = _limit(checkpoint.name, max_tokens, checkpoint.max_tokens)
        choice = choose_dtype(checkpoint, dtype, engine=chosen.engine)
        runner = open_engine(
            checkpoint,
            engine=chosen.engine,
            dtype=choice.dtype,
            threads=threads,
            device=device,
            attention=attention,
            cuda_graphs=cuda_graphs,
        )
        return native_scorer(checkpoint, runner, dtype=choice, max_tokens=limit, one_core=threads == 1)


def open_tokens(
    name: str | os.PathLike[str] | None = None,
    *,
    max_tokens: int | None = None,
    revision: str | None = None,
    offline: bool | None = None,
) -> ModelTokens | None:
    """What a model reads, its weights not opened; None for a hosted model, whose tokens nobody knows.

    Arguments and errors are those of ``Reranker.open``.
    """
    if isinstance(name, str) and is_hosted(name):
        return None
    found = find_checkpoint(Path(name) if isinstance(name, os.PathLike) else name, revision=revision, offline=offline)
    if foreign_family(found.folder) is not None:
        foreign = read_foreign(found)
        read = foreign_reader(foreign, max_tokens=_limit(foreign.name, max_tokens, foreign.max_tokens))
        return ModelTokens(foreign.name, read.reader, tokenizer=read.tokenizer, vocabulary=foreign.vocabulary)
    tokens = read_tokens(found.folder)
    native = PairReader(tokens.tokenizer, max_tokens=_limit(found.name, max_tokens, tokens.max_tokens))
    return ModelTokens(found.name, native, tokenizer=tokens.tokenizer_digest, vocabulary=tokens.vocabulary)


def _limit(name: str, wish: int | None, most: int) -> int:
    """The longest sequence to read; BadOption for more than the model reads."""
    if wish is not None and wish > most:
        raise BadOption(f"max_tokens is {wish}, but {name} reads at most {most}")
    return most if wish is None else wish
