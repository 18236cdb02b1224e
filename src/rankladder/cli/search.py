"""``rankladder search``: retrieve from an index or from documents, then rerank."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rankladder.cli.output import Form, emphasise, form_options, note, print_json, print_table, resolve_form
from rankladder.cli.options import model_options, open_model

if TYPE_CHECKING:
    from rankladder.rerank import Reranker
    from rankladder.retrieve import SearchResult
    from rankladder.values import Hit


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
    """Search PATH, an index or documents, and rerank what is found.

    Documents (a file or a folder) are indexed into the user's cache, and the index is brought up to date at every
    search. Scores are raw logits: higher is better, and they compare across queries of one model.

    \b
    rankladder search "how do I undo a commit" docs/
    rankladder search "how do I undo a commit" my-index --top-k 3 --explain
    """
    from rankladder.retrieve import cached_index, is_index, open_index
    from rankladder.retrieve import search as run_search

    if is_index(path):
        index = open_index(path)
    else:
        index, report = cached_index(path)
        for skipped in report.skipped:
            note(f"skipped {skipped.path}: {skipped.reason}")
    with index:
        if not len(index):
            note(f"{path} holds no documents")
        reranker = None if no_rerank else open_model(**model)
        result = run_search(
            query, index, reranker, top_k=top_k, candidates=candidates or max(100, top_k), long=long
        )
    if not result.ranking:
        note("nothing found: no document shares a word with the query")
    if resolve_form(form) == "json":
        _print_json(result, explain=explain)
    else:
        _print_text(query, result)
        if explain:
            _print_explanation(result, reranker)
    cut = [hit for hit in result.ranking if hit.truncated]
    if cut and not explain:
        note(f"{len(cut)} of the {len(result.ranking)} results were longer than the model reads and were cut; --long passages reads them whole")


def _place(hit: Hit) -> str:
    """Where a hit comes from, as an editor opens it: ``file:line``, or the id where it has no file."""
    where = hit.document.metadata
    return f"{where['file']}:{where['line']}" if "file" in where and "line" in where else hit.document.id


def _print_text(query: str, result: SearchResult) -> None:
    from rankladder.retrieve import snippet

    before = result.rank_in(0)
    for place, hit in enumerate(result.ranking, start=1):
        moved = before[hit.document.id] - place
        change = "" if len(result.stages) == 1 or not moved else f"   ({'up' if moved > 0 else 'down'} {abs(moved)})"
        click.echo(f"{place:>3}. {hit.score:7.3f}  {_place(hit)}{change}")
        if hit.document.title:
            click.echo(f"     {hit.document.title}")
        found = snippet(hit.document.text, query)
        click.echo(f"     {emphasise(found.text, found.spans)}\n")


def _print_json(result: SearchResult, *, explain: bool) -> None:
    before = {hit.document.id: (place, hit) for place, hit in enumerate(result.stages[0].ranking, start=1)}
    for place, hit in enumerate(result.ranking, start=1):
        row: dict[str, Any] = {
            "rank": place,
            "score": round(hit.score, 6),
            "id": hit.document.id,
            "title": hit.document.title,
            "text": hit.document.text,
            "metadata": dict(hit.document.metadata),
            "truncated": hit.truncated,
        }
        if explain:
            first_place, first = before[hit.document.id]
            row["first_stage"] = {"rank": first_place, "score": round(first.score, 6)}
            row["tokens"] = _tokens(hit)
        print_json(row)
    if explain:
        print_json({"stages": _stages(result)})


def _tokens(hit: Hit) -> dict[str, Any] | None:
    if hit.reading is None:
        return None
    reading, passage = hit.reading, hit.reading.passage
    return {
        "query_kept": reading.query_kept,
        "query_dropped": reading.query_dropped,
        "document_kept": reading.document_kept,
        "document_dropped": reading.document_dropped,
        "passage": None if passage is None else {"number": passage.number, "of": passage.count, "start": passage.start, "end": passage.end},
    }


def _stages(result: SearchResult) -> list[dict[str, Any]]:
    rows = []
    for stage in result.stages:
        readings = [hit.reading for hit in stage.ranking if hit.reading is not None]
        rows.append(
            {
                "stage": stage.ranking.stage,
                "documents": len(stage.ranking),
                "tokens": sum(reading.query_kept + reading.document_kept for reading in readings),
                "cut": sum(reading.truncated for reading in readings),
                "milliseconds": round(stage.milliseconds, 2),
            }
        )
    return rows


def _print_explanation(result: SearchResult, reranker: Reranker | None) -> None:
    first, last = result.stages[0], result.stages[-1]
    first_scores = {hit.document.id: hit.score for hit in first.ranking}
    before = result.rank_in(0)
    rows = []
    for place, hit in enumerate(result.ranking, start=1):
        reading = hit.reading
        rows.append(
            [
                place,
                _place(hit),
                before[hit.document.id],
                f"{before[hit.document.id] - place:+d}" if before[hit.document.id] != place else "",
                f"{first_scores[hit.document.id]:.2f}",
                "" if last is first else f"{hit.score:.3f}",
                "" if reading is None else reading.query_kept + reading.document_kept,
                "" if reading is None else reading.query_dropped + reading.document_dropped,
            ]
        )
    print_table(
        ["rank", "document", f"rank in {first.ranking.stage}", "moved", first.ranking.stage, last.ranking.stage if last is not first else "", "tokens read", "tokens cut"],
        rows,
        right=(0, 2, 3, 4, 5, 6, 7),
    )
    click.echo()
    print_table(
        ["stage", "documents", "tokens", "cut", "ms"],
        [[row["stage"], row["documents"], row["tokens"], row["cut"], f"{row['milliseconds']:.1f}"] for row in _stages(result)],
        right=(1, 2, 3, 4),
    )
    if reranker is not None:
        click.echo(f"\n{reranker.name}: {reranker.dtype_reason}; {reranker.engine.threads} at once, at most {reranker.max_tokens} tokens")
    pushed = [hit for hit in first.ranking[: result.top_k] if hit.document.id not in {h.document.id for h in result.ranking}]
    for hit in pushed:
        click.echo(f"out of the top {result.top_k}: {_place(hit)}, {before[hit.document.id]} → {result.rank_in(-1)[hit.document.id]}")
