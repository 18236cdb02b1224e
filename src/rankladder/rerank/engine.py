"""What an engine is, and the door to each: the number format is decided here, with its reason."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from shutil import which
from typing import TYPE_CHECKING, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from rankladder.arguments import shown
from rankladder.checkpoint import Checkpoint, Foreign, Found, foreign_family
from rankladder.errors import BadOption, MissingExtra
from rankladder.rerank.pairs import TokenPair
from rankladder.rerank.processor import Int8Path, int8_path, usable_cores

if TYPE_CHECKING:
    from rankladder.rerank.onnx.precision import Precision
    from rankladder.rerank.torch.attention import AttentionWish

EngineName = Literal["onnx", "torch", "sentence-transformers"]
EngineWish = Literal["auto", "onnx", "torch", "sentence-transformers"]
Dtype = Literal["fp32", "int8", "bf16", "fp16"]
DtypeWish = Literal["auto", "fp32", "int8", "bf16", "fp16"]

OFFERED: Mapping[str, tuple[Dtype, ...]] = {
    "onnx": ("fp32", "int8"),
    "torch": ("fp32", "bf16", "fp16"),
    "sentence-transformers": ("fp32", "bf16", "fp16"),
}
"""Number formats by engine."""

INT8_LOSS_ALLOWED = 0.005
"""nDCG@10 that int8 may lose on judged data and still be the default for a model."""

_GAIN: Mapping[Int8Path, str] = {
    "vnni": "",
    "saturating": ", without VNNI, so it gains less here",
    "unknown": ", on a processor that is not known to gain by it",
}
"""The note on int8, by the abilities of the processor. With AVX2 alone it still gains: about a quarter
over fp32 (two cores of an AMD EPYC, see docs/notes.md)."""


class Engine(Protocol):
    """Scores token pairs."""

    name: str
    about: str
    """Its name, and for people on what it computes and how."""
    device: str
    """``cpu``, ``cuda:0``, ``mps``."""
    reads_ahead: bool
    """Whether texts are tokenised while it computes: where it computes on another device than the tokeniser's."""

    @property
    def threads(self) -> int:
        """Threads that compute, on a CPU."""
        ...

    @property
    def token_budget(self) -> int | None:
        """Most tokens of a batch, at this moment; None where nothing is batched."""
        ...

    def stream(
        self, pairs: Sequence[TokenPair], *, stop: Stop | None = None
    ) -> Generator[tuple[int, float], None, None]:
        """The place of each pair with its raw logit, as they are computed, in any order.

        Once ``stop`` is set, or the generator is closed, no further sequence (on a GPU: no further batch) is begun;
        what is under way is finished.
        """
        ...

    def score(self, pairs: Sequence[TokenPair], *, done: Callable[[int], object] = ...) -> NDArray[np.float32]:
        """Raw logits (N,) in the order given: the whole stream; ``done(1)`` after every pair, from this thread."""
        ...


class Stop(Protocol):
    """Whether a caller still wants scores: a ``threading.Event``, or what answers like one."""

    def is_set(self) -> bool:
        """True once nothing more is wanted."""
        ...


def collected(stream: Iterator[tuple[int, float]], count: int, *, done: Callable[[int], object]) -> NDArray[np.float32]:
    """All logits (N,) of a stream that is not stopped, in the order of the pairs."""
    logits = np.empty(count, dtype=np.float32)
    for place, logit in stream:
        logits[place] = logit
        done(1)
    return logits


@dataclass(frozen=True, slots=True)
class DtypeChoice:
    """The number format that an engine runs in, and why."""

    dtype: Dtype
    reason: str


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """The engine that runs a model, and why."""

    engine: EngineName
    reason: str


def choose_engine(found: Found, wish: EngineWish) -> EngineChoice:
    """What ``auto`` means here: onnx for what is loaded natively, Sentence Transformers for what only it can run.

    Raises BadOption for an engine that does not exist.
    """
    if wish not in get_args(EngineWish):
        raise BadOption(f"engine must be one of {', '.join(get_args(EngineWish))}, got {wish!r}")
    if wish != "auto":
        return EngineChoice(wish, "asked for")
    if foreign_family(found.folder) is None:
        return EngineChoice("onnx", "loaded natively")
    return EngineChoice("sentence-transformers", "no engine of our own runs this architecture")


def choose_dtype(checkpoint: Checkpoint | Foreign, wish: DtypeWish, *, engine: EngineName = "onnx") -> DtypeChoice:
    """What ``auto`` means here: int8 only where the processor gains by it and a recorded measurement allows it.

    The torch and sentence-transformers engines have no int8; their ``auto`` is fp32 until a card has been measured.

    Raises BadOption for a number format that does not exist, or that the engine lacks.
    """
    if wish not in {"auto", *OFFERED[engine]}:
        raise BadOption(
            f"the {engine} engine's dtype must be one of auto, {', '.join(OFFERED[engine])}, got {wish!r}",
            hint='engine="torch" has it' if wish in {"bf16", "fp16"} else None,
        )
    if wish != "auto":
        return DtypeChoice(wish, "asked for" + (_GAIN[int8_path()] if wish == "int8" else ""))
    if engine != "onnx" or isinstance(checkpoint, Foreign):
        return DtypeChoice("fp32", "bf16 and fp16 are used on request")
    if not checkpoint.int8_gate:
        return DtypeChoice("fp32", "no measurement of this model in int8 is recorded")
    worst = max(checkpoint.int8_gate, key=lambda gate: gate.loss)
    measured = f"int8 loses {worst.loss:+.4f} nDCG@10 on {worst.dataset} (at most {INT8_LOSS_ALLOWED} allowed)"
    if worst.loss > INT8_LOSS_ALLOWED:
        return DtypeChoice("fp32", measured)
    if int8_path() == "unknown":
        return DtypeChoice("fp32", "this processor is not known to gain by int8; request int8 to use it anyway")
    return DtypeChoice("int8", measured + _GAIN[int8_path()])


def precision_of(dtype: str) -> Precision:
    """How the onnx engine multiplies in fp32 or int8 here: int8 has two forms, and the processor runs one better."""
    return "fp32" if dtype == "fp32" else "s8" if int8_path() == "vnni" else "u8"


def check_torch_options(engine: str, *, attention: AttentionWish, cuda_graphs: bool) -> None:
    """Raises BadOption where another engine, or a service, is asked for what the torch engine alone has."""
    if not isinstance(attention, str):
        raise BadOption(f"attention must be a text, got {shown(attention)}")
    for option, wanted in (("attention", attention != "auto"), ("cuda_graphs", cuda_graphs)):
        if wanted and engine != "torch":
            raise BadOption(f"{option} is for the torch engine, not for {engine}", hint='engine="torch"')


def open_engine(
    checkpoint: Checkpoint,
    *,
    engine: Literal["onnx", "torch"],
    dtype: Dtype,
    threads: int | None,
    device: str | None,
    attention: AttentionWish = "auto",
    cuda_graphs: bool = False,
) -> Engine:
    """The engine for a checkpoint that we understand, its optional dependency checked first.

    Raises MissingExtra, with the install line; BadOption for a device that the engine, or this machine, has not.
    """
    if engine == "torch":
        need("torch", extra="torch")
        from rankladder.rerank.torch.engine import TorchEngine

        assert dtype != "int8"  # choose_dtype has refused it
        return TorchEngine(
            checkpoint,
            dtype=dtype,
            device=device,
            threads=threads,
            attention=attention,
            cuda_graphs=cuda_graphs,
        )
    if device not in {None, "cpu"}:
        raise BadOption(f"the onnx engine runs on the CPU, not on {device}", hint='engine="torch"')
    from rankladder.rerank.onnx.engine import OnnxEngine

    return OnnxEngine(checkpoint, precision=precision_of(dtype), threads=threads or usable_cores())


_ON_TORCH = frozenset({"torch", "sentence_transformers", "accelerate"})


def need(module: str, *, extra: str) -> None:
    """Raises MissingExtra, with the install line, unless the module can be found."""
    if find_spec(module) is None:
        hint = f"pip install 'rankladder[{extra}]'"
        # On Linux torch comes with CUDA, some gigabytes of it, unless its CPU build is there already.
        if (
            sys.platform == "linux"
            and module in _ON_TORCH
            and find_spec("torch") is None
            and which("nvidia-smi") is None
        ):
            hint += "; without a GPU, first: pip install torch --index-url https://download.pytorch.org/whl/cpu"
        raise MissingExtra(f"{module} is not installed", hint=hint)
