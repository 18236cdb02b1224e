"""``rankladder index``: build or update an index."""

from __future__ import annotations

from pathlib import Path

import click

from rankladder.cli.output import Form, form_options, note, print_json, print_table, resolve_form


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
    help="Store token ids for this model, so that a search with it tokenises nothing again; give it at every update.",
)
@form_options
def index(paths: tuple[Path, ...], into: Path, passage_words: int, tokens_for: str | None, form: Form | None) -> None:
    r"""Build or update an index of documents.

    Reads Markdown, plain text, reStructuredText, HTML, JSON Lines, CSV, TSV and BEIR folders. Run it again to bring the
    index up to date: only files that changed are read. Searches go on meanwhile and see the last complete index.

    \b
    rankladder index docs/ notes.jsonl --into my-index
    """
    from rankladder.retrieve import build_index

    reranker = None
    if tokens_for is not None:
        from rankladder.rerank import Reranker

        reranker = Reranker.open(tokens_for)
    report = build_index(list(paths), into, passage_words=passage_words, tokens_for=reranker)
    for skipped in report.skipped:
        note(f"skipped {skipped.path}: {skipped.reason}")
    counts = {
        "documents": report.documents,
        "added": report.added,
        "changed": report.changed,
        "removed": report.removed,
        "unchanged": report.unchanged,
        "skipped": len(report.skipped),
    }
    if resolve_form(form) == "json":
        print_json({"index": str(into), **counts})
    else:
        print_table(["index", *counts], [[into, *counts.values()]], right=range(1, 7))
