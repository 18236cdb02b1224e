"""``rankladder search --explain``: what each stage of a search did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rankladder.cli.hits import is_hosted, source_of
from rankladder.cli.output import print_table, say

if TYPE_CHECKING:
    from rankladder.rerank import Reranker
    from rankladder.retrieve import SearchResult

DIGITS = {"dense": 3, "fused": 4}
"""Decimals by stage: cosines and sums of 1 / (60 + rank) differ further down than BM25 scores."""


def stage_rows(result: SearchResult) -> list[dict[str, Any]]:
    """A row for each stage: documents, tokens read, documents cut, milliseconds.

    Tokens and cuts are None where the stage is a hosted model, which does not say what it read.
    """
    rows = []
    for stage in result.stages:
        readings = [hit.reading for hit in stage.ranking if hit.reading is not None]
        known = not any(is_hosted(hit) for hit in stage.ranking)
        rows.append(
            {
                "stage": stage.ranking.stage,
                "documents": len(stage.ranking),
                "tokens": sum(reading.query_kept + reading.document_kept for reading in readings) if known else None,
                "cut": sum(reading.truncated for reading in readings) if known else None,
                "milliseconds": round(stage.milliseconds, 2),
            }
        )
    return rows


def print_explanation(result: SearchResult, reranker: Reranker | None, below: Path | None) -> None:
    """Prints the hits with their ranks and scores in every stage, the stages, and what the reranker pushed out."""
    first, before = result.stages[result.retrieved].ranking, result.rank_in(result.retrieved)
    found = [stage.ranking for stage in result.stages[: result.retrieved + 1]]
    placed = [{hit.document.id: (at, hit.score) for at, hit in enumerate(ranking, start=1)} for ranking in found]
    rows = []
    for place, hit in enumerate(result.ranking, start=1):
        row = [place, source_of(hit, below)]
        for ranking, by_id in zip(found, placed, strict=True):
            at, score = by_id.get(hit.document.id, ("", None))  # one of several retrievers may not have found it
            row += [at, "" if score is None else f"{score:.{DIGITS.get(ranking.stage, 2)}f}"]
        if reranker is not None:
            reading, moved = hit.reading, before[hit.document.id] - place
            row += [f"{hit.score:.3f}", f"{moved:+d}" if moved else ""]
            if reading is None:
                row += ["unknown", "unknown"]
            else:
                row.append(reading.query_kept + reading.document_kept)
                row.append(reading.query_dropped + reading.document_dropped)
        rows.append(row)
    headers = ["rank", "document", *(f"{ranking.stage} {what}" for ranking in found for what in ("rank", "score"))]
    if reranker is not None:
        headers += [reranker.name, "moved", "tokens read", "tokens cut"]
    print_table(headers, rows, right=[place for place in range(len(headers)) if place != 1])
    say()
    stages = [["unknown" if value is None else value for value in row.values()] for row in stage_rows(result)]
    print_table(["stage", "documents", "tokens", "cut", "ms"], stages, right=(1, 2, 3, 4))
    if reranker is None:
        return
    say(f"\n{reranker.name}: {reranker.about}")
    after, shown = result.rank_in(-1), {hit.document.id for hit in result.ranking}
    for hit in first[: result.top_k]:
        if hit.document.id not in shown:
            id = hit.document.id
            say(f"no longer in the top {result.top_k}: {source_of(hit, below)} ({before[id]} → {after[id]})")
