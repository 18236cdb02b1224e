"""The first step: every contender's scores on the judged queries, one row a model whatever it is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rankladder.choose.contenders import Scored, merge_names
from rankladder.choose.request import ChoiceRequest
from rankladder.choose.stand_in import DEPTH
from rankladder.evaluate import Candidates, Dataset, System, evaluate
from rankladder.evaluate.candidates import in_order

NEAR = 3
"""Places at the top of a list that a person looks at first."""


@dataclass(frozen=True, slots=True)
class Scores:
    """The contenders in the order asked for, the retriever alone first, and what the evaluation said besides."""

    rows: tuple[Scored, ...]
    remarks: tuple[str, ...]
    versions: Mapping[str, Any]


def score(dataset: Dataset, candidates: Candidates, request: ChoiceRequest, *, progress: bool | None = None) -> Scores:
    """Scores every contender; a model that fails is a row that says why. Scores are stored as they come."""
    asked = request.asked
    found = evaluate(
        dataset,
        [candidates],
        asked,
        measures=[request.measure],
        top_k=request.top_k,
        store=request.store,
        long=request.long,
        most_changed=0,
        seed=request.seed,
        offline=request.offline,
        progress=progress,
    )
    retriever = next(system for system in found.systems if system.role == "retriever")
    systems = {system.model: system for system in found.systems if system.role == "reranker"}
    rows = merge_names(asked, systems, reference=request.reference, current=request.current)
    alone = Scored(request=None, system=retriever, current=request.current is None)
    return Scores((alone, *rows), found.remarks, found.settings["versions"])


def near_top(system: System, dataset: Dataset, *, reference: bool) -> int | None:
    """Queries with a right answer among the first ``NEAR``: a document with a grade above 0; with a reference, that
    one's first document. None where the system failed.
    """
    if system.run is None:
        return None
    least = DEPTH if reference else 1
    return sum(
        any(grades.get(document, 0) >= least for document in in_order(system.run.scores.get(query, {}))[:NEAR])
        for query, grades in dataset.qrels.grades.items()
    )
