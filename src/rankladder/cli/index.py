"""``rankladder index``: build or update an index."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rankladder.cli.left_out import note_kept, note_left_out
from rankladder.cli.output import Form, form_options, print_json, print_table, resolve_form
from rankladder.cli.selecting import selection_options

if TYPE_CHECKING:
    from rankladder.textfiles import Selection


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--into", required=True, type=click.Path(path_type=Path), help="The index's folder; made or updated.")
@click.option(
    "--passage-words",
    type=click.IntRange(20),
    default=200,
    show_default=True,
    help="Prose (Markdown, text, reStructuredText, HTML) is split into passages of about this many words.",
)
@click.option(
    "--tokens-for",
    metavar="MODEL",
    help="Store token ids of what is read now, so that a search with this model need not tokenise it again.",
)
@selection_options
@form_options
def index(
    paths: tuple[Path, ...],
    into: Path,
    passage_words: int,
    tokens_for: str | None,
    select: Selection,
    form: Form | None,
) -> None:
    """Build or update an index of documents.

    Reads Markdown, plain text, reStructuredText, HTML, JSON Lines, CSV, TSV, TREC documents and BEIR folders. Run it
    again to bring the index up to date: only files that changed are read. Searches go on meanwhile and see the last
    complete index. It holds what PATHS hold now, so name all of them each time. --include, --exclude, --no-ignore and
    --ids stay with the index until they are given again; an empty glob ('') lifts them.

    \b
    rankladder index docs/ notes.jsonl --into my-index
    """
    from rankladder.retrieve import build_index

    reranker = None
    if tokens_for is not None:
        from rankladder.rerank import Reranker

        reranker = Reranker.open(tokens_for)
    report = build_index(list(paths), into, passage_words=passage_words, tokens_for=reranker, select=select)
    note_left_out(report)
    note_kept(report, select)
    counts = {
        "documents": report.documents,
        "files_added": report.added,
        "files_changed": report.changed,
        "files_removed": report.removed,
        "files_unchanged": report.unchanged,
        "files_skipped": len(report.skipped),
    }
    if resolve_form(form) == "json":
        skipped = [{"path": str(one.path), "reason": one.reason} for one in report.skipped]
        print_json({"index": str(into), **counts, "skipped": skipped, "left_out": dict(report.left_out)})
    else:
        print_table(
            ["index", *(name.replace("_", " ") for name in counts)], [[into, *counts.values()]], right=range(1, 7)
        )
