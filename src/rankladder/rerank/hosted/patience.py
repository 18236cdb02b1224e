"""How long a service is waited for, and when it is asked again."""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

from rankladder.arguments import check_fields
from rankladder.errors import BadOption


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Bounds on waiting. The defaults are choices, not measurements.

    Attributes:
        timeout_s: One try: from the look-up of the host's name to the last byte of the answer, however it comes.
        attempts: Tries that may fail (timeouts, broken connections, status 500 and up) before the request does. A
            service that says it is busy (429) is asked until ``total_s`` is over.
        total_s: One request with all its tries and waits.
        first_wait_s: The first wait; each further one is twice as long.
        longest_wait_s: No wait is longer, unless the service asks for it.
    """

    timeout_s: float = 60.0
    attempts: int = 5
    total_s: float = 300.0
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0

    def __post_init__(self) -> None:
        check_fields(self)
        if self.attempts < 1 or not all(
            0 < value < math.inf for value in (self.timeout_s, self.total_s, self.first_wait_s, self.longest_wait_s)
        ):
            raise BadOption(f"patience needs at least one attempt and seconds above 0, got {self}")

    def backoff_s(self, setbacks: int, chance: float) -> float:
        """Seconds to wait after so many setbacks (from 1); ``chance``, in 0..1, spreads requests that failed together.

        >>> [Patience().backoff_s(setbacks, 1.0) for setbacks in (1, 2, 3, 20)]
        [0.5, 1.0, 2.0, 30.0]
        """
        return min(self.longest_wait_s, self.first_wait_s * 2.0 ** min(setbacks - 1, 60)) * (0.5 + chance / 2)

    def wait_s(self, setbacks: int, chance: float, *, asked_s: float | None) -> float:
        """Seconds to wait after so many setbacks: what the service asked for, else the backoff.

        From the second setback on the backoff is the least wait: a service that says "at once" each
        time would be asked without a pause.

        >>> [Patience().wait_s(setbacks, 1.0, asked_s=0.75) for setbacks in (1, 2, 3)]
        [0.75, 1.0, 2.0]
        """
        backoff_s = self.backoff_s(setbacks, chance)
        if asked_s is None:
            return backoff_s
        return asked_s if setbacks == 1 else max(asked_s, backoff_s)


def asked_wait_s(headers: Mapping[str, str], *, now_s: float) -> float | None:
    """Seconds that the service asks to wait, None where it does not: ``retry-after-ms``, then ``retry-after`` in
    seconds or as a date. ``now_s`` is seconds since 1970.

    >>> asked_wait_s({"retry-after-ms": "250", "retry-after": "9"}, now_s=0)
    0.25
    >>> asked_wait_s({"retry-after": "Thu, 01 Jan 1970 00:01:00 GMT"}, now_s=45)
    15.0
    """
    for header, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            wait = float(headers[header]) / unit
        except (KeyError, ValueError):
            continue
        if math.isfinite(wait):
            return max(0.0, wait)
    try:
        until = parsedate_to_datetime(headers["retry-after"])
        seconds = (until if until.tzinfo else until.replace(tzinfo=UTC)).timestamp()
    except (KeyError, ValueError, OverflowError):  # a date beyond the calendar
        return None
    return max(0.0, seconds - now_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Time and chance, so that a test can hold both."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float, threading.Event], object] = lambda seconds, abandoned: abandoned.wait(seconds)
    """Sleeps that many seconds, or until the event is set."""
    chance: Callable[[], float] = random.random


class Pause:
    """A moment before which nobody sends anything; every request to a service shares it."""

    def __init__(self) -> None:
        self._until = -math.inf
        self._lock = threading.Lock()

    def extend(self, until: float) -> None:
        """Nobody sends before ``until``, or longer where a later moment was set already."""
        with self._lock:
            self._until = max(self._until, until)

    def left(self, now: float) -> float:
        """Seconds until requests may be sent; 0 where they may."""
        with self._lock:
            return max(0.0, self._until - now)
