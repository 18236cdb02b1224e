"""``rankladder rank``: put given documents in order."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import click

from rankladder.cli.hits import hit_row, note_cuts
from rankladder.cli.options import GivenPath, model_options, open_model
from rankladder.cli.output import Form, form_options, note, print_json, print_table, resolve_form
from rankladder.errors import BadFile, BadInput, PathMissing
from rankladder.textfiles.bytestream import reading
from rankladder.textfiles.fields import document_of
from rankladder.textfiles.records import parse_record
from rankladder.values import Document, Query, Ranking
from rankladder.visible import visible


@click.command()
@click.argument("query")
@click.argument("file", type=GivenPath(allow_dash=True), default="-")
@click.option("--top-k", type=click.IntRange(1), help="Results to show.  [default: all]")
@click.option(
    "--format",
    "layout",
    type=click.Choice(["auto", "lines", "jsonl"]),
    default="auto",
    show_default=True,
    help="lines: a document a line. jsonl: objects with a text. auto: jsonl where the first line is a JSON object.",
)
@model_options
@form_options
def rank(query: str, file: Path, top_k: int | None, layout: str, long: Any, form: Form | None, **model: Any) -> None:
    """Rank the documents of FILE (or of standard input), one a line or JSON Lines, by how well they answer QUERY.

    \b
    rankladder rank "how do I undo a commit" passages.txt
    grep -ri commit notes/ | rankladder rank "how do I undo a commit" --top-k 3
    """
    asked = Query("query", query)
    reranker = open_model(**model)
    if str(file) == "-" and _expect_stdin().isatty():
        note("reading documents from the keyboard, one a line; end with Ctrl-D")
    documents = list(_read(file, layout))
    if not documents:
        note(f"{'standard input' if str(file) == '-' else file} holds no documents")
    every = reranker.rank(asked, documents, long=long)
    ranking = Ranking.of(asked, every.hits, every.stage, top_k=top_k)
    if resolve_form(form) == "json":
        for place, hit in enumerate(ranking, start=1):
            print_json(hit_row(place, hit, ranking.stage))
    else:
        rows = [
            [place, f"{hit.score:.3f}", visible(hit.document.id), _one_line(hit.document.full_text)]
            for place, hit in enumerate(ranking, start=1)
        ]
        print_table(["rank", "score", "id", "text"], rows, right=(0, 1))
    note_cuts(every, shown=top_k)


def _expect_stdin() -> TextIO:
    """Standard input. Raises BadInput where the program has none."""
    if sys.stdin is None:
        raise BadInput("standard input is closed", hint="name a file, or pipe documents in")
    return sys.stdin


def _read(file: Path, layout: str) -> Iterator[Document]:
    """The documents of a file, or of standard input for ``-``; blank lines are passed over.

    A line's document has its line number for an id; an object's is read as in a JSON Lines file.
    Raises BadFile, naming the line, for what is not UTF-8, or not an object with a text.
    """
    if str(file) != "-" and (file.is_dir() or not file.exists()):
        found = "a folder" if file.is_dir() else "nothing"
        raise PathMissing(f"no file at {file}: found {found}", hint="rankladder search QUERY PATH searches a folder")
    name = "standard input" if str(file) == "-" else str(file)
    with reading(Path(name)), click.open_file(str(file), "rb") as stream:
        for number, line in enumerate(stream, start=1):
            text = _decoded(line, f"{name}:{number}").strip("\r\n\ufeff")
            if not text.strip():
                continue
            if layout == "auto":
                layout = "jsonl" if _is_object(text) else "lines"
            if layout == "jsonl":
                yield document_of(parse_record(text, f"{name}:{number}"), path=Path(name), name=name, line=number)
            else:
                yield Document(str(number), text)


def _decoded(line: bytes, where: str) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise BadFile(
            f"{where}: not UTF-8: {error.reason} at byte {error.start}", hint="convert it to UTF-8"
        ) from error


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _one_line(text: str) -> str:
    """A text as one line that fits a terminal."""
    text = visible(" ".join(text.split()))
    width = max(20, shutil.get_terminal_size().columns - 40)
    return text if len(text) <= width else text[: width - 1] + "…"
