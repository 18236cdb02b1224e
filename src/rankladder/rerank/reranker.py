"""The reranker: a model, opened once, that scores pairs and ranks documents."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, NoReturn, get_args

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from rankladder.checkpoint import Checkpoint, open_checkpoint
from rankladder.errors import BadInput, BadOption
from rankladder.rerank.encoded import EncodedDocument, id_type
from rankladder.rerank.engine import DtypeChoice, DtypeWish, Engine, choose_dtype, open_engine
from rankladder.rerank.pairs import PairReader, TokenPair
from rankladder.rerank.processor import usable_cores
from rankladder.values import Document, Hit, Query, Ranking, Reading

Long = Literal["truncate", "passages"]
"""What becomes of a document longer than the model reads: cut, or scored as overlapping passages (the best counts)."""

_BLOCK = 4096  # pairs tokenised at a time: bounds memory, and is far more than the cores need to stay busy
_QUIET_S = 2.0  # a progress bar appears once work has taken this long


class PairsTruncated(UserWarning):
    """Some pairs given to ``predict`` were longer than the model reads and were cut."""


@dataclass(frozen=True, slots=True)
class _Scored:
    """One pair's score, and what of it was read."""

    score: float
    reading: Reading


class Reranker:
    """A cross-encoder on this machine. Open one and keep it: it may be used from several threads at once.

    A score is the model's raw logit (see ``probability``). It depends on the pair alone, never on the other pairs of a
    call, their order, or the number of threads.
    """

    def __init__(self, checkpoint: Checkpoint, engine: Engine, *, dtype: DtypeChoice, max_tokens: int) -> None:
        self.checkpoint = checkpoint
        self.engine = engine
        self.dtype = dtype.dtype
        self.dtype_reason = dtype.reason
        self.reader = PairReader(checkpoint.tokenizer, max_tokens=max_tokens)

    @classmethod
    def open(
        cls,
        name: str | os.PathLike[str] | None = None,
        *,
        dtype: DtypeWish = "auto",
        max_tokens: int | None = None,
        threads: int | None = None,
        revision: str | None = None,
        offline: bool | None = None,
    ) -> Reranker:
        """The model in the box, or the one named: a catalogue name (``rankladder models``), a hub id, or a folder.

        Args:
            name: ``None`` for the model in the box.
            dtype: ``auto`` uses int8 where a measurement recorded with the model allows it, else fp32;
                ``dtype_reason`` says which and why.
            max_tokens: Longest sequence, special tokens included; at most, and by default, what the model reads.
            threads: Sequences scored at once; by default the cores that this process may use.
            revision: The hub commit, for a hub id that the catalogue does not pin.
            offline: True never touches the network; by default the network is used only for a model that is not on
                this machine.

        Raises:
            ModelMissing: Nobody knows the name, or the model is not here and may not be fetched.
            CheckpointRefused: The files are not fully understood.
            BadOption: An option outside its range.
            Unavailable: The hub cannot be reached.
        """
        if threads is not None and threads < 1:
            raise BadOption(f"threads must be at least 1, got {threads}")
        checkpoint = open_checkpoint(
            Path(name) if isinstance(name, os.PathLike) else name, revision=revision, offline=offline
        )
        if max_tokens is not None and max_tokens > checkpoint.max_tokens:
            raise BadOption(f"max_tokens is {max_tokens}, but {checkpoint.name} reads at most {checkpoint.max_tokens}")
        choice = choose_dtype(checkpoint, dtype)
        engine = open_engine(checkpoint, dtype=choice.dtype, threads=threads or usable_cores())
        return cls(checkpoint, engine, dtype=choice, max_tokens=max_tokens or checkpoint.max_tokens)

    @property
    def name(self) -> str:
        """The model and its number format, as a stage of a ranking is named: ``box int8``."""
        return f"{self.checkpoint.name} {self.dtype}"

    @property
    def max_tokens(self) -> int:
        """Longest sequence that is read whole, special tokens included."""
        return self.reader.max_tokens

    def predict(
        self, pairs: Iterable[tuple[str, str]], *, long: Long = "truncate", progress: bool | None = None
    ) -> NDArray[np.float32]:
        """Raw logits (N,), float32, one per (query, document) pair, in the order given; N may be 0.

        Where pairs were longer than ``max_tokens`` and cut, one ``PairsTruncated`` warning says how many; ``rank``
        reports each cut by itself.

        Args:
            pairs: Any iterable of pairs of texts; it is read as it is scored.
            long: ``passages`` scores a long document as overlapping passages and keeps the best score.
            progress: Show a bar on stderr; by default only on a terminal, once the work has taken two seconds.
        """
        if isinstance(pairs, tuple) and len(pairs) == 2 and all(isinstance(text, str) for text in pairs):
            raise BadInput("predict takes a list of pairs, got one pair", hint="predict([(query, document)])")
        scored = list(self._scored(pairs, long=long, progress=progress))
        if cut := sum(one.reading.truncated for one in scored):
            warnings.warn(
                PairsTruncated(
                    f"{cut} of {len(scored)} pairs were longer than {self.max_tokens} tokens and were cut; "
                    'rank() reports each, long="passages" reads everything'
                ),
                stacklevel=2,
            )
        return np.array([one.score for one in scored], dtype=np.float32)

    def rank(
        self,
        query: str | Query,
        documents: Iterable[str | Document],
        *,
        top_k: int | None = None,
        long: Long = "truncate",
        progress: bool | None = None,
    ) -> Ranking:
        """The documents, best first: all of them, or the ``top_k`` best. No documents give an empty ranking.

        A text becomes a Document whose id is its place in the list. A Document is read as its title and text, an
        EncodedDocument of this model's tokenizer as the token ids that it carries. Each hit says what the model read of
        it (``hit.reading``, ``hit.truncated``). Equal scores keep the order given.

        Raises:
            BadQuery: The query is empty or blank.
            BadOption: ``top_k`` below 1.
            DuplicateId: Two documents share an id.
        """
        return self.rank_many([(query, documents)], top_k=top_k, long=long, progress=progress)[0]

    def rank_many(
        self,
        tasks: Iterable[tuple[str | Query, Iterable[str | Document]]],
        *,
        top_k: int | None = None,
        long: Long = "truncate",
        progress: bool | None = None,
    ) -> list[Ranking]:
        """One ranking per (query, documents), in the order given, as ``rank`` gives it; all are scored together."""
        if top_k is not None and top_k < 1:
            raise BadOption(f"top_k must be at least 1, got {top_k}", hint="leave it out to keep every document")
        prepared = [
            (_as_query(query, place), [_as_document(document, index) for index, document in enumerate(documents)])
            for place, (query, documents) in enumerate(tasks)
        ]
        pairs = ((query.text, self._readable(document)) for query, documents in prepared for document in documents)
        scored = iter(list(self._scored(pairs, long=long, progress=progress)))
        return [
            Ranking.of(
                query,
                [
                    Hit(document, one.score, index, one.reading)
                    for index, (document, one) in enumerate(zip(documents, scored, strict=False))
                ],
                self.name,
                top_k=top_k,
            )
            for query, documents in prepared
        ]

    def encode(self, documents: Iterable[str | Document]) -> list[EncodedDocument]:
        """The documents with their token ids, which ``rank`` reads in place of text, with the same scores to the bit.

        A text becomes a Document whose id is its place in the list.
        """
        plain = [_as_document(document, index) for index, document in enumerate(documents)]
        kind = id_type(self.checkpoint.network.encoder.vocabulary)
        return [
            EncodedDocument(
                document.id, document.text, document.title, document.metadata, ids.astype(kind), self.tokenizer
            )
            for document, ids in zip(plain, self.reader.tokenise([one.full_text for one in plain]), strict=True)
        ]

    @property
    def tokenizer(self) -> str:
        """What says which tokenizer this is: models that share it can read each other's encoded documents."""
        return self.checkpoint.tokenizer_digest

    def _readable(self, document: Document) -> str | EncodedDocument:
        """The encoded document itself where its ids are ours, else its text."""
        if not isinstance(document, EncodedDocument) or document.tokenizer != self.tokenizer:
            return document.full_text
        vocabulary = self.checkpoint.network.encoder.vocabulary
        if len(document.ids) and (last := int(document.ids.max())) >= vocabulary:
            raise BadInput(
                f"document {document.id!r}: token id {last} is not among the {vocabulary:,} of {self.checkpoint.name}",
                hint="encode the document again: reranker.encode([document])",
            )
        return document

    def _scored(
        self, pairs: Iterable[tuple[str, str | EncodedDocument]], *, long: Long, progress: bool | None
    ) -> Iterator[_Scored]:
        """Scores and readings in the order of the pairs, a block at a time."""
        if long not in get_args(Long):
            raise BadOption(f"long must be one of {', '.join(get_args(Long))}, got {long!r}")
        source = iter(pairs)
        with tqdm(
            desc=f"reranking with {self.name}",
            unit=" pairs",
            delay=0 if progress else _QUIET_S,
            disable=None if progress is None else not progress,
            leave=False,
        ) as bar:
            while block := list(islice(source, _BLOCK)):
                bar.total = (bar.total or 0) + len(block)
                yield from self._score_block(block, long=long, bar=bar)

    def _score_block(
        self, block: Sequence[tuple[str, str | EncodedDocument]], *, long: Long, bar: tqdm[NoReturn]
    ) -> list[_Scored]:
        texts = list(dict.fromkeys(text for pair in block for text in pair if isinstance(text, str)))
        tokens = dict(zip(texts, self.reader.tokenise(texts), strict=True))
        parts: list[tuple[TokenPair, Reading]] = []
        ends: list[int] = []
        for query, document in block:
            if isinstance(document, EncodedDocument):
                text, ids = document.full_text, document.ids.astype(np.int32)
            else:
                text, ids = document, tokens[document]
            if long == "passages":
                parts += self.reader.passages(tokens[query], ids, text)
            else:
                parts.append(self.reader.cut(tokens[query], ids))
            ends.append(len(parts))
        logits = self.engine.score([pair for pair, _ in parts], done=bar.update)
        best = (
            max(range(start, end), key=lambda row: logits[row]) for start, end in zip([0, *ends], ends, strict=False)
        )
        return [_Scored(float(logits[row]), parts[row][1]) for row in best]


def probability(logits: NDArray[np.float32] | float) -> NDArray[np.float32]:
    """The sigmoid of raw logits, element by element: a reading aid, not a calibrated chance of relevance.

    >>> probability(np.array([0.0, 4.0], dtype=np.float32)).round(3).tolist()
    [0.5, 0.9819999933242798]
    """
    x = np.asarray(logits, dtype=np.float32)
    # Each sign takes the form whose exponential cannot overflow.
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small)).astype(np.float32)


def _as_query(query: str | Query, place: int) -> Query:
    return query if isinstance(query, Query) else Query(str(place), query)


def _as_document(document: str | Document, index: int) -> Document:
    return document if isinstance(document, Document) else Document(str(index), document)
