"""Learning rate and batch by the size of the student, as the Ettin release trained its six rungs."""

from __future__ import annotations

import math
from typing import NamedTuple


class Published(NamedTuple):
    """One rung's settings."""

    parameters: float
    learning_rate: float
    batch_size: int


# Source: huggingface.co/blog/ettin-reranker (2026-05-19), the training table.
_RUNGS = (
    Published(17e6, 2.4e-4, 1024),
    Published(32e6, 1.2e-4, 512),
    Published(68e6, 3e-5, 256),
    Published(150e6, 1.5e-5, 192),
    Published(400e6, 7e-6, 256),
    Published(1e9, 3e-6, 512),
)


def published_settings(parameters: int) -> Published:
    """The settings of the rung nearest in size, by the ratio of parameters.

    >>> published_settings(22_700_000).learning_rate, published_settings(60_000_000).batch_size
    (0.00024, 256)
    """
    return min(_RUNGS, key=lambda rung: abs(math.log(rung.parameters / max(1, parameters))))
