"""Hits as the command line prints them, alike in every verb."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rankladder.cli.output import note
from rankladder.values import Hit, Passage, Ranking
from rankladder.visible import visible


def hit_row(place: int, hit: Hit, stage: str) -> dict[str, Any]:
    """A hit as a JSON object; ``stage`` names what scored it. ``truncated`` is None for a hosted model, which does not
    report what it cut.
    """
    row = {
        "rank": place,
        "score": round(hit.score, 6),
        "stage": stage,
        "index": hit.index,
        "id": hit.document.id,
        "title": hit.document.title,
        "text": hit.document.text,
        "metadata": dict(hit.document.metadata),
        "truncated": None if hit.reading is None and is_hosted(hit) else hit.truncated,
    }
    if hit.reading is not None and hit.reading.passage is not None:
        row["passage"] = _passage_row(hit.reading.passage)
    return row


def is_hosted(hit: Hit) -> bool:
    """Whether a service scored the hit, which does not report what it read."""
    return hit.by is not None and hit.by.hosted


def _passage_row(passage: Passage) -> dict[str, int]:
    return {"number": passage.number, "of": passage.count, "start": passage.start, "end": passage.end}


def token_row(hit: Hit) -> dict[str, Any] | None:
    """What the model read of a hit, as a JSON object; None where no model read it."""
    if hit.reading is None:
        return None
    reading = hit.reading
    return {
        "query_kept": reading.query_kept,
        "query_dropped": reading.query_dropped,
        "document_kept": reading.document_kept,
        "document_dropped": reading.document_dropped,
    }


def source_of(hit: Hit, below: Path | None = None) -> str:
    """Where a passage of prose comes from, as an editor opens it: ``file:line``; the id of anything else.

    ``below`` is the folder that the file's name is relative to, where that is known.
    """
    where = hit.document.metadata
    if "end_line" not in where:  # a record, which has an id of its own
        return visible(hit.document.id)
    file = Path(str(where["file"])) if below is None else below / str(where["file"])
    return visible(f"{file}:{where['line']}")


def note_cuts(ranking: Ranking, *, shown: int | None = None) -> None:
    """Says how many of all documents that were ranked were not read whole, and how many of those that are shown (the
    first so many, None for all); or that the model does not say.
    """
    if any(is_hosted(hit) for hit in ranking):
        note(f"{ranking.stage} does not report which long documents it cut")
        if blank := sum(hit.reading is not None for hit in ranking):
            note(
                f"{blank} blank {'document was' if blank == 1 else 'documents were'} not sent; blank documents come "
                "last"
            )
    if cut := sum(hit.truncated for hit in ranking):
        among = ""
        if shown is not None and shown < len(ranking):
            among = f", {sum(hit.truncated for hit in ranking.hits[:shown])} of the {shown} shown among them"
        note(
            f"{cut} of {len(ranking)} documents were longer than the model's limit and were cut{among}; "
            "--long passages reads them whole"
        )
