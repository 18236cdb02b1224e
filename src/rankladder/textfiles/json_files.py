"""JSON files: a list of records, alone or inside an object, or one record after the other."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rankladder.errors import BadFile
from rankladder.textfiles.bytestream import Digest, NotText, read_text
from rankladder.textfiles.fields import document_of, find_key, kind_of_value, known_text, listed
from rankladder.textfiles.forms import AS_NAMED, ReadAs
from rankladder.textfiles.records import DECODER, checked_value
from rankladder.values import Document

LISTS = (
    "docs", "documents", "data", "items", "records", "results", "hits", "rows", "passages", "chunks", "corpus",
    "articles", "pages", "entries", "nodes",
)  # fmt: skip
"""Keys under which a list of records is known, where an object has several lists."""

_HINT = (
    'a list of objects is read, and an object that holds one, {"docs": [{"text": "…"}]}; --as text reads the file '
    "unchanged"
)
_SPACE = re.compile(r"[ \t\r\n]*")
_Place = tuple[str, ...]


def json_documents(
    path: Path, name: str, *, digest: Digest | None = None, read_as: ReadAs = AS_NAMED
) -> Iterator[Document]:
    """One document for each record of a JSON file: of a list, of the one list in an object (``{"docs": […]}``), of an
    object whose keys are ids, or of values one after the other. A list may hold plain texts. See ``document_of``.

    Raises NotText where there is no list of records, and BadFile, naming the line, for a record that cannot be used,
    for two lists that may both be meant, and for a text that is not JSON.
    """
    scanner = Scanner(read_text(path, digest=digest), path)
    taken: Counter[int] = Counter()
    for line, key, value in _records(scanner, read_as):
        taken[line] += 1
        otherwise = key or f"{name}:{line}" + (f".{taken[line]}" if taken[line] > 1 else "")
        if isinstance(value, str):
            yield Document(otherwise, value, "", {"file": name, "line": line})
        elif isinstance(value, dict):
            yield document_of(value, path=path, name=name, line=line, otherwise=otherwise, read_as=read_as)
        else:
            raise BadFile(f"{path}:{line}: expected an object or a text, found {kind_of_value(value)}")


class Scanner:
    """A text of JSON, read value by value; its lines are counted as it goes on, so that a long list costs one pass."""

    def __init__(self, text: str, path: Path) -> None:
        self.text = text
        self.path = path
        self.place = 0
        self._line = 1
        self._counted = 0
        self.skip()

    @property
    def sign(self) -> str:
        """The sign at the place, ``""`` at the end."""
        return self.text[self.place : self.place + 1]

    @property
    def line(self) -> int:
        """The line of the place."""
        if self.place < self._counted:
            self._line, self._counted = 1, 0
        self._line += self.text.count("\n", self._counted, self.place)
        self._counted = self.place
        return self._line

    def skip(self, expected: str = "") -> str:
        """Passes white space and, where signs are expected, one of them, which is returned. Raises BadFile."""
        self.place = self._after_space(self.place)
        if not expected:
            return ""
        sign = self.sign
        if not sign or sign not in expected:
            found = repr(self.text[self.place : self.place + 20]) if sign else "the end of the file"
            raise BadFile(f"{self.path}:{self.line}: not JSON: expected {' or '.join(expected)}, found {found}")
        self.place = self._after_space(self.place + 1)
        return sign

    def _after_space(self, place: int) -> int:
        found = _SPACE.match(self.text, place)
        return found.end() if found else place

    def value(self) -> Any:
        """The value that begins here; the place is behind it then. Raises BadFile."""
        line, start = self.line, self.place
        try:
            value, self.place = DECODER.raw_decode(self.text, start)
        except json.JSONDecodeError as error:
            raise BadFile(f"{self.path}:{error.lineno}: not JSON: {error.msg}") from error
        except (ValueError, RecursionError) as error:
            raise BadFile(f"{self.path}:{line}: not JSON: {error}") from error
        return checked_value(value, self.text[start : self.place], f"{self.path}:{line}")

    def elements(self) -> Iterator[tuple[int, str, Any]]:
        """Lines and values of the list that begins here, with no keys."""
        self.skip("[")
        end = self.sign == "]"
        if end:
            self.skip("]")
        while not end:
            yield self.line, "", self.value()
            self.skip()
            end = self.skip(",]") == "]"

    def members(self) -> Iterator[tuple[str, int]]:
        """Keys and the places of the values of the object that begins here."""
        self.skip("{")
        end = self.sign == "}"
        while not end:
            key = self.value()
            self.skip()
            self.skip(":")
            yield key, self.place
            self.value()
            self.skip()
            end = self.skip(",}") == "}"


def _records(scanner: Scanner, read_as: ReadAs) -> Iterator[tuple[int, str, Any]]:
    """Line, key (``""`` where it has none) and value of each record."""
    if scanner.sign == "[":
        yield from scanner.elements()
        scanner.skip()
        if scanner.sign:
            raise BadFile(f"{scanner.path}:{scanner.line}: more JSON after the list")
    elif scanner.sign == "{":
        start, line, value = scanner.place, scanner.line, scanner.value()
        scanner.skip()
        if not scanner.sign:
            yield from _inside(scanner, start, line, value, read_as)
            return
        yield line, "", value
        while scanner.sign:
            yield scanner.line, "", scanner.value()
            scanner.skip()
    elif scanner.sign:
        scanner.value()
        raise NotText(scanner.path, "JSON without a list of records", hint=_HINT)


def _inside(
    scanner: Scanner, start: int, line: int, value: dict[str, Any], read_as: ReadAs
) -> Iterator[tuple[int, str, Any]]:
    """The records of a file that holds one object: itself, those of a list in it, or its values under their ids."""
    if _has_text(value, read_as, f"{scanner.path}:{line}"):
        yield line, "", value
    elif (place := _list_in(value, scanner.path)) is not None:
        scanner.place = start
        for key in place:
            scanner.place = next(at for member, at in scanner.members() if member == key)
        yield from scanner.elements()
    elif value and all(
        isinstance(one, dict) and _has_text(one, read_as, f"{scanner.path}:{line}") for one in value.values()
    ):
        scanner.place = start
        for key, at in scanner.members():
            scanner.place = at
            yield scanner.line, key, value[key]
    else:
        raise NotText(
            scanner.path,
            f"JSON without a list of records; its keys are {listed(value)}",
            hint=_HINT,
        )


def _has_text(record: Mapping[str, Any], read_as: ReadAs, where: str) -> bool:
    if read_as.text_key is not None:
        return find_key(record, read_as.text_key) is not None
    place = known_text(record, where)
    if place is None:
        return False
    value: Any = record
    for key in place:
        value = value[key]
    return isinstance(value, str)


def _list_in(value: Mapping[str, Any], path: Path) -> _Place | None:
    """Where the list of records lies in an object, at most one object deeper; None for no list.

    Raises BadFile, naming them, for several lists unless exactly one has a known name.
    """
    found: list[_Place] = [(key,) for key, one in value.items() if _is_list(one)]
    found += [
        (outer, key) for outer, one in value.items() if isinstance(one, dict) for key in one if _is_list(one[key])
    ]
    known = [place for place in found if place[-1].casefold() in LISTS]
    chosen = found if len(found) == 1 else known
    if len(chosen) == 1 or not found:
        return next(iter(chosen), None)
    shown = ", ".join(repr(".".join(place)) for place in found[:12])
    raise BadFile(
        f"{path}: {len(found)} lists may hold the records: {shown}", hint="write one of them to a file of its own"
    )


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)
