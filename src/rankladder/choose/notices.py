"""What a reader should know besides: names that mean one model, a busy machine, what times and prices are not of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rankladder.choose.amounts import is_busy, percent
from rankladder.choose.contenders import Contender, Scored, Spent
from rankladder.choose.spending import LISTS, Tasks
from rankladder.errors import RankladderError


def notices(
    scored: Sequence[Scored],
    contenders: Sequence[Contender],
    tasks: Tasks,
    spending: Mapping[str, Spent | RankladderError],
) -> list[str]:
    """Sentences for the report.

    Args:
        scored: The models that were asked for.
        contenders: The same, with their costs.
        tasks: The lists that were timed.
        spending: What timing them gave, by contender.
    """
    return [*_names(scored, spending), *_times(contenders, tasks), *_services(contenders)]


def _names(scored: Sequence[Scored], spending: Mapping[str, Spent | RankladderError]) -> Iterator[str]:
    for row in scored:
        if row.also:
            yield f"{row.name} and {' and '.join(row.also)} are the same model: it was measured once"
    for row in scored:
        found = spending.get(row.name)
        if isinstance(found, RankladderError) and row.stand_in:
            yield f"{row.name} could not be timed: {found}"


def _times(contenders: Sequence[Contender], tasks: Tasks) -> Iterator[str]:
    timed = [(one.name, one.spent) for one in contenders if one.spent is not None and one.spent.latencies_ms]
    if not tasks:
        yield "no query has a candidate that can be read: no cost was measured"
    elif len(tasks) < LISTS:
        yield f"times come from only {len(tasks)} different lists: they show little about the slowest"
    if few := [f"{name} ({len(spent.latencies_ms)})" for name, spent in timed if spent.p95_ms is None]:
        yield f"too few samples for a p95, which needs 20: the slowest sample is used instead, {', '.join(few)}"
    if busy := [spent.busy for _, spent in timed if spent.busy is not None and is_busy(spent)]:
        yield (
            f"the machine was busy: other programs used up to {percent(max(busy))} of its processors while the models "
            "were timed; the times may be too long, the processor times are not"
        )


def _services(contenders: Sequence[Contender]) -> Iterator[str]:
    for one in contenders:
        if one.spent is None:
            continue
        if one.spent.waited:
            yield (
                f"{one.name}: the service had to be called again for {one.spent.waited} of "
                f"{one.spent.waited + len(one.spent.latencies_ms)} lists; these lists do not count in the times"
            )
        if one.spent.price is not None and one.spent.per_1000_queries is None:
            yield f"{one.name}: the service does not report the units that {one.spent.price} is the price for"
    if any(one.hosted for one in contenders):
        yield "times of hosted models include the network from this machine"
