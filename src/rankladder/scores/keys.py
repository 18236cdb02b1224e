"""The names under which the scores of pairs are kept: their texts, so another text is another pair, under any id."""

from __future__ import annotations

import hashlib

from rankladder.values import Document, Query

KEY_BYTES = 16


def pair_key(query: str, text: str) -> bytes:
    """The key of a query and a document's text (16 bytes)."""
    return _key(query, _digest(text))


class PairKeys:
    """The keys of queries with documents; the digest of each text (16 bytes) is remembered."""

    def __init__(self) -> None:
        self._documents: dict[str, bytes] = {}

    def of_document(self, document: Document) -> None:
        """Remembers a document's text, the title included, by its id."""
        self._documents[document.id] = _digest(document.full_text)

    def knows(self, id: str) -> bool:
        """Whether the document's text was seen."""
        return id in self._documents

    def of(self, query: Query, id: str) -> bytes:
        """The key of a query and a document that was seen: as ``pair_key`` of their texts."""
        return _key(query.text, self._documents[id])


def _key(query: str, document: bytes) -> bytes:
    return hashlib.blake2b(_digest(query) + document, digest_size=KEY_BYTES).digest()


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES).digest()
