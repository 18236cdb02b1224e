"""Queries in every form that the field's collections have them in: read, or refused with what the file is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from rankladder.arguments import checked
from rankladder.errors import BadFile, PathMissing
from rankladder.textfiles.beir import beir_folder
from rankladder.textfiles.bytestream import NotText, endings, numbered_lines, read_text
from rankladder.textfiles.pair_rows import present_file
from rankladder.textfiles.topics.lines import line_topics
from rankladder.textfiles.topics.markup import is_markup, markup_topics
from rankladder.textfiles.topics.objects import json_line_topics, json_topics
from rankladder.textfiles.topics.topic import Topic, Topics, queries_of
from rankladder.values import Query

__all__ = ["Topics", "read_queries", "read_topics"]
_JSON_LINES = {".jsonl", ".ndjson"}


def read_topics(path: str | Path, *, field: str | None = None, line_ids: bool = False) -> Topics:
    """The queries of a file, or of a BEIR folder, in order, and what to say of how they were read.

    The content decides, not the name: SGML and XML (``<top>``, ``<topic>``, ``<query>``), JSON (lines, an array, an
    object by id, conversations), ``id<tab>text``, ``id:text``, a table with a header, ``.I``. A topic of several
    fields asks by its title, or the field that serves as one.

    Args:
        path: A file, packed as ``.gz`` or not, or a BEIR folder.
        field: The field that is the query: ``description``, or ``title+description`` for both.
        line_ids: A line, or a JSON object, without an id has its number for one: a log needs none.

    Raises BadFile naming the line and what it looks like, DuplicateId naming both places, BadOption for a field that no
    topic has, and PathMissing.
    """
    file = Path(path)
    if not file.exists():
        raise PathMissing(f"no file or folder at {file}")
    if file.is_dir():
        file = beir_folder(file).queries
    return queries_of(file, list(_topics(present_file(file), line_ids)), field)


@checked
def read_queries(path: str | Path, *, field: str | None = None, line_ids: bool = False) -> list[Query]:
    """The queries of ``read_topics``, without its remarks."""
    return list(read_topics(path, field=field, line_ids=line_ids).queries)


def _topics(file: Path, line_ids: bool) -> Iterator[Topic]:
    suffixes = {*endings(file)}
    if suffixes & _JSON_LINES:
        return json_line_topics(file, line_ids=line_ids)
    if ".tsv" not in suffixes:
        text = _text(file)
        if is_markup(text):
            return markup_topics(text, file)
        if text.lstrip()[:1] in {"{", "["} and (".json" in suffixes or _holds_json(text)):
            lines = _parsed(text) is None and text.lstrip().startswith("{")
            return json_line_topics(file, line_ids=line_ids) if lines else json_topics(text, file, line_ids=line_ids)
    return line_topics(list(numbered_lines(file)), file, commas=".csv" in suffixes, line_ids=line_ids)


def _text(file: Path) -> str:
    try:
        return read_text(file)
    except NotText as error:
        hint = f"if it is in Latin 1: iconv -f latin1 -t utf-8 {file.name} > {file.name}.utf8"
        raise BadFile(f"{file}: {error.reason}", hint=hint) from error


def _holds_json(text: str) -> bool:
    """Whether a text goes on as JSON does after its first sign: an id may begin with one too."""
    return text.lstrip()[1:].lstrip()[:1] in {'"', "{", "}", "]"}


def _parsed(text: str) -> object:
    """The one value that a text holds; None where it is no JSON, or several values."""
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found
