"""Hits as the command line prints them, alike in every verb."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rankladder.cli.output import note
from rankladder.values import Hit, Ranking


def hit_row(place: int, hit: Hit) -> dict[str, Any]:
    """One hit as a JSON object: rank, score, index, id, title, text, metadata, truncated."""
    return {
        "rank": place,
        "score": round(hit.score, 6),
        "index": hit.index,
        "id": hit.document.id,
        "title": hit.document.title,
        "text": hit.document.text,
        "metadata": dict(hit.document.metadata),
        "truncated": hit.truncated,
    }


def token_row(hit: Hit) -> dict[str, Any] | None:
    """What the model read of a hit, as a JSON object; None where no model read it."""
    if hit.reading is None:
        return None
    reading, passage = hit.reading, hit.reading.passage
    row: dict[str, Any] = {
        "query_kept": reading.query_kept,
        "query_dropped": reading.query_dropped,
        "document_kept": reading.document_kept,
        "document_dropped": reading.document_dropped,
    }
    if passage is not None:
        row["passage"] = {
            "number": passage.number,
            "of": passage.count,
            "start": passage.start,
            "end": passage.end,
        }
    return row


def source_of(hit: Hit, below: Path | None = None) -> str:
    """Where a hit comes from, as an editor opens it: ``file:line``, or its id where it has no file.

    ``below`` is the folder that the file's name is relative to, where that is known.
    """
    where = hit.document.metadata
    if "file" not in where or "line" not in where:
        return hit.document.id
    file = Path(str(where["file"])) if below is None else below / str(where["file"])
    return f"{file}:{where['line']}"


def note_cuts(ranking: Ranking) -> None:
    """Says how many of the documents shown were not read whole."""
    if cut := sum(hit.truncated for hit in ranking):
        note(
            f"{cut} of {len(ranking)} documents were longer than the model reads and were cut; "
            "--long passages reads them whole"
        )
