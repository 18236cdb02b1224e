"""What stages keep beside their rows: JSON files written whole, what changed in them, and who is at work."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from rankladder.errors import StorageFailed
from rankladder.textfiles import whole_file


def plain(settings: Mapping[str, Any]) -> Any:
    """Settings as they come back from JSON: tuples are lists there."""
    return json.loads(json.dumps(settings))


def read_json(path: Path) -> Any:
    """The value in a file; None where there is no file, or only half of one."""
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def write_json(path: Path, value: Any) -> None:
    """Writes a value, which takes its place whole."""
    with whole_file(path) as file:
        file.write(json.dumps(value, indent=1) + "\n")


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What changed, for people: the dotted keys and, where short, their values.

    >>> difference({"settings": {"depth": 3}}, {"settings": {"depth": 4}})
    'depth was 3, is 4'
    """
    old, new = dict(_flat(before)), dict(_flat(now))
    changed = [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]
    return "; ".join(f"{key} was {_short(old.get(key))}, is {_short(new.get(key))}" for key in changed)


@contextmanager
def held(folder: Path, lock: Path) -> Iterator[None]:
    """A stage's folder, nobody else's meanwhile.

    The lock's own folder is made where it is not there. Raises StorageFailed where another process is making the stage,
    or nothing can be written there.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        taken = FileLock(lock, timeout=0).acquire()
    except Timeout as error:
        raise StorageFailed(f"{folder}: another process is making this stage") from error
    except (PermissionError, FileExistsError, NotADirectoryError) as error:
        raise StorageFailed(f"{folder}: cannot be written: {error.strerror}") from error
    with taken:
        yield


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{prefix}.{key}" if prefix else key)
    else:
        yield prefix.removeprefix("settings.").removeprefix("inputs."), value


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "…"
