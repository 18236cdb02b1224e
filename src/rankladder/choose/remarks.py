"""What a reader should know besides: names that mean one model, and what the times and prices are not of."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from rankladder.choose.outcome import Measured, Spent
from rankladder.choose.spending import LISTS, Tasks
from rankladder.errors import RankladderError
from rankladder.rerank.hosted import is_hosted


def remarks(
    rows: Sequence[Measured],
    tasks: Tasks,
    spending: Mapping[str, Spent | RankladderError],
    stand_ins: Collection[str],
) -> list[str]:
    """Sentences for the report.

    Args:
        rows: The candidates.
        tasks: The lists that were timed.
        spending: What timing them gave, by candidate.
        stand_ins: The reference, and what is the same model: not timed, or in vain without being a failure.
    """
    said = [f"{one.name} is {' and '.join(one.also)} too: the same model, measured once" for one in rows if one.also]
    for name, found in spending.items():
        if isinstance(found, RankladderError) and name in stand_ins:
            said.append(f"{name} could not be timed: {found}")
    if not tasks:
        said.append("no query has a candidate that can be read: no cost was measured")
    elif len(tasks) < LISTS:
        said.append(f"times are of {len(tasks)} different lists: few to tell a tail from")
    timed = [(one.name, one.spent) for one in rows if one.spent is not None and one.spent.latencies_ms]
    if few := [f"{name} ({len(spent.latencies_ms)})" for name, spent in timed if spent.p95_ms is None]:
        said.append(f"too few samples for a p95, which wants 20: the slowest stands in for it, {', '.join(few)}")
    for name, spent in timed:
        if spent.waited:
            said.append(
                f"{name}: the service had to be asked again for {spent.waited} of "
                f"{spent.waited + len(spent.latencies_ms)} lists, which do not count in the times"
            )
        if spent.price is not None and spent.per_1000_queries is None:
            said.append(f"{name}: the service does not count what {spent.price} is the price of")
    if any(is_hosted(one.name.partition(",")[0]) for one in rows):
        said.append("times of hosted models include the network from this machine")
    return said
