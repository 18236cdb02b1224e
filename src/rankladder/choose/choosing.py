"""Which reranker, on this data, inside this budget: every candidate measured, one chosen, the choice checked."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rankladder.catalogue import all_models
from rankladder.checkpoint import is_local
from rankladder.choose.concluding import conclude
from rankladder.choose.decision import Wishes
from rankladder.choose.examples import changed_most, pair_up, show_lists
from rankladder.choose.outcome import NO_RERANKER, Example, Measured, Outcome, Spent
from rankladder.choose.price import Price
from rankladder.choose.spending import LISTS, Tasks, cost_tasks, measure_spending
from rankladder.choose.split import split_queries
from rankladder.choose.stand_in import judged_by
from rankladder.cost.machine import describe_machine, installed_versions
from rankladder.errors import BadInput, BadOption, RankladderError
from rankladder.evaluate import Candidates, Dataset, System, evaluate, parse_measures
from rankladder.rerank import ModelRequest
from rankladder.rerank.hosted import is_hosted
from rankladder.values import Run


def local_rungs() -> list[ModelRequest]:
    """The models of the catalogue that are on this machine."""
    return [ModelRequest.parse(model.name) for model in all_models() if is_local(model)]


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
    after an interruption goes on where it was. Costs are measured after all scores are there, the models in turns.

    Args:
        dataset: The judged collection; with ``reference``, its judgements are not looked at.
        candidates: What the retriever found.
        models: Candidates; by default every model of the catalogue that is on this machine.
        current: What runs today; by default the retriever alone.
        reference: The model whose own ranking stands in for judgements. It is measured, but cannot be chosen.
        wishes: Target, budget, memory; by default 98 % of the best one's mean.
        prices: What an hour of this machine, or a request to a hosted model, costs.
        measure: As ir-measures writes it.
        top_k: How many candidates of each query are reranked.
        samples: Latency samples of each model; by default 20, or what 40 seconds allow, and at least 5; 100 where those
            seconds hold them. Of a hosted model one for each list that is timed.
        examples: Queries that are kept side by side.
        store: The folder of the scores; by default in the user's cache.
        seed: Of the split, the intervals and the tests.
        offline: True never touches the network.
        progress: Show bars on stderr; by default only on a terminal.
        tell: Is told what happens next, in a few words.

    Raises:
        BadInput: No query is judged (or, with ``reference``, has a candidate).
        BadOption: A measure that cannot be computed, an option out of its range, a price for a model that is no
            candidate.
        MissingExtra: ir-measures is not installed.
        StorageFailed: The store cannot be written.
        RankladderError: What opening or running the reference raises: without it nothing can be said.
    """
    wishes = wishes or Wishes()
    measures = parse_measures([measure])
    if len(measures) != 1:
        raise BadOption(f"expected one measure, got {measure!r}", hint="rankladder evaluate takes several")
    asked = _asked(models, current, reference)
    _check(asked, prices, samples, examples)
    if reference is not None:
        tell(f"ranking with the reference {reference.text}")
        dataset = judged_by(
            reference, dataset, candidates, top_k=top_k, store=store, offline=offline, progress=progress
        )
        candidates = Candidates.of(candidates.name, candidates.run, dataset)
    tell(f"scoring {len(dataset.qrels.grades):,} queries with {len(asked)} {'model' if len(asked) == 1 else 'models'}")
    found = evaluate(
        dataset, [candidates], asked, measures=measures, top_k=top_k, store=store, most_changed=0,
        seed=seed, offline=offline, progress=progress,
    )  # fmt: skip
    systems = {system.model: system for system in found.systems}
    tasks = cost_tasks(dataset, candidates, top_k=top_k, seed=seed)
    working = [one for one in asked if systems[one.text].failed is None]
    spending = measure_spending(working, tasks, prices=prices, samples=samples, offline=offline, tell=tell)
    name = NO_RERANKER if current is None else current.text
    rows = [
        _retriever_row(systems[""], measures[0], prices, current=name == NO_RERANKER),
        *(
            _row(one, systems[one.text], spending.get(one.text), measures[0], wishes, current=one.text == name)
            for one in asked
        ),
    ]
    parts = split_queries(dataset.qrels.grades, seed=seed)
    held = None if reference is None else reference.text
    conclusion = conclude(rows, parts, wishes, measure=measures[0], current=name, reference=held, seed=seed)
    shown = conclusion.decision.winner or conclusion.decision.leader
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
            "list_size": sum(len(documents) for _, documents in tasks) / len(tasks) if tasks else 0.0,
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
        examples=_examples(
            dataset, {one.name: one for one in rows}, {NO_RERANKER: systems[""].run, **_runs(systems)}, asked,
            before=name, after=shown, count=examples, offline=offline,
        ),
        remarks=(*found.remarks, *([parts.remark] if parts.remark else []), *_remarks(asked, tasks)),
        reproduce={
            "machine": describe_machine(),
            "versions": {**installed_versions(), **found.settings["versions"]},
            "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "seed": seed,
            "top_k": top_k,
        },
    )  # fmt: skip


def _asked(
    models: Sequence[ModelRequest] | None, current: ModelRequest | None, reference: ModelRequest | None
) -> list[ModelRequest]:
    """Every model once, in order, what runs today and the reference last."""
    named = [*(local_rungs() if models is None else models), *filter(None, (current, reference))]
    return list({one.text: one for one in named}.values())


def _check(asked: Sequence[ModelRequest], prices: Sequence[Price], samples: int | None, examples: int) -> None:
    for price in prices:
        if price.model is not None and price.model not in {one.text for one in asked}:
            raise BadOption(
                f"a price is given for {price.model!r}, which is no candidate",
                hint=f"the candidates are {', '.join(one.text for one in asked) or 'none'}",
            )
    if samples is not None and samples < 1:
        raise BadOption(f"samples must be at least 1, got {samples}")
    if examples < 0:
        raise BadOption(f"examples must be at least 0, got {examples}")


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
    request: ModelRequest,
    system: System,
    spent: Spent | RankladderError | None,
    measure: str,
    wishes: Wishes,
    *,
    current: bool,
) -> Measured:
    if system.failed is not None:
        return Measured(name=request.text, current=current, failed=system.failed)
    if isinstance(spent, RankladderError):
        return Measured(name=request.text, current=current, failed=f"while it was timed: {spent}")
    if wishes.memory_mb is not None and spent is not None and spent.memory_mb is None and not is_hosted(request.name):
        return Measured(name=request.text, current=current, failed="this system does not tell how much memory it holds")
    return Measured(
        name=request.text,
        model=system.name.partition(" + ")[2],
        about=system.about,
        digest=system.digest,
        parameters=next((m.parameters for m in all_models() if request.name in {m.name, m.hub_id}), None),
        current=current,
        values=system.per_query[measure],
        spent=spent,
        pairs=system.pairs,
        truncated=system.truncated,
    )


def _runs(systems: Mapping[str, System]) -> dict[str, Run | None]:
    return {text: system.run for text, system in systems.items() if text}


def _examples(
    dataset: Dataset,
    rows: Mapping[str, Measured],
    runs: Mapping[str, Run | None],
    asked: Sequence[ModelRequest],
    *,
    before: str,
    after: str | None,
    count: int,
    offline: bool | None,
) -> tuple[Example, ...]:
    if after is None or after == before or not count or rows[before].failed is not None:
        return ()
    queries = changed_most(rows[before].values, rows[after].values, count)
    requests = {one.text: one for one in asked}
    sides: list[dict[str, Any]] = []
    for name in (before, after):
        run = runs[name]
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
                offline=offline,
            )
        )
    return pair_up(dataset, *sides)


def _remarks(asked: Sequence[ModelRequest], tasks: Tasks) -> list[str]:
    remarks = []
    if not tasks:
        remarks.append("no query has a candidate that can be read: no cost was measured")
    elif len(tasks) < LISTS:
        remarks.append(f"times are of {len(tasks)} different lists: few to tell a tail from")
    if any(is_hosted(one.name) for one in asked):
        remarks.append("times of hosted models include the network from this machine")
    return remarks
