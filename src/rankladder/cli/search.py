"""``rankladder search``: retrieve from an index or from documents, then rerank."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rankladder.cli.explanation import print_explanation, stage_rows
from rankladder.cli.hits import hit_row, note_cuts, source_of, token_row
from rankladder.cli.options import model_options, open_model
from rankladder.cli.output import Form, emphasise, form_options, note, print_json, resolve_form

if TYPE_CHECKING:
    from rankladder.rerank import Reranker
    from rankladder.retrieve import Index, SearchResult


@click.command()
@click.argument("query")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--top-k", type=click.IntRange(1), default=10, show_default=True, help="Results to show.")
@click.option("--candidates", type=click.IntRange(1), help="Passages to rerank.  [default: 100, or --top-k if more]")
@click.option("--no-rerank", is_flag=True, help="BM25 alone, for comparison.")
@click.option("--explain", is_flag=True, help="Show what each stage did: ranks, scores, tokens read and cut, time.")
@model_options
@form_options
def search(
    query: str,
    path: Path,
    top_k: int,
    candidates: int | None,
    no_rerank: bool,
    explain: bool,
    long: Any,
    form: Form | None,
    **model: Any,
) -> None:
    r"""Search PATH, an index or documents, and rerank what is found.

    Documents (a file or a folder) are indexed into the user's cache, and the index is brought up to date at every
    search. Scores are raw logits: higher is better, and they compare across queries of one model.

    \b
    rankladder search "how do I undo a commit" docs/
    rankladder search "how do I undo a commit" my-index --top-k 3 --explain
    """
    from rankladder.retrieve import search as run_search
    from rankladder.values import Query

    asked = Query("query", query)  # a blank query is refused before anything is indexed
    reranker = None if no_rerank else open_model(**model)
    with _open(path, reranker) as index:
        result = run_search(asked, index, reranker, top_k=top_k, candidates=candidates or max(100, top_k), long=long)
    if not result.ranking:
        note("nothing found: no document shares a word with the query")
    below = None if index.path == path else path if path.is_dir() else path.parent
    if resolve_form(form) == "json":
        _print_json(result, explain=explain)
    else:
        _print_text(result, below)
        if explain:
            print_explanation(result, reranker, below)
    note_cuts(result.ranking)


def _open(path: Path, reranker: Reranker | None) -> Index:
    """The index at a path, or the cached index of the documents there, brought up to date."""
    from rankladder.retrieve import cached_index, is_index, open_index

    if is_index(path):
        return open_index(path)
    index, report = cached_index(path, tokens_for=reranker)
    for skipped in report.skipped:
        note(f"skipped {skipped.path}: {skipped.reason}")
    return index


def _print_text(result: SearchResult, below: Path | None) -> None:
    from rankladder.retrieve import snippet

    before = result.rank_in(0)
    for place, hit in enumerate(result.ranking, start=1):
        moved = before[hit.document.id] - place
        change = f"   ({'up' if moved > 0 else 'down'} {abs(moved)})" if moved else ""
        click.echo(f"{place:>3}. {hit.score:7.3f}  {source_of(hit, below)}{change}")
        if hit.document.title:
            click.echo(f"     {hit.document.title}")
        found = snippet(hit.document.text, result.ranking.query.text)
        click.echo(f"     {emphasise(found.text, found.spans)}\n")


def _print_json(result: SearchResult, *, explain: bool) -> None:
    """A line for each hit; with ``explain``, more of each, and a last line for the stages."""
    before = {hit.document.id: (place, hit) for place, hit in enumerate(result.stages[0].ranking, start=1)}
    for place, hit in enumerate(result.ranking, start=1):
        row = hit_row(place, hit)
        if explain:
            first_place, first = before[hit.document.id]
            row["first_stage"] = {"rank": first_place, "score": round(first.score, 6)}
            row["tokens"] = token_row(hit)
        print_json(row)
    if explain:
        print_json({"stages": stage_rows(result)})
