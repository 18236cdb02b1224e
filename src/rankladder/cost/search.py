"""The search for a setting: one step at a time for as long as it gains."""

from __future__ import annotations

from collections.abc import Callable, Sequence

GAIN = 1.02
"""A step counts as a gain where the rate rises by more than 2 %: less is noise."""


def climb(settings: Sequence[int], start: int, rate: Callable[[int], float]) -> int:
    """The best of ordered settings, found from ``start`` upwards while it gains, else downwards while it gains.

    >>> tried = []
    >>> climb([8, 16, 32, 64, 128], 32, lambda size: tried.append(size) or -abs(size - 64) + 100), tried
    (64, [32, 64, 128])
    """
    first = settings.index(start)
    best, best_rate = start, rate(start)
    for side in (settings[first + 1 :], settings[:first][::-1]):
        for setting in side:
            found = rate(setting)
            if found <= best_rate * GAIN:
                break
            best, best_rate = setting, found
        if best != start:
            break
    return best


def powers_of_two(least: int, most: int) -> list[int]:
    """Powers of two from ``least``, itself one, to ``most``.

    >>> powers_of_two(8, 100)
    [8, 16, 32, 64]
    """
    return [2**power for power in range(least.bit_length() - 1, most.bit_length()) if 2**power <= most]
