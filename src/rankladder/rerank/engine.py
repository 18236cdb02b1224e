"""What an engine is, and the door to each: the number format is decided here, with its reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from rankladder.checkpoint.network import Checkpoint
from rankladder.errors import BadOption
from rankladder.rerank.pairs import TokenPair
from rankladder.rerank.processor import int8_path

Dtype = Literal["fp32", "int8"]
DtypeWish = Literal["auto", "fp32", "int8"]

INT8_LOSS_ALLOWED = 0.005
"""nDCG@10 that int8 may lose on judged data and still be the default for a model."""


class Engine(Protocol):
    """Scores token pairs."""

    name: str
    threads: int

    def score(self, pairs: Sequence[TokenPair], *, done: Callable[[int], object] = ...) -> NDArray[np.float32]:
        """Raw logits (N,) in the order given; ``done(n)`` after every n pairs, from any thread."""
        ...


@dataclass(frozen=True, slots=True)
class DtypeChoice:
    """The number format that an engine runs in, and why."""

    dtype: Dtype
    reason: str


def choose_dtype(checkpoint: Checkpoint, wish: DtypeWish) -> DtypeChoice:
    """What ``auto`` means here: int8 only where the processor gains by it and a recorded measurement allows it.

    Raises BadOption for a wish that is none of ``auto``, ``fp32`` and ``int8``.
    """
    if wish not in get_args(DtypeWish):
        raise BadOption(f"dtype must be one of {', '.join(get_args(DtypeWish))}, got {wish!r}")
    if wish != "auto":
        return DtypeChoice("int8" if wish == "int8" else "fp32", "asked for")
    if not checkpoint.int8_gate:
        return DtypeChoice("fp32", "no measurement of this model in int8 is recorded")
    worst = max(checkpoint.int8_gate, key=lambda gate: gate.loss)
    measured = f"int8 loses {worst.loss:+.4f} nDCG@10 on {worst.dataset} (at most {INT8_LOSS_ALLOWED} allowed)"
    if worst.loss > INT8_LOSS_ALLOWED:
        return DtypeChoice("fp32", measured)
    if int8_path() == "unknown":
        return DtypeChoice("fp32", "the processor could not be asked whether int8 pays; ask for int8 to use it anyway")
    return DtypeChoice("int8", measured)


def open_engine(checkpoint: Checkpoint, *, dtype: Dtype, threads: int) -> Engine:
    """The CPU engine over a checkpoint."""
    from rankladder.rerank.onnx.engine import OnnxEngine

    if dtype == "fp32":
        return OnnxEngine(checkpoint, precision="fp32", threads=threads)
    return OnnxEngine(checkpoint, precision="s8" if int8_path() == "vnni" else "u8", threads=threads)
