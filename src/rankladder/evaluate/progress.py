"""How far a long piece of work is, on stderr, with the time left."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from tqdm import tqdm

LINE_S = 60.0
"""Where stderr is no terminal, a line is written this often, and none for work that is done sooner."""


class Progress:
    """A bar of so many things on a terminal, elsewhere a line a minute; ``done`` of them were there before it starts.

    ``wanted`` True shows the bar whatever stderr is, False shows nothing.
    """

    def __init__(self, what: str, total: int, unit: str, *, done: int = 0, wanted: bool | None = None) -> None:
        shown = sys.stderr.isatty() if wanted is None else wanted
        self._bar = tqdm(desc=what, total=total, initial=done, unit=f" {unit}", disable=not shown, leave=False)
        self._what, self._total, self._unit = what, total, unit
        self._done = self._before = done
        self._lines = wanted is None and not shown
        self._started = self._said = time.monotonic()

    def add(self, count: int) -> None:
        """Moves it on."""
        self._bar.update(count)
        self._done += count
        now = time.monotonic()
        if self._lines and now - self._said >= LINE_S:
            self._said = now
            left = (now - self._started) / max(1, self._done - self._before) * (self._total - self._done)
            state = f"{self._done:,} of {self._total:,} {self._unit}, {tqdm.format_interval(left)} left"
            sys.stderr.write(f"{self._what}: {state}\n")
            sys.stderr.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
