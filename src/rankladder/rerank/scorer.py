"""What scores pairs of texts for a Reranker; and the scorer that reads them as token ids for an engine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

import rankladder
from rankladder.checkpoint import Checkpoint, Foreign
from rankladder.errors import BadInput
from rankladder.facts import Facts
from rankladder.paths import expanded, is_folder
from rankladder.rerank.encoded import EncodedDocument
from rankladder.rerank.engine import Dtype, DtypeChoice, Engine, Stop
from rankladder.rerank.pairs import PairReader, Reader, TokenPair
from rankladder.rerank.tokens import ModelTokens
from rankladder.values import Document, Reading

if TYPE_CHECKING:
    from rankladder.rerank.hosted.usage import Usage

Long = Literal["truncate", "passages"]
"""What becomes of a document longer than the model reads: cut, or scored as overlapping passages (the best counts)."""

_AGAIN = "encode the document again: reranker.encode([document])"


@dataclass(frozen=True, slots=True)
class Scored:
    """One pair's score, and how much was read: None where the scorer cannot know (a hosted service)."""

    score: float
    reading: Reading | None


class Scorer(Protocol):
    """Scores pairs of a query and a document (its text, or its token ids)."""

    facts: Facts
    """What the model is."""

    @property
    def usage(self) -> Usage | None:
        """What a service was asked, and billed, since the model was opened; None for a model on this machine."""
        ...

    def score(
        self,
        pairs: Sequence[tuple[str, str | EncodedDocument]],
        *,
        long: Long,
        done: Callable[[float], object],
    ) -> list[Scored]:
        """One Scored per pair, in the order given; ``done`` is called with the number of pairs, or parts of them, that
        were finished.
        """
        ...

    def stream(
        self, pairs: Sequence[tuple[str, str | EncodedDocument]], *, long: Long, stop: Stop | None = None
    ) -> Generator[tuple[int, Scored], None, None]:
        """The place of each pair with its score, as they come, in any order; once ``stop`` is set no further sequence,
        batch or request is begun.
        """
        ...

    def encode(self, documents: Sequence[Document]) -> list[EncodedDocument]:
        """The documents with their token ids."""
        ...


@dataclass(frozen=True, slots=True)
class ReadPairs:
    """Pairs as the engine takes them: sequences in order, one a pair or, with passages, several."""

    parts: Sequence[tuple[TokenPair, Reading]]
    ends: Sequence[int]
    """For each pair, how many sequences there are up to its last."""


class TokenScorer:
    """A checkpoint, what reads texts for it, and the engine that runs it.

    Args:
        checkpoint: The model's files.
        reader: Turns texts into its token ids.
        engine: Scores them.
        dtype: The number format of the engine.
        tokenizer: Says whose document ids the reader's are.
        identity: What decides a score beside the engine, its kind of device, and this program's version: the digest
            is of all these.
        about: One line for people.
    """

    def __init__(
        self,
        checkpoint: Checkpoint | Foreign,
        reader: Reader,
        engine: Engine,
        *,
        dtype: Dtype,
        tokenizer: str,
        identity: Sequence[str],
        about: str,
    ) -> None:
        self.checkpoint = checkpoint
        self.reader = reader
        self.engine = engine
        computed = (rankladder.__version__, engine.name, engine.device.partition(":")[0])
        self.facts = Facts(
            model=_shown(checkpoint.name),
            dtype=dtype,
            engine=engine.name,
            device=engine.device,
            threads=engine.threads if engine.device == "cpu" else None,
            reads=reader.max_tokens,
            frame=len(reader.frame),
            token_budget=engine.token_budget,
            revision=checkpoint.revision,
            tokenizer=tokenizer,
            digest=hashlib.sha256("\n".join((*computed, *identity)).encode()).hexdigest(),
            note=about,
        )

    @property
    def usage(self) -> None:
        """None: nobody is asked."""

    @cached_property
    def tokens(self) -> ModelTokens:
        """What the model reads, without its network."""
        return ModelTokens(
            self.checkpoint.name, self.reader, tokenizer=self.facts.tokenizer, vocabulary=self.checkpoint.vocabulary
        )

    def encode(self, documents: Sequence[Document]) -> list[EncodedDocument]:
        """The documents with their token ids, uint16 where the vocabulary fits."""
        return self.tokens.encode(documents)

    def score(
        self,
        pairs: Sequence[tuple[str, str | EncodedDocument]],
        *,
        long: Long,
        done: Callable[[float], object],
    ) -> list[Scored]:
        """One Scored per pair, in the order given. Each text is tokenised once, also if it is in many pairs."""
        return self.judge(self.read(pairs, long=long), done=done)

    def read(self, pairs: Sequence[tuple[str, str | EncodedDocument]], *, long: Long) -> ReadPairs:
        """The pairs as sequences of token ids: the half of ``score`` that needs no engine. Usable from any thread.

        A text that is read as passages is tokenised a second time, for its offsets: once, however many its queries.
        """
        queries = list(dict.fromkeys(query for query, _ in pairs))
        texts = list(dict.fromkeys(document for _, document in pairs if isinstance(document, str)))
        query_ids = dict(zip(queries, self.reader.queries(queries), strict=True))
        document_ids = dict(zip(texts, self.reader.documents(texts), strict=True))
        offsets = cache(self.reader.offsets)
        parts: list[tuple[TokenPair, Reading]] = []
        ends: list[int] = []
        for query, document in pairs:
            if isinstance(document, EncodedDocument):
                ids, where = self._checked(document), partial(_offsets_of_ids, document, offsets)
            else:
                ids, where = document_ids[document], partial(offsets, document)
            if long == "passages":
                parts += self.reader.passages(query_ids[query], ids, where)
            else:
                parts.append(self.reader.cut(query_ids[query], ids))
            ends.append(len(parts))
        return ReadPairs(parts, ends)

    def judge(self, read: ReadPairs, *, done: Callable[[float], object]) -> list[Scored]:
        """One Scored per pair that was read; of a pair's passages the best counts."""
        parts, ends = read.parts, read.ends
        share = len(ends) / max(1, len(parts))
        logits = self.engine.score([pair for pair, _ in parts], done=lambda count: done(count * share))
        best = (
            max(range(start, end), key=lambda row: logits[row]) for start, end in zip([0, *ends], ends, strict=False)
        )
        return [Scored(float(logits[row]), parts[row][1]) for row in best]

    def stream(
        self, pairs: Sequence[tuple[str, str | EncodedDocument]], *, long: Long, stop: Stop | None = None
    ) -> Generator[tuple[int, Scored], None, None]:
        """The place of each pair with its score, as they come; a pair read as passages comes with its last passage."""
        read = self.read(pairs, long=long)
        starts = [0, *read.ends]
        pair_of = [pair for pair, start in enumerate(starts[:-1]) for _ in range(start, starts[pair + 1])]
        left = [end - start for start, end in zip(starts, read.ends, strict=False)]
        logits: dict[int, float] = {}
        for row, logit in self.engine.stream([part for part, _ in read.parts], stop=stop):
            pair, logits[row] = pair_of[row], logit
            left[pair] -= 1
            if left[pair] == 0:
                best = max(range(starts[pair], starts[pair + 1]), key=logits.__getitem__)
                yield pair, Scored(logits[best], read.parts[best][1])

    def _checked(self, document: EncodedDocument) -> NDArray[np.int32]:
        vocabulary = self.checkpoint.vocabulary
        if len(document.ids) and (last := int(document.ids.max())) >= vocabulary:
            raise BadInput(
                f"document {document.id!r}: token id {last} is not among the {vocabulary:,} of {self.checkpoint.name}",
                hint=_AGAIN,
            )
        return document.ids.astype(np.int32)


def _offsets_of_ids(document: EncodedDocument, offsets: Callable[[str], NDArray[np.int32]]) -> NDArray[np.int32]:
    """Where each of a document's kept ids lies in its text. Raises BadInput where they are not that text's."""
    found = offsets(document.full_text)
    if len(found) != len(document.ids):
        raise BadInput(
            f"document {document.id!r}: it carries {len(document.ids)} token ids, and its text has {len(found)} tokens",
            hint=_AGAIN,
        )
    return found


def native_scorer(
    checkpoint: Checkpoint, engine: Engine, *, dtype: DtypeChoice, max_tokens: int, one_core: bool = False
) -> TokenScorer:
    """The scorer of a checkpoint that we understand, on an engine of ours; ``one_core`` is for the tokenizer."""
    return TokenScorer(
        checkpoint,
        PairReader(checkpoint.tokenizer, max_tokens=max_tokens, one_core=one_core),
        engine,
        dtype=dtype.dtype,
        tokenizer=checkpoint.tokenizer_digest,
        identity=(checkpoint.digest, checkpoint.tokenizer_digest, dtype.dtype, str(max_tokens)),
        about=f"{dtype.reason}; engine {engine.about}, at most {max_tokens} tokens",
    )


def _shown(name: str) -> str:
    """A model's name for tables and files that are shared: of a folder, its last part."""
    folder = expanded(name)
    return folder.resolve().name if is_folder(folder) else name
