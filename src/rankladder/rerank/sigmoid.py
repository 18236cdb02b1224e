"""What a raw logit is as a number between 0 and 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rankladder.arguments import shown
from rankladder.errors import BadInput


def probability(logits: NDArray[np.float32] | float) -> NDArray[np.float32]:
    """The sigmoid of raw logits, element by element: a reading aid, not a calibrated chance of relevance.

    >>> probability(np.array([0.0, 4.0], dtype=np.float32)).round(3).tolist()
    [0.5, 0.9819999933242798]
    """
    x = _numbers(logits)
    # Each sign takes the form whose exponential cannot overflow.
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small)).astype(np.float32)


def _numbers(logits: object) -> NDArray[np.float32]:
    if logits is not None and not isinstance(logits, str | bytes):
        try:
            return np.asarray(logits, dtype=np.float32)
        except (TypeError, ValueError):
            pass
    raise BadInput(f"logits must be a number or an array of numbers, got {shown(logits)}")
