"""Panics of libraries that are written in Rust: a BaseException in Python, which no caller expects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def panics_as(refused: Callable[[str], Exception]) -> Iterator[None]:
    """Turns a panic of a Rust library into the error that ``refused`` makes of its first line.

    pyo3 makes a class of its own for each library and exports none: the name is all there is to know it by.
    """
    try:
        yield
    except Exception:
        raise
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise refused(str(error).strip().partition("\n")[0] or "no message") from error
