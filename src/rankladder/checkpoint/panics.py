"""What the libraries that are written in Rust raise: a bare Exception, or a panic, which is no Exception at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def panics_as(refused: Callable[[str], Exception]) -> Iterator[None]:
    """Turns a panic or a bare Exception of such a library into the error that ``refused`` makes of its first line.

    pyo3 makes a class of panics for each library, below BaseException, and exports none: its name is all there is.
    """
    try:
        yield
    except BaseException as error:
        if type(error) is not Exception and type(error).__name__ != "PanicException":
            raise
        raise refused(str(error).strip().partition("\n")[0] or "no message") from error
