"""Rotary positions, the same numbers for every engine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def rotary_tables(positions: int, head_size: int, theta: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cosine and sine (positions, head_size / 2), computed in float32 as transformers does.

    Source: Su et al. 2021, arXiv:2104.09864.
    """
    exponents = np.arange(0, head_size, 2, dtype=np.int64).astype(np.float32) / np.float32(head_size)
    frequencies = np.float32(1) / np.power(np.float32(theta), exponents, dtype=np.float32)
    angles = np.arange(positions, dtype=np.float32)[:, None] * frequencies[None, :]
    return np.cos(angles), np.sin(angles)
