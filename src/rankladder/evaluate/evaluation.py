"""What an evaluation found: systems, their values query by query, and how they compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from rankladder.evaluate.candidates import Candidates
from rankladder.evaluate.dataset import Dataset
from rankladder.evaluate.statistics import Interval
from rankladder.values import Run

FORMAT = 1
"""Of the JSON that ``Evaluation.to_dict`` gives."""


@dataclass(frozen=True, slots=True)
class System:
    """A retriever alone, or a reranker over a retriever's candidates, and what it scored.

    Attributes:
        name: Unique in an evaluation: ``bm25``, ``bm25 + box int8``.
        role: Whether a model reordered the list.
        candidates: The name of the candidate list.
        model: The model as it was asked for; "" for a retriever.
        about: The model's own line on number format and engine; "" for a retriever.
        run: What it returned, equal scores included; None where it failed.
        per_query: Values by measure and judged query id, in the order of the judgements; a forgotten query has 0.
        intervals: The mean over all judged queries, by measure, with its bootstrap interval.
        digest: Says which result this is: another wherever model, candidates, texts or depth differ.
        pairs: Pairs of query and document that the model scored, those taken from the store included.
        truncated: How many of them were longer than the model reads and cut.
        failed: Why it could not be finished; None where it was.
    """

    name: str
    role: Literal["retriever", "reranker"]
    candidates: str
    model: str
    about: str
    run: Run | None
    per_query: Mapping[str, Mapping[str, float]]
    intervals: Mapping[str, Interval]
    digest: str
    pairs: int = 0
    truncated: int = 0
    failed: str | None = None
    label: str = ""
    """The model's own name and number format, ``box int8``; "" for a retriever."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two systems on one measure. ``difference`` is the first's mean less the second's.

    ``p`` is of a paired randomisation test, ``p_holm`` corrected for all tests on this measure; both are None for a
    single query. ``p_at_most`` and ``p_holm_at_most`` say of each whether the true one may be smaller, as it is the
    smallest that the resamples can give. Wins, ties and losses are the first's, query by query.
    """

    measure: str
    first: str
    second: str
    difference: float
    p: float | None
    p_holm: float | None
    wins: int
    ties: int
    losses: int
    p_at_most: bool = False
    p_holm_at_most: bool = False


@dataclass(frozen=True, slots=True)
class ShownDocument:
    """A document at the head of a list; ``grade`` is None where nobody judged it."""

    id: str
    title: str
    grade: int | None


@dataclass(frozen=True, slots=True)
class Change:
    """A query on which a reranker moved far from its retriever, with the heads of both lists."""

    system: str
    query: str
    text: str
    measure: str
    before: float
    after: float
    top_before: tuple[ShownDocument, ...]
    top_after: tuple[ShownDocument, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Systems measured on one data set.

    ``tests`` is how many tests Holm's correction counts for each measure; ``changes`` are in terms of the first
    measure; ``settings`` holds what else decided the figures (depth, seeds, versions).
    """

    dataset: Dataset
    candidates: tuple[Candidates, ...]
    measures: tuple[str, ...]
    systems: tuple[System, ...]
    comparisons: tuple[Comparison, ...]
    changes: tuple[Change, ...]
    remarks: tuple[str, ...]
    top_k: int
    tests: int
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def failed(self) -> tuple[System, ...]:
        """The systems that could not be finished."""
        return tuple(system for system in self.systems if system.failed is not None)

    def system(self, name: str) -> System:
        """The system of a name. Raises KeyError."""
        for system in self.systems:
            if system.name == name:
                return system
        raise KeyError(name)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the runs, as JSON holds it: values query by query, digests and settings included."""
        return {
            "format": FORMAT,
            "dataset": {
                "name": self.dataset.name,
                "digest": self.dataset.digest,
                "queries": len(self.dataset.queries),
                "judged_queries": len(self.dataset.qrels.grades),
            },
            "candidates": [
                {"name": candidates.name, "digest": candidates.digest, "remarks": list(candidates.remarks)}
                for candidates in self.candidates
            ],
            "measures": list(self.measures),
            "top_k": self.top_k,
            "systems": [_system_row(system) for system in self.systems],
            "tests_per_measure": self.tests,
            "comparisons": [asdict(comparison) for comparison in self.comparisons],
            "changes": [asdict(change) for change in self.changes],
            "remarks": list(self.remarks),
            "settings": dict(self.settings),
        }


def _system_row(system: System) -> dict[str, Any]:
    return {
        "name": system.name,
        "role": system.role,
        "candidates": system.candidates,
        "model": system.model,
        "about": system.about,
        "digest": system.digest,
        "pairs": system.pairs,
        "truncated": system.truncated,
        "failed": system.failed,
        "measures": {measure: asdict(interval) for measure, interval in system.intervals.items()},
        "per_query": {measure: dict(values) for measure, values in system.per_query.items()},
    }
