"""``rankladder search``: retrieve from an index or from documents, then rerank."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rankladder.cli.explanation import DIGITS, print_explanation, stage_rows
from rankladder.cli.hits import hit_row, note_cuts, source_of, token_row
from rankladder.cli.options import MODEL_OPTIONS, GivenPath, given, model_options, open_model, reading_options
from rankladder.cli.output import Form, emphasise, form_options, note, print_json, resolve_form, say
from rankladder.cli.retrieving import (
    Choice,
    check_passage_options,
    open_index_of,
    open_retriever,
    passage_options,
    retriever_options,
)
from rankladder.cli.selecting import selection_options
from rankladder.errors import PathMissing
from rankladder.textfiles import ReadAs
from rankladder.values import Query
from rankladder.visible import visible, visible_in_place

if TYPE_CHECKING:
    from rankladder.retrieve import Index, SearchResult
    from rankladder.textfiles import Selection
    from rankladder.values import Hit


@click.command()
@click.argument("query")
@click.argument("path", type=GivenPath())
@click.option("--top-k", type=click.IntRange(1), default=10, show_default=True, help="Results to show.")
@click.option("--candidates", type=click.IntRange(1), help="Passages to rerank.  [default: 100, or --top-k if more]")
@click.option("--no-rerank", is_flag=True, help="Use the retriever alone, for comparison.")
@click.option("--explain", is_flag=True, help="Show what each stage did: ranks, scores, tokens read and cut, time.")
@retriever_options
@selection_options
@reading_options
@passage_options
@model_options
@form_options
@click.pass_context
def search(
    context: click.Context,
    /,
    query: str,
    path: Path,
    top_k: int,
    candidates: int | None,
    no_rerank: bool,
    explain: bool,
    retriever: Choice,
    embedder: str,
    select: Selection,
    read_as: ReadAs,
    language: str | None,
    passage_words: int | None,
    passage_tokens: int | None,
    long: Any,
    form: Form | None,
    **model: Any,
) -> None:
    """Search PATH, an index or documents, and rerank what is found.

    Documents (a file or a folder) are indexed into the user's cache, and the index is brought up to date at every
    search. Candidates come from BM25 (words), from an embedder (meaning; extra dense), or from both. A score is the
    model's raw logit: higher is better (with --no-rerank, the retriever's). A query that begins with a dash comes
    after "--".

    \b
    rankladder search "how do I undo a commit" docs/
    rankladder search "how do I undo a commit" my-index --top-k 3 --explain
    """
    from rankladder.retrieve import search as run_search

    used = () if retriever == "bm25" else ("offline",)  # by the embedder
    unused = [name for name in (*MODEL_OPTIONS, "candidates") if name not in used]
    if no_rerank and (useless := given(context, *unused)):
        raise click.UsageError(f"--no-rerank uses no reranker, so {', '.join(useless)} would be ignored")
    if retriever == "bm25" and given(context, "embedder"):
        raise click.UsageError("--retriever bm25 uses no embedder, so --embedder would be ignored")
    check_passage_options(passage_words, passage_tokens)
    asked = Query("query", query)  # what is wrong with the question is said before a model is opened
    if not path.exists():
        raise PathMissing(f"nothing at {path}", hint="give an index, a file or a folder of documents")
    reranker = None if no_rerank else open_model(**model)
    with open_index_of(
        path,
        reranker,
        select,
        read_as,
        language,
        model=model["model"],
        passage_words=passage_words,
        passage_tokens=passage_tokens,
        long=long,
    ) as index:
        first = open_retriever(index, retriever, embedder=embedder, offline=model["offline"])
        result = run_search(asked, first, reranker, top_k=top_k, candidates=candidates or max(100, top_k), long=long)
    if not result.ranking:
        note(_why_nothing(index, query))
    below = None if index.path == path else path if path.is_dir() else path.parent
    if resolve_form(form) == "json":
        _print_json(result, explain=explain)
    else:
        _print_text(result, below, index.language)
        if explain:
            print_explanation(result, reranker, below)
    note_cuts(result.stages[-1].ranking, shown=top_k)


def _why_nothing(index: Index, query: str) -> str:
    """Why a search found nothing, as far as that can be said."""
    from rankladder.retrieve import LANGUAGES
    from rankladder.retrieve.analysis import analysis_of

    if not analysis_of(index.language).query_terms(query):
        return "nothing found: the query contains no word"
    language = LANGUAGES[index.language]
    how = f"endings and accents as in {language.name}" if language.stemmer else "words unchanged"
    return f"nothing found: no document shares a word with the query ({how}; --language chooses)"


def _print_text(result: SearchResult, below: Path | None, language: str) -> None:
    before = result.rank_in(result.retrieved)
    digits = DIGITS.get(result.ranking.stage, 3)
    for place, hit in enumerate(result.ranking, start=1):
        moved = before[hit.document.id] - place
        change = f"   ({'up' if moved > 0 else 'down'} {abs(moved)})" if moved else ""
        say(f"{place:>3}. {hit.score:7.{digits}f}  {source_of(hit, below)}{change}")
        if hit.document.title:
            say(f"     {visible(' '.join(hit.document.title.split()))}")
        say(f"     {_snippet(hit, result.ranking.query, language)}\n", styled=True)


def _snippet(hit: Hit, query: Query, language: str = "en") -> str:
    """The words of a hit that match best, from the passage that won where the document was read as passages."""
    from rankladder.retrieve import snippet

    text, start, end = hit.document.text, 0, len(hit.document.text)
    if hit.reading is not None and hit.reading.passage is not None:
        whole = hit.document.full_text  # the title before the text, or the text without blanks around it
        shift = whole.rindex(text.strip()) - text.index(text.strip())
        start, end = (min(max(0, at - shift), end) for at in (hit.reading.passage.start, hit.reading.passage.end))
    found = snippet(text, query.text, start=start, end=end, language=language)
    shown = emphasise(visible_in_place(found.text), found.spans)
    return f"{'… ' if text[: found.start].strip() else ''}{shown}{' …' if text[found.end :].strip() else ''}"


def _print_json(result: SearchResult, *, explain: bool) -> None:
    """A line for each hit; with ``explain``, more of each, and a last line for the stages."""
    retrieved = result.stages[result.retrieved].ranking
    before = {hit.document.id: (place, hit) for place, hit in enumerate(retrieved, start=1)}
    for place, hit in enumerate(result.ranking, start=1):
        row = hit_row(place, hit, result.ranking.stage)
        if explain:
            first_place, first = before[hit.document.id]
            row["first_stage"] = {"rank": first_place, "score": round(first.score, 6)}
            row["tokens"] = token_row(hit)
        print_json(row)
    if explain:
        print_json({"stages": stage_rows(result)})
