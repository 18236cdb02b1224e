"""Whether the files of an index are as they were written, to the byte.

Tantivy maps its files and trusts them: an altered byte gives other texts, another order, or ends the process. So they
are read and held against their digests before tantivy sees them.

A small index is read at each opening. A large one is not read again where the system says that nobody has written to
its files since they were last found whole: each has the same place, size, time of its content and time of its last
change of any kind, which no program can set back. That rests on a stamp in the user's cache. What a stamp cannot see is
a disk that loses bits by itself; therefore a stamp holds for a day, and ``rankladder index`` reads everything.
"""

from __future__ import annotations

import errno
import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path

from rankladder.errors import IndexCorrupt, StorageFailed
from rankladder.folders import cache_folder
from rankladder.retrieve.manifest import Manifest, rebuild_hint
from rankladder.storage import file_digest, make_folder, whole_file

SMALL = 32_000_000
"""Bytes up to which an index is read at each opening: about 25 ms."""
STAMP_LASTS_S = 86_400.0
_TICK_S = 2.0
"""A file that was changed less than this before it was read may be changed again with the same time."""
_UNREADABLE = frozenset({errno.EIO, errno.EISDIR})
_KEEPS_CHANGE_TIMES = os.name == "posix"


def check_files(generation: Path, manifest: Manifest, *, in_full: bool = False) -> None:
    """Checks every file that the manifest names: it is there, has its size and, unless a stamp vouches, its digest.

    ``in_full`` asks no stamp. Raises IndexCorrupt, naming the file, and StorageFailed where one cannot be read.
    """
    began = time.time()
    state, changed = _state(generation, manifest)
    large = sum(file.size for file in manifest.files.values()) > SMALL
    if large and not in_full and _is_stamped(generation, state, began):
        return
    for name, file in manifest.files.items():
        try:
            found = file_digest(generation / name)
        except StorageFailed as error:
            if getattr(error.__cause__, "errno", None) not in _UNREADABLE:
                raise
            raise _corrupt(generation, manifest, name, "the disk can no longer read it") from error
        if found != file.sha256:
            raise _corrupt(generation, manifest, name, "altered since it was written")
    if large and _KEEPS_CHANGE_TIMES and changed < began - _TICK_S:
        _stamp(generation, state, began)


def distrust(generation: Path) -> None:
    """Has the next opening read everything."""
    with suppress(OSError):
        _stamp_of(generation).unlink(missing_ok=True)


def _state(generation: Path, manifest: Manifest) -> tuple[str, float]:
    """A digest of what the system knows of the files, and when the last of them was changed. Raises IndexCorrupt for a
    file that is missing or has another size.
    """
    known, changed = [], 0.0
    for name, file in manifest.files.items():
        try:
            found = (generation / name).stat()
        except FileNotFoundError as error:
            raise _corrupt(generation, manifest, name, "the file is missing") from error
        except OSError as error:
            raise StorageFailed(f"{generation / name}: cannot be read: {error.strerror or error}") from error
        if found.st_size != file.size:
            raise _corrupt(generation, manifest, name, f"expected {file.size:,} bytes, found {found.st_size:,}")
        known.append((name, file.sha256, found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns))
        changed = max(changed, found.st_mtime, found.st_ctime)
    return hashlib.sha256(repr(known).encode()).hexdigest(), changed


def _stamp(generation: Path, state: str, now: float) -> None:
    stamp = _stamp_of(generation)
    with suppress(StorageFailed, OSError):  # without a stamp, the next opening reads everything again
        make_folder(stamp.parent)
        with whole_file(stamp) as written:
            written.write(f"{state} {now}")


def _is_stamped(generation: Path, state: str, now: float) -> bool:
    try:
        vouched, when = _stamp_of(generation).read_text(encoding="ascii").split(" ")
        return vouched == state and 0 <= now - float(when) < STAMP_LASTS_S
    except (OSError, ValueError):
        return False


def _stamp_of(generation: Path) -> Path:
    name = hashlib.sha256(os.fsencode(generation.parent.resolve())).hexdigest()[:32]
    return cache_folder("verified") / name


def _corrupt(generation: Path, manifest: Manifest, name: str, what: str) -> IndexCorrupt:
    hint = f"rebuild: {rebuild_hint(generation.parent, manifest.roots)}"
    return IndexCorrupt(f"{generation / name}: {what}", hint=hint)
