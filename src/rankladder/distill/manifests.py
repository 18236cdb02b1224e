"""What stages keep beside their rows: JSON files written whole, what changed in them, whose a folder is, and who is at
work.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rankladder.errors import BadInput, StorageFailed
from rankladder.storage import checked_json, held, read_checked_json, whole_file

_UNMARKED = frozenset({"lock", "teachers.json", "depends.json"})
"""What a stage writes before the file that says that its folder is a stage's."""


def plain(settings: Mapping[str, Any]) -> Any:
    """Settings as they come back from JSON: tuples are lists there."""
    return json.loads(json.dumps(settings))


def read_json(path: Path) -> Any:
    """The value in a file; None where there is no file, only half of one, or one that was altered since it was written.

    A file without a checksum (another program's, or an earlier version's) is taken as it is.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    with suppress(ValueError):
        return read_checked_json(content)
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return None if isinstance(value, dict) and "check" in value else value


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Writes an object under a checksum; it takes its place whole."""
    with whole_file(path) as file:
        file.write(checked_json(value, indent=1))


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What changed, for people: the dotted keys and, where short, their values.

    >>> difference({"settings": {"depth": 3}}, {"settings": {"depth": 4}})
    'depth was 3, is 4'
    """
    old, new = ({key: json.dumps(value) for key, value in _flat(one)} for one in (before, now))
    changed = [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]
    return "; ".join(f"{_bare(key)} was {_short(old.get(key))}, is {_short(new.get(key))}" for key in changed)


def expect_ours(folder: Path, mark: str) -> None:
    """Refuses a folder where files lie, and none is the mark of the stage that would write, and clear, there.

    Raises BadInput, naming the first of the files.
    """
    if (folder / mark).is_file():
        return
    files = [folder] if folder.is_file() else (path for path in folder.rglob("*") if path.is_file())
    if (found := next((path for path in files if not _is_unmarked(path.name)), None)) is not None:
        raise BadInput(
            f"{folder}: {found} is not a file of a distillation: nothing is written or deleted here",
            hint=f"name another folder with --into, or move {folder} away",
        )


def clear(folder: Path, mark: str) -> None:
    """Removes everything in a folder but its mark: after a kill, the owner of the folder is still known."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != mark:
            path.unlink()


@contextmanager
def stage_held(folder: Path, lock: Path) -> Iterator[None]:
    """A stage's folder, locked for this process.

    The lock's own folder is made where it is not there. Raises StorageFailed where another process is making the stage,
    or nothing can be written there.
    """
    with held(lock, busy=StorageFailed(f"{folder}: another process is making this stage")):
        yield


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{prefix}.{key}" if prefix else key)
    else:
        yield prefix, value


def _bare(key: str) -> str:
    """A key as people know it."""
    return key.removeprefix("settings.").removeprefix("inputs.")


def _is_unmarked(name: str) -> bool:
    return name in _UNMARKED or (name.startswith(".") and name.endswith(".tmp"))


def _short(text: str | None) -> str:
    if text is None:
        return "not there"
    return text if len(text) <= 40 else text[:37] + "…"
