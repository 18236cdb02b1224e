"""Which reranker, on this data, inside this budget: every contender scored and timed, one chosen, with reasons."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from statistics import mean
from typing import Any

from rankladder.arguments import checked
from rankladder.catalogue import all_models
from rankladder.choose.contenders import Contender, Scored, Spent, by_kept_names, models_left_out
from rankladder.choose.examples import show_examples
from rankladder.choose.judging import Conclusion, Question, judge
from rankladder.choose.notices import notices
from rankladder.choose.outcome import Outcome
from rankladder.choose.request import ChoiceRequest
from rankladder.choose.scoring import Scores, near_top, score
from rankladder.choose.spending import Tasks, cost_tasks, measure_spending
from rankladder.choose.stand_in import judged_by
from rankladder.cost.machine import describe_machine, installed_versions
from rankladder.errors import RankladderError
from rankladder.evaluate import Candidates, Dataset

Tell = Callable[[str], object]


@checked
def choose(
    dataset: Dataset,
    candidates: Candidates,
    request: ChoiceRequest,
    *,
    later: tuple[Dataset, Candidates] | None = None,
    progress: bool | None = None,
    tell: Tell = lambda what: None,
) -> Outcome:
    """Scores and times every contender, and chooses the cheapest that is good enough, as well as that can be known.

    The retriever alone is always a contender (``no reranker``). A model that fails is a row that says why; the others
    are finished. Scores are stored as they come, so the same call resumes after an interruption. Costs are measured
    after all scores are there, the models in turns.

    Args:
        dataset: The judged collection; with a reference, its judgements are not looked at.
        candidates: What the retriever found.
        request: Contenders, wishes, and how to measure.
        later: Judged queries that came later, with their candidates: the choice is made without them, and confirmed or
            contradicted by them.
        progress: Show bars on stderr; by default only on a terminal.
        tell: Receives what happens next, in a few words.

    Raises:
        BadInput: No query is judged (or, with a reference, has a candidate).
        BadOption: A measure that does not know a grade.
        StorageFailed: The store cannot be written.
        RankladderError: What opening or running the reference raises: without it nothing can be said.
    """
    dataset, candidates = _graded(dataset, candidates, request, progress, tell)
    count = len(request.asked)
    tell(f"scoring {len(dataset.qrels.grades):,} queries with {count} {'model' if count == 1 else 'models'}")
    scores = score(dataset, candidates, request, progress=progress)
    tasks = cost_tasks(dataset, candidates, top_k=request.top_k, seed=request.seed)
    spending = _time(scores.rows, tasks, request, tell)
    contenders = [_contender(row, spending.get(row.name), dataset, request) for row in scores.rows]
    conclusion = judge(contenders, _question(scores, request), later=_later_values(later, request, progress, tell))
    remarks = (*scores.remarks, *_left_out(request), *notices(scores.rows, contenders, tasks, spending))
    return _outcome(dataset, candidates, request, scores, conclusion, remarks)


def _graded(
    dataset: Dataset, candidates: Candidates, request: ChoiceRequest, progress: bool | None, tell: Tell
) -> tuple[Dataset, Candidates]:
    """Both as they are, or with the reference's ranking in place of judgements."""
    if request.reference is None:
        return dataset, candidates
    tell(f"ranking with the reference {request.reference.text}")
    graded = judged_by(
        request.reference,
        dataset,
        candidates,
        top_k=request.top_k,
        store=request.store,
        long=request.long,
        offline=request.offline,
        progress=progress,
    )
    return graded, candidates.answered(graded)


def _time(
    rows: Sequence[Scored], tasks: Tasks, request: ChoiceRequest, tell: Tell
) -> Mapping[str, Spent | RankladderError]:
    """What each model costs, by name, or what went wrong. A reference is timed only where it runs today."""
    timed = [
        row.request
        for row in rows
        if row.request is not None and row.system.failed is None and (row.current or not row.stand_in)
    ]
    return measure_spending(
        timed,
        tasks,
        prices=by_kept_names(rows, request.prices),
        samples=request.samples,
        long=request.long,
        offline=request.offline,
        tell=tell,
    )


def _contender(
    row: Scored, spent: Spent | RankladderError | None, dataset: Dataset, request: ChoiceRequest
) -> Contender:
    system = row.system
    if system.failed is not None:
        return Contender(name=row.name, also=row.also, current=row.current, hosted=row.hosted, failed=system.failed)
    if row.request is None:
        spent = _nothing_spent(priced=any(price.unit == "h" for price in request.prices))
    cost_failed = None
    if isinstance(spent, RankladderError):
        cost_failed, spent = f"could not be timed: {spent}", None
    elif request.wishes.memory_mb is not None and spent is not None and spent.memory_mb is None:
        cost_failed = (
            None if row.hosted or row.request is None else "this system does not report how much memory it uses"
        )
    return Contender(
        name=row.name,
        model=system.label or f"{system.name} alone",
        about=system.about,
        digest=system.digest,
        parameters=_parameters(row),
        also=row.also,
        current=row.current,
        reranks=row.request is not None,
        hosted=row.hosted,
        cost_failed=None if row.stand_in else cost_failed,
        values=system.per_query[request.measure],
        spent=spent,
        pairs=system.pairs,
        truncated=system.truncated,
        near_top=near_top(system, dataset, reference=request.reference is not None),
    )


def _parameters(row: Scored) -> int | None:
    """Of a model of the catalogue."""
    if row.request is None:
        return None
    name = row.request.name
    return next((model.parameters for model in all_models() if name in {model.name, model.hub_id}), None)


def _nothing_spent(*, priced: bool) -> Spent:
    """Of the retriever alone: reranking takes nothing."""
    return Spent(
        p50_ms=0.0,
        p95_ms=0.0,
        p99_ms=0.0,
        worst_ms=0.0,
        latencies_ms=(),
        pairs_per_second=None,
        tokens_per_second=None,
        memory_mb=None,
        per_1000_queries=0.0 if priced else None,
        price=None,
    )


def _question(scores: Scores, request: ChoiceRequest) -> Question:
    return Question(
        wishes=request.wishes,
        measure=request.measure,
        current=next(row.name for row in scores.rows if row.current),
        reference=None if request.reference is None else request.reference.text,
        seed=request.seed,
    )


def _later_values(
    later: tuple[Dataset, Candidates] | None, request: ChoiceRequest, progress: bool | None, tell: Tell
) -> Mapping[str, Mapping[str, float]] | None:
    """The measure on the later queries, by contender."""
    if later is None:
        return None
    dataset, candidates = _graded(*later, request, progress, tell)
    tell(f"scoring {len(dataset.qrels.grades):,} later queries")
    rows = score(dataset, candidates, request, progress=progress).rows
    return {row.name: row.system.per_query[request.measure] for row in rows if row.system.failed is None}


def _left_out(request: ChoiceRequest) -> list[str]:
    return models_left_out() if request.local else []


def _outcome(
    dataset: Dataset,
    candidates: Candidates,
    request: ChoiceRequest,
    scores: Scores,
    conclusion: Conclusion,
    remarks: Sequence[str],
) -> Outcome:
    question, decision = _question(scores, request), conclusion.decision
    lists = candidates.run.scores.values()
    return Outcome(
        dataset={
            "name": dataset.name,
            "digest": dataset.digest,
            "queries": len(dataset.qrels.grades),
            "documents": len(dataset.documents),
        },
        retriever={
            "name": candidates.name,
            "digest": candidates.digest,
            "list_size": mean(min(request.top_k, len(row)) for row in lists),
        },
        measure=request.measure,
        reference=question.reference,
        wishes=request.wishes,
        queries={id: dataset.queries[id].text if id in dataset.queries else "" for id in dataset.qrels.grades},
        contenders=conclusion.contenders,
        standing=decision.standing,
        choice=decision.choice,
        beyond_doubt=decision.beyond_doubt,
        best=decision.best,
        further=conclusion.further,
        headline=conclusion.headline,
        sentences=conclusion.sentences,
        confirmation=conclusion.confirmation,
        current=question.current,
        versus=conclusion.versus,
        frontier=conclusion.frontier,
        compared=conclusion.compared,
        examples=show_examples(dataset, scores.rows, question.current, conclusion.compared, request),
        remarks=tuple(dict.fromkeys(remarks)),
        reproduce=_reproduce(scores, request),
    )


def _reproduce(scores: Scores, request: ChoiceRequest) -> dict[str, Any]:
    return {
        **({} if request.command is None else {"command": request.command}),
        "machine": describe_machine(),
        "versions": {**installed_versions(), **scores.versions},
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "seed": request.seed,
        "top_k": request.top_k,
        "long": request.long,
    }
