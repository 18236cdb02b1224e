"""Ids that two files write differently: ``001`` in one and ``1`` in the other, ``MB01`` for ``1``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping

from rankladder.evaluate.corpus import Corpus
from rankladder.values import Qrels, Query, Run

_TRIED = 20
_DIGITS = re.compile(r"0*(\d+)")
_LETTERS_AND_DIGITS = re.compile(r"[A-Za-z][A-Za-z_-]*0*(\d+)|0*(\d+)")


def other_spellings(ids: Iterable[str], known: Collection[str]) -> dict[str, str]:
    """For ids that ``known`` lacks, the one of it that is the same number, where there is exactly one on each side.

    Leading zeros never count; letters before the number do, but where not a single id is known otherwise.

    >>> other_spellings(["051", "100"], ["51", "100"]), other_spellings(["MB01"], ["1"])
    ({'051': '51'}, {'MB01': '1'})
    >>> other_spellings(["01", "001"], ["1"]), other_spellings(["MB01", "7"], ["1", "7"])
    ({}, {})
    """
    asked = list(dict.fromkeys(ids))
    known = set(known)
    lacking = [id for id in asked if id not in known]
    free = known.difference(asked)
    found = _matched(lacking, free, _number)
    if not found and len(lacking) == len(asked):
        found = _matched(lacking, free, _number_after_letters)
    return found


def fitted_queries(queries: Iterable[Query], judged: Collection[str]) -> tuple[list[Query], tuple[str, ...]]:
    """The queries under the ids that their judgements have, and a remark where these are written otherwise."""
    listed = list(queries)
    same = other_spellings((query.id for query in listed), judged)
    remarks = (_remark(same, "queries", "the judgements"),) if same else ()
    return [Query(same.get(query.id, query.id), query.text) for query in listed], remarks


def fitted_documents(qrels: Qrels, documents: Mapping[str, object]) -> tuple[Qrels, tuple[str, ...]]:
    """The judgements with the ids of the collection, where not one of theirs is in it for zeros before the number, or
    where numbers are those of records of one file, which have the file's name before them there.
    """
    same = _in_collection(dict.fromkeys(document for row in qrels.grades.values() for document in row), documents)
    if not same:
        return qrels, ()
    grades = {
        query: {same.get(document, document): grade for document, grade in row.items()}
        for query, row in qrels.grades.items()
    }
    return Qrels(grades), (_remark(same, "judged documents", "the collection"),)


def fitted_run(run: Run, judged: Collection[str], documents: Mapping[str, object]) -> tuple[Run, tuple[str, ...]]:
    """A run under the ids of the judgements and of the collection, with a remark for each kind written otherwise."""
    queries = other_spellings(run.scores, judged)
    same = _in_collection(dict.fromkeys(document for row in run.scores.values() for document in row), documents)
    remarks = [_remark(queries, "queries of the run", "the judgements")] if queries else []
    remarks += [_remark(same, "documents of the run", "the collection")] if same else []
    if not remarks:
        return run, ()
    scores = {
        queries.get(query, query): {same.get(document, document): score for document, score in row.items()}
        for query, row in run.scores.items()
    }
    return Run(run.name, scores), tuple(remarks)


def fitted_pairs(
    pairs: Iterable[tuple[str, str]], documents: Mapping[str, object]
) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    """Pairs of query and document with the documents' ids in the collection, and a remark where these are others."""
    listed = list(pairs)
    same = _in_collection(dict.fromkeys(document for _, document in listed), documents)
    remarks = (_remark(same, "documents of drop-pairs", "the collection"),) if same else ()
    return [(query, same.get(document, document)) for query, document in listed], remarks


def _in_collection(ids: Collection[str], documents: Mapping[str, object]) -> dict[str, str]:
    """What ids of other files are in the collection, where they are written otherwise there."""
    return _with_zeros(ids, documents) or _with_file(ids, documents)


def _with_file(ids: Collection[str], documents: Mapping[str, object]) -> dict[str, str]:
    """For numbers that the collection lacks, the records of the one file that has such numbers."""
    if not isinstance(documents, Corpus):
        return {}
    lacking = [id for id in ids if id.isdecimal() and id not in documents]
    names = documents.index.manifest.sources
    files = {name for id in lacking[:_TRIED] for name in names if f"{name}#{id}" in documents}
    if len(files) != 1:
        return {}
    (name,) = files
    return {id: f"{name}#{id}" for id in lacking if f"{name}#{id}" in documents}


def _with_zeros(ids: Collection[str], documents: Mapping[str, object]) -> dict[str, str]:
    """For numbers that are not in the collection, their form there: without zeros before, or with them."""
    if not ids or any(id in documents for id in ids) or not all(map(_DIGITS.fullmatch, ids)):
        return {}
    width = len(next(iter(documents), ""))
    for zeros in (0, width):
        spelt = {id: (id.lstrip("0") or "0").zfill(zeros) for id in ids}
        same = {id: other for id, other in spelt.items() if other in documents}
        if same and len(set(same.values())) == len(same):
            return same
    return {}


def _remark(same: Mapping[str, str], what: str, where: str) -> str:
    one, other = next(iter(same.items()))
    return f"{len(same):,} {what} are written differently in {where} ({one!r} is {other!r} there): treated as the same"


def _matched(ids: Iterable[str], known: Iterable[str], number: Callable[[str], str | None]) -> dict[str, str]:
    numbers = {id: found for id in ids if (found := number(id)) is not None}
    theirs = {id: found for id in known if (found := number(id)) is not None}
    ours_once, theirs_once = Counter(numbers.values()), Counter(theirs.values())
    by_number = {found: id for id, found in theirs.items()}
    return {id: by_number[found] for id, found in numbers.items() if ours_once[found] == 1 and theirs_once[found] == 1}


def _number(id: str) -> str | None:
    match = _DIGITS.fullmatch(id)
    return match[1] if match else None


def _number_after_letters(id: str) -> str | None:
    match = _LETTERS_AND_DIGITS.fullmatch(id)
    return (match[1] or match[2]) if match else None
