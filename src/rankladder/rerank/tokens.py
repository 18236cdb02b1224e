"""What a model reads, without its network: token ids to keep, and passages that it need not cut."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rankladder.rerank.encoded import EncodedDocument, id_type
from rankladder.rerank.pairs import Reader
from rankladder.values import Document

QUERY_TOKENS = 32
"""Tokens that a passage leaves for the query, a quarter of the room where that is less: about 25 words of English."""

PASSAGE_TOKENS = 256
"""Tokens of a passage, for models that read more: about 200 words of English, one thought rather than a chapter."""


_REMEMBERED = 2_000_000  # token ids: 8 MB


class ModelTokens:
    """A model's tokenizer and how much it reads. ``model`` is its name, ``tokenizer`` says whose token ids they are."""

    def __init__(self, model: str, reader: Reader, *, tokenizer: str, vocabulary: int) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.max_tokens = reader.max_tokens
        self._reader = reader
        self._kind = id_type(vocabulary)
        self._measured = _Measured(reader)

    @property
    def passage_tokens(self) -> int:
        """Tokens that a passage and its title may have, so that it is read whole beside an ordinary query."""
        return min(PASSAGE_TOKENS, self.room)

    @property
    def room(self) -> int:
        """The longest passage that is read whole beside an ordinary query."""
        shared = self._reader.room
        return max(1, shared - min(QUERY_TOKENS, shared // 4))

    def encode(self, documents: Sequence[Document]) -> list[EncodedDocument]:
        """The documents with their token ids, uint16 where the vocabulary fits."""
        known = [self._measured.joined(document) for document in documents]
        unknown = [one.full_text for one, ids in zip(documents, known, strict=True) if ids is None]
        read = iter(self._reader.documents(unknown))
        tokens = [next(read) if ids is None else ids for ids in known]
        return [
            EncodedDocument(one.id, one.text, one.title, one.metadata, ids.astype(self._kind), self.tokenizer)
            for one, ids in zip(documents, tokens, strict=True)
        ]

    def ruler(self, most: int) -> TokenRuler:
        """Measures passages of at most so many tokens."""
        return TokenRuler(self._reader, most, self._measured)


class _Measured:
    """Token ids of the texts that a ruler measured last, so that passages made of them are not tokenised again.

    Only for tokenizers where blanks part words and are no tokens: there the ids of parts are those of the whole.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._ids: dict[str, NDArray[np.int32]] = {}
        self._tokens = 0

    def ids(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Token ids (n,) of each text; remembered."""
        found = self._reader.documents(texts)
        if self._reader.blanks_part:
            if self._tokens > _REMEMBERED:
                self._ids, self._tokens = {}, 0
            self._ids.update(zip(texts, found, strict=True))
            self._tokens += sum(map(len, found))
        return found

    def joined(self, document: Document) -> NDArray[np.int32] | None:
        """Token ids of a document whose title and blocks are remembered, None for another."""
        remembered = self._ids
        texts = [document.text] if document.text in remembered else document.text.split("\n\n")
        parts = [remembered.get(text) for text in ([document.title, *texts] if document.title else texts)]
        known = [ids for ids in parts if ids is not None]
        return np.concatenate(known) if len(known) == len(parts) else None


class TokenRuler:
    """Passages of at most ``most`` tokens, title included (a ``textfiles`` Ruler)."""

    whole_code = 1

    def __init__(self, reader: Reader, most: int, measured: _Measured) -> None:
        self.most = most
        self._reader = reader
        self._measured = measured

    @cached_property
    def slack(self) -> int:
        """Tokens by which a text may differ from the sum of its parts: 0 where blanks part words and are no tokens."""
        return 0 if self._reader.blanks_part else 2

    @cached_property
    def joint(self) -> int:
        """Tokens that a blank line between two blocks takes."""
        first, second, joined = self.sizes(["rain", "falls", "rain\n\nfalls"])
        return max(0, joined - first - second)

    def sizes(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""
        return [len(ids) for ids in self._measured.ids(texts)]

    def titles(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each title."""
        return self.sizes(texts)

    def lay(self, text: str) -> _InTokens:
        """The text with the place of every token."""
        return _InTokens(self._reader.offsets(text)[:, 0], len(text))

    def excess(self, title: str, text: str) -> int:
        """By how many tokens a passage is longer than ``most``."""
        return len(self._reader.documents([Document("", text, title).full_text])[0]) - self.most


class _InTokens:
    def __init__(self, starts: NDArray[np.int32], length: int) -> None:
        self._starts = np.ascontiguousarray(starts, dtype=np.int64)  # a column, or int32, is copied at each search
        self._length = length

    def size(self, start: int, end: int) -> int:
        first, last = np.searchsorted(self._starts, (start, end))
        return int(last - first)

    def reach(self, start: int, units: int) -> int:
        after = int(np.searchsorted(self._starts, start)) + units
        return int(self._starts[after]) if after < len(self._starts) else self._length
