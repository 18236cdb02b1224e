"""Files whose form is not what their names say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from rankladder.textfiles.bytestream import NotText, text_head
from rankladder.textfiles.fields import TEXT_KEYS, known_fields
from rankladder.textfiles.forms import Kind
from rankladder.textfiles.records import DECODER
from rankladder.textfiles.trec_documents import begins_with_doc

_HTML = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.{0,2000}?-->\s*)?<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_MAY_BE_OTHER = frozenset[Kind](("text", "markdown", "mdx", "rst", "asciidoc", "org", "log", "csv", "jsonl", "json"))


class OtherForm(UserWarning):
    """A file is read in another form than its name says."""


def form_within(path: Path, kind: Kind) -> tuple[Kind, str]:
    """The form in which a file is read, and a remark where its name says another; ``""`` where it does not.

    A text that begins as an HTML page is one, and one that begins with JSON of which records can be read holds records;
    JSON Lines that begin with a list are a JSON file, and the other way round. Raises NotText for what is not text.
    """
    if kind == "text" and begins_with_doc(path):
        return "trec", ""
    if kind not in _MAY_BE_OTHER:
        return kind, ""
    try:
        head = text_head(path)
    except NotText:
        return kind, ""  # the reader says why, and knows more of encodings
    if kind not in {"jsonl", "json"} and _HTML.match(head):
        return "html", "an HTML page; read as such"
    found = _json_form(head)
    if found is None or found == kind or (kind in {"json", "jsonl"} and found == "object"):
        return kind, ""
    if kind == "json":  # JSON Lines are written under this name too
        return "jsonl", ""
    if kind == "jsonl":
        return "json", "a JSON file, not one object a line; read as such"
    if not _begins_records(head):
        return kind, ""
    return ("json", "JSON; read as such") if found == "json" else ("jsonl", "JSON Lines; read as such")


def form_of_text(head: str) -> Literal["html", "json", "jsonl"] | None:
    """The form that a text without a telling name has by its beginning; None for plain text."""
    if _HTML.match(head):
        return "html"
    first = next((line for line in head.split("\n") if line.strip()), "")
    if isinstance(_parsed(first), dict):
        return "jsonl"
    begins = re.match(r'\s*(?:\[\s*["{]|\{)', head) is not None  # not a log's [INFO]
    return "json" if begins and _json_form(head) == "json" else None


def objects_among(head: str) -> int:
    """How many whole lines of a text are a JSON object."""
    return sum(isinstance(_parsed(line), dict) for line in head.split("\n") if line.lstrip()[:1] == "{")


def _json_form(head: str) -> Literal["json", "jsonl", "object"] | None:
    """Which form of JSON a text has: ``object`` for one object on one line, which is either."""
    lines = [line for line in head.split("\n") if line.strip()]
    begin = lines[0].strip() if lines else ""
    if begin[:1] == "[":
        return "json"
    if begin[:1] != "{":
        return None
    if isinstance(_parsed(begin), dict):
        return "object" if len(lines) == 1 else "jsonl" if lines[1].lstrip()[:1] == "{" else None
    return "json" if len(lines) > 1 and begin[-1] in "{[," else None  # an object over several lines


def _parsed(text: str) -> object:
    try:
        return DECODER.decode(text)
    except (ValueError, RecursionError):
        return None


def _begins_records(head: str) -> bool:
    """Whether a text begins with an object that has a text, or with a list of such."""
    text = head.lstrip()
    try:
        first, _ = DECODER.raw_decode(text[1:].lstrip() if text[0] == "[" else text)
    except (ValueError, RecursionError):
        return False
    return isinstance(first, dict) and bool(known_fields([*first], TEXT_KEYS))
