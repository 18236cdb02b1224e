"""A progress bar on stderr, with the time left."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self


class Progress:
    """A bar of so many things, ``done`` of them before it starts. It shows nothing where stderr is no terminal.

    ``wanted`` True or False shows it, or not, whatever stderr is.
    """

    def __init__(self, what: str, total: int, unit: str, *, done: int = 0, wanted: bool | None = None) -> None:
        from tqdm import tqdm

        shown = sys.stderr.isatty() if wanted is None else wanted
        self._bar = tqdm(desc=what, total=total, initial=done, unit=f" {unit}", disable=not shown, leave=False)

    def add(self, count: int) -> None:
        """Moves the bar on."""
        self._bar.update(count)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
