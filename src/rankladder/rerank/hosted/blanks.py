"""Blank texts: services refuse a whole request that holds one, so none is sent."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping

_FILLERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Signs that are shown as nothing, though Unicode counts them as letters or symbols: Hangul fillers, empty Braille."""
_FLOOR: Mapping[str, float] = {"relevance": 0.0, "raw logit": -10.0}
"""The score of a blank document by the service's scale, where it is the lowest of its list anyway."""
_BELOW = 1e-6
"""How far below the lowest score it comes otherwise, absolute and relative: float32 still tells them apart."""


def is_blank(text: str) -> bool:
    r"""Whether a text holds nothing that is shown: white space, control and format characters alone.

    >>> is_blank(""), is_blank(" \t\n\u3000\u200b\ufeff"), is_blank("\u200b."), is_blank("\ufffd")
    (True, True, False, False)
    """
    return not text or all(
        sign.isspace() or sign in _FILLERS or unicodedata.category(sign) in {"Cc", "Cf"} for sign in text
    )


def blank_score(scale: str, others: Iterable[float]) -> float:
    """The score of a blank document: below those of its list, at most 0 for relevance and -10 for a raw logit.

    >>> blank_score("relevance", [0.25, 0.5]), blank_score("relevance", [0.0]), blank_score("raw logit", [])
    (0.0, -1e-06, -10.0)
    """
    lowest = min(others, default=float("inf"))
    return min(_FLOOR[scale], lowest - _BELOW * max(1.0, abs(lowest)) if lowest < float("inf") else float("inf"))
