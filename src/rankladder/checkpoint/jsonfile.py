"""JSON files of a checkpoint, read strictly: no key twice, no value of a wrong kind, no key left unread."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from itertools import islice
from pathlib import Path
from typing import NoReturn, TypeVar

from rankladder.errors import BadConfig, CheckpointRefused, StorageFailed, UnsafeFile

T = TypeVar("T")

LIMIT_BYTES = 8 * 1024 * 1024
"""Of a config. Published ones stay below 2 MB; what is read takes about 20 times its bytes in memory."""

LARGEST = 2**31 - 1
"""Of a whole number in a config: what a tensor's side, or a token id, can be."""

ELSEWHERE = (
    'engine="sentence-transformers" (--engine sentence-transformers, or --model NAME,engine=sentence-transformers) '
    "reads more of such files"
)
"""What to try where our own engines refuse a file that transformers may take."""

LFS_POINTER = b"version https://git-lfs.github.com/spec/"


def parse_json(text: str | bytes) -> object:
    """The value that JSON text holds.

    Raises ValueError where it is not JSON (NaN and Infinity are not), is nested too deep, or an object has a key twice.
    """
    try:
        return json.loads(text, object_pairs_hook=_distinct, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def check_no_pointer(path: Path, start: bytes) -> None:
    """Refuses a file that is a Git LFS pointer, by its first bytes: CheckpointRefused."""
    if start.startswith(LFS_POINTER):
        raise CheckpointRefused(
            f"{path}: expected the file itself, found a Git LFS pointer, which only names the file",
            hint=f"git -C {path.parent} lfs pull, or download the model with hf download",
        )


def read_json(path: Path) -> object:
    """The value in a JSON file; BadConfig where the file is missing, is not JSON, or has a key twice."""
    try:
        if path.stat().st_size > LIMIT_BYTES:
            raise BadConfig(
                f"{path}: expected a config of at most {LIMIT_BYTES:,} bytes, found {path.stat().st_size:,}"
            )
        content = path.read_bytes()
        check_no_pointer(path, content)
        return parse_json(content)
    except FileNotFoundError:
        raise BadConfig(
            f"{path}: no such file in the checkpoint", hint="download the complete checkpoint again"
        ) from None
    except ValueError as error:
        raise BadConfig(f"{path}: not valid JSON: {error}", hint="download the file again") from error
    except OSError as error:
        raise StorageFailed(f"{path}: cannot be read: {error}") from error


class Section:
    """One JSON object of a config. Keys are asked for by name and kind; ``finish`` refuses those that nobody read.

    With ``elsewhere``, a hint names the engine that reads more of such a file.
    """

    def __init__(self, path: Path, values: Mapping[str, object], *, within: str = "", elsewhere: bool = False) -> None:
        self.path = path
        self._elsewhere = elsewhere
        self._values = values
        self._within = within
        self._read: set[str] = set()

    @classmethod
    def read(cls, path: Path, *, elsewhere: bool = False) -> Section:
        """The object in a JSON file; UnsafeFile where it names code of the repository to run."""
        values = read_json(path)
        if not isinstance(values, dict):
            raise BadConfig(f"{path}: expected a JSON object, found {shown(values)}")
        if values.get("auto_map"):
            raise UnsafeFile(
                f"{path}: auto_map asks to run code from the repository: {shown(values['auto_map'])}",
                hint="rankladder runs no code from a checkpoint; use a model of a known architecture",
            )
        return cls(path, values, elsewhere=elsewhere)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def keys(self) -> list[str]:
        """The keys, in the order of the file."""
        return list(self._values)

    def value(self, key: str, default: object = None) -> object:
        """The value of a key, of any kind."""
        self._read.add(key)
        return self._values.get(key, default)

    def integer(self, key: str, *, least: int = 1, most: int = LARGEST, default: int | None = None) -> int:
        """The value of a key that is a whole number from ``least`` to ``most``; required without a ``default``."""
        value = self.value(key, default) if default is not None else self._required(key)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            self.refuse(
                key,
                f"a whole number from {least} to {most:,}" if most < LARGEST else f"a whole number of at least {least}",
            )
        return value

    def number(self, key: str, default: float | None = None, *, least: float = 1e-30, most: float = 1e15) -> float:
        """The value of a key that is a number from ``least`` to ``most``; required without a ``default``."""
        value = self.value(key, default) if default is not None else self._required(key)
        if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
            self.refuse(key, f"a number above zero, at most {most:g}")
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        """The value of a key that is true or false."""
        value = self.value(key, default)
        if not isinstance(value, bool):
            self.refuse(key, "true or false")
        return value

    def choice(self, key: str, options: Mapping[str, T], default: str | None = None) -> T:
        """The meaning of a key's value, among the known words."""
        value = self.value(key, default) if default is not None else self._required(key)
        if not isinstance(value, str) or value not in options:
            self.refuse(key, " or ".join(repr(option) for option in sorted(options)))
        return options[value]

    def section(self, key: str) -> Section:
        """The object under a required key."""
        value = self._required(key)
        if not isinstance(value, dict):
            self.refuse(key, "an object")
        return Section(self.path, value, within=self._named(key), elsewhere=self._elsewhere)

    def expect(self, key: str, *allowed: object, why: str | None = None) -> None:
        """Refuses a key that is there with another value than those allowed: it would change the computation."""
        value = self.value(key, allowed[0])
        if not any(type(value) is type(wanted) and value == wanted for wanted in allowed):
            self.refuse(key, " or ".join(shown(wanted) for wanted in allowed), hint=why)

    def finish(self, harmless: Collection[str] = ()) -> None:
        """Refuses keys that were neither read nor known to leave the scores alone; ``_private`` keys are ignored."""
        unknown = sorted(
            key for key in self._values if key not in self._read and key not in harmless and not key.startswith("_")
        )
        if unknown:
            self.refuse(unknown[0], "no such key", hint=self._hint("an unknown key may change the scores"))

    def refuse(self, key: str, expected: str, *, hint: str | None = None) -> NoReturn:
        """Raises BadConfig for the value of a key."""
        raise BadConfig(
            f"{self.path}: {self._named(key)}: expected {expected}, found {shown(self._values.get(key))}",
            hint=hint or self._hint("only fully implemented models are loaded; see the guide, Checkpoints and safety"),
        )

    def _hint(self, text: str) -> str:
        return f"{text}; {ELSEWHERE}" if self._elsewhere else text

    def _required(self, key: str) -> object:
        if key not in self._values:
            raise BadConfig(
                f"{self.path}: {self._named(key)}: expected a value, found no such key",
                hint="save the checkpoint again with a current transformers, or download it again",
            )
        return self.value(key)

    def _named(self, key: str) -> str:
        return f"{self._within}.{key}" if self._within else key


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values = dict(pairs)
    if len(values) < len(pairs):
        met: set[str] = set()
        for key, _ in pairs:
            if key in met:
                raise ValueError(f"the key {key[:100]!r} appears twice")
            met.add(key)
    return values


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def shown(value: object) -> str:
    """A value as JSON, for a message: its first 200 characters."""
    try:
        text = "".join(islice(json.JSONEncoder(ensure_ascii=False, default=str).iterencode(value), 200))
    except (ValueError, RecursionError):  # a number of more digits than Python prints
        return f"a {type(value).__name__} too large to show"
    return text if len(text) <= 200 else text[:200] + "…"
