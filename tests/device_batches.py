"""All logits of a stream of batches, as the engines on torch collect them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rankladder.rerank.device.scheduling import stream_batches
from rankladder.rerank.engine import collected
from rankladder.rerank.pairs import TokenPair
from rankladder.rerank.torch.batches import plan_batches


def score_in_batches(
    pairs: Sequence[TokenPair], *, done: Callable[[int], object], **settings: Any
) -> NDArray[np.float32]:
    """Logits (N,), planned as the torch engine plans unless ``planned`` and ``cost`` say otherwise."""
    settings = {"planned": plan_batches, "cost": sum, **settings}
    return collected(stream_batches(pairs, **settings), len(pairs), done=done)
