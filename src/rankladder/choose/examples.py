"""A few queries with the heads of two contenders' lists: the largest gains and the largest losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rankladder.choose.contenders import Scored
from rankladder.choose.outcome import Example, ShownDocument, ShownList
from rankladder.choose.request import ChoiceRequest
from rankladder.errors import BadInput
from rankladder.evaluate import Dataset
from rankladder.evaluate.candidates import in_order
from rankladder.rerank import ModelRequest
from rankladder.values import Document, Query, Reading, Run

DOCUMENTS = 5
"""Of each list that are shown."""
_TEXT_SIGNS = 400


def changed_most(before: Mapping[str, float], after: Mapping[str, float], count: int) -> list[str]:
    """The queries with the largest changes: gains first, then losses, half of ``count`` each where there are so many;
    what one side lacks the other fills.

    >>> changed_most({"a": 0.1, "b": 0.9, "c": 0.5, "d": 0.2}, {"a": 0.4, "b": 0.2, "c": 0.5, "d": 0.3}, 2)
    ['a', 'b']
    """
    change = {query: after[query] - value for query, value in before.items()}
    losses = [query for query in sorted(change, key=lambda one: (change[one], one)) if change[query] < 0]
    gains = [query for query in sorted(change, key=lambda one: (-change[one], one)) if change[query] > 0]
    wanted = max((count + 1) // 2, count - len(losses))
    kept = gains[:wanted]
    return [*kept, *losses[: count - len(kept)]]


def show_examples(
    dataset: Dataset, rows: Sequence[Scored], before: str, after: str | None, request: ChoiceRequest
) -> tuple[Example, ...]:
    """The queries that change most from the contender ``before`` to the one ``after``, with both lists."""
    if after is None or not request.examples:
        return ()
    old, new = (next(row for row in rows if row.name == name) for name in (before, after))
    values = [row.system.per_query[request.measure] for row in (old, new)]
    queries = changed_most(values[0], values[1], request.examples)
    sides = [show_lists(queries, dataset, row, request) for row in (old, new)]
    texts = {id: query.text for id, query in dataset.queries.items()}
    return tuple(Example(query, texts.get(query, ""), sides[0][query], sides[1][query]) for query in queries)


def show_lists(queries: Sequence[str], dataset: Dataset, row: Scored, request: ChoiceRequest) -> dict[str, ShownList]:
    """The head of one contender's list for each query. What is shown is scored once more to say what the model read of
    it; a model that fails now leaves that out, and so does a hosted model, which says nothing of it.

    Raises BadInput for a contender that failed.
    """
    run = row.system.run
    if run is None:
        raise BadInput(f"{row.name} failed, and has no lists")
    shown = {query: in_order(run.scores.get(query, {}))[:DOCUMENTS] for query in queries}
    texts = {id: dataset.documents.get(id) for ids in shown.values() for id in ids}
    readings: dict[tuple[str, str], Reading | None] = {}
    if row.request is not None and not row.hosted:
        tasks = [
            (dataset.queries[query], [document for document in map(texts.get, ids) if document is not None])
            for query, ids in shown.items()
            if query in dataset.queries
        ]
        readings = _read(row.request, tasks, request)
    return {
        query: ShownList(
            row.name,
            row.system.per_query[request.measure][query],
            tuple(
                _shown(place, id, texts[id], dataset, run, query, readings.get((query, id)))
                for place, id in enumerate(ids, 1)
            ),
        )
        for query, ids in shown.items()
    }


def _read(
    model: ModelRequest, tasks: Sequence[tuple[Query, list[Document]]], request: ChoiceRequest
) -> dict[tuple[str, str], Reading | None]:
    try:
        rankings = model.open(offline=request.offline).rank_many(tasks, long=request.long, progress=False)
    except Exception:  # it may fail in any way by now, and all that is lost are notes beside what was measured
        return {}
    return {(ranking.query.id, hit.document.id): hit.reading for ranking in rankings for hit in ranking}


def _shown(
    place: int, id: str, document: Document | None, dataset: Dataset, run: Run, query: str, reading: Reading | None
) -> ShownDocument:
    text = "" if document is None else document.text
    return ShownDocument(
        rank=place,
        id=id,
        title="" if document is None else document.title,
        text=text if len(text) <= _TEXT_SIGNS else f"{text[:_TEXT_SIGNS]}…",
        grade=dataset.qrels.grades.get(query, {}).get(id),
        score=run.scores[query][id],
        tokens_read=None if reading is None else reading.document_kept,
        tokens_cut=None if reading is None else reading.document_dropped,
    )
