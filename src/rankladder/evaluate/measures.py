"""Measures of the field, query by query, by ir-measures (extra ``evaluate``).

nDCG, AP, R and P are trec_eval's own code (pytrec_eval).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from rankladder.errors import BadInput, BadOption
from rankladder.rerank.engine import need
from rankladder.values import Qrels, Run


def parse_measures(texts: Iterable[str]) -> tuple[str, ...]:
    """The measures as ir-measures writes them, each once; a text may hold several between spaces.

    >>> parse_measures(["nDCG@10 RR@10", "MAP", "nDCG@10"])
    ('nDCG@10', 'RR@10', 'AP')

    Raises BadOption for one that it does not parse or cannot compute here, or whose values are summed and not averaged;
    MissingExtra.
    """
    names = dict.fromkeys(repr(_parsed(text)) for one in texts for text in one.split())
    if not names:
        raise BadOption("no measure was given", hint='--measures "nDCG@10 RR@10"')
    return tuple(names)


def cutoff(measure: str) -> int | None:
    """The depth that a measure looks at, None for one that looks at the whole list.

    >>> cutoff("nDCG@10"), cutoff("AP")
    (10, None)
    """
    depth = _parsed(measure).params.get("cutoff")
    return depth if isinstance(depth, int) else None


def measure_run(run: Run, qrels: Qrels, measures: Sequence[str]) -> dict[str, dict[str, float]]:
    """Values by measure and query, for every judged query in the order of the judgements.

    A query that the run forgot, or returned nothing for, has 0, and so has one without any relevant document. Equal
    scores are ordered by document id, descending, as trec_eval does, and compared as it does, in single precision; so
    it is for the measures, too, that ir-measures takes from elsewhere with another rule.

    Raises BadInput for a value that is not finite, or that ir-measures fails to compute.
    """
    import ir_measures

    if not measures:
        return {}
    parsed = {name: _parsed(name) for name in measures}
    ranked = {query: _strictly(row) for query, row in run.scores.items() if row and query in qrels.grades}
    grades = {query: dict(row) for query, row in qrels.grades.items()}
    values: dict[str, dict[str, float]] = {name: dict.fromkeys(grades, 0.0) for name in measures}
    if not ranked:
        return values
    name_of = {measure: name for name, measure in parsed.items()}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = list(ir_measures.evaluator(list(parsed.values()), grades).iter_calc(ranked))
    except Exception as error:  # each of its sources raises what it likes
        raise BadInput(f"ir-measures cannot compute {', '.join(measures)}: {error}") from error
    for metric in found:
        if not math.isfinite(metric.value):
            raise BadInput(f"{metric.measure} of query {metric.query_id!r} is {metric.value}: it has no mean")
        if metric.query_id in ranked:
            values[name_of[metric.measure]][metric.query_id] = float(metric.value)
    return values


def _strictly(row: Mapping[str, float]) -> dict[str, float]:
    """The same order in scores that no two documents share, so that no program's own rule for ties comes in."""
    ordered = sorted(row, key=lambda document: (np.float32(row[document]), document), reverse=True)
    return {document: float(len(ordered) - place) for place, document in enumerate(ordered)}


def _parsed(text: str) -> Any:
    need("ir_measures", extra="evaluate")
    import ir_measures

    hint = "measures are written as in nDCG@10, RR@10, AP, R@100, P(rel=2)@5: https://ir-measur.es"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            measure: Any = ir_measures.parse_measure(text)
            measure.validate_params()
            known = repr(measure)
            summed = isinstance(measure.aggregator(), ir_measures.SumAgg)
    except (ValueError, NameError, AssertionError, KeyError, TypeError) as error:
        raise BadOption(f"measure {text!r} cannot be read: {error}", hint=hint) from error
    depth = measure.params.get("cutoff", 1)
    if depth < 1:  # trec_eval ends the whole process over this
        raise BadOption(f"measure {text!r} has the cutoff {depth}; the first is 1")
    if summed:
        raise BadOption(f"measure {known} is a sum over queries, not a mean: it cannot be compared query by query")
    pipeline: Any = ir_measures.DefaultPipeline
    if not pipeline.supports(measure):
        raise BadOption(f"measure {known} cannot be computed here: no program for it is installed", hint=hint)
    return measure
