"""From a query and a document to the token ids that a model reads, and how much of each was kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from rankladder.errors import BadConfig, BadInput, BadOption
from rankladder.rerank.encoding import TextEncoder
from rankladder.values import Passage, Reading


def longest_first(query: int, document: int, room: int) -> tuple[int, int]:
    """Tokens kept of a query and of a document that share ``room``: the tokenizer's longest-first rule in closed form.

    Both are cut on the right. Equal to tokenizers' ``truncation="longest_first"`` (a test compares every case to 14
    tokens); the one-token-at-a-time loop that is often written in its place is not.

    >>> longest_first(10, 500, 509), longest_first(10, 500, 109), longest_first(300, 200, 101)
    ((10, 499), (10, 99), (51, 50))
    """
    if query + document <= room:
        return query, document
    shorter, longer = sorted((query, document))
    longer = shorter if shorter > room else max(shorter, room - shorter)
    if shorter + longer > room:
        shorter = room // 2
        longer = shorter + room % 2
    return (shorter, longer) if query <= document else (longer, shorter)


@dataclass(frozen=True, slots=True)
class Frame:
    """The special tokens around a pair: ``before`` query ``between`` document ``after``."""

    before: tuple[int, ...]
    between: tuple[int, ...]
    after: tuple[int, ...]

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Frame:
        """The frame that a tokenizer's post-processor puts around a pair, found by letting it frame one.

        Raises BadConfig where it does anything but put special tokens around and between the two.
        """
        query, document = (tokenizer.encode(text, add_special_tokens=False).ids for text in ("query", "the document"))
        framed = tokenizer.encode("query", "the document")
        ids = framed.ids
        first = next((i for i, special in enumerate(framed.special_tokens_mask) if not special), len(ids))
        second = next((i for i in range(first + len(query), len(ids)) if not framed.special_tokens_mask[i]), len(ids))
        frame = cls(tuple(ids[:first]), tuple(ids[first + len(query) : second]), tuple(ids[second + len(document) :]))
        types = [0] * (len(frame.before) + len(query) + len(frame.between)) + [1] * (len(document) + len(frame.after))
        if ids != [*frame.before, *query, *frame.between, *document, *frame.after] or framed.type_ids not in (
            types,
            [0] * len(ids),
        ):
            raise BadConfig(
                "tokenizer.json: its post-processor does not frame a pair as specials around query and document"
            )
        return frame

    def __len__(self) -> int:
        return len(self.before) + len(self.between) + len(self.after)


@dataclass(frozen=True, slots=True)
class TokenPair:
    """One framed pair, ready for an engine."""

    ids: NDArray[np.int32]
    """(T,)"""
    document_start: int
    """Place of the document's first token: token types are 0 before it and 1 from it on."""

    @property
    def segments(self) -> NDArray[np.int32]:
        """Token types (T,), as BERT wants them."""
        return (np.arange(len(self.ids)) >= self.document_start).astype(np.int32)


def check_sequences(pairs: Sequence[TokenPair], *, longest: int, vocabulary: int) -> None:
    """Raises BadInput for a sequence that a network cannot read: empty, too long, or with an id that it has not."""
    check_lengths(pairs, longest=longest)
    for pair in pairs:
        check_ids(pair.ids, vocabulary=vocabulary)


def check_lengths(pairs: Sequence[TokenPair], *, longest: int) -> None:
    """Raises BadInput for a sequence that is empty or too long."""
    for pair in pairs:
        if not 0 < len(pair.ids) <= longest:
            raise BadInput(f"a sequence has {len(pair.ids)} tokens; the model reads 1 to {longest}")


def check_ids(ids: NDArray[np.int32], *, vocabulary: int) -> None:
    """Raises BadInput for a token id outside the vocabulary; there is at least one id."""
    if ids.min() < 0 or ids.max() >= vocabulary:
        wrong = int(ids[(ids < 0) | (ids >= vocabulary)][0])
        raise BadInput(f"token id {wrong} is outside the vocabulary of {vocabulary}")


PASSAGE_OVERLAP = 64
"""Tokens that neighbouring passages of a long document share (a quarter of a passage where that is less)."""


class Reader(Protocol):
    """Turns texts into token pairs for one model."""

    max_tokens: int
    frame: Frame
    """The special tokens, or the prompt, around every pair."""
    room: int
    """Tokens that a query and a document share."""

    @property
    def blanks_part(self) -> bool:
        """Whether a document has as many tokens as its parts together, wherever it is parted at blanks."""
        ...

    def queries(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Token ids (n,) of each query, uncut."""
        ...

    def documents(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Token ids (n,) of each document, uncut."""
        ...

    def cut(self, query: NDArray[np.int32], document: NDArray[np.int32]) -> tuple[TokenPair, Reading]:
        """The pair as one sequence of at most ``max_tokens``."""
        ...

    def offsets(self, text: str) -> NDArray[np.int32]:
        """Where each token of a document lies in its text, (n, 2): characters start to end."""
        ...

    def passages(
        self, query: NDArray[np.int32], document: NDArray[np.int32], offsets: Callable[[], NDArray[np.int32]]
    ) -> list[tuple[TokenPair, Reading]]:
        """The pair as overlapping passages; one where it fits whole. ``offsets`` is asked only where it does not."""
        ...


class PairReader:
    """Turns texts into token pairs for one model. Holds no state that a call changes: usable from several threads.

    Query and document are tokenised apart and framed afterwards, which is what tokenizers do with a pair (a test
    compares), so a query is tokenised once for all of its documents. A lone surrogate, which no UTF-8 text can hold, is
    read as U+FFFD.
    """

    def __init__(self, tokenizer: Tokenizer, *, max_tokens: int, one_core: bool = False) -> None:
        self.frame = Frame.of(tokenizer)
        if max_tokens < len(self.frame) + 2:
            raise BadOption(f"max_tokens must be at least {len(self.frame) + 2}, got {max_tokens}")
        self.max_tokens = max_tokens
        self.room = max_tokens - len(self.frame)
        """Tokens that a query and a document share."""
        self._texts = TextEncoder(tokenizer, one_core=one_core)

    def queries(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """See ``tokenise``."""
        return self.tokenise(texts)

    def documents(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """See ``tokenise``."""
        return self.tokenise(texts)

    @property
    def blanks_part(self) -> bool:
        """See Reader."""
        return self._texts.blanks_part

    def tokenise(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Token ids (n,) of each text, uncut and without special tokens."""
        return self._texts.ids(texts)

    def offsets(self, text: str) -> NDArray[np.int32]:
        """Where each token of a text lies in it, (n, 2): characters start to end."""
        return self._texts.places(text)

    def cut(self, query: NDArray[np.int32], document: NDArray[np.int32]) -> tuple[TokenPair, Reading]:
        """The pair as one sequence of at most ``max_tokens``, cut longest-first on the right."""
        kept = longest_first(len(query), len(document), self.room)
        reading = Reading(kept[0], len(query) - kept[0], kept[1], len(document) - kept[1])
        return self._framed(query[: kept[0]], document[: kept[1]]), reading

    def passages(
        self, query: NDArray[np.int32], document: NDArray[np.int32], offsets: Callable[[], NDArray[np.int32]]
    ) -> list[tuple[TokenPair, Reading]]:
        """The pair as overlapping passages that cover every token of the document; one where it fits whole.

        Where the document does not fit, the query keeps at most half of the room. Each Reading names its passage by
        characters of the text, as ``offsets`` gives them.
        """
        query_kept = min(len(query), max(self.room // 2, self.room - len(document)))
        return in_passages(query, query_kept, document, offsets, room=self.room, framed=self._framed)

    def _framed(self, query: NDArray[np.int32], document: NDArray[np.int32]) -> TokenPair:
        frame = self.frame
        ids = np.concatenate([frame.before, query, frame.between, document, frame.after], dtype=np.int32)
        return TokenPair(ids, len(frame.before) + len(query) + len(frame.between))


def in_passages(
    query: NDArray[np.int32],
    query_kept: int,
    document: NDArray[np.int32],
    offsets: Callable[[], NDArray[np.int32]],
    *,
    room: int,
    framed: Callable[[NDArray[np.int32], NDArray[np.int32]], TokenPair],
) -> list[tuple[TokenPair, Reading]]:
    """The first ``query_kept`` tokens of a query with overlapping passages that cover every token of a document; with
    the whole document, where it fits beside them into ``room``.
    """
    window, dropped = room - query_kept, len(query) - query_kept
    if len(document) <= window:
        return [(framed(query[:query_kept], document), Reading(query_kept, dropped, len(document), 0))]
    starts = passage_starts(len(document), window, overlap=min(PASSAGE_OVERLAP, window // 4))
    places = offsets()
    pairs = []
    for number, start in enumerate(starts):
        part = document[start : start + window]
        passage = Passage(number, len(starts), int(places[start, 0]), int(places[start + len(part) - 1, 1]))
        pairs.append((framed(query[:query_kept], part), Reading(query_kept, dropped, len(part), 0, passage)))
    return pairs


def passage_starts(tokens: int, window: int, *, overlap: int) -> list[int]:
    """First tokens of passages of ``window`` tokens that cover a document; the last one ends where the document does.

    >>> passage_starts(100, 40, overlap=10), passage_starts(30, 40, overlap=10)
    ([0, 30, 60], [0])
    """
    if tokens <= window:
        return [0]
    return [*range(0, tokens - window, window - overlap), tokens - window]
