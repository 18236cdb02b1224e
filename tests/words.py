"""A reranker whose scores a reader can work out: how many words a document shares with the query."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from rankladder.checkpoint import Bert, Checkpoint, Dense, Network
from rankladder.facts import Facts
from rankladder.rerank.engine import DtypeChoice
from rankladder.rerank.pairs import TokenPair
from rankladder.rerank.reranker import Reranker
from rankladder.rerank.scorer import native_scorer


class SharedWords:
    """An engine that counts the tokens of the document that the query has too."""

    name = about = "shared words"
    device = "cpu"
    threads = 1
    reads_ahead = False
    token_budget: int | None = None

    def score(
        self, pairs: Sequence[TokenPair], *, done: Callable[[int], object] = lambda count: None
    ) -> NDArray[np.float32]:
        """How many of the document's tokens stand in the query, (N,)."""
        scores = []
        for pair in pairs:
            query, document = pair.ids[1 : pair.document_start - 1], pair.ids[pair.document_start : -1]
            scores.append(np.isin(document, query).sum())
            done(1)
        return np.array(scores, dtype=np.float32)


def facts_of(model: str, **known: Any) -> Facts:
    """What a stand-in for a scorer says of itself; ``known`` replaces what a test minds."""
    usual: dict[str, Any] = {"dtype": "fp32", "engine": "onnx", "device": "cpu", "threads": 1, "reads": 100}
    return Facts(model=model, **{**usual, "tokenizer": "toy", "digest": model, "note": "a stand-in", **known})


def word_reranker(vocabulary: Sequence[str], *, max_tokens: int = 64) -> Reranker:
    """A reranker over SharedWords whose tokens are lower-case words."""
    known = {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2} | {word: place for place, word in enumerate(vocabulary, start=3)}
    tokenizer = Tokenizer(models.WordLevel(known, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    encoder = Bert(1, 4, 1, 4, len(known), max_tokens, 2, 1e-12, "gelu")
    checkpoint = Checkpoint(
        "words",
        Path(),
        None,
        Network(encoder, "cls", (Dense(4, 1, True, "identity"),)),
        {},
        tokenizer,
        max_tokens,
        "0",
        "words",
    )
    dtype = DtypeChoice("fp32", "counts words")
    return Reranker(native_scorer(checkpoint, SharedWords(), dtype=dtype, max_tokens=max_tokens))
