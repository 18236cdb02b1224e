"""Which device computes, in which number format: what was asked for, held against what is there; and what every engine
on torch must mind while it computes.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from rankladder.errors import BadInput, BadOption, DeviceMemoryFull

TorchDtype = Literal["fp32", "bf16", "fp16"]

DTYPES: Mapping[TorchDtype, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def find_device(wish: str | None) -> torch.device:
    """The device asked for (``cpu``, ``mps``, ``cuda``, ``cuda:1`` …); without a wish CUDA, else MPS, else the CPU.

    Raises BadOption, saying what was found, for a device that is not there or cannot be used.
    """
    if wish is None:
        wish = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(wish)
    except RuntimeError:
        device = None
    if device is None or device.type not in {"cpu", "cuda", "mps"} or (device.type != "cuda" and device.index):
        raise BadOption(f"device must be cpu, mps, cuda or cuda:N, got {wish!r}")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise BadOption(f"device {wish!r} is not available: {found_devices()}", hint='device="cpu"')
    if device.type != "cuda":
        return torch.device(device.type)
    if not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count():
        raise BadOption(f"device {wish!r} is not available: {found_devices()}", hint='device="cpu"')
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
    except RuntimeError as error:  # a forked child of a process that used CUDA; a driver that does not answer
        raise BadOption(
            f"device {wish!r} cannot be used: {error}",
            hint='start worker processes with multiprocessing.get_context("spawn")',
        ) from error
    return torch.device("cuda", torch.cuda.current_device() if device.index is None else device.index)


def found_devices() -> str:
    """One line on the torch that is installed and the devices that it sees."""
    if torch.version.cuda is None and torch.version.hip is None:
        cuda = "built without CUDA"
    else:
        cuda = f"CUDA {torch.version.cuda or torch.version.hip} with {torch.cuda.device_count()} devices"
    mps = "MPS available" if torch.backends.mps.is_available() else "no MPS"
    return f"torch {torch.__version__}, {cuda}, {mps}"


def check_dtype(dtype: str, device: torch.device) -> torch.dtype:
    """The torch dtype of a number format that the device computes in.

    Raises BadOption, with the alternatives, for one that is unknown or that the device lacks.
    """
    offered = [name for name in DTYPES if _computes_in(name, device)]
    if dtype not in get_args(TorchDtype):
        raise BadOption(f"dtype must be one of {', '.join(offered)} on {device}, got {dtype!r}")
    if dtype not in offered:
        raise BadOption(f"{device} does not compute in {dtype}", hint=f"it computes in {' and '.join(offered)}")
    return next(kind for name, kind in DTYPES.items() if name == dtype)


def _computes_in(dtype: TorchDtype, device: torch.device) -> bool:
    """CUDA has bf16 from compute capability 8.0 on, MPS from macOS 14 on; everything has fp32 and fp16."""
    if dtype != "bf16" or device.type == "cpu":
        return True
    if device.type == "mps":
        return bool(torch.backends.mps.is_macos_or_newer(14, 0))
    with torch.cuda.device(device):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))


class _OneAtATime:
    """A lock that a forked child gets new: its holder in the parent does not exist there."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._begin_anew)

    def _begin_anew(self) -> None:
        self.lock = threading.Lock()


_CPU = _OneAtATime()


@contextmanager
def limited_threads(threads: int, device: torch.device) -> Iterator[None]:
    """Inside, torch on the CPU computes with this many threads.

    It keeps their number for the whole process, so what computes on the CPU takes turns: of two at once one would find,
    and leave behind, the other's number.
    """
    if device.type != "cpu":
        yield
        return
    with _CPU.lock:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)


NO_CAPTURE_MEANWHILE = threading.Lock()
"""Held by what records a CUDA graph and by what waits for the whole device or empties torch's cache: torch allows one
recording at a time in a process, and neither of these during one.
"""

_OUT_OF_MEMORY = "MPS backend out of memory", "CUDA error: out of memory", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED"
"""How messages begin where there is no type for it: MPS, and what CUDA takes beside torch's allocator."""


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether a device's memory was too small."""
    return isinstance(error, torch.OutOfMemoryError) or str(error).startswith(_OUT_OF_MEMORY)


@contextmanager
def weights_placed(name: str, dtype: TorchDtype, device: torch.device) -> Iterator[None]:
    """Raises DeviceMemoryFull where weights that are moved inside do not fit on the device."""
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise DeviceMemoryFull(
            f"the weights of {name} in {dtype} do not fit in the memory of {device}",
            hint="a number format of 16 bits takes half as much, or open it on another device",
        ) from error


def free_kept_memory(device: torch.device) -> None:
    """Frees what torch keeps for reuse, after a batch that did not fit."""
    if device.type == "cuda":
        with NO_CAPTURE_MEANWHILE:
            torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def is_forked_child(opened_by: int, device: torch.device) -> bool:
    """Whether this process was forked from the one, by its id, that opened an engine.

    Raises BadInput there for an engine on a GPU, which cannot be used in it.
    """
    if os.getpid() == opened_by:
        return False
    if device.type != "cpu":
        raise BadInput(
            f"this engine was opened on {device} by process {opened_by}, and a forked child cannot use it",
            hint='multiprocessing.get_context("spawn"), and open the model in the child',
        )
    return True


def check_finite(logits: NDArray[np.float32], dtype: TorchDtype) -> None:
    """Raises BadInput for scores that are not finite."""
    if wrong := np.count_nonzero(~np.isfinite(logits)):
        raise BadInput(
            f"{wrong} of {len(logits)} scores in {dtype} are not finite",
            hint='dtype="bf16" and "fp32" hold larger numbers than fp16' if dtype == "fp16" else None,
        )
