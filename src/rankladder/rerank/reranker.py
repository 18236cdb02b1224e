"""The reranker: a model, opened once, that scores pairs and ranks documents."""

from __future__ import annotations

import os
import warnings
from array import array
from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING, SupportsIndex, get_args

import numpy as np
from numpy.typing import NDArray

from rankladder.arguments import checked
from rankladder.errors import BadInput, BadOption
from rankladder.facts import Facts
from rankladder.other_names import RERANKER_NAMES, missing, names_checked
from rankladder.progress import Progress
from rankladder.rerank.blocks import blocks_of, score_blocks
from rankladder.rerank.encoded import EncodedDocument
from rankladder.rerank.engine import DtypeWish, EngineWish, Stop
from rankladder.rerank.inputs import Documents, as_documents, as_pairs, as_tasks, as_top_k
from rankladder.rerank.opening import open_scorer
from rankladder.rerank.scorer import Long, Scored, Scorer, TokenScorer
from rankladder.rerank.tokens import ModelTokens
from rankladder.values import Document, Hit, Query, Ranking, expect_distinct

if TYPE_CHECKING:
    from rankladder.rerank.hosted.usage import Usage
    from rankladder.rerank.torch.attention import AttentionWish


class PairsTruncated(UserWarning):
    """Some pairs given to ``predict`` were longer than the model reads and were cut."""


class Reranker:
    """A cross-encoder on this machine. Open one and keep it: it may be used from several threads at once.

    A score is the model's raw logit (see ``probability``). It depends on the pair alone, never on the other pairs of a
    call, their order, or the number of threads.
    """

    def __init__(self, scorer: Scorer) -> None:
        if scorer is None or isinstance(scorer, str | os.PathLike):
            raise BadInput(f"Reranker({scorer!r}): a model is opened by its name", hint=f"Reranker.open({scorer!r})")
        self.scorer = scorer

    @classmethod
    @names_checked
    @checked
    def open(
        cls,
        name: str | os.PathLike[str] | None = None,
        *,
        engine: EngineWish = "auto",
        device: str | None = None,
        dtype: DtypeWish = "auto",
        max_tokens: int | None = None,
        threads: int | None = None,
        revision: str | None = None,
        offline: bool | None = None,
        attention: AttentionWish = "auto",
        cuda_graphs: bool = False,
    ) -> Reranker:
        """The model in the box, or the one named: a catalogue name (``rankladder models``), a hub id, or a folder.

        Args:
            name: ``None`` for the model in the box.
            engine: ``onnx``, on the CPU; ``torch`` (extra ``torch``), on a GPU where there is one; or
                ``sentence-transformers`` (extra of that name), for architectures that neither of them runs. ``auto``
                is onnx, and sentence-transformers for those; ``about`` says which and why.
            device: ``cuda``, ``mps`` or ``cpu`` for the engines on torch; by default the first of these that is here.
            dtype: ``auto`` uses int8 where a measurement recorded with the model allows it, else fp32;
                ``about`` says which and why.
            max_tokens: Longest sequence, special tokens included; at most, and by default, what the model reads.
            threads: Sequences scored at once; by default the cores that this process may use. With 1, texts are
                tokenised on one core too.
            revision: The hub commit, for a hub id that the catalogue does not pin.
            offline: True never touches the network; by default the network is used only for a model that is not on
                this machine.
            attention: torch engine: ``flash-attn``, ``varlen``, ``sdpa`` or ``flex``; ``auto`` is the first that runs
                here, and never ``flex``.
            cuda_graphs: torch engine: replay CUDA graphs; wants attention flash-attn or varlen.

        Raises:
            ModelMissing: Nobody knows the name, or the model is not here and may not be fetched.
            CheckpointRefused: The files are not fully understood.
            BadOption: An option outside its range, or a device that is not here.
            MissingExtra: An engine whose packages are not installed.
            DeviceMemoryFull: The weights do not fit on the device.
            Unavailable: The hub cannot be reached.
        """
        return cls(
            open_scorer(
                name,
                engine=engine,
                device=device,
                dtype=dtype,
                max_tokens=max_tokens,
                threads=threads,
                revision=revision,
                offline=offline,
                attention=attention,
                cuda_graphs=cuda_graphs,
            )
        )

    if not TYPE_CHECKING:  # a type checker refuses by itself what is not there

        def __getattr__(self, name):
            raise AttributeError(missing("Reranker", name, RERANKER_NAMES))

    def __repr__(self) -> str:
        return f"<Reranker {self.name}: {self.about}>"

    @property
    def facts(self) -> Facts:
        """What this model is: name, number format, engine, device, length, revision, digests."""
        return self.scorer.facts

    @property
    def usage(self) -> Usage | None:
        """What a hosted service was asked, and billed, since the model was opened; None for a model on this machine."""
        return self.scorer.usage

    @property
    def name(self) -> str:
        """The model and its number format, as a stage of a ranking is named: ``box int8``."""
        return self.facts.stage

    @property
    def dtype(self) -> str:
        """The number format that it runs in: fp32, int8, …; ``about`` says why."""
        return self.facts.dtype

    @property
    def about(self) -> str:
        """One line for people: why this number format, the engine, how much it reads."""
        return self.facts.note

    @property
    def max_tokens(self) -> int | None:
        """Longest sequence that is read whole, special tokens included; None where a hosted service does not say."""
        return self.facts.reads

    @property
    def tokenizer(self) -> str:
        """Says which tokenizer this is: models that share it can read each other's encoded documents."""
        return self.facts.tokenizer

    @property
    def tokens(self) -> ModelTokens | None:
        """What the model reads, without its network: sizes passages and keeps token ids; None for a hosted model."""
        return self.scorer.tokens if isinstance(self.scorer, TokenScorer) else None

    @property
    def digest(self) -> str:
        """Says which scores these are: another wherever weights, tokenizer, number format, engine, kind of device,
        length or this program's version differ. A hosted service's says no more than the service does.
        """
        return self.facts.digest

    @names_checked
    @checked
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
        scores, cut = array("f"), 0
        total = len(pairs) if isinstance(pairs, list) else None
        for scored in self._scored(as_pairs(pairs), long=long, progress=progress, total=total):
            scores.append(scored.score)
            cut += scored.reading is not None and scored.reading.truncated
        if cut:
            warnings.warn(
                PairsTruncated(
                    f"{cut} of {len(scores)} pairs were longer than {self.max_tokens} tokens and were cut; "
                    'rank() reports each, long="passages" reads everything'
                ),
                stacklevel=3,
            )
        return np.array(scores, dtype=np.float32)

    @names_checked
    @checked
    def rank(
        self,
        query: str | Query,
        documents: Documents,
        *,
        top_k: SupportsIndex | None = None,
        long: Long = "truncate",
        progress: bool | None = None,
    ) -> Ranking:
        """The documents, best first: all of them, or the ``top_k`` best. No documents give an empty ranking.

        A text becomes a Document whose id is its place in the list. A mapping ``{"text": …, "id": …, "title": …}``
        becomes a Document with its other keys as metadata; a mapping of ids to texts is a list of documents. A Document
        is read as its title and text, an EncodedDocument of this model's tokenizer as the token ids that it carries.
        Each hit says what the model read of it (``hit.reading``, ``hit.truncated``). Equal scores keep the order given.

        Raises:
            BadInput: Something that is neither a text nor a document; the message names its place.
            BadQuery: The query is empty or blank.
            BadOption: ``top_k`` below 1.
            DuplicateId: Two documents share an id.
        """
        return self.rank_many([(query, documents)], top_k=top_k, long=long, progress=progress)[0]

    @names_checked
    @checked
    def rank_many(
        self,
        tasks: Iterable[tuple[str | Query, Documents]],
        *,
        top_k: SupportsIndex | None = None,
        long: Long = "truncate",
        progress: bool | None = None,
    ) -> list[Ranking]:
        """One ranking per (query, documents), in the order given, as ``rank`` gives it; all are scored together."""
        most = as_top_k(top_k)
        prepared = as_tasks(tasks)
        pairs = ((query.text, self._readable(document)) for query, documents in prepared for document in documents)
        for asked, documents in prepared:
            expect_distinct(asked, documents)  # before anything is scored, and maybe paid for
        total = sum(len(documents) for _, documents in prepared)
        scored = iter(list(self._scored(pairs, long=long, progress=progress, total=total)))
        return [
            Ranking.of(
                query,
                [
                    Hit(document, score.score, index, score.reading, self.facts)
                    for index, (document, score) in enumerate(zip(documents, scored, strict=False))
                ],
                self.name,
                top_k=most,
            )
            for query, documents in prepared
        ]

    @names_checked
    def stream(
        self, query: str | Query, documents: Documents, *, long: Long = "truncate", stop: Stop | None = None
    ) -> Generator[Hit, None, None]:
        """Hits as they are scored, in any order: for a caller who may stop before all are there.

        Once ``stop`` is set, or the generator is closed, no further document is begun on a CPU, and no further batch or
        request elsewhere. What was given is scored as ``rank`` scores it, to the bit on the CPU engine.

        Args:
            query: As for ``rank``.
            documents: As for ``rank``.
            long: As for ``rank``.
            stop: Whether nothing more is wanted: a ``threading.Event``.

        Raises:
            BadInput: As for ``rank``.
        """
        ((asked, given),) = as_tasks([(query, documents)])
        expect_distinct(asked, given)
        pairs = [(asked.text, self._readable(document)) for document in given]
        for place, scored in self.scorer.stream(pairs, long=_checked_long(long), stop=stop):
            yield Hit(given[place], scored.score, place, scored.reading, self.facts)

    @names_checked
    def encode(self, documents: Documents) -> list[EncodedDocument]:
        """The documents with their token ids, which ``rank`` reads in place of text, with the same scores to the bit.

        A text becomes a Document whose id is its place in the list.
        """
        return self.scorer.encode(as_documents(documents))

    def _readable(self, document: Document) -> str | EncodedDocument:
        """The encoded document itself where its ids are ours, else its text."""
        if isinstance(document, EncodedDocument) and document.tokenizer == self.tokenizer:
            return document
        return document.full_text

    def _scored(
        self,
        pairs: Iterable[tuple[str, str | EncodedDocument]],
        *,
        long: Long,
        progress: bool | None,
        total: int | None,
    ) -> Iterator[Scored]:
        """Scores and readings in the order of the pairs, a block at a time."""
        _checked_long(long)
        with Progress(f"reranking with {self.name}", total, "pairs", wanted=progress, lines=False) as bar:
            yield from score_blocks(self.scorer, blocks_of(pairs), long=long, done=bar.add)


def _checked_long(long: Long) -> Long:
    if long not in get_args(Long):
        raise BadOption(f"long must be one of {', '.join(get_args(Long))}, got {long!r}")
    return long
