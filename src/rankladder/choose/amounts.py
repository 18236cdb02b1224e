"""Scores, probabilities and times as people read them."""

from __future__ import annotations

from rankladder.choose.contenders import Spent
from rankladder.drawing.numbers import milliseconds
from rankladder.evaluate.statistics import Interval

BUSY = 0.25
"""The share of the machine's processors that other programs use from which its times are in doubt."""


def figure(value: float | None, digits: int = 3) -> str:
    """A score to ``digits`` places; a dash for None.

    >>> figure(0.98765), figure(None)
    ('0.988', '–')
    """
    return "–" if value is None else f"{value:.{digits}f}"


def percent(value: float) -> str:
    """A probability or a share as people read it.

    >>> percent(0.843), percent(0.9991), percent(0.001), percent(1.0)
    ('84 %', '>99 %', '<1 %', '>99 %')
    """
    return ">99 %" if value > 0.995 else "<1 %" if value < 0.005 else f"{100 * value:.0f} %"


def spread(interval: Interval) -> str:
    """A mean with its interval: ``0.676 [0.624, 0.727]``; the mean alone for a single query."""
    if interval.low is None:
        return figure(interval.mean)
    return f"{figure(interval.mean)} [{figure(interval.low)}, {figure(interval.high)}]"


def signed(interval: Interval) -> str:
    """A difference with its interval: ``+0.021 [+0.004, +0.038]``."""
    if interval.low is None:
        return f"{interval.mean:+.3f}"
    return f"{interval.mean:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"


def is_busy(spent: Spent) -> bool:
    """Whether other programs used so much of the machine that its times are in doubt."""
    return spent.busy is not None and spent.busy >= BUSY


def time_of(spent: Spent) -> str:
    """The time that is held against a budget, and what it is."""
    if not spent.latencies_ms:
        return milliseconds(spent.budget_ms)
    if spent.p95_ms is not None:
        return f"{milliseconds(spent.p95_ms)} (p95)"
    return f"{milliseconds(spent.worst_ms)} (the slowest of {len(spent.latencies_ms)})"
