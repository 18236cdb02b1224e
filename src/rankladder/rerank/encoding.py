"""Texts into token ids, and the places of tokens, in memory that stays near the texts' own size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from rankladder.checkpoint.panics import panics_as
from rankladder.errors import BadInput
from rankladder.rerank.segments import PIECE, Cutter, Pieces
from rankladder.surrogates import encodable

_AT_ONCE = 16 * PIECE
"""Characters that the tokenizer works on at a time: up to 60 MB for one token a character."""


class TextEncoder:
    """Texts as token ids, uncut and without special tokens. Threads may share it.

    A long text is tokenised in pieces, with the ids of the whole to the bit (see ``segments``). With ``one_core`` one
    piece at a time, which keeps the tokenizer's own threads to one.
    """

    def __init__(self, tokenizer: Tokenizer, *, one_core: bool = False) -> None:
        self._tokenizer, self._one_core = tokenizer, one_core

    @cached_property
    def _cutter(self) -> Cutter:
        return Cutter(self._tokenizer)

    @property
    def blanks_part(self) -> bool:
        """Whether a text has as many tokens as its parts together, wherever it is parted at blanks."""
        return self._cutter.blanks_part

    def ids(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Token ids (n,) of each text."""
        found: list[list[NDArray[np.int32]]] = [[] for _ in texts]
        pieces = ((row, piece) for row, text in enumerate(texts) for piece in self._pieces(text).texts)
        for batch in _batches(pieces, one=self._one_core):
            with panics_as(_refusal_of(texts)):
                rows = self._tokenizer.encode_batch_fast([piece for _, piece in batch], add_special_tokens=False)
            for (row, _), encoding in zip(batch, rows, strict=True):
                found[row].append(np.array(encoding.ids, dtype=np.int32))
        return [parts[0] if len(parts) == 1 else np.concatenate(parts) for parts in found]

    def places(self, text: str) -> NDArray[np.int32]:
        """Where each token lies in a text, (n, 2): characters start to end."""
        pieces = self._pieces(text, offsets=True)
        found = []
        for batch in _batches(enumerate(pieces.texts), one=self._one_core):
            with panics_as(_refusal_of([text])):
                rows = self._tokenizer.encode_batch([piece for _, piece in batch], add_special_tokens=False)
            for (number, _), encoding in zip(batch, rows, strict=True):
                found.append(np.array(encoding.offsets, dtype=np.int32).reshape(-1, 2) + pieces.starts[number])
        return pieces.places(np.concatenate(found, dtype=np.int32))

    def _pieces(self, text: str, *, offsets: bool = False) -> Pieces:
        readable = encodable(text)
        if len(readable) <= 2 * PIECE or (offsets and not self._cutter.keeps_offsets):
            return Pieces((readable,), (0,))
        return self._cutter.pieces(readable)


def _refusal_of(texts: Sequence[str]) -> Callable[[str], BadInput]:
    """Makes the error for texts on which the tokenizers library fails, of its message."""
    return lambda message: BadInput(
        f"the model's tokenizer fails on one of {len(texts)} texts, the first is {texts[0][:60]!r}: {message}",
        hint="leave out what is unusual in the text, or use another model",
    )


def _batches(pieces: Iterable[tuple[int, str]], *, one: bool) -> Iterator[list[tuple[int, str]]]:
    """The numbered pieces in batches of up to ``_AT_ONCE`` characters, or of one piece."""
    batch: list[tuple[int, str]] = []
    size = 0
    for number, piece in pieces:
        if batch and (one or size + len(piece) > _AT_ONCE):
            yield batch
            batch, size = [], 0
        batch.append((number, piece))
        size += len(piece)
    if batch:
        yield batch
