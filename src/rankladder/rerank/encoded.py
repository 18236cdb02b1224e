"""Documents whose token ids are kept, so that nothing is tokenised twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rankladder.values import Document


@dataclass(frozen=True, slots=True)
class EncodedDocument(Document):
    """A document that carries the token ids of its ``full_text``.

    A reranker with the same tokenizer reads the ids and not the text, with the same score to the bit; any other reads
    the text. ``Reranker.encode`` makes them, and an index can store them. That the ids are those of the text is taken
    on trust, and seen to only where a long document is read as passages.
    """

    ids: NDArray[np.unsignedinteger[Any]] = field(
        default_factory=lambda: np.empty(0, dtype=np.uint16), compare=False, repr=False
    )
    """(n,) uint16, or uint32 for a vocabulary of more than 65,536; uncut and without special tokens."""
    tokenizer: str = field(default="", repr=False)
    """``Checkpoint.tokenizer_digest`` of the model that they are for."""


def id_type(vocabulary: int) -> np.dtype[np.unsignedinteger[Any]]:
    """The smallest type that holds every token id below ``vocabulary``: uint16 or uint32.

    >>> id_type(50_368).name, id_type(151_669).name
    ('uint16', 'uint32')
    """
    return np.dtype(np.uint16 if vocabulary <= 1 << 16 else np.uint32)
