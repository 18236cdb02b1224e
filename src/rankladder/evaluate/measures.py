"""Measures of the field, query by query, by ir-measures (extra ``evaluate``).

nDCG, AP, R and P are trec_eval's own code (pytrec_eval).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from rankladder.arguments import checked
from rankladder.errors import BadInput, BadOption
from rankladder.rerank.engine import need
from rankladder.values import Qrels, Run

_GDEVAL_GRADE = 4
"""The highest grade of gdeval.pl, which ERR divides by."""
HIGHEST_GRADE = 1_000_000
"""trec_eval counts the documents of every grade up to the highest: 8 MB here. Beyond 32 bits it ends the process."""
_LOWEST_GRADE = -2
"""The lowest that means something of its own to trec_eval (a document in the pool that nobody judged)."""


@checked
def parse_measures(texts: Iterable[str]) -> tuple[str, ...]:
    """The measures as ir-measures writes them, each once; a text may hold several between spaces.

    >>> parse_measures(["nDCG@10 RR@10", "MAP", "nDCG@10"])
    ('nDCG@10', 'RR@10', 'AP')

    Raises BadOption for one that it does not parse or cannot compute here, or whose values are summed and not averaged;
    MissingExtra.
    """
    names = dict.fromkeys(repr(_parsed(text)) for words in texts for text in words.split())
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


def check_grades(measures: Sequence[str], highest: int) -> None:
    """Raises BadInput for a ``highest`` grade above ``HIGHEST_GRADE``, BadOption for a measure not made for it."""
    if highest > HIGHEST_GRADE:
        raise BadInput(
            f"the judgements have the grade {highest:,}; the highest that can be measured is {HIGHEST_GRADE:,}",
            hint="a grade is a small whole number, such as 0 to 3: does it come from another column?",
        )
    for name in measures:
        if highest > _GDEVAL_GRADE and _is_gdevals(_parsed(name)):
            raise BadOption(
                f"{name} knows the grades up to {_GDEVAL_GRADE}, and the judgements have {highest}",
                hint="nDCG@10 takes any grade",
            )


@checked
def measure_run(run: Run, qrels: Qrels, measures: Sequence[str]) -> dict[str, dict[str, float]]:
    """Values by measure and query, for every judged query in the order of the judgements.

    A query that the run forgot, or returned nothing for, has 0, and so has one without any relevant document. Equal
    scores are ordered by document id, descending, as trec_eval does, and compared as it does, in single precision; so
    it is for the measures, too, that ir-measures takes from elsewhere with another rule. What ids look like never
    matters: its programs are given numbers.

    Raises as ``check_grades``, and BadInput for a value that is not finite, or that ir-measures fails to compute.
    """
    import ir_measures

    if not measures:
        return {}
    parsed = {name: _parsed(name) for name in measures}
    check_grades(measures, highest_grade(qrels))
    queries = {str(number): query for number, query in enumerate(qrels.grades, 1)}
    plain = {number: _plain(run.scores.get(query, {}), qrels.grades[query]) for number, query in queries.items()}
    ranked = {number: row for number, (row, _) in plain.items() if row}
    values: dict[str, dict[str, float]] = {name: dict.fromkeys(qrels.grades, 0.0) for name in measures}
    if not ranked:
        return values
    name_of = {measure: name for name, measure in parsed.items()}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            grades = {number: row for number, (_, row) in plain.items()}
            found = list(ir_measures.evaluator(list(parsed.values()), grades).iter_calc(ranked))
    except Exception as error:  # each of its sources raises what it likes
        raise BadInput(f"ir-measures cannot compute {', '.join(measures)}: {error}") from error
    for metric in found:
        if metric.query_id not in queries:  # its value would be missing elsewhere, and count as 0
            raise BadInput(
                f"ir-measures returned {metric.measure} for a query {metric.query_id!r} that it was not given"
            )
        query = queries[metric.query_id]
        if not math.isfinite(metric.value):
            raise BadInput(f"{metric.measure} of query {query!r} is {metric.value}: it has no mean")
        if metric.query_id in ranked:
            values[name_of[metric.measure]][query] = float(metric.value)
    return values


def highest_grade(qrels: Qrels) -> int:
    """The highest grade that was given, 0 where none was."""
    return max((grade for row in qrels.grades.values() for grade in row.values()), default=0)


def _plain(row: Mapping[str, float], grades: Mapping[str, int]) -> tuple[dict[str, float], dict[str, int]]:
    """The list and the grades with numbers for ids, since some programs read ids in a way of their own; the same order
    in scores that no two documents share, so that no program's own rule for ties comes in.

    Where no grade is above -1, each is taken for 0, which changes no measure of relevance: trec_eval's own code ends
    the process over such a query. Grades below -2 are taken for -2.
    """
    lowest = _LOWEST_GRADE if any(grade >= 0 for grade in grades.values()) else 0
    ordered = sorted(row, key=lambda document: (np.float32(row[document]), document), reverse=True)
    numbers = {document: str(number) for number, document in enumerate(dict.fromkeys([*ordered, *grades]), 1)}
    return (
        {numbers[document]: float(len(ordered) - place) for place, document in enumerate(ordered)},
        {numbers[document]: max(grade, lowest) for document, grade in grades.items()},
    )


def _is_gdevals(measure: Any) -> bool:
    """Whether ir-measures has the TREC Web track's script compute it, whose gains end at a grade."""
    import ir_measures

    pipeline: Any = ir_measures.DefaultPipeline
    able = (provider.NAME for provider in pipeline.providers if provider.is_available() and provider.supports(measure))
    return next(able, "") == "gdeval"


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
    for name, what in (("cutoff", "cutoff"), ("rel", "least relevant grade")):
        if measure.params.get(name, 1) < 1:  # trec_eval ends the whole process over such a cutoff
            raise BadOption(f"measure {text!r} has the {what} {measure.params[name]}; the lowest is 1")
    if summed:
        raise BadOption(f"measure {known} is a sum over queries, not a mean: it cannot be compared query by query")
    pipeline: Any = ir_measures.DefaultPipeline
    if not pipeline.supports(measure):
        raise BadOption(f"measure {known} cannot be computed here: no program for it is installed", hint=hint)
    return measure
