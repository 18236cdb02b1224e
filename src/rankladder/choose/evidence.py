"""What paired values per query can tell: on which side of a mark the mean lies, or how many more queries would say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, stdev
from typing import Literal

from rankladder.evaluate.statistics import Interval, bootstrap_interval

CONFIDENCE = 0.95
POWER = 0.8
"""How often the number of further queries named should be enough, if the difference seen is the true one."""
CAP = 10_000
"""Further queries beyond which no number is named: nobody judges that many to tell two models apart."""

Answer = Literal["meets", "fails", "cannot tell"]


@dataclass(frozen=True, slots=True)
class Further:
    """How many more judged queries would settle it."""

    count: int
    kind: Literal["about", "at least", "more than"]

    def __str__(self) -> str:
        return f"{self.kind} {self.count:,}"


@dataclass(frozen=True, slots=True)
class Distance:
    """How far a mean lies above (or below) a mark, and whether the queries settle which."""

    interval: Interval
    queries: int
    answer: Answer
    further: Further | None
    """None where the answer is settled."""


def queries_to_tell(confidence: float = CONFIDENCE) -> int:
    """The fewest queries that can tell anything: with fewer, even differences that all agree in sign are likelier
    than 1 - confidence by chance alone (the sign test).

    >>> queries_to_tell(0.95)
    6
    """
    return math.ceil(1 - math.log2(1 - confidence))


def distance(
    differences: Sequence[float], *, confidence: float = CONFIDENCE, share: float = 1.0, seed: int = 0
) -> Distance:
    """Where the mean of paired differences lies: ``meets`` where the whole interval is at least 0, ``fails`` where it
    is below 0, else ``cannot tell``; always the last below ``queries_to_tell``.

    Args:
        differences: One value a query, N of them, at least one.
        confidence: Of the two-sided interval.
        share: The part of all queries that these are; ``further`` counts queries of the whole.
        seed: Of the bootstrap.

    >>> distance([0.1] * 8).answer, distance([0.1] * 3).answer, distance([-0.2] * 8).answer
    ('meets', 'cannot tell', 'fails')
    """
    count = len(differences)
    interval = bootstrap_interval(differences, confidence=confidence, seed=seed)
    answer: Answer = "cannot tell"
    if count >= queries_to_tell(confidence) and interval.low is not None and interval.high is not None:
        answer = "meets" if interval.low >= 0 else "fails" if interval.high < 0 else "cannot tell"
    settled = answer != "cannot tell"
    return Distance(interval, count, answer, None if settled else _further(differences, confidence, share))


def _further(differences: Sequence[float], confidence: float, share: float) -> Further:
    """Queries still missing for the interval to leave 0 with a chance of POWER, were the mean seen the true one."""
    count, fewest = len(differences), queries_to_tell(confidence)
    at_least = Further(max(1, math.ceil((fewest - count) / share)), "at least")
    if count == 1:
        return at_least
    mean, spread = abs(math.fsum(differences) / count), stdev(differences)
    normal = NormalDist()
    sure = normal.inv_cdf((1 + confidence) / 2) + normal.inv_cdf(POWER)
    if mean * math.sqrt(count + CAP * share) < sure * spread:
        return Further(CAP, "more than")
    needed = math.ceil(((sure * spread / mean) ** 2 - count) / share) if mean else 0
    return at_least if count < fewest and needed <= at_least.count else Further(max(1, needed), "about")
