"""What paired values per query can tell: on which side of a mark the mean lies, or how many more queries would say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
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


def queries_to_divide() -> int:
    """The fewest queries of which half are held out: with fewer, neither half could tell anything."""
    return 2 * queries_to_tell()


def queries_missing(needed: int, count: int, *, share: float) -> int:
    """Queries still to be judged until the part that a choice is made on has ``needed``; at least 1.

    It has ``count`` now, which are ``share`` of all; from ``queries_to_divide`` on it is half of all.

    >>> queries_missing(11, 10, share=1.0), queries_missing(20, 10, share=1.0), queries_missing(20, 10, share=0.5)
    (1, 30, 20)
    """
    whole = needed if share == 1.0 and needed < queries_to_divide() else 2 * needed
    return max(1, whole - round(count / share))


def unseen_share(count: int, confidence: float = CONFIDENCE) -> float:
    """The largest part of all queries that may be of a kind that none of ``count`` drawn at random is of: about
    3 / count at 95 %, the rule of three.

    Source: Hanley and Lippman-Hand 1983, "If nothing goes wrong, is everything all right?",
    doi:10.1001/jama.1983.03330370053031.

    >>> round(unseen_share(100), 3)
    0.03
    """
    return -math.expm1(math.log(1 - confidence) / count)


def distance(
    differences: Sequence[float],
    *,
    worst: float | None = None,
    confidence: float = CONFIDENCE,
    share: float = 1.0,
    seed: int = 0,
) -> Distance:
    """Where the mean of paired differences lies: ``meets`` where the whole interval is at least 0, ``fails`` where it
    is below 0, else ``cannot tell``; always the last below ``queries_to_tell``.

    The bootstrap knows nothing of a difference that it has not seen. With ``worst`` the interval therefore reaches
    down at least to the mean that there would be if as many queries lay there as may have gone unseen
    (``unseen_share`` of all queries, those held out among them: what is chosen has to stand there too). It is not
    widened upwards: what is wrongly passed over costs time, and no quality.

    Args:
        differences: One value a query, N of them, at least one.
        worst: The least that a difference can be, below 0; None where what was not seen is not allowed for.
        confidence: Of the two-sided interval.
        share: The part of all queries that these are; ``further`` counts queries of the whole.
        seed: Of the bootstrap.

    >>> distance([0.1] * 8).answer, distance([0.1] * 3).answer, distance([-0.2] * 8).answer
    ('meets', 'cannot tell', 'fails')
    >>> distance([0.1] * 8, worst=-0.9).answer, distance([0.1] * 50, worst=-0.9).answer
    ('cannot tell', 'meets')
    """
    count = len(differences)
    interval = bootstrap_interval(differences, confidence=confidence, seed=seed)
    if worst is not None and interval.low is not None:
        unseen = unseen_share(round(count / share), confidence)
        interval = replace(interval, low=min(interval.low, (1 - unseen) * interval.mean + unseen * worst))
    answer: Answer = "cannot tell"
    if count >= queries_to_tell(confidence) and interval.low is not None and interval.high is not None:
        answer = "meets" if interval.low >= 0 else "fails" if interval.high < 0 else "cannot tell"
    settled = answer != "cannot tell"
    return Distance(interval, count, answer, None if settled else _further(differences, worst, confidence, share))


def _further(differences: Sequence[float], worst: float | None, confidence: float, share: float) -> Further:
    """Queries still missing, were the mean seen the true one."""
    count, fewest = len(differences), queries_to_tell(confidence)
    at_least = Further(queries_missing(fewest, count, share=share), "at least")
    if count == 1:
        return at_least
    needed = math.ceil(min(_needed(differences, worst, confidence), count + CAP))
    missing = queries_missing(needed, count, share=share)
    if missing > CAP:
        return Further(CAP, "more than")
    return at_least if count < fewest and missing <= at_least.count else Further(missing, "about")


def _needed(differences: Sequence[float], worst: float | None, confidence: float) -> float:
    """Queries with which the interval leaves 0 with a chance of POWER, and with which what goes unseen cannot turn a
    mean above 0; infinite for a mean of 0.
    """
    mean = math.fsum(differences) / len(differences)
    if mean == 0:
        return math.inf
    normal = NormalDist()
    sure = normal.inv_cdf((1 + confidence) / 2) + normal.inv_cdf(POWER)
    deviations = sure * stdev(differences) / mean
    unseen = 0.0 if worst is None or mean < 0 else -math.log(1 - confidence) / math.log1p(-mean / worst)
    return max(deviations * deviations, unseen if unseen < queries_to_divide() else unseen / 2)
