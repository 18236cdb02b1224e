"""Which fields of a record hold its text, its title and its id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rankladder.errors import BadFile
from rankladder.textfiles.forms import AS_NAMED, ReadAs
from rankladder.values import Document

ID_KEYS = ("_id", "id", "doc_id", "pid", "docid", "document_id", "passage_id", "docno")
"""The names under which an id is known, the first that is there and not empty. MS MARCO's passages have ``pid`` for
themselves and ``docid`` for the page that they come from.
"""
TEXT_KEYS = ("text", "contents", "content", "body", "passage", "page_content", "document", "chunk", "abstract")
"""Names under which a text is known. ``text`` counts before all others; two others beside each other are refused."""
TITLE_KEY = "title"
TITLE_KEYS = (TITLE_KEY, "headline", "name", "subject")
NESTS = ("_source", "kwargs", "__data__", "fields")
"""Objects that hold the fields of a record in dumps of Elasticsearch, LangChain and LlamaIndex."""

_MAX_ID = 10_000
_Place = tuple[str, ...]


def known_fields(keys: list[str], names: tuple[str, ...]) -> list[str]:
    """Those keys that are one of the names, in the order of the names; capitals make no difference.

    >>> known_fields(["ID", "Text", "n"], TEXT_KEYS)
    ['Text']
    """
    found: dict[str, str] = {}
    for key in keys:
        if key.casefold() in names and (key == key.casefold() or key.casefold() not in found):
            found[key.casefold()] = key
    return [found[name] for name in names if name in found]


def document_of(
    record: Mapping[str, Any], *, path: Path, name: str, line: int, otherwise: str = "", read_as: ReadAs = AS_NAMED
) -> Document:
    """The document that a record is.

    The id is the first of ``ID_KEYS`` that is there and not empty, else ``otherwise`` or ``name:line``; text and title
    are under one of ``TEXT_KEYS`` and ``TITLE_KEYS``, in the record or in one of ``NESTS``, or where ``read_as``
    says. Every other field is metadata. Metadata always has ``file`` and ``line``: the record's own where it has them.

    Raises BadFile, naming file and line, for a record without text or with two fields that may be the text, and for an
    id, title or text of the wrong type.
    """
    where = f"{path}:{line}"
    text_path = _text_path(record, read_as, where)
    text = _at(record, text_path)
    if not isinstance(text, str):
        shown = ".".join(text_path)
        raise BadFile(f"{where}: {shown!r} should be a string, found {kind_of_value(text)}; keys {listed(record)}")
    title_path, title = _title(record, text_path[:-1], read_as, where)
    id_path, id = _id(record, text_path[:-1], read_as, where)
    metadata: dict[str, Any] = {"file": name, "line": line}
    metadata |= _without(record, [path for path in (text_path, title_path, id_path) if path])
    return Document(id or otherwise or f"{name}:{line}", text, title, metadata)


def _text_path(record: Mapping[str, Any], read_as: ReadAs, where: str) -> _Place:
    if read_as.text_key is not None:
        return _given(record, read_as.text_key, where)
    if "text" in record:
        return ("text",)
    if (path := known_text(record, where)) is None:
        raise BadFile(
            f"{where}: no text; the keys are {listed(record)}",
            hint=f"--text-key (text_key in Python) names the key that holds it; known are {', '.join(TEXT_KEYS)}",
        )
    return path


def known_text(record: Mapping[str, Any], where: str) -> tuple[str, ...] | None:
    """Where a record has its text under a name that is known. Raises BadFile, beginning with ``where``, for two."""
    for place in _places(record):
        inner = _at(record, place)
        found = known_fields([key for key in inner if isinstance(key, str)], TEXT_KEYS)
        if len(found) > 1 and found[0].casefold() != "text":
            filled = [key for key in found if isinstance(inner[key], str) and inner[key].strip()]
            found = filled if len({inner[key] for key in filled}) > 1 else (filled or found)[:1]
            if len(found) > 1:
                raise BadFile(f"{where}: {two_texts(found)}", hint=which_text([".".join((*place, k)) for k in found]))
        if found:
            return (*place, found[0])
    return None


def two_texts(keys: list[str]) -> str:
    """What is wrong where several keys may hold the text."""
    return f"{len(keys)} keys may hold the text: {', '.join(map(repr, keys))}"


def which_text(keys: list[str]) -> str:
    """The hint for several keys that may hold the text."""
    return "say which: " + " or ".join(f"--text-key {key}" for key in keys)


def _places(record: Mapping[str, Any]) -> Iterator[_Place]:
    yield ()
    yield from ((nest,) for nest in NESTS if isinstance(record.get(nest), Mapping))


def _given(record: Mapping[str, Any], dotted: str, where: str) -> _Place:
    path = find_key(record, dotted)
    if path is None:
        raise BadFile(f"{where}: no {dotted!r}; the keys are {listed(record)}")
    return path


def find_key(record: Mapping[str, Any], dotted: str) -> tuple[str, ...] | None:
    """Where a key lies that is written with dots: one key of that name, else a key inside another."""
    if (key := _spelt(record, dotted)) is not None:
        return (key,)
    outer, dot, rest = dotted.partition(".")
    key = _spelt(record, outer) if dot else None
    if key is None or not isinstance(record[key], Mapping):
        return None
    inner = find_key(record[key], rest)
    return None if inner is None else (key, *inner)


def _spelt(record: Mapping[str, Any], name: str) -> str | None:
    if name in record:
        return name
    return next((key for key in record if key.casefold() == name.casefold()), None)


def _at(record: Mapping[str, Any], path: _Place) -> Any:
    value: Any = record
    for key in path:
        value = value[key]
    return value


def _title(record: Mapping[str, Any], place: _Place, read_as: ReadAs, where: str) -> tuple[_Place, str]:
    if read_as.title_key is not None:
        path = find_key(record, read_as.title_key) or ()
    else:
        path = _known_title(record, place) or (_known_title(record, ()) if place else ()) or ()
    title = _at(record, path) if path else None
    if title is not None and not isinstance(title, str):
        raise BadFile(f"{where}: {'.'.join(path)!r} should be a string, found {kind_of_value(title)}")
    return path, title or ""


def _known_title(record: Mapping[str, Any], place: _Place) -> _Place:
    inner = _at(record, place)
    for key in known_fields([key for key in inner if isinstance(key, str)], TITLE_KEYS):
        if key.casefold() == TITLE_KEY or isinstance(inner[key], str):  # a "name" may be something else
            return (*place, key)
    return ()


def _id(record: Mapping[str, Any], place: _Place, read_as: ReadAs, where: str) -> tuple[_Place, str]:
    if read_as.id_key is not None:
        path = _given(record, read_as.id_key, where)
        if _at(record, path) in (None, ""):
            raise BadFile(f"{where}: {read_as.id_key!r} is empty")
        return path, _checked_id(_at(record, path), path, where)
    for outer in dict.fromkeys([(), place]):
        inner = _at(record, outer)
        for key in known_fields([key for key in inner if isinstance(key, str)], ID_KEYS):
            nested = place and isinstance(inner[key], list | Mapping)  # LangChain's "id" names a class
            if inner[key] not in (None, "") and not nested:
                return (*outer, key), _checked_id(inner[key], (*outer, key), where)
    return (), ""


def _checked_id(value: Any, path: _Place, where: str) -> str:
    shown = ".".join(path)
    if isinstance(value, Mapping) and isinstance(value.get("$oid"), str):  # MongoDB's export
        value = value["$oid"]
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise BadFile(f"{where}: {shown!r} should be a string or a whole number, found {kind_of_value(value)}")
    try:
        id = str(value)
    except ValueError as error:  # a number of more than 4,300 digits
        raise BadFile(f"{where}: {shown!r}: {error}") from error
    if len(id) > _MAX_ID:
        raise BadFile(f"{where}: {shown!r} has {len(id):,} characters, at most {_MAX_ID:,} are read")
    return id


def _without(record: Mapping[str, Any], paths: list[_Place]) -> dict[str, Any]:
    """The record without the fields at some paths; an object that is empty then goes too."""
    kept = dict(record)
    for path in paths:
        if len(path) == 1:
            kept.pop(path[0], None)
    for key in {path[0] for path in paths if len(path) > 1}:
        inner = _without(record[key], [path[1:] for path in paths if path[0] == key and len(path) > 1])
        if inner:
            kept[key] = inner
        else:
            kept.pop(key, None)
    return kept


def kind_of_value(value: Any) -> str:
    """What a JSON value is, in words."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
        case _:
            return "an object"


def listed(keys: Mapping[str, Any] | list[str]) -> str:
    """The first twelve keys, quoted, and how many more there are."""
    shown = [repr(key) for key in list(keys)[:12]]
    return ", ".join(shown) + (f" and {len(keys) - 12} more" if len(keys) > 12 else "") if shown else "none"
