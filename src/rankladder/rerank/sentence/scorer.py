"""A foreign checkpoint behind the Scorer protocol: texts in, scores and readings out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from rankladder.checkpoint import Foreign
from rankladder.errors import BadInput
from rankladder.rerank.encoded import EncodedDocument, id_type
from rankladder.rerank.engine import DtypeChoice
from rankladder.rerank.pairs import TokenPair
from rankladder.rerank.scorer import Long, Scored
from rankladder.rerank.sentence.engine import SentenceEngine
from rankladder.rerank.sentence.prompts import answer_ids, choose_prompt
from rankladder.rerank.sentence.reading import ClassifierReader, Ids, PromptReader, Reader
from rankladder.values import Document, Reading


class SentenceScorer:
    """A reranker that transformers runs: an encoder with a classifier, or a language model with its published prompt.

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

    def __init__(
        self,
        foreign: Foreign,
        *,
        dtype: DtypeChoice,
        why: str,
        max_tokens: int,
        device: str | None,
        threads: int | None,
    ) -> None:
        assert dtype.dtype != "int8"  # choose_dtype has refused it
        self.foreign = foreign
        self.max_tokens = max_tokens
        self.reader: Reader
        prompt, said = None, ""
        if foreign.family == "causal":
            prompt = choose_prompt(foreign)
            said = f", prompt of {prompt.name}"
            self.reader = PromptReader(
                foreign.tokenizer, prompt, max_tokens=max_tokens, digest=foreign.tokenizer_digest
            )
        else:
            self.reader = ClassifierReader(foreign.tokenizer, max_tokens=max_tokens, digest=foreign.tokenizer_digest)
        self.engine = SentenceEngine(
            foreign,
            answers=None if prompt is None else answer_ids(foreign.tokenizer, prompt),
            dtype=dtype.dtype,
            device=device,
            threads=threads,
        )
        self.tokenizer = self.reader.tokenizer
        self.name = f"{foreign.name} {dtype.dtype}"
        self.dtype: str = dtype.dtype
        parts = (foreign.digest(), repr(prompt), dtype.dtype, self.engine.name, str(max_tokens))
        self.digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
        self.about = (
            f"{dtype.reason}; engine {self.engine.name} on {self.engine.device} ({why}){said}, "
            f"at most {max_tokens} tokens"
        )

    def encode(self, documents: Sequence[Document]) -> list[EncodedDocument]:
        """The documents with their token ids, uint16 where the vocabulary fits."""
        kind = id_type(self.foreign.vocabulary)
        tokens = self.reader.documents([document.full_text for document in documents])
        return [
            EncodedDocument(one.id, one.text, one.title, one.metadata, ids.astype(kind), self.tokenizer)
            for one, ids in zip(documents, tokens, strict=True)
        ]

    def score(
        self,
        pairs: Sequence[tuple[str, str | EncodedDocument]],
        *,
        long: Long,
        done: Callable[[float], object],
    ) -> list[Scored]:
        """One Scored per pair, in the order given. Each text is tokenised once, however many pairs it stands in."""
        queries = list(dict.fromkeys(query for query, _ in pairs))
        texts = list(dict.fromkeys(document for _, document in pairs if isinstance(document, str)))
        query_ids = dict(zip(queries, self.reader.queries(queries), strict=True))
        document_ids = dict(zip(texts, self.reader.documents(texts), strict=True))
        parts: list[tuple[TokenPair, Reading]] = []
        ends: list[int] = []
        for query, document in pairs:
            if isinstance(document, EncodedDocument):
                text, ids = document.full_text, self._checked(document)
            else:
                text, ids = document, document_ids[document]
            if long == "passages":
                parts += self.reader.passages(query_ids[query], ids, text)
            else:
                parts.append(self.reader.cut(query_ids[query], ids))
            ends.append(len(parts))
        share = len(pairs) / max(1, len(parts))
        logits = self.engine.score([pair for pair, _ in parts], done=lambda count: done(count * share))
        best = (
            max(range(start, end), key=lambda row: logits[row]) for start, end in zip([0, *ends], ends, strict=False)
        )
        return [Scored(float(logits[row]), parts[row][1]) for row in best]

    def _checked(self, document: EncodedDocument) -> Ids:
        if len(document.ids) and (last := int(document.ids.max())) >= self.foreign.vocabulary:
            raise BadInput(
                f"document {document.id!r}: token id {last} is not among the {self.foreign.vocabulary:,} of "
                f"{self.foreign.name}",
                hint="encode the document again: reranker.encode([document])",
            )
        return document.ids.astype(np.int32)
