"""Every error that rankladder raises on purpose.

    RankladderError
    ├── BadInput                 what the caller gave cannot be used
    │   ├── BadQuery             empty, blank
    │   ├── BadFile              a file, and the line where it goes wrong
    │   ├── DuplicateId          two documents (or queries) share an id
    │   ├── BadOption            an option out of its range
    │   └── RequestRefused       a hosted service will not take a query or a document
    ├── NotFound                 what the caller named is not there
    │   ├── PathMissing          a file or a folder
    │   ├── ModelMissing         a model name, or a model that is not on this machine
    │   └── IndexMissing         no index in that folder
    ├── CheckpointRefused        a model's files are not fully understood
    │   ├── BadConfig            a key or value of a config that we do not implement
    │   ├── BadTensor            a tensor missing, extra, misshapen, mistyped or not finite
    │   └── UnsafeFile           pickle weights, or code in the repository
    ├── IndexRefused             an index that cannot be opened in its present state
    │   ├── IndexTooNew          written by a later version
    │   ├── IndexCorrupt         files missing, cut or altered
    │   └── IndexLocked          another process is writing it
    ├── Unavailable              the model hub (or another service) cannot be reached
    │   ├── ServiceFailed        a hosted service stayed busy or broken, or answers what cannot be used
    │   └── KeyRefused           a hosted service's key is missing or not accepted
    ├── MissingExtra             an optional dependency is not installed
    ├── DeviceMemoryFull         a model, or one sequence by itself, does not fit in the device's memory
    ├── WorkerFailed             a process that works for this one was killed, or met what it did not expect
    └── StorageFailed            disk full, folder read-only, file vanished

A message names the object, what was expected and what was found; a last line, ``hint: …``, gives the
next step. Code decides by type, never by the text. The command line maps types to exit codes in one
table (``rankladder.cli.exits``).
"""

from __future__ import annotations

from rankladder.visible import visible


class RankladderError(Exception):
    """The root: ``except RankladderError`` catches everything that rankladder raises on purpose."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(visible(message if hint is None else f"{message}\nhint: {hint}"))
        self.hint = hint


class BadInput(RankladderError, ValueError):
    """What the caller gave cannot be used."""


class BadQuery(BadInput):
    """A query that is empty or blank."""


class BadFile(BadInput):
    """A file whose content cannot be read; the message names the file and, where known, the line."""


class DuplicateId(BadInput):
    """Two documents, or two queries, share an id."""


class BadOption(BadInput):
    """An option outside its range, or two options that exclude each other."""


class RequestRefused(BadInput):
    """A request that a hosted service will not take; the message holds what the service says."""


class NotFound(RankladderError):
    """What the caller named is not there."""


class PathMissing(NotFound):
    """No file or folder at a path."""


class ModelMissing(NotFound):
    """A model name that nobody knows, or a model that is not on this machine and may not be fetched."""


class IndexMissing(NotFound):
    """No index in a folder."""


class CheckpointRefused(RankladderError):
    """A model's files are not fully understood, so nothing of it is loaded."""


class BadConfig(CheckpointRefused):
    """A key or a value of a config that is unknown, missing, or not implemented here."""


class BadTensor(CheckpointRefused):
    """A tensor that is missing, extra, misshapen, mistyped, or not finite."""


class UnsafeFile(CheckpointRefused):
    """Pickle weights, or a repository that wants its own code run."""


class IndexRefused(RankladderError):
    """An index that cannot be opened, or written, in its present state."""


class IndexTooNew(IndexRefused):
    """An index written by a later version of rankladder."""


class IndexCorrupt(IndexRefused):
    """An index whose files are missing, cut short or altered."""


class IndexLocked(IndexRefused):
    """An index that another process is writing."""


class Unavailable(RankladderError):
    """A service that cannot be reached: the model hub, or a hosted API."""


class ServiceFailed(Unavailable):
    """A hosted service that stayed unreachable, busy or broken, or whose answer cannot be used."""


class KeyRefused(Unavailable):
    """A hosted service's key that is missing, not accepted, or would travel unencrypted."""


class MissingExtra(RankladderError, ImportError):
    """An optional dependency that is not installed; the hint is the install line."""


class DeviceMemoryFull(RankladderError):
    """A model, or one sequence by itself, does not fit in the memory of the device that computes."""


class WorkerFailed(RankladderError):
    """A process that works for this one was killed, ended by itself, or met an error that is none of ours."""


class StorageFailed(RankladderError):
    """The disk is full, a folder is read-only, or a file vanished while it was in use."""
