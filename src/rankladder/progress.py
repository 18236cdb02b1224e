"""How far a long piece of work is, on stderr, with the time left."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import Self

from rankladder.visible import visible

LINE_S = 60.0
"""Where stderr is no terminal, a line is written this often, and none for work that is done sooner."""

QUIET_S = 2.0
"""On a terminal a bar appears once the work has taken this long."""


_ROUNDING = 1e-6  # a hundred hundredths are one


class Progress:
    """A bar of so many things on a terminal, elsewhere a line a minute; ``done`` of them were there before it starts.

    ``total`` is None while it is unknown. ``wanted`` True shows the bar at once with any stderr, False
    shows nothing. ``inside`` names what is found in the things and counted beside
    them. ``lines`` False writes nothing where stderr is no terminal. It may be called from any thread.
    """

    def __init__(
        self,
        what: str,
        total: int | None,
        unit: str,
        *,
        inside: str = "",
        done: int = 0,
        wanted: bool | None = None,
        lines: bool = True,
    ) -> None:
        self._what, self._total, self._unit, self._inside = visible(what), total, unit, inside
        self._shown, self._found = done, 0
        self._done: float = done
        self._before = done
        self._lock = threading.Lock()
        self._bar = None
        on_terminal = sys.stderr is not None and sys.stderr.isatty()
        shown = sys.stderr is not None and (on_terminal if wanted is None else wanted)
        self._lines = lines and wanted is None and not shown and sys.stderr is not None
        if shown:
            from tqdm import tqdm

            delay = 0.0 if wanted else QUIET_S
            self._bar = tqdm(desc=self._what, total=total, initial=done, unit=f" {unit}", delay=delay, leave=False)
        self._started = self._said = time.monotonic()

    def add(self, count: float, *, inside: int = 0) -> None:
        """Moves it on, by parts of a thing too: only whole ones are shown. ``inside`` counts what was found in them."""
        with self._lock:
            self._done += count
            self._found += inside
            if self._bar is not None:
                whole = int(self._done + _ROUNDING)
                if inside:
                    self._bar.set_postfix_str(f"{self._found:,} {self._inside}", refresh=False)
                self._bar.update(whole - self._shown)
                self._shown = whole
            elif self._lines and time.monotonic() - self._said >= LINE_S:
                self._said = time.monotonic()
                sys.stderr.write(f"{self._what}: {self._standing(self._said - self._started)}\n")
                sys.stderr.flush()

    def _standing(self, spent: float) -> str:
        from tqdm import tqdm

        whole = int(self._done + _ROUNDING)
        beside = f" ({self._found:,} {self._inside})" if self._inside else ""
        if self._total is None:
            return f"{whole:,} {self._unit}{beside} in {tqdm.format_interval(spent)}"
        left = spent / max(1, self._done - self._before) * (self._total - self._done)
        return f"{whole:,} of {self._total:,} {self._unit}{beside}, {tqdm.format_interval(left)} left"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
