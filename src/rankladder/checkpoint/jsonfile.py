"""JSON files of a checkpoint, read strictly: no key twice, no value of a wrong kind, no key left unread."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NoReturn, TypeVar

from rankladder.errors import BadConfig, StorageFailed, UnsafeFile

T = TypeVar("T")

LIMIT_BYTES = 64 * 1024 * 1024
"""No config comes near this; a tokenizer.json has its own reader."""


def parse_json(text: str | bytes) -> object:
    """The value that JSON text holds; ValueError where it is not JSON, or an object has a key twice."""
    return json.loads(text, object_pairs_hook=_distinct)


def read_json(path: Path) -> object:
    """The value in a JSON file; BadConfig where the file is missing, is not JSON, or has a key twice."""
    try:
        if path.stat().st_size > LIMIT_BYTES:
            raise BadConfig(f"{path}: expected a config, found {path.stat().st_size:,} bytes")
        return parse_json(path.read_bytes())
    except FileNotFoundError:
        raise BadConfig(
            f"{path}: no such file in the checkpoint", hint="download the checkpoint again, whole"
        ) from None
    except (ValueError, RecursionError) as error:
        raise BadConfig(f"{path}: not valid JSON: {error}", hint="download the file again") from error
    except OSError as error:
        raise StorageFailed(f"{path}: cannot be read: {error}") from error


class Section:
    """One JSON object of a config. Keys are asked for by name and kind; ``finish`` refuses those that nobody read."""

    def __init__(self, path: Path, values: Mapping[str, object], *, within: str = "") -> None:
        self.path = path
        self._values = values
        self._within = within
        self._read: set[str] = set()

    @classmethod
    def read(cls, path: Path) -> Section:
        """The object in a JSON file; UnsafeFile where it names code of the repository to run."""
        values = read_json(path)
        if not isinstance(values, dict):
            raise BadConfig(f"{path}: expected a JSON object, found {_shown(values)}")
        if values.get("auto_map"):
            raise UnsafeFile(
                f"{path}: auto_map wants code from the repository run: {_shown(values['auto_map'])}",
                hint="rankladder runs no code from a checkpoint; use a model of a known architecture",
            )
        return cls(path, values)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def keys(self) -> list[str]:
        """The keys, in the order of the file."""
        return list(self._values)

    def value(self, key: str, default: object = None) -> object:
        """The value of a key, of whatever kind."""
        self._read.add(key)
        return self._values.get(key, default)

    def integer(self, key: str, *, least: int = 1) -> int:
        """The value of a required key that is a whole number of at least ``least``."""
        value = self._required(key)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            self.refuse(key, f"a whole number of at least {least}")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """The value of a key that is a finite number above zero."""
        value = self.value(key, default) if default is not None else self._required(key)
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value) or value <= 0:
            self.refuse(key, "a number above zero")
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        """The value of a key that is true or false."""
        value = self.value(key, default)
        if not isinstance(value, bool):
            self.refuse(key, "true or false")
        return value

    def choice(self, key: str, options: Mapping[str, T], default: str | None = None) -> T:
        """What the value of a key stands for, among the words that we understand."""
        value = self.value(key, default) if default is not None else self._required(key)
        if not isinstance(value, str) or value not in options:
            self.refuse(key, " or ".join(repr(option) for option in sorted(options)))
        return options[value]

    def section(self, key: str) -> Section:
        """The object under a required key."""
        value = self._required(key)
        if not isinstance(value, dict):
            self.refuse(key, "an object")
        return Section(self.path, value, within=self._named(key))

    def expect(self, key: str, *allowed: object, why: str | None = None) -> None:
        """Refuses a key that is there with another value than those allowed: it would change the computation."""
        value = self.value(key, allowed[0])
        if not any(type(value) is type(wanted) and value == wanted for wanted in allowed):
            self.refuse(key, " or ".join(_shown(wanted) for wanted in allowed), hint=why)

    def finish(self, harmless: Collection[str] = ()) -> None:
        """Refuses keys that were neither read nor known to leave the scores alone; ``_private`` keys are ignored."""
        unknown = sorted(
            key for key in self._values if key not in self._read and key not in harmless and not key.startswith("_")
        )
        if unknown:
            self.refuse(unknown[0], "no such key", hint="a key that rankladder does not know may change the scores")

    def refuse(self, key: str, expected: str, *, hint: str | None = None) -> NoReturn:
        """Raises BadConfig for the value of a key."""
        raise BadConfig(
            f"{self.path}: {self._named(key)}: expected {expected}, found {_shown(self._values.get(key))}",
            hint=hint or "rankladder loads only what it implements in full; see the guide, Checkpoints and safety",
        )

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
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} is there twice")
    return values


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 200 else text[:200] + "…"
