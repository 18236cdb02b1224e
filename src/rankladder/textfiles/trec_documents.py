"""TREC's own form of a collection: ``<DOC><DOCNO>id</DOCNO> … </DOC>`` one after the other, in SGML."""

from __future__ import annotations

import os
import re
import zlib
from collections import defaultdict
from collections.abc import Iterator
from html import unescape
from pathlib import Path

from rankladder.errors import BadFile
from rankladder.textfiles.bytestream import LONGEST_LINE, Digest, numbered_lines, open_bytes
from rankladder.values import Document

_HEAD = 4096
_BEGIN = re.compile(
    # Behind an XML declaration or a root element, <doc> alone says little: .NET's documentation has it too.
    rb"(?:\xef\xbb\xbf)?\s*(?:<doc>|(?:<[?!][^>]*>\s*)*(?:<\w+>\s*)?<doc>\s*<docno>)",
    re.IGNORECASE,
)
_MARK = re.compile(r"<(/?)doc>", re.IGNORECASE)
_TAG = re.compile(r"<(?:(/?)([a-z][\w:.-]*)(?:\s[^<>]*)?/?|[!?][^<>]*)>", re.IGNORECASE)
_ID, _TITLE, _TEXT, _ABOUT = "docno", "title", "text", "about"
_ROLES = (
    {_ID: _ID}
    | dict.fromkeys(("title", "headline", "head", "hl", "ttl", "ti"), _TITLE)
    | dict.fromkeys(("text", "lp", "leadpara"), _TEXT)
    | dict.fromkeys(("docid", "docoldno", "dochdr"), _ABOUT)
)
"""What the elements of the well-known collections hold (Robust04's disks, AP, WSJ, ZIFF, the web tracks, Cranfield)."""
_HINT = "a document reads <DOC> <DOCNO>id</DOCNO> <TEXT> … </TEXT> </DOC>"


def begins_with_doc(path: Path) -> bool | None:
    """Whether a file's first sign that is not white space begins a TREC document; None where it cannot be read.

    An XML declaration and a root element may come before it, if ``<DOCNO>`` follows at once.
    """
    if not os.path.isfile(path):  # noqa: PTH113 — a pipe would wait for ever; Path.is_file raises where it may not look
        return False
    try:
        with open_bytes(path) as stream:
            return _BEGIN.match(stream.read(_HEAD)) is not None
    except (OSError, EOFError, zlib.error):
        return None


def trec_documents(path: Path, name: str, *, digest: Digest | None = None) -> Iterator[Document]:
    """One document for each ``<DOC>``, in order, one in memory at a time.

    The id is its DOCNO; the title is in TITLE or HEADLINE (HEAD, HL, TTL, TI); the text in TEXT and the paragraphs that
    lead to it (LP, LEADPARA), or, where there are none, all that is left but DOCID and DOCHDR. Tags become spaces.

    Raises BadFile, naming the line, for a document that is not closed or has not one DOCNO, and for text between
    documents.
    """
    start, size, held = 0, 0, [""]
    for number, line in numbered_lines(path, digest=digest):
        place = 0
        for mark in _MARK.finditer(line):
            before, place = line[place : mark.start()], mark.end()
            if mark[1] and not start:
                raise BadFile(f"{path}:{number}: </DOC> without a <DOC>", hint=_HINT)
            if mark[1]:
                yield _document("\n".join([*held, before]), path, name, start)
                start = 0
            elif start:
                raise BadFile(f"{path}:{start}: <DOC> is not closed before the next, on line {number}", hint=_HINT)
            else:
                _check_between(before, path, number)
                start, held = number, []
        if start:
            size = size + len(line) if held else 0
            held.append(line[place:])
            if size > LONGEST_LINE:
                raise BadFile(f"{path}:{start}: a <DOC> of more than {LONGEST_LINE >> 20} MiB", hint=_HINT)
        else:
            _check_between(line[place:], path, number)
    if start:
        raise BadFile(f"{path}:{start}: <DOC> is not closed before the end of the file", hint="is the file whole?")


def _check_between(text: str, path: Path, number: int) -> None:
    if rest := _TAG.sub("", text).strip():
        raise BadFile(f"{path}:{number}: text between two documents: {rest[:80]!r}", hint=_HINT)


def _document(body: str, path: Path, name: str, line: int) -> Document:
    parts: dict[str, list[str]] = defaultdict(list)
    inside, place, ids = "", 0, 0
    for tag in _TAG.finditer(body):
        parts[_ROLES.get(inside, "")].append(body[place : tag.start()])
        place = tag.end()
        element = (tag[2] or "").lower()
        if tag[1]:
            inside = "" if element == inside else inside
        elif not inside and element in _ROLES and not tag[0].endswith("/>"):
            inside = element
            ids += element == _ID
    parts[_ROLES.get(inside, "")].append(body[place:])
    id = " ".join(_plain(parts[_ID]).split())
    if ids != 1 or inside == _ID or not id:
        found = "an empty one" if ids == 1 and not id else "one that is not closed" if inside == _ID else f"{ids}"
        raise BadFile(f"{path}:{line}: a <DOC> has one <DOCNO>, this one has {found}", hint=_HINT)
    title = " ".join(_plain(parts[_TITLE]).split())
    return Document(id, _plain(parts[_TEXT]) or _plain(parts[""]), title, {"file": name, "line": line})


def _plain(parts: list[str]) -> str:
    """The text of some parts: references resolved, each line's white space one space, blank lines left out."""
    lines = (" ".join(line.split()) for line in unescape(" ".join(parts)).split("\n"))
    return "\n".join(line for line in lines if line)
