"""Systems against each other: paired tests between all of them, and the queries on which they differ most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from rankladder.evaluate.candidates import in_order
from rankladder.evaluate.dataset import Dataset
from rankladder.evaluate.evaluation import Change, Comparison, ShownDocument, System
from rankladder.evaluate.statistics import at_most, holm, holm_at_most, randomisation_test
from rankladder.values import Run

_HEAD = 3
_TITLE_SIGNS = 80


def compare_systems(
    systems: Sequence[System], measures: Sequence[str], *, resamples: int = 10_000, seed: int = 0
) -> tuple[Comparison, ...]:
    """Every pair of finished systems on every measure, p corrected by Holm over all pairs of the measure.

    A single query allows no test: p is None.
    """
    finished = [system for system in systems if system.failed is None]
    comparisons: list[Comparison] = []
    for measure in measures:
        # The later one first: a reranker less its retriever.
        rows = [(system, other, *_paired(system, other, measure)) for other, system in combinations(finished, 2)]
        tested = [randomisation_test(a, b, resamples=resamples, seed=seed) for _, _, a, b in rows if len(a) > 1]
        corrected = holm(tested)
        bounds = holm_at_most(tested, resamples=resamples)
        for place, (system, other, a, b) in enumerate(rows):
            differences = [x - y for x, y in zip(a, b, strict=True)]
            wins, losses = sum(d > 0 for d in differences), sum(d < 0 for d in differences)
            comparisons.append(
                Comparison(
                    measure,
                    system.name,
                    other.name,
                    system.intervals[measure].mean - other.intervals[measure].mean,
                    tested[place] if tested else None,
                    corrected[place] if corrected else None,
                    wins,
                    len(differences) - wins - losses,
                    losses,
                    bool(tested) and at_most(tested[place], resamples=resamples),
                    bool(tested) and bounds[place],
                )
            )
    return tuple(comparisons)


def largest_changes(dataset: Dataset, systems: Sequence[System], measure: str, *, count: int) -> tuple[Change, ...]:
    """For each reranker the ``count`` queries that it helped most and the ``count`` that it harmed most."""
    retrievers = {system.candidates: system for system in systems if system.role == "retriever"}
    return tuple(
        change
        for system in systems
        if system.role == "reranker" and system.failed is None
        for change in _changes(dataset, retrievers[system.candidates], system, measure, count)
    )


def _paired(system: System, other: System, measure: str) -> tuple[list[float], list[float]]:
    first, second = system.per_query[measure], other.per_query[measure]
    return [first[query] for query in first], [second[query] for query in first]


def _changes(dataset: Dataset, before: System, after: System, measure: str, count: int) -> Iterator[Change]:
    old, new = before.per_query[measure], after.per_query[measure]
    moved = sorted((new[query] - old[query], query) for query in new if new[query] != old[query])
    helped = [query for gain, query in reversed(moved) if gain > 0][:count]
    harmed = [query for gain, query in moved if gain < 0][:count]
    for query in (*helped, *harmed):
        assert before.run is not None  # neither failed
        assert after.run is not None
        text = dataset.queries[query].text
        grades = dataset.qrels.grades[query]
        heads = (_head(dataset, run, query, grades) for run in (before.run, after.run))
        yield Change(after.name, query, text, measure, old[query], new[query], *heads)


def _head(dataset: Dataset, run: Run, query: str, grades: Mapping[str, int]) -> tuple[ShownDocument, ...]:
    first = in_order(run.scores.get(query, {}))[:_HEAD]
    return tuple(ShownDocument(id, _title(dataset, id), grades.get(id)) for id in first)


def _title(dataset: Dataset, id: str) -> str:
    """The title, else how the text begins; "" for a document without either."""
    document = dataset.documents.get(id)
    shown = " ".join((document.title or document.text[: 4 * _TITLE_SIGNS]).split()) if document is not None else ""
    return shown if len(shown) <= _TITLE_SIGNS else f"{shown[: _TITLE_SIGNS - 1]}…"
