"""Tables without a header, as MS MARCO's collections come: recognised where the guess is safe, and said."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from rankladder.errors import BadFile
from rankladder.textfiles.bytestream import Digest, endings, numbered_lines
from rankladder.textfiles.fields import TEXT_KEYS
from rankladder.values import Document

LAYOUTS = {2: "id, text", 4: "id, url, title, text"}
"""What the columns of a table without a header are taken for, by their number.

Source: collection.tsv and msmarco-docs.tsv of https://microsoft.github.io/msmarco
"""

_SAMPLE = 50
_WORDS = 4
_ID = re.compile(r"\S*\d\S*")
_COLLECTION = re.compile(r"(?:collection|corpus|documents|docs|passages|msmarco-(?:docs|passage))\b", re.IGNORECASE)


class HeaderMissing(UserWarning):
    """A table has no header, and what its columns hold was guessed."""


def headerless_columns(path: Path, head: str, *, named: bool) -> int | None:
    """How many columns a collection without a header has (2 or 4), None for every other table.

    The guess counts as safe where each of the first rows has as many cells, an id with a digit in it that stands in no
    other of them, and half of them four words of text or more (with four columns: an address too). In a folder, which
    may hold queries in the same form, the file's name must also say what it is: ``collection.tsv``, ``docs.tsv``.

    Args:
        path: A ``.tsv`` file, or ``.tsv.gz``.
        head: Its first lines.
        named: Whether the caller named the file itself.
    """
    if ".tsv" not in endings(path) or not (named or _COLLECTION.match(path.name)):
        return None
    whole = head.split("\n")[:-1] or [head]  # the last line may be cut
    rows = [line.rstrip("\r").split("\t") for line in whole if line.strip()][:_SAMPLE]
    columns = len(rows[0]) if rows else 0
    if columns not in LAYOUTS or any(len(row) != columns for row in rows) or {*rows[0]} & {*TEXT_KEYS}:
        return None
    ids = [row[0] for row in rows]
    texts = [row for row in rows if len(row[-1].split()) >= _WORDS and (columns == 2 or "://" in row[1])]
    safe = len({*ids}) == len(ids) and all(map(_ID.fullmatch, ids)) and 2 * len(texts) >= len(rows)
    return columns if safe else None


def headerless_documents(path: Path, name: str, columns: int, *, digest: Digest | None = None) -> Iterator[Document]:
    """One document for each line, cut at tabs; a quote is a sign like any other.

    Raises BadFile, naming the line, for another number of cells, or no id.
    """
    for number, line in numbered_lines(path, digest=digest):
        cells = line.split("\t")
        if len(cells) != columns or not cells[0].strip():
            found = f"{len(cells)}{'' if cells[0].strip() else ', without an id'}"
            raise BadFile(
                f"{path}:{number}: expected {columns} cells ({LAYOUTS[columns]}), as in the first row, found {found}"
            )
        url, title = (cells[1], cells[2]) if columns == 4 else ("", "")
        about = {"file": name, "line": number} | ({"url": url} if url else {})
        yield Document(cells[0].strip(), cells[-1], title, about)
