"""JSON Lines: one object a line is one document, unchanged."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from rankladder.errors import BadFile, DuplicateId
from rankladder.surrogates import encodable
from rankladder.textfiles.bytestream import Digest, numbered_lines
from rankladder.textfiles.fields import document_of, kind_of_value
from rankladder.textfiles.forms import AS_NAMED, ReadAs
from rankladder.values import Document

_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_MAX_DEPTH = 100  # objects and lists in each other; far more than data has, far less than Python's stack takes
_HINT = 'a .jsonl file holds one object a line: {"text": "…"}'


def whole_json(text: str, where: str | Path) -> Any:
    """The value that JSON text holds, lone surrogates replaced.

    Raises ValueError where it is not JSON, RecursionError where it is nested too deep, and DuplicateId, beginning with
    ``where``, for an object that gives one key two values: the first would be lost.
    """

    def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            for key, value in pairs:
                if found[key] != value:
                    raise DuplicateId(
                        f"{where}: an object has {key!r} twice, with other values", hint="keep one of them"
                    )
        return found

    return without_surrogates(json.loads(text, object_pairs_hook=distinct))


def without_surrogates(value: Any) -> Any:
    r"""A JSON value with every lone surrogate replaced by U+FFFD, so that it can be written as UTF-8.

    >>> without_surrogates({"a\ud800": ["\udfff", 1]})
    {'a�': ['�', 1]}
    """
    match value:
        case str():
            return encodable(value)
        case dict():
            return {without_surrogates(key): without_surrogates(item) for key, item in value.items()}
        case list() | tuple():
            return [without_surrogates(item) for item in value]
        case _:
            return value


def json_objects(path: Path, *, digest: Digest | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line numbers and objects of a JSON Lines file. Raises BadFile, naming the line, for anything else."""
    for number, line in numbered_lines(path, digest=digest):
        yield number, parse_record(line, f"{path}:{number}")


def parse_record(text: str, where: str) -> dict[str, Any]:
    """The object that a line of JSON Lines holds, lone surrogates replaced. ``where`` (file and line) begins a refusal.

    Raises BadFile for what is not JSON, not an object, or could not be written as JSON again: a number that is not
    finite (``NaN``, ``1e999``), and more than 100 objects and lists in each other.
    """
    try:
        value = DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise BadFile(f"{where}: not JSON: {error}", hint=_HINT) from error
    if not isinstance(value, dict):
        raise BadFile(f"{where}: expected a JSON object, found {kind_of_value(value)}", hint=_HINT)
    checked: dict[str, Any] = checked_value(value, text, where)
    return checked


def checked_value(value: Any, text: str, where: str) -> Any:
    """A value that was parsed from ``text``, lone surrogates replaced.

    Raises BadFile for more than 100 objects and lists in each other.
    """
    if text.count("{") + text.count("[") > _MAX_DEPTH and _depth(value) > _MAX_DEPTH:
        raise BadFile(f"{where}: more than {_MAX_DEPTH} nested objects and lists", hint="flatten the record")
    return without_surrogates(value) if _ESCAPED_SURROGATE.search(text) else value


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _not_finite(text)


def _not_finite(text: str) -> NoReturn:
    raise ValueError(f"the number {text[:40]} is not finite")


DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_not_finite)


def _depth(value: Any) -> int:
    """How many objects and lists lie in each other at most, 0 for a plain value."""
    depth, level = 0, [value]
    while level := [one for one in level if isinstance(one, dict | list)]:
        depth += 1
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]
    return depth


def jsonl_documents(
    path: Path, name: str, *, digest: Digest | None = None, read_as: ReadAs = AS_NAMED
) -> Iterator[Document]:
    """One document for each line; see ``document_of``."""
    for number, record in json_objects(path, digest=digest):
        yield document_of(record, path=path, name=name, line=number, read_as=read_as)
