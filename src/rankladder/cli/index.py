"""``rankladder index``: build or update an index."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rankladder.cli.left_out import note_kept, note_left_out
from rankladder.cli.options import GivenPath, given, reading_options
from rankladder.cli.output import Form, form_options, print_json, print_table, resolve_form
from rankladder.cli.retrieving import check_passage_options, passage_options, passages_for
from rankladder.cli.selecting import selection_options

if TYPE_CHECKING:
    from rankladder.textfiles import ReadAs, Selection


@click.command()
@click.argument("paths", nargs=-1, required=True, type=GivenPath())
@click.option("--into", required=True, type=GivenPath(), help="The index's folder; it is created or updated.")
@click.option(
    "--model",
    default="box",
    show_default=True,
    envvar="RANKLADDER_MODEL",
    show_envvar=True,
    help="The reranker that will read the passages. They are made short enough for it to read them whole.",
)
@click.option("--max-tokens", type=click.IntRange(1), help="Longest sequence that this model will read, as in search.")
@passage_options
@click.option(
    "--tokens-for",
    metavar="MODEL",
    help="Store the token ids of the documents read now, so that a search with this model does not tokenise them "
    "again.",
)
@selection_options
@reading_options
@form_options
@click.pass_context
def index(
    context: click.Context,
    /,
    paths: tuple[Path, ...],
    into: Path,
    model: str,
    max_tokens: int | None,
    passage_words: int | None,
    passage_tokens: int | None,
    tokens_for: str | None,
    select: Selection,
    read_as: ReadAs,
    language: str | None,
    form: Form | None,
) -> None:
    """Build or update an index of documents.

    Reads Markdown, text, HTML, reStructuredText, AsciiDoc, Org, notebooks, manual pages, source code, logs, settings,
    JSON, JSON Lines, CSV, TSV, TREC documents, BEIR folders, and with the extra "documents" PDF and docx. Run it again
    to bring the index up to date: only files that changed are read. Searches still work during an update and see
    the last complete index. The index holds what PATHS hold now, so name all of them each time. --include, --exclude,
    --no-ignore, --ids and --language stay with the index until they are given again; an empty glob ('') removes all
    globs.

    \b
    rankladder index docs/ notes.jsonl --into my-index
    """
    from rankladder.retrieve import build_index
    from rankladder.textfiles import PASSAGE_WORDS

    check_passage_options(passage_words, passage_tokens)
    if passage_words is not None and (useless := given(context, "model", "max_tokens")):
        raise click.UsageError(f"--passage-words does not count tokens, so {', '.join(useless)} would be ignored")
    kept = None if tokens_for is None else passages_for(tokens_for, max_tokens=None, offline=None)
    if tokens_for is not None and kept is None:
        raise click.UsageError(f"--tokens-for {tokens_for}: a hosted model takes texts, there are no token ids to keep")
    reader = None
    if passage_words is None:
        named = tokens_for if tokens_for is not None and not given(context, "model") else model
        reader = passages_for(named, max_tokens=max_tokens, offline=None)
        if reader is None:  # a hosted model: nobody knows its tokens
            if passage_tokens is not None:
                raise click.UsageError(f"{named} is hosted, so its tokens are not known: give --passage-words")
            passage_words = PASSAGE_WORDS
    report = build_index(
        list(paths),
        into,
        passage_words=passage_words,
        passage_tokens=passage_tokens,
        passages_for=reader,
        tokens_for=kept,
        select=select,
        read_as=read_as,
        language=language,
    )
    note_left_out(report)
    note_kept(report, select, language)
    counts = {
        "documents": report.documents,
        "files_added": report.added,
        "files_changed": report.changed,
        "files_removed": report.removed,
        "files_unchanged": report.unchanged,
        "files_skipped": len(report.skipped),
    }
    if resolve_form(form) == "json":
        skipped = [{"path": str(file.path), "reason": file.reason} for file in report.skipped]
        print_json({"index": str(into), **counts, "skipped": skipped, "left_out": dict(report.left_out)})
    else:
        print_table(
            ["index", *(name.replace("_", " ") for name in counts)], [[into, *counts.values()]], right=range(1, 7)
        )
