"""An index folder on disk: generations that appear whole or not at all.

    DIR/.lock              held by the one writer; readers never lock
    DIR/CURRENT            the name of the live generation
    DIR/gen-000007/        tantivy's files and manifest.json

A writer fills a new generation beside the live one, makes it durable, and then replaces ``CURRENT``. Whatever
interrupts it, ``CURRENT`` names a complete generation; what was left half-built is removed by the next writer.
Tantivy never changes a segment file, so an update links the files that it keeps instead of copying them.
"""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from rankladder.errors import BadOption, IndexCorrupt, IndexLocked, IndexMissing, RankladderError, StorageFailed
from rankladder.retrieve.manifest import GENERATION, FileState, Manifest, current_text, is_index, live_generation
from rankladder.storage import file_digest, file_mode, held, make_folder, storage_errors, sync, whole_file

_OURS = frozenset({".lock", "CURRENT"})
_REWRITTEN = frozenset({"meta.json", ".managed.json"})  # tantivy replaces these: copied, never linked
_PANIC = "PanicException"  # pyo3's, which derives from BaseException and cannot be imported


@contextmanager
def tantivy_errors(what: str, failure: type[RankladderError], *, hint: str | None = None) -> Iterator[None]:
    """Turns what tantivy raises, its panics included, into ``failure``."""
    try:
        yield
    except RankladderError:
        raise
    except BaseException as error:
        if isinstance(error, ValueError | RuntimeError | OSError) or type(error).__name__ == _PANIC:
            raise failure(f"{what}: {error}", hint=hint) from error
        raise


@contextmanager
def writer_lock(folder: Path) -> Iterator[None]:
    """Makes the folder where it is missing and holds it for one writer.

    Raises BadOption for a folder that holds something else, IndexLocked at once where another writer holds it, and
    StorageFailed.
    """
    with storage_errors(folder):
        if folder.exists() and not _is_ours(folder):
            raise BadOption(
                f"{folder}: not an index, and not an empty folder; nothing in it was touched",
                hint="name a folder that does not exist yet",
            )
    busy = IndexLocked(
        f"{folder}: another process is writing this index", hint="wait until it is done; searches still work"
    )
    with held(folder / ".lock", busy=busy):
        yield


def _is_ours(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    names = {path.name for path in folder.iterdir()}
    ours = (name in _OURS or name.startswith(".CURRENT.") or GENERATION.fullmatch(name) for name in names)
    return is_index(folder) or all(ours)


def remove_leftovers(folder: Path, live: Path | None) -> None:
    """Removes generations other than the live one, and temporary files; what cannot be removed is left."""
    for path in folder.iterdir():
        if GENERATION.fullmatch(path.name) and path != live:
            remove_generation(path)
        elif path.name.startswith(".CURRENT."):
            with suppress(OSError):
                path.unlink()


def remove_generation(generation: Path) -> None:
    """Removes a generation as far as that can be done; a writer thread that is still ending may need a moment."""
    for wait in (0, 0.05, 0.2):
        time.sleep(wait)
        shutil.rmtree(generation, ignore_errors=True)
        if not generation.exists():
            return


def abandon(folder: Path, generation: Path) -> None:
    """Removes a generation that came to nothing, unless it is live already."""
    with suppress(IndexMissing, IndexCorrupt, StorageFailed):
        if live_generation(folder) == generation:
            return
    remove_generation(generation)


def new_generation(folder: Path, live: Path | None, manifest: Manifest | None) -> Path:
    """A new generation's folder: empty, or with the live one's files where its manifest is given."""
    numbers = [int(path.name[4:]) for path in folder.iterdir() if GENERATION.fullmatch(path.name)]
    generation = folder / f"gen-{max(numbers, default=0) + 1:06d}"
    make_folder(generation)
    try:
        if live is not None and manifest is not None:
            for name in manifest.files:
                _link(live / name, generation / name)
    except BaseException:
        remove_generation(generation)
        raise
    return generation


def _link(old: Path, new: Path) -> None:
    if old.name not in _REWRITTEN:
        with suppress(OSError):  # another disk, or a file system without links
            os.link(old, new)
            return
    shutil.copyfile(old, new)


def index_files(generation: Path, known: Mapping[str, FileState]) -> dict[str, FileState]:
    """Every file of tantivy's, by name; all get the permissions that files of ours have there.

    A file that was taken over from a generation found whole keeps its digest (``known``): what happens to it meanwhile
    is found at the next opening.
    """
    files: dict[str, FileState] = {}
    mode = file_mode(generation)
    for path in sorted(generation.iterdir()):
        found = path.stat()
        if stat.S_IMODE(found.st_mode) != mode:
            path.chmod(mode)
        if path.suffix == ".lock" or path.name == "manifest.json":
            continue
        if path.name in known and path.name not in _REWRITTEN:
            files[path.name] = known[path.name]
        else:
            files[path.name] = FileState(found.st_size, file_digest(path))
    return files


def save_manifest(generation: Path, manifest: Manifest) -> None:
    """Writes ``manifest.json``, whole or not at all."""
    with whole_file(generation / "manifest.json") as file:
        file.write(manifest.to_json())


def publish(folder: Path, generation: Path) -> None:
    """Makes a complete generation durable and live, then removes the one before."""
    for path in generation.iterdir():
        sync(path)
    sync(generation)
    with whole_file(folder / "CURRENT") as file:
        file.write(current_text(generation))
    remove_leftovers(folder, generation)
