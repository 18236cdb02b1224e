"""The scorer of a foreign checkpoint: an encoder with a classifier, or a language model with its published prompt."""

from __future__ import annotations

from rankladder.checkpoint import Foreign
from rankladder.rerank.engine import DtypeChoice
from rankladder.rerank.scorer import TokenScorer
from rankladder.rerank.sentence.engine import SentenceEngine
from rankladder.rerank.sentence.prompts import answer_ids
from rankladder.rerank.sentence.reading import foreign_reader


def sentence_scorer(
    foreign: Foreign, *, dtype: DtypeChoice, why: str, max_tokens: int, device: str | None, threads: int | None
) -> TokenScorer:
    """A reranker that transformers runs.

    Args:
        foreign: The model's files.
        dtype: The number format, and why.
        why: Why this engine, for ``about``.
        max_tokens: Longest sequence, special tokens and prompt included.
        device: ``cuda``, ``mps`` or ``cpu``; by default the first that is there.
        threads: CPU only.

    Raises:
        CheckpointRefused: The files name another prompt, or the network is not wholly what they hold.
        BadOption: As SentenceEngine, or a ``max_tokens`` that leaves no room.
    """
    assert dtype.dtype != "int8"  # choose_dtype has refused it
    reader, tokenizer, prompt = foreign_reader(foreign, max_tokens=max_tokens, one_core=threads == 1)
    answers = None if prompt is None else answer_ids(foreign.tokenizer, prompt)
    prompt_note = "" if prompt is None else f", prompt of {prompt.name}"
    engine = SentenceEngine(foreign, answers=answers, dtype=dtype.dtype, device=device, threads=threads)
    return TokenScorer(
        foreign,
        reader,
        engine,
        dtype=dtype.dtype,
        tokenizer=tokenizer,
        identity=(foreign.digest(), repr(prompt), dtype.dtype, str(max_tokens)),
        about=f"{dtype.reason}; engine {engine.about} ({why}){prompt_note}, at most {max_tokens} tokens",
    )
