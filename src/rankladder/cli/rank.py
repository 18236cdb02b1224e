"""``rankladder rank``: put given documents in order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rankladder.cli.given_documents import expect_stdin, given_documents
from rankladder.cli.hits import hit_row, note_cuts
from rankladder.cli.options import GivenPath, key_options, model_options, open_model
from rankladder.cli.output import Form, form_options, note, print_json, print_table, resolve_form
from rankladder.cli.tables import shortened, terminal_width
from rankladder.textfiles import FORMS, ReadAs
from rankladder.values import Query, Ranking
from rankladder.visible import visible


@click.command()
@click.argument("query")
@click.argument("file", type=GivenPath(allow_dash=True), default="-")
@click.option("--top-k", type=click.IntRange(1), help="Results to show.  [default: all]")
@click.option(
    "--as",
    "--format",
    "layout",
    type=click.Choice(["auto", "lines", *FORMS]),
    metavar="FORM",
    default="auto",
    show_default=True,
    help=f"lines: one document a line; auto: by the file's name or its beginning; otherwise {', '.join(FORMS)}.",
)
@key_options
@model_options
@form_options
def rank(
    query: str,
    file: Path,
    top_k: int | None,
    layout: Any,
    text_key: str | None,
    title_key: str | None,
    id_key: str | None,
    long: Any,
    form: Form | None,
    **model: Any,
) -> None:
    """Rank the documents of FILE (or of standard input) by how well they answer QUERY.

    In plain text, each line is a document. JSON, JSON Lines, CSV and every other form that `rankladder search` reads
    are read as in `search`. The file's name, or the beginning of its content, shows the form.

    \b
    rankladder rank "how do I undo a commit" passages.txt
    grep -ri commit notes/ | rankladder rank "how do I undo a commit" --top-k 3
    """
    asked = Query("query", query)
    read_as = ReadAs(None, text_key, title_key, id_key)
    reranker = open_model(**model)
    if str(file) == "-" and expect_stdin().isatty():
        note("reading documents from the keyboard, one a line; end with Ctrl-D")
    documents = list(given_documents(file, layout, read_as))
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


def _one_line(text: str) -> str:
    """A text as one line that fits a terminal."""
    text = visible(" ".join(text.split()))
    return shortened(text, max(20, (terminal_width() or 120) - 40))
