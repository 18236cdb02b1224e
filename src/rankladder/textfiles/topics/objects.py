"""Topics in JSON: a line each, an array, an object of objects, and conversations."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rankladder.errors import BadFile, DuplicateId
from rankladder.textfiles.records import json_objects, whole_json
from rankladder.textfiles.topics.topic import ID_NAMES, LANGUAGE_MARK, ROLE, Topic

_HINT = 'a query reads {"_id": "1", "text": "…"}'
_LISTS = ("topics", "questions", "queries", "data")
_TURNS = ("turn", "turns")


def json_topics(text: str, file: Path, *, line_ids: bool) -> Iterator[Topic]:
    """The topics of a file that holds one JSON value. Raises BadFile for anything else."""
    try:
        value = whole_json(text, file)
    except DuplicateId:
        raise
    except (ValueError, RecursionError) as error:
        raise BadFile(f"{file}: not JSON: {error}", hint="one object a line is written to a .jsonl file") from error
    if isinstance(value, dict) and _id_of(value) is None:
        value = next((value[key] for key in _LISTS if _is_list(value.get(key))), value)
    if isinstance(value, dict) and _id_of(value) is None and not _vectors(value) and not _asks(value):
        for id, topic in value.items():
            fields = topic if isinstance(topic, dict) else {"text": topic}
            yield from _topics({"id": id, **fields}, f"{file} ({id!r})", None)
        return
    for number, item in enumerate(value if isinstance(value, list) else [value], 1):
        if not isinstance(item, dict):
            raise BadFile(f"{file}: item {number}: expected an object, found {json.dumps(item)[:60]}", hint=_HINT)
        yield from _topics(item, f"{file} (item {number})", number if line_ids else None)


def json_line_topics(file: Path, *, line_ids: bool) -> Iterator[Topic]:
    """The topics of a JSON Lines file. Raises BadFile, naming the line."""
    for number, record in json_objects(file):
        yield from _topics(record, f"{file}:{number}", number if line_ids else None)


def _topics(record: Mapping[str, Any], where: str, number: int | None) -> Iterator[Topic]:
    id = _id_of(record) or (None if number is None else str(number))
    fields = {key.lower(): text for key, value in record.items() if key not in ID_NAMES and (text := _text(value))}
    turns = next((record[key] for key in _TURNS if _is_list(record.get(key))), None)
    versions = record.get("topics")
    if id is None or (not fields and turns is None and versions is None):
        lacks = "no id that is a text or a whole number" if id is None else "no text"
        raise BadFile(
            f"{where}: expected a query with an id and a text, found {lacks}; the keys are "
            f"{', '.join(map(repr, record))}",
            hint=_hint(record, id),
        )
    if isinstance(versions, list):  # NeuCLIR: one topic in several languages
        fields |= _by_language(versions)
    if not isinstance(turns, list):
        yield Topic(where, id, fields)
        return
    for place, turn in enumerate(turns, 1):
        if not isinstance(turn, dict):
            raise BadFile(f"{where}: turn {place}: expected an object", hint=_HINT)
        turn_id = next((turn[key] for key in ("number", "turn_id") if turn.get(key) not in (None, "")), place)
        named = {key.lower(): text for key, value in turn.items() if key not in ID_NAMES and (text := _text(value))}
        yield Topic(f"{where}, turn {place}", f"{id}_{turn_id}", named)


def _id_of(record: Mapping[str, Any]) -> str | None:
    for key in record:
        if key.lower() in ID_NAMES:
            value = record[key]
            if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
                return str(value)
    return None


def _text(value: Any) -> str:
    """A text unchanged; a list of numbers is distinguished from nothing, so that a message can name it."""
    if isinstance(value, str):
        return value
    return ""


def _by_language(versions: list[Any]) -> dict[str, str]:
    """The texts of English first, then those of the others under their language's name."""
    rows = [row for row in versions if isinstance(row, dict)]
    rows.sort(key=lambda row: row.get("lang") != "eng")
    fields: dict[str, str] = {}
    for row in rows:
        for key, value in row.items():
            if key not in ("lang", "source") and (text := _text(value)):
                fields.setdefault(key if key not in fields else f"{row.get('lang')}{LANGUAGE_MARK}{key}", text)
    return fields


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _vectors(record: Mapping[str, Any]) -> bool:
    return bool({"vector", "embedding", "embeddings"} & record.keys())


def _asks(record: Mapping[str, Any]) -> bool:
    """Whether an object is one query itself, and not queries by their ids."""
    return any(isinstance(value, str) and key.lower() in ROLE for key, value in record.items())


def _hint(record: Mapping[str, Any], id: str | None) -> str:
    if _vectors(record):
        return "the file holds vectors, not texts: use the topics that they were made from"
    if id is None:
        return f"give each query the id that its judgements have; {_HINT}"
    return _HINT
