"""What a model costs on this machine: pairs and tokens per second, latency of a list, memory, share of the peak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rankladder.arguments import checked
from rankladder.cost.asking import Asked, asked_of_service
from rankladder.cost.configuration import Configuration, Failure, Plan, plan_grid
from rankladder.cost.cost import Cost
from rankladder.cost.measuring import PASSES, Measurement
from rankladder.cost.samples import Latency, Memory, Throughput, percentile
from rankladder.cost.workload import Workload, fixed_workload, natural_workload, own_workload
from rankladder.rerank import Long, ModelRequest
from rankladder.values import Document

__all__ = [
    "Asked",
    "Configuration",
    "Cost",
    "Failure",
    "Latency",
    "Measurement",
    "Memory",
    "Plan",
    "Throughput",
    "Workload",
    "asked_of_service",
    "fixed_workload",
    "measure_cost",
    "measure_costs",
    "natural_workload",
    "own_workload",
    "percentile",
    "plan_grid",
]


@checked
def measure_cost(
    request: ModelRequest,
    tasks: Sequence[tuple[str, Sequence[Document]]],
    *,
    passes: int = PASSES,
    repeats: int | None = None,
    peaks: bool = False,
) -> Cost:
    """What a model costs at the user's own queries and candidates, in a process that holds only this model.

    Args:
        request: The model and the options to open it with.
        tasks: Queries, each with its candidates: a pass scores them (128 pairs at most, evenly spaced),
            a latency sample ranks one query's list.
        passes: Timed passes over those pairs, after one that warms up.
        repeats: Latency samples; by default 20, or what 40 seconds allow, and at least 5.
        peaks: Whether the machine's peak is measured too, for ``share_of_peak``.

    Raises what opening or running the model raises, and BadInput for no candidates at all.
    """
    (found,) = measure_costs([request], tasks, passes=passes, repeats=repeats, peaks=peaks)
    if isinstance(found, Failure):
        raise found.error
    return found


@checked
def measure_costs(
    requests: Sequence[ModelRequest],
    tasks: Sequence[tuple[str, Sequence[Document]]],
    *,
    passes: int = PASSES,
    repeats: int | None = None,
    tail: bool = False,
    peaks: bool = False,
    long: Long = "truncate",
) -> list[Cost | Failure]:
    """``measure_cost`` of several models that take turns, in the order of the requests; a failure is in its place.

    ``tail`` is as in ``Measurement``, ``long`` as in ``Reranker.rank``. Raises as ``open_checkpoint`` for a model that
    cannot be read, before anything is measured.
    """
    workload = Workload.of("your queries and candidates", tasks)
    configurations = [Configuration.of(request) for request in requests]
    if long != "truncate":
        configurations = [
            replace(configuration, options={**configuration.options, "long": long}) for configuration in configurations
        ]
    measurement = Measurement(
        configurations, workload, passes=passes, repeats=repeats, tail=tail, search=False, peaks=peaks
    )
    measurement.run()
    return measurement.results()
