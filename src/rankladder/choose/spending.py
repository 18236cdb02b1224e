"""What each candidate costs at the data's own lengths and list sizes: time, memory, and money."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from rankladder.choose.outcome import Spent
from rankladder.choose.price import Price, price_of
from rankladder.cost import Cost, Failure, Latency, measure_costs
from rankladder.errors import RankladderError
from rankladder.evaluate import Candidates, Dataset
from rankladder.evaluate.candidates import in_order
from rankladder.rerank import ModelRequest
from rankladder.rerank.hosted import is_hosted
from rankladder.values import Document

LISTS = 20
"""Queries whose lists are timed: enough for a p95."""

Tasks = Sequence[tuple[str, Sequence[Document]]]


def cost_tasks(
    dataset: Dataset, candidates: Candidates, *, top_k: int, seed: int = 0
) -> list[tuple[str, list[Document]]]:
    """Up to ``LISTS`` queries, drawn by a hash of their ids, each with the candidates that a model reads."""
    drawn = sorted(dataset.queries, key=lambda one: hashlib.sha256(f"cost {seed}\n{one}".encode()).digest())
    tasks = []
    for query in drawn:
        ids = in_order(candidates.run.scores.get(query, {}))[:top_k]
        documents = [one for one in map(dataset.documents.get, ids) if one is not None]
        if documents:
            tasks.append((dataset.queries[query].text, documents))
        if len(tasks) == LISTS:
            break
    return tasks


def measure_spending(
    requests: Sequence[ModelRequest],
    tasks: Tasks,
    *,
    prices: Sequence[Price] = (),
    samples: int | None = None,
    offline: bool | None = None,
    tell: Callable[[str], object] = lambda what: None,
) -> dict[str, Spent | RankladderError]:
    """The costs by request, or what went wrong. Models on this machine take turns, each in a process of its own; hosted
    ones are asked for one list after the other, each list once or as often as ``samples`` says, which is paid for.
    """
    if not tasks:
        return {}
    local = [one for one in requests if not is_hosted(one.name)]
    found: dict[str, Spent | RankladderError] = {}
    if local:
        tell(f"timing {len(local)} {'model' if len(local) == 1 else 'models'} on {len(tasks)} queries, in turns")
        opened = [
            one if offline is None else replace(one, options={"offline": offline, **one.options}) for one in local
        ]
        costs = measure_costs(opened, tasks, passes=1, repeats=samples, tail=True)
        found = {one.text: _spent(one, cost, prices, tasks) for one, cost in zip(local, costs, strict=True)}
    for one in requests:
        if is_hosted(one.name):
            tell(f"timing {one.text}: {samples or len(tasks)} requests")
            try:
                found[one.text] = _hosted(one, tasks, prices, samples or len(tasks))
            except RankladderError as error:
                found[one.text] = error
    return found


def _spent(
    request: ModelRequest, cost: Cost | Failure, prices: Sequence[Price], tasks: Tasks
) -> Spent | RankladderError:
    if isinstance(cost, Failure):
        return cost.error
    rate = cost.throughput.pairs_per_second
    money, price = _money(request, prices, _documents(tasks) / rate)
    return Spent(
        p50_ms=cost.latency.p50,
        p95_ms=cost.latency.p95,
        p99_ms=cost.latency.p99,
        worst_ms=cost.latency.worst,
        latencies_ms=cost.latency.milliseconds,
        pairs_per_second=rate,
        tokens_per_second=cost.throughput.tokens_per_second,
        memory_mb=cost.memory.peak_mb,
        per_1000_queries=money,
        price=price,
    )


def _hosted(request: ModelRequest, tasks: Tasks, prices: Sequence[Price], samples: int) -> Spent:
    """Time of one list after the other, the network included; nothing of it is held on this machine."""
    reranker = request.open()
    taken: list[float] = []
    for number in range(samples):
        query, documents = tasks[number % len(tasks)]
        start = time.perf_counter()
        reranker.rank(query, documents, progress=False)
        taken.append(1000 * (time.perf_counter() - start))
    latency = Latency(tuple(taken), _documents(tasks))
    mean = sum(taken) / len(taken) / 1000
    money, price = _money(request, prices, mean)
    return Spent(
        p50_ms=latency.p50,
        p95_ms=latency.p95,
        p99_ms=latency.p99,
        worst_ms=latency.worst,
        latencies_ms=latency.milliseconds,
        pairs_per_second=_documents(tasks) / mean,
        tokens_per_second=None,
        memory_mb=None,
        per_1000_queries=money,
        price=price,
    )


def _money(request: ModelRequest, prices: Sequence[Price], seconds: float) -> tuple[float | None, str | None]:
    price = price_of(request.text, tuple(prices), hosted=is_hosted(request.name))
    if price is None:
        return None, None
    return price.per_1000_queries(seconds_per_query=seconds), f"{price.amount:g}/{price.unit}"


def _documents(tasks: Tasks) -> float:
    """Of a list, on average."""
    return sum(len(documents) for _, documents in tasks) / len(tasks)
