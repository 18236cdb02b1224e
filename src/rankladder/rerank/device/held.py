"""A device that an engine computes on, for as long as the engine lives."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch

from rankladder.errors import BadOption
from rankladder.rerank.device.device import (
    TorchDtype,
    check_dtype,
    find_device,
    is_forked_child,
    limited_threads,
)
from rankladder.rerank.processor import usable_cores


class HeldDevice:
    """The device, the number format and the threads that an engine computes with; computations take turns.

    Args:
        wish: ``cuda``, ``cuda:1``, ``mps`` or ``cpu``; None for the first that is here.
        dtype: The number format.
        threads: CPU only: threads of a matrix product, by default the usable cores. torch keeps this number for the
            whole process, so it is set for each computation and then set back.

    Raises:
        BadOption: A device that is not here, a number format that it lacks, threads on a GPU or below 1.
    """

    def __init__(self, wish: str | None, dtype: TorchDtype, threads: int | None) -> None:
        self.device = find_device(wish)
        self.dtype = dtype
        self.kind: torch.dtype = check_dtype(dtype, self.device)
        self.on_cpu = self.device.type == "cpu"
        if threads is not None and (threads < 1 or not self.on_cpu):
            raise BadOption(
                f"threads must be at least 1, got {threads}"
                if self.on_cpu
                else f"threads is for the CPU, not {self.device}"
            )
        self.threads = threads or (usable_cores() if self.on_cpu else 1)
        self._process, self.lock = os.getpid(), threading.Lock()

    def __str__(self) -> str:
        return str(self.device)

    def check_process(self) -> None:
        """Makes the device usable in a forked child: with one thread on the CPU, refused (BadInput) on a GPU."""
        if is_forked_child(self._process, self.device):
            self._process, self.lock, self.threads = os.getpid(), threading.Lock(), 1

    @contextmanager
    def computing(self) -> Iterator[None]:
        """The device is the current one, nothing else of this engine computes, and no gradient is kept."""
        with self.lock, self.current(), torch.inference_mode(), limited_threads(self.threads, self.device):
            yield

    def current(self) -> torch.cuda.device | nullcontext[None]:
        """The device as torch's current one, where there are several."""
        return torch.cuda.device(self.device) if self.device.type == "cuda" else nullcontext()
