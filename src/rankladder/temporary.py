"""Files and folders that must not outlive the process that made them.

They are removed when the work that needs them ends, at the latest when the process ends: normally, or by SIGTERM or
SIGHUP where the program leaves these signals to the system. A process that is killed outright removes nothing; the next
process that makes a temporary folder in the same place removes what it left.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from filelock import FileLock, Timeout

from rankladder.errors import StorageFailed

_PREFIX = "rankladder-"
_OWNER = ".owner"
"""A file in each temporary folder that its process keeps locked."""
_SURELY_LOCKED_S = 60.0
"""The age at which a folder's owner must have locked its file."""
_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
_LEFT: dict[tuple[int, Path], FileLock | None] = {}
"""What is to be removed, by process (a forked child leaves its parent's alone) and path."""


@contextmanager
def temporary_folder(inside: Path | None = None) -> Iterator[Path]:
    """A new private folder, removed with its content when the block ends. Raises StorageFailed."""
    folder = new_temporary_folder(inside)
    try:
        yield folder
    finally:
        remove_temporary(folder)


def new_temporary_folder(inside: Path | None = None) -> Path:
    """A new private folder that ``remove_temporary`` removes, else the end of the process.

    It lies in the system's folder for temporary files, or ``inside`` another. Raises StorageFailed.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=inside))
        owner = _owned(folder)
    except OSError as error:
        hint = "TMPDIR names a folder to make it in" if inside is None else None
        raise StorageFailed(f"no temporary folder can be made: {error.strerror or error}", hint=hint) from error
    remove_at_the_end(folder, owner)
    _remove_abandoned(folder.parent)
    return folder


def remove_at_the_end(path: Path, owner: FileLock | None = None) -> None:
    """Has a file or a folder removed when the process ends, unless ``remove_temporary`` or ``keep`` comes first."""
    _watch_signals()
    _LEFT[os.getpid(), path] = owner


def keep(path: Path) -> None:
    """Takes back ``remove_at_the_end``."""
    _LEFT.pop((os.getpid(), path), None)


def remove_temporary(path: Path) -> None:
    """Removes a file or a folder of this process now, as far as that can be done; a forked child removes nothing."""
    if (os.getpid(), path) not in _LEFT:
        return
    owner = _LEFT.pop((os.getpid(), path))
    if owner is not None:
        with suppress(OSError):
            owner.release()
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _remove_all() -> None:
    for process, path in list(_LEFT):
        if process == os.getpid():
            remove_temporary(path)


atexit.register(_remove_all)


def _watch_signals() -> None:
    """Removes what is left at a signal too. A signal that the program handles, or ignores, stays the program's."""
    if threading.current_thread() is threading.main_thread():  # elsewhere Python allows no handler
        for number in _SIGNALS:
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _end)


def _end(number: int, frame: FrameType | None) -> None:
    """Ends the process by the signal, as it would have ended without this handler."""
    _remove_all()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _owned(folder: Path) -> FileLock | None:
    """A lock that lasts as long as this process, None where the file system has no locks."""
    lock = FileLock(folder / _OWNER, timeout=0, mode=0o600, thread_local=False)
    try:
        lock.acquire()
    except NotImplementedError:
        return None
    return lock


def _remove_abandoned(place: Path) -> None:
    """Removes this user's temporary folders whose process is gone."""
    for folder in place.glob(f"{_PREFIX}*"):
        with suppress(OSError, NotImplementedError):
            if folder.is_symlink() or not (folder / _OWNER).is_file() or not _is_old_and_ours(folder):
                continue
            try:
                with FileLock(folder / _OWNER, timeout=0, thread_local=False):
                    pass
            except Timeout:
                continue
            shutil.rmtree(folder, ignore_errors=True)


def _is_old_and_ours(folder: Path) -> bool:
    found = folder.lstat()
    ours = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    return ours and time.time() - found.st_mtime > _SURELY_LOCKED_S
