"""From pairs to scores, batch by batch, in any engine: order kept, memory errors met by smaller batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rankladder.errors import DeviceMemoryFull
from rankladder.rerank.device.device import is_out_of_memory
from rankladder.rerank.engine import Stop
from rankladder.rerank.pairs import TokenPair

Fetch = Callable[[], NDArray[np.float32]]
"""Waits for a batch's logits (B,) and brings them."""

Launch = Callable[[Sequence[TokenPair]], Fetch]
"""Starts a batch. Where it raises for want of memory (``is_out_of_memory``) nothing was started."""


class Plan(Protocol):
    """Row numbers by batch, of at most ``max_tokens`` each except rows that are alone."""

    def __call__(self, lengths: Sequence[int], *, max_tokens: int) -> list[list[int]]:
        """Every row once."""
        ...


IN_FLIGHT = 3
"""Batches started and not yet fetched: the host prepares the next while the device computes. A guess."""


class TokenBudget:
    """Tokens that a batch may have. Only ever shrinks."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens

    def halve(self, failed: int) -> None:
        """After a batch that counted ``failed`` tokens did not fit."""
        self.tokens = max(1, min(self.tokens, failed // 2))


def stream_batches(
    pairs: Sequence[TokenPair],
    *,
    budget: TokenBudget,
    launch: Launch,
    release: Callable[[], bool],
    planned: Plan,
    cost: Callable[[Sequence[int]], int],
    stop: Stop | None = None,
) -> Generator[tuple[int, float], None, None]:
    """The place of each pair with its logit, batch by batch.

    ``cost`` counts a batch's tokens from its lengths as ``planned`` does. Once ``stop`` is set no further batch is
    started; those that were started are still given.

    A batch that does not fit in memory (``is_out_of_memory`` and no other error) halves the budget, for later calls
    too. What was started is fetched first, ``release`` frees what is kept for reuse, and all that was not started is
    planned again, so no score is lost or computed twice. Where ``release`` says that it gave back memory that batches
    in use held (CUDA graphs), the batch is tried once more as it is.

    Raises DeviceMemoryFull where one sequence alone does not fit.
    """
    lengths = [len(pair.ids) for pair in pairs]
    plan = deque(planned(lengths, max_tokens=budget.tokens))
    flying: deque[tuple[list[int], Fetch]] = deque()
    retried: list[int] | None = None

    def land() -> Iterator[tuple[int, float]]:
        rows, fetch = flying.popleft()
        return zip(rows, fetch().tolist(), strict=True)

    while plan and not (stop is not None and stop.is_set()):
        rows = plan.popleft()
        try:
            flying.append((rows, launch([pairs[row] for row in rows])))
            fits = True
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            fits = False  # acted on outside: the error holds the failed batch's tensors
        if fits:
            if len(flying) >= IN_FLIGHT:
                yield from land()
            continue
        alone = not flying
        while flying:
            yield from land()
        if release() and rows is not retried:
            retried = rows
            plan.appendleft(rows)
            continue
        if len(rows) == 1 and alone:
            raise DeviceMemoryFull(
                f"a sequence of {lengths[rows[0]]} tokens does not fit in the device's memory by itself",
                hint="open the model with a lower max_tokens, or on another device",
            )
        if len(rows) > 1:
            budget.halve(cost([lengths[row] for row in rows]))
        left = [row for batch in (rows, *plan) for row in batch]
        plan = deque(
            [left[place] for place in batch]
            for batch in planned([lengths[row] for row in left], max_tokens=budget.tokens)
        )
    while flying:
        yield from land()
