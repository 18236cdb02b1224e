"""What the command's exit status says."""

from __future__ import annotations

from collections.abc import Mapping

from rankladder.errors import (
    BadInput,
    CheckpointRefused,
    DeviceMemoryFull,
    IndexRefused,
    MissingExtra,
    NotFound,
    RankladderError,
    StorageFailed,
    Unavailable,
    WorkerFailed,
)

OK = 0
USAGE = 2
INTERRUPTED = 130
PIPE_CLOSED = 141

EXIT_STATUS: Mapping[type[Exception], int] = {
    BadInput: USAGE,
    NotFound: 3,
    CheckpointRefused: 4,
    IndexRefused: 5,
    Unavailable: 6,
    MissingExtra: 7,
    StorageFailed: 8,
    DeviceMemoryFull: 9,
    WorkerFailed: 10,
    RankladderError: 1,
}
"""Exit status by error type; a type not listed takes its nearest listed ancestor's."""


def exit_status(error: RankladderError) -> int:
    """The status for an error.

    >>> from rankladder.errors import BadQuery
    >>> exit_status(BadQuery("query 'q' is empty"))
    2
    """
    return next(EXIT_STATUS[kind] for kind in type(error).__mro__ if kind in EXIT_STATUS)
