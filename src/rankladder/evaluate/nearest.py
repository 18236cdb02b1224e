"""Ids that a collection does not know, answered with the nearest that it knows."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches

from rankladder.evaluate.corpus import Corpus

_ANSWERED = 3
_MOST_COMPARED = 20_000  # ids that are compared letter by letter; more take seconds for each question
_MOST_LISTED = 200_000
_SUFFIX = re.compile(r"\.(?:txt|md|html?|jsonl?|csv|tsv|xml|pdf|docx?)$")


def nearest_ids(unknown: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """For each unknown id the one that is written most like it, where one is.

    Capitals, zeros before a number, a folder or a file before the id and a suffix after it count as nothing; then the
    closest spelling is taken.

    >>> nearest_ids(["0017", "Doc_3.txt", "quark"], ["17", "doc-3", "faq.csv#8"])
    {'0017': '17', 'Doc_3.txt': 'doc-3'}
    """
    listed = list(known)
    by_form: dict[str, str] = {}
    for id in listed:
        by_form.setdefault(_form(id), id)
    found: dict[str, str] = {}
    for id in unknown:
        if _form(id) in by_form:
            found[id] = by_form[_form(id)]
        elif len(listed) <= _MOST_COMPARED and (close := get_close_matches(id, listed, n=1, cutoff=0.75)):
            found[id] = close[0]
    return found


def _form(id: str) -> str:
    tail = _SUFFIX.sub("", id.casefold().rpartition("#")[2].rpartition("/")[2])
    return re.sub(r"[\s_-]+", "-", re.sub(r"0*(\d+)", r"\1", tail))


def nearest_known(unknown: Collection[str], documents: Mapping[str, object]) -> str:
    """The end of a remark on unknown documents: the nearest known to the first of them, "" where none is near."""
    if not unknown or len(documents) > _MOST_LISTED:
        return ""
    known = documents.index.ids() if isinstance(documents, Corpus) else documents
    found = nearest_ids(list(unknown)[:_ANSWERED], known)
    return f"; the nearest known: {', '.join(f'{other!r} to {id!r}' for id, other in found.items())}" if found else ""
