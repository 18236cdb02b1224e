"""Files that are kept: written whole or not at all, under digests, by one writer at a time, and private where they hold
copies of the user's texts.

What is made in a private folder (the cache) is for this user alone: folders 0700, files 0600. What lies where the
user named follows the umask.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import json
import os
import re
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from filelock import FileLock, Timeout

from rankladder.errors import RankladderError, StorageFailed
from rankladder.temporary import keep, remove_at_the_end, remove_temporary

_UMASK = threading.Lock()
"""The mask can be read only by setting it: two threads at once could leave it changed."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_UNSYNCED = frozenset({errno.EINVAL, errno.ENOTSUP})
"""How some network file systems refuse to sync a folder."""
_PRIVATE = 0o700
_PRIVATE_FOLDERS: set[Path] = set()
_CHECKED = re.compile(rb'(.*)"check": "([0-9a-f]{16})"}\n', re.DOTALL)


@contextmanager
def storage_errors(path: Path, failed: str = "cannot be written", *, hint: str | None = None) -> Iterator[None]:
    """Turns an OSError into StorageFailed, ``PATH: FAILED: why``; a full disk gets a hint of its own."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            hint = "free some space, or name a folder on another disk"
        raise StorageFailed(f"{path}: {failed}: {error.strerror or error}", hint=hint) from error


@contextmanager
def whole_bytes(path: Path) -> Iterator[BinaryIO]:
    """A binary stream whose content takes its place at ``path`` when the block ends, and vanishes where it raises.

    The content goes to a temporary file in the same folder, is flushed to disk, and is then renamed. Raises
    StorageFailed for what the disk refuses.
    """
    name = path.parent / f".{path.name}.{secrets.token_hex(6)}.tmp"
    with storage_errors(path):
        try:
            remove_at_the_end(name)
            with open(name, "xb", opener=_as_open_as_may_be) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            name.replace(path)
            keep(name)
            sync(path.parent)
        except BaseException:
            remove_temporary(name)
            raise


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    r"""``whole_bytes`` for text: UTF-8, ``\n`` line ends, compressed where the name ends in ``.gz``."""
    with whole_bytes(path) as file:
        if path.suffix == ".gz":
            with gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packed, _text(packed) as text:
                yield text
        else:
            text = _text(file)
            yield text
            text.flush()
            text.detach()


def _text(binary: Any) -> io.TextIOWrapper:
    return io.TextIOWrapper(binary, encoding="utf-8", newline="\n", write_through=True)


def _as_open_as_may_be(path: str, flags: int) -> int:
    return os.open(path, flags, file_mode(Path(path).parent))


def file_mode(folder: Path) -> int:
    """The permissions of a new file in a folder: 0600 in a private one, elsewhere what the process's mask leaves."""
    with _UMASK:
        mask = os.umask(0o022)
        os.umask(mask)
    return 0o666 & ~mask & (0o600 if _is_private(folder) else 0o666)


def make_folder(path: Path) -> None:
    """Makes a folder, and the missing ones above it: 0700 in a private one. Raises OSError."""
    if not _is_private(path):
        path.mkdir(parents=True, exist_ok=True)
    elif not path.is_dir():
        make_folder(path.parent)
        path.mkdir(mode=_PRIVATE, exist_ok=True)


def private_folder(path: Path) -> None:
    """Makes a folder that only this user may enter; one that is there becomes so where it is this user's.

    What this process makes in it from then on is private too. Raises OSError.
    """
    _PRIVATE_FOLDERS.add(path.absolute())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=_PRIVATE, exist_ok=True)
    if os.name == "posix":
        found = path.stat()
        if found.st_mode & 0o077 and found.st_uid == os.getuid():
            path.chmod(_PRIVATE)


def _is_private(path: Path) -> bool:
    whole = path.absolute()
    return not _PRIVATE_FOLDERS.isdisjoint((whole, *whole.parents))


def expect_writable(folder: Path, failed: str = "nothing can be written there", *, hint: str | None = None) -> None:
    """Makes a folder where it is missing, and writes there for a trial. Raises StorageFailed."""
    with storage_errors(folder, failed, hint=hint):
        make_folder(folder)
        probe = folder / f".{secrets.token_hex(6)}.tmp"
        remove_at_the_end(probe)
        try:
            open(probe, "xb", opener=_as_open_as_may_be).close()
        finally:
            remove_temporary(probe)


@contextmanager
def held(lock: Path, *, busy: RankladderError | None = None) -> Iterator[None]:
    """Holds a lock file, in a folder that is made where it is missing, for one writer at a time.

    Where another process holds it, raises ``busy``, or waits where that is None. Raises StorageFailed.
    """
    with storage_errors(lock.parent):
        make_folder(lock.parent)
        patience = -1 if busy is None else 0
        taken = FileLock(lock, timeout=patience, mode=file_mode(lock.parent) | 0o600, thread_local=False)
        try:
            taken.acquire()
        except Timeout as error:
            raise busy or StorageFailed(f"{lock}: another process holds it") from error
        except NotImplementedError as error:
            hint = "name a folder on a local disk"
            raise StorageFailed(f"{lock.parent}: this file system has no file locks", hint=hint) from error
    try:
        yield
    finally:
        taken.release()


def file_digest(path: Path) -> str:
    """The SHA-256 (hex) of a file. Raises StorageFailed."""
    with storage_errors(path, "cannot be read"), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def path_digest(given: str | Path) -> str:
    """The SHA-256 (hex) of a file, or of the names and contents of all files below a folder. Raises StorageFailed."""
    digest, path = hashlib.sha256(), Path(given)
    for file in [path] if path.is_file() else sorted(found for found in path.rglob("*") if found.is_file()):
        digest.update(file.relative_to(path).as_posix().encode("utf-8", "surrogateescape"))
        digest.update(bytes.fromhex(file_digest(file)))
    return digest.hexdigest()


def checked_json(value: Mapping[str, Any], *, indent: int | None = None) -> str:
    """An object as JSON whose last key, ``check``, is a checksum of everything before it."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)[:-1].rstrip() + (", " if value else "")
    return f'{text}"check": "{checksum(text.encode())}"}}\n'


def read_checked_json(content: bytes) -> dict[str, Any]:
    """The object that ``checked_json`` wrote, without its ``check``. Raises ValueError where a byte was altered."""
    found = _CHECKED.fullmatch(content)
    if found is None or checksum(found[1]) != found[2].decode():
        raise ValueError("altered since it was written, or of an earlier version")
    value: dict[str, Any] = json.loads(content)
    del value["check"]
    return value


def checksum(content: bytes) -> str:
    """Sixteen hexadecimal digits that say whether some bytes are as they were."""
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def sync(path: Path) -> None:
    """Waits until the disk has a file, or the names in a folder. Raises OSError."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:  # Windows opens no folders
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _UNSYNCED or not path.is_dir():
            raise
    finally:
        os.close(handle)
