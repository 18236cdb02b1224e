"""What a hosted model has cost so far, as far as the service says."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

from rankladder.rerank.hosted.contracts import Bill


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Counts since a model was opened. A service bills by search units (Cohere) or tokens (Jina, Voyage), if at all.

    >>> print(Usage(requests=2, documents=1200, search_units=12.0))
    2 requests, 1,200 documents, 12 search units billed

    Attributes:
        requests: Answered with scores.
        retries: Tries that failed and were repeated; whether a service bills those, it does not say.
        documents: Scored.
        search_units: Billed, None where no answer named any.
        tokens: Counted by the service, None where no answer named any.
    """

    requests: int = 0
    retries: int = 0
    documents: int = 0
    search_units: float | None = None
    tokens: int | None = None

    def __str__(self) -> str:
        parts = [_counted(self.requests, "request"), _counted(self.documents, "document")]
        if self.retries:
            parts.insert(1, "1 retry" if self.retries == 1 else f"{self.retries:,} retries")
        if self.search_units is not None:
            parts.append(f"{_counted(self.search_units, 'search unit')} billed")
        if self.tokens is not None:
            parts.append(f"{_counted(self.tokens, 'token')} counted by the service")
        return ", ".join(parts)


class Meter:
    """Adds up usage from several threads."""

    def __init__(self) -> None:
        self._usage = Usage()
        self._lock = threading.Lock()

    @property
    def usage(self) -> Usage:
        """The counts now."""
        with self._lock:
            return self._usage

    def add(self, documents: int, *, retries: int, bill: Bill) -> None:
        """Counts one answered request."""
        with self._lock:
            was = self._usage
            self._usage = replace(
                was,
                requests=was.requests + 1,
                retries=was.retries + retries,
                documents=was.documents + documents,
                search_units=was.search_units
                if bill.search_units is None
                else (was.search_units or 0) + bill.search_units,
                tokens=was.tokens if bill.tokens is None else (was.tokens or 0) + bill.tokens,
            )


def _counted(count: float, what: str) -> str:
    shown = f"{count:,.0f}" if count == round(count) else f"{count:,}"
    return f"{shown} {what}{'' if count == 1 else 's'}"
