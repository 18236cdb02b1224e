"""What each contender costs at the data's own lengths and list sizes: time, memory, and money."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from rankladder.choose.contenders import Spent
from rankladder.choose.price import Price, Use, prices_of
from rankladder.cost import Cost, Failure, Latency, measure_costs
from rankladder.errors import RankladderError, ServiceFailed
from rankladder.evaluate import Candidates, Dataset
from rankladder.evaluate.candidates import in_order
from rankladder.rerank import Long, ModelRequest, Reranker
from rankladder.rerank.hosted import Usage
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
    long: Long = "truncate",
    offline: bool | None = None,
    tell: Callable[[str], object] = lambda what: None,
) -> dict[str, Spent | RankladderError]:
    """The costs by request, or what went wrong. Models on this machine take turns, each in a process of its own; hosted
    ones are asked for one list after the other, ``LISTS`` times or as often as ``samples`` says, which is paid for.
    """
    if not tasks:
        return {}
    local = [one for one in requests if not one.hosted]
    found: dict[str, Spent | RankladderError] = {}
    if local:
        tell(f"timing {len(local)} {'model' if len(local) == 1 else 'models'} on {len(tasks)} queries, in turns")
        opened = [
            one if offline is None else replace(one, options={"offline": offline, **one.options}) for one in local
        ]
        costs = measure_costs(opened, tasks, passes=1, repeats=samples, tail=True, long=long)
        found = {one.text: _spent(one, cost, prices, tasks, long) for one, cost in zip(local, costs, strict=True)}
    for one in requests:
        if one.hosted:
            tell(f"timing {one.text}: {samples or LISTS} lists")
            try:
                found[one.text] = _hosted(one, tasks, prices, samples or LISTS, long)
            except RankladderError as error:
                found[one.text] = error
    return found


def _spent(
    request: ModelRequest, cost: Cost | Failure, prices: Sequence[Price], tasks: Tasks, long: Long
) -> Spent | RankladderError:
    if isinstance(cost, Failure):
        return cost.error
    rate, memory = cost.throughput.pairs_per_second, cost.memory
    money, price = _money(request, prices, Use(seconds=_documents(tasks) / rate))
    return Spent(
        p50_ms=cost.latency.p50,
        p95_ms=cost.latency.p95,
        p99_ms=cost.latency.p99,
        worst_ms=cost.latency.worst,
        latencies_ms=cost.latency.milliseconds,
        pairs_per_second=rate,
        # Of passages only the tokens of the best are reported, and all were read.
        tokens_per_second=cost.throughput.tokens_per_second if long == "truncate" else None,
        memory_mb=None if memory.peak_mb is None else memory.peak_mb + (memory.device_peak_mb or 0),
        device_memory_mb=memory.device_peak_mb,
        per_1000_queries=money,
        price=price,
        processor_ms=cost.latency.processor,
        busy=cost.latency.busy,
    )


def _usage(reranker: Reranker) -> Usage:
    usage = reranker.usage
    assert usage is not None  # only a service is asked here, and each counts
    return usage


def _hosted(request: ModelRequest, tasks: Tasks, prices: Sequence[Price], samples: int, long: Long) -> Spent:
    """Time of one list after the other, the network included; nothing of it is held on this machine.

    A list for which the service had to be asked again is timed once more, and at most ``samples`` of them: the wait is
    the service's bad moment, or this account's limit, and not the model's time.
    """
    reranker = request.open()
    taken: list[float] = []
    waited = 0
    while len(taken) < samples and waited < samples:
        query, documents = tasks[len(taken) % len(tasks)]
        retries, start = _usage(reranker).retries, time.perf_counter()
        reranker.rank(query, documents, long=long, progress=False)
        milliseconds = 1000 * (time.perf_counter() - start)
        if _usage(reranker).retries > retries:
            waited += 1
        else:
            taken.append(milliseconds)
    if not taken:
        raise ServiceFailed(
            f"{request.text}: the service had to be called again for each of {waited} lists: no time is without a wait",
            hint="try again later, or with fewer requests at once (threads=1)",
        )
    latency = Latency(tuple(taken), _documents(tasks))
    mean = sum(taken) / len(taken) / 1000
    usage, lists = _usage(reranker), len(taken) + waited
    use = Use(
        seconds=mean,
        requests=usage.requests / lists,
        tokens=None if usage.tokens is None else usage.tokens / lists,
        search_units=None if usage.search_units is None else usage.search_units / lists,
    )
    money, price = _money(request, prices, use)
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
        waited=waited,
    )


def _money(request: ModelRequest, prices: Sequence[Price], use: Use) -> tuple[float | None, str | None]:
    """A thousand queries by the first price whose unit is counted, and that price; the amount is None where none is."""
    offered = prices_of(request.text, prices, hosted=request.hosted)
    for price in offered:
        if (amount := price.per_1000_queries(use)) is not None:
            return amount, str(price)
    return None, str(offered[0]) if offered else None


def _documents(tasks: Tasks) -> float:
    """Of a list, on average."""
    return sum(len(documents) for _, documents in tasks) / len(tasks)
