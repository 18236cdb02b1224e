"""Time that a test holds still: sleeping moves it on at once and is written down."""

from __future__ import annotations

import threading

from rankladder.rerank.hosted import Clock


class HeldClock:
    """``now`` seconds have passed; ``slept`` lists every sleep."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self.lock = threading.Lock()

    @property
    def clock(self) -> Clock:
        """This clock as the library takes it; backoff is never spread."""
        return Clock(monotonic=lambda: self.now, wall=lambda: self.now, sleep=self.sleep, chance=lambda: 1.0)

    def sleep(self, seconds: float, abandoned: threading.Event) -> None:
        """Moves the time on."""
        with self.lock:
            self.slept.append(round(seconds, 6))
            self.now += seconds
