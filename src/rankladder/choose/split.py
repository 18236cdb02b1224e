"""Which queries the choice is made on, and which it is confirmed on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from rankladder.choose.evidence import queries_to_divide

WEAK = 20
"""Held-out queries below which the check is called weak."""


@dataclass(frozen=True, slots=True)
class Split:
    """The ids of the two parts; ``held_out`` is empty where there are too few queries to divide."""

    selection: tuple[str, ...]
    held_out: tuple[str, ...]
    seed: int

    @property
    def remark(self) -> str | None:
        """What the size of the parts means for the reader, None where nothing need be said."""
        if not self.held_out:
            count = len(self.selection)
            return (
                f"{'1 query is' if count == 1 else f'{count} queries are'} too few to hold any out, the choice is not "
                "confirmed on others: "
                f"from {queries_to_divide()} queries on, half are held out"
            )
        if len(self.held_out) < WEAK:
            return f"the held-out part has {len(self.held_out)} queries: a weak check"
        return None


def split_queries(ids: Iterable[str], *, seed: int = 0) -> Split:
    """The queries in two halves, each query's place decided by a hash of its id and the seed.

    The order of the ids does not matter, and a query added later moves few others. Fewer than
    ``queries_to_divide`` are not divided: neither half could tell anything.

    >>> parts = split_queries(f"q{number}" for number in range(13))
    >>> len(parts.selection), len(parts.held_out)
    (7, 6)
    >>> split_queries(["a", "b"]).held_out
    ()
    """
    ordered = sorted(set(ids), key=lambda one: (hashlib.sha256(f"{seed}\n{one}".encode()).digest(), one))
    half = (len(ordered) + 1) // 2 if len(ordered) >= queries_to_divide() else len(ordered)
    return Split(tuple(sorted(ordered[:half])), tuple(sorted(ordered[half:])), seed)
