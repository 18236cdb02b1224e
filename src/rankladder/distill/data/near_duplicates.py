"""Near copies of texts, found without comparing every pair."""

from __future__ import annotations

import re
from typing import Any

_WORD = re.compile(r"\w+")
_PERMUTATIONS = 128
_SOUGHT_BELOW = 0.9
"""A higher threshold is sought like this one, and what is found held against it: datasketch has no bands for 0.99, and
those for 0.95 miss a third of the pairs at 0.97.
"""


class NearCopies:
    """Texts by key; a text is a near copy of one seen before where their word shingles overlap enough (Jaccard).

    Texts without a word are compared by their characters. MinHash with locality-sensitive hashing finds who may
    overlap, the signatures estimate how much (standard error about 0.04 at 0.8): close to the threshold it may err to
    either side.

    Source: Broder, On the resemblance and containment of documents, 1997; the datasketch library.
    """

    def __init__(self, threshold: float, *, shingle: int = 3) -> None:
        from datasketch import MinHashLSH

        self._seen = MinHashLSH(threshold=min(threshold, _SOUGHT_BELOW), num_perm=_PERMUTATIONS)
        self._threshold = threshold
        self._shingle = shingle
        self._signatures: dict[str, Any] = {}

    def find_or_add(self, key: str, text: str) -> str | None:
        """The key of a text seen before that this one is a near copy of, the most alike of several, or None: then it is
        one seen from now on.
        """
        own = self._signature(text)
        found = self._find(own)
        if found is None:
            self._seen.insert(key, own)
            self._signatures[key] = own
        return found

    def _find(self, own: Any) -> str | None:
        alike = [(own.jaccard(self._signatures[other]), str(other)) for other in self._seen.query(own)]
        best = max(alike, default=None)
        return best[1] if best is not None and best[0] >= self._threshold else None

    def _signature(self, text: str) -> Any:
        from datasketch import MinHash

        words = _WORD.findall(text.lower()) or list("".join(text.split()))  # "!=" and "&&" are two texts
        size = min(self._shingle, max(1, len(words)))
        shingles = {" ".join(words[at : at + size]).encode() for at in range(len(words) - size + 1)}
        own = MinHash(num_perm=_PERMUTATIONS, seed=1)
        own.update_batch(shingles)
        return own
