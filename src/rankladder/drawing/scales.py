"""From values to places on a drawing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_GUTTER = 46
"""Pixels at the left of a logarithmic scale for 0."""


@dataclass(frozen=True, slots=True)
class Linear:
    """Values ``low`` to ``high`` onto pixels ``start`` to ``end``, which may run backwards."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel of a value, kept within the ends.

        >>> Linear(0, 2, 100, 0)(0.5)
        75.0
        """
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 2)

    def ticks(self, wanted: int = 5) -> list[float]:
        """Round values between the ends, about ``wanted``.

        >>> Linear(0.12, 0.81, 0, 1).ticks()
        [0.2, 0.4, 0.6, 0.8]
        """
        raw = (self.high - self.low) / wanted
        unit = 10 ** math.floor(math.log10(raw))
        step = min((unit * factor for factor in (1, 2, 5, 10) if unit * factor >= raw), default=unit * 10)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(number * step, 10) for number in range(first, last + 1)]


@dataclass(frozen=True, slots=True)
class Logarithmic:
    """Positive values on a logarithmic scale; 0 is at the left, before a break, where ``zero`` is True."""

    low: float
    high: float
    start: float
    end: float
    zero: bool = False

    @classmethod
    def around(cls, values: Iterable[float], start: float, end: float) -> Logarithmic:
        """A scale that holds all values, with some room; 0 has its own place where it is among them."""
        every = list(values)
        above = [value for value in every if value > 0] or [1.0, 10.0]
        return cls(min(above) / 1.5, max(above) * 1.5, start, end, len(above) < len(every))

    @property
    def first(self) -> float:
        """The pixel where the logarithmic part begins."""
        return self.start + (_GUTTER if self.zero else 0)

    def __call__(self, value: float) -> float:
        """The pixel of a value, kept within the ends.

        >>> Logarithmic(1, 100, 0, 200)(10)
        100.0
        """
        if value <= 0:
            return self.start + 12 if self.zero else self.start
        share = math.log(min(max(value, self.low), self.high) / self.low) / math.log(self.high / self.low)
        return round(self.first + share * (self.end - self.first), 2)

    def ticks(self) -> list[float]:
        """1, 2 and 5 times powers of ten between the ends; powers alone where that gives more than eight, and
        more between them where it gives fewer than three.

        >>> Logarithmic(3, 60, 0, 1).ticks(), Logarithmic(21, 53, 0, 1).ticks()
        ([5, 10, 20, 50], [30, 40, 50])
        """
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for factors in ((1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7)):
            fine = [factor * 10**power for power in decades for factor in factors]
            inside = [value for value in fine if self.low <= value <= self.high]
            if len(inside) >= 3:
                break
        return inside if len(inside) <= 8 else [value for value in inside if math.log10(value).is_integer()]


def apart(places: list[float], gap: float, low: float, high: float) -> list[float]:
    """The places moved as little as a sweep does so that neighbours are at least ``gap`` apart, in the order given.

    >>> apart([10, 12, 50], 10, 0, 100)
    [10, 20, 50]
    """
    order = sorted(range(len(places)), key=lambda at: places[at])
    moved = list(places)
    last = low - gap
    for at in order:
        moved[at] = last = max(moved[at], last + gap)
    last = high + gap
    for at in reversed(order):
        moved[at] = last = min(moved[at], last - gap)
    return moved


def clear_places(
    places: Sequence[tuple[float, float]], left: float, right: float, gap: float = 18.0
) -> list[tuple[float, float]]:
    """Places at least ``gap`` apart, each as near to the one wanted as a ring search finds, between ``left`` and
    ``right``; earlier ones keep theirs.

    >>> clear_places([(50, 50), (52, 50), (90, 50)], 0, 100)
    [(50, 50), (70.0, 50.0), (90, 50)]
    """
    found: list[tuple[float, float]] = []
    for x, y in places:
        rings = [(x + gap * ring * dx, y + gap * ring * dy) for ring in (1, 1.5, 2, 2.5, 3, 4, 5) for dx, dy in _AROUND]
        open_places = (
            (a, b) for a, b in [(x, y), *rings]
            if left <= a <= right and all(math.dist((a, b), other) >= gap - 1e-6 for other in found)
        )  # fmt: skip
        a, b = next(open_places, (x, y))
        found.append((a, b) if (a, b) == (x, y) else (round(a, 2), round(b, 2)))
    return found


_AROUND = [(math.cos(turn * math.pi / 4), math.sin(turn * math.pi / 4)) for turn in range(8)]
