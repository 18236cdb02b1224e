"""Which reranker, on this data, inside this budget: every candidate measured, one chosen, the choice checked."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from rankladder.arguments import checked
from rankladder.catalogue import all_models
from rankladder.choose.concluding import conclude
from rankladder.choose.contenders import (
    Contender,
    by_kept_names,
    kept_name,
    local_rungs,
    merge_names,
    rungs_left_out,
)
from rankladder.choose.decision import Wishes
from rankladder.choose.examples import changed_most, pair_up, show_lists
from rankladder.choose.outcome import NO_RERANKER, Example, Measured, Outcome, Spent
from rankladder.choose.price import Price, check_prices
from rankladder.choose.remarks import remarks
from rankladder.choose.spending import cost_tasks, measure_spending
from rankladder.choose.split import split_queries
from rankladder.choose.stand_in import DEPTH, judged_by
from rankladder.cost.machine import describe_machine, installed_versions
from rankladder.errors import BadInput, BadOption, RankladderError
from rankladder.evaluate import Candidates, Dataset, System, evaluate, parse_measures
from rankladder.evaluate.measures import check_grades
from rankladder.rerank import Long, ModelRequest
from rankladder.rerank.hosted import is_hosted


@checked
def choose(
    dataset: Dataset,
    candidates: Candidates,
    models: Sequence[ModelRequest] | None = None,
    *,
    current: ModelRequest | None = None,
    reference: ModelRequest | None = None,
    wishes: Wishes | None = None,
    prices: Sequence[Price] = (),
    measure: str = "nDCG@10",
    top_k: int = 100,
    long: Long = "truncate",
    samples: int | None = None,
    examples: int = 4,
    store: Path | None = None,
    seed: int = 0,
    offline: bool | None = None,
    progress: bool | None = None,
    tell: Callable[[str], object] = lambda what: None,
) -> Outcome:
    """Measures every candidate's quality and cost, chooses the cheapest that is surely good enough, and checks the
    choice on held-out queries. The retriever alone is always a candidate (``no reranker``).

    A model that fails is a row that says why; the others are finished. Scores are stored as they come, so the same call
    after an interruption goes on where it was. Costs are measured after all scores are there, the models in turns. A
    model that was asked for by several names (one digest) is one row.

    Args:
        dataset: The judged collection; with ``reference``, its judgements are not looked at.
        candidates: What the retriever found.
        models: Candidates; by default every model of the catalogue that is on this machine and can be run here.
        current: What runs today; by default the retriever alone.
        reference: The model whose own ranking stands in for judgements. It cannot be chosen, under whatever name, and
            is not timed unless it runs today.
        wishes: Target, budget, memory; by default 98 % of the best one's mean.
        prices: What an hour of this machine costs, or what is asked of a hosted model.
        measure: As ir-measures writes it.
        top_k: How many candidates of each query are reranked.
        long: As in ``Reranker.rank``; times are taken with it too.
        samples: Latency samples of each model; by default 100 where 40 seconds hold them, else 20, which a p95 wants;
            20 of a hosted model. With fewer, the slowest is held against the budget.
        examples: Queries that are kept side by side.
        store: The folder of the scores; by default in the user's cache.
        seed: Of the split, the intervals and the tests.
        offline: True never touches the network.
        progress: Show bars on stderr; by default only on a terminal.
        tell: Is told what happens next, in a few words.

    Raises:
        BadInput: No query is judged (or, with ``reference``, has a candidate).
        BadOption: A measure that cannot be computed or does not know a grade, an option out of its range, a price that
            no candidate has.
        MissingExtra: ir-measures is not installed.
        StorageFailed: The store cannot be written.
        RankladderError: What opening or running the reference raises: without it nothing can be said.
    """
    wishes = wishes or Wishes()
    measures = parse_measures([measure])
    asked = check_request(models, current, reference, measures, prices)
    if samples is not None and samples < 1:
        raise BadOption(f"samples must be at least 1, got {samples}")
    if examples < 0:
        raise BadOption(f"examples must be at least 0, got {examples}")
    if reference is not None:
        tell(f"ranking with the reference {reference.text}")
        dataset = judged_by(
            reference, dataset, candidates,
            top_k=top_k, store=store, long=long, offline=offline, progress=progress,
        )  # fmt: skip
        candidates = candidates.answered(dataset)
    tell(f"scoring {len(dataset.qrels.grades):,} queries with {len(asked)} {'model' if len(asked) == 1 else 'models'}")
    found = evaluate(
        dataset, [candidates], asked, measures=measures, top_k=top_k, store=store, long=long, most_changed=0,
        seed=seed, offline=offline, progress=progress,
    )  # fmt: skip
    systems = {system.model: system for system in found.systems}
    tasks = cost_tasks(dataset, candidates, top_k=top_k, seed=seed)
    held = None if reference is None else reference.text
    contenders = merge_names(asked, systems, reference=held)
    name = NO_RERANKER if current is None else kept_name(contenders, current.text)
    stand_ins = {
        one.name for one in contenders for other in contenders if other.name == held and one.is_same_model(other)
    }
    timed = [
        one.request
        for one in contenders
        if one.system.failed is None and (one.name not in stand_ins or one.name == name)
    ]
    spending = measure_spending(
        timed, tasks,
        prices=by_kept_names(contenders, prices), samples=samples, long=long, offline=offline, tell=tell,
    )  # fmt: skip
    rows = [
        _retriever_row(systems[""], measures[0], prices, current=name == NO_RERANKER),
        *(
            _row(
                one,
                spending.get(one.name),
                measures[0],
                wishes,
                current=one.name == name,
                stand_in=one.name in stand_ins,
            )
            for one in contenders
        ),
    ]
    parts = split_queries(dataset.qrels.grades, seed=seed)
    conclusion = conclude(rows, parts, wishes, measure=measures[0], current=name, reference=held, seed=seed)
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
            "list_size": mean(min(top_k, len(row)) for row in candidates.run.scores.values()),
        },
        measure=measures[0],
        reference=held,
        wishes=wishes,
        selection=parts.selection,
        held_out=parts.held_out,
        queries={id: dataset.queries[id].text if id in dataset.queries else "" for id in dataset.qrels.grades},
        candidates=conclusion.candidates,
        winner=conclusion.decision.winner,
        leader=conclusion.decision.leader,
        best=conclusion.decision.best,
        sentences=conclusion.sentences,
        confirmation=conclusion.confirmation,
        current=name,
        versus=conclusion.versus,
        frontier=conclusion.frontier,
        compared=conclusion.compared,
        examples=_examples(
            dataset, {one.name: one for one in rows}, systems, asked,
            before=name, after=conclusion.compared, count=examples, long=long, offline=offline,
        ),
        remarks=(
            *found.remarks,
            *([parts.remark] if parts.remark else []),
            *([] if models is not None else rungs_left_out()),
            *remarks(rows, tasks, spending, stand_ins),
        ),
        reproduce={
            "machine": describe_machine(),
            "versions": {**installed_versions(), **found.settings["versions"]},
            "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "seed": seed,
            "top_k": top_k,
            "long": long,
        },
    )  # fmt: skip


def check_request(
    models: Sequence[ModelRequest] | None,
    current: ModelRequest | None,
    reference: ModelRequest | None,
    measures: Sequence[str],
    prices: Sequence[Price],
) -> list[ModelRequest]:
    """Every model that ``choose`` would run once, in order, what runs today and the reference last.

    Raises BadOption for several measures, one that does not know a reference's grades, and a price that no model has.
    """
    if len(measures) != 1:
        raise BadOption(f"expected one measure, got {' '.join(measures)}", hint="rankladder evaluate takes several")
    named = [*(local_rungs() if models is None else models), *filter(None, (current, reference))]
    asked = list({one.text: one for one in named}.values())
    check_prices([one for one in asked if one != reference or one == current], prices)  # the reference is not timed
    if reference is not None:
        check_grades(measures, DEPTH)
    return asked


def _retriever_row(system: System, measure: str, prices: Sequence[Price], *, current: bool) -> Measured:
    priced = any(price.unit == "h" for price in prices)
    spent = Spent(
        p50_ms=0.0, p95_ms=0.0, p99_ms=0.0, worst_ms=0.0, latencies_ms=(),
        pairs_per_second=None, tokens_per_second=None, memory_mb=None,
        per_1000_queries=0.0 if priced else None, price=None,
    )  # fmt: skip
    return Measured(
        name=NO_RERANKER,
        model=f"{system.name} alone",
        digest=system.digest,
        current=current,
        values=system.per_query[measure],
        spent=spent,
    )


def _row(
    contender: Contender,
    spent: Spent | RankladderError | None,
    measure: str,
    wishes: Wishes,
    *,
    current: bool,
    stand_in: bool,
) -> Measured:
    """One model's row. A ``stand_in`` is no candidate: what it costs, or that it cannot be timed, does not matter."""
    name, system = contender.name, contender.system
    if system.failed is not None:
        return Measured(name=name, also=contender.also, current=current, failed=system.failed)
    hosted, cost_failed = is_hosted(contender.request.name), None
    if isinstance(spent, RankladderError):
        cost_failed, spent = f"could not be timed: {spent}", None
    elif wishes.memory_mb is not None and spent is not None and spent.memory_mb is None and not hosted:
        cost_failed = "this system does not tell how much memory it holds"
    return Measured(
        name=name,
        cost_failed=None if stand_in else cost_failed,
        model=system.name.partition(" + ")[2],
        about=system.about,
        digest=system.digest,
        parameters=next((m.parameters for m in all_models() if contender.request.name in {m.name, m.hub_id}), None),
        also=contender.also,
        current=current,
        values=system.per_query[measure],
        spent=spent,
        pairs=system.pairs,
        truncated=system.truncated,
    )


def _examples(
    dataset: Dataset,
    rows: Mapping[str, Measured],
    systems: Mapping[str, System],
    asked: Sequence[ModelRequest],
    *,
    before: str,
    after: str | None,
    count: int,
    long: Long,
    offline: bool | None,
) -> tuple[Example, ...]:
    if after is None or not count:
        return ()
    queries = changed_most(rows[before].values, rows[after].values, count)
    requests = {one.text: one for one in asked}
    sides: list[dict[str, Any]] = []
    for name in (before, after):
        run = systems["" if name == NO_RERANKER else name].run
        if run is None:
            raise BadInput(f"{name} has values and no run")
        sides.append(
            show_lists(
                queries,
                dataset,
                candidate=name,
                run=run,
                values=rows[name].values,
                request=requests.get(name),
                long=long,
                offline=offline,
            )
        )
    return pair_up(dataset, *sides)
