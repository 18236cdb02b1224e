"""Sentence Transformers beside ours: ``CrossEncoder.predict`` and ``rank`` as people call them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from safetensors import safe_open

from rankladder.checkpoint import write_expanded
from rankladder.checkpoint.weights import SCALE
from rankladder.cost.machine import shows_nvidia_gpu
from rankladder.cost.peak import torch_gflops
from rankladder.rerank.processor import usable_cores
from rankladder.temporary import temporary_folder

DEFAULT_BATCH_SIZE = 32
"""Of ``CrossEncoder.predict``."""


FLASH = "flash_attention_2"
"""What transformers calls the attention with which Sentence Transformers leaves padding out, where the model allows it.
"""


def flash_runs_here(device: str | None) -> bool:
    """Whether the flash-attn package and an NVIDIA GPU are here for the device asked for; torch is not imported."""
    on_card = device is None or device.startswith("cuda")
    return on_card and shows_nvidia_gpu() and find_spec("flash_attn") is not None


def peer_is_installed() -> bool:
    """Whether Sentence Transformers can be imported here; it is not."""
    return find_spec("sentence_transformers") is not None


class PeerSubject:
    """A CrossEncoder with its defaults: padded batches, sorted by length, on the first device that torch finds, with as
    many threads as torch starts, unless ``device`` and ``threads`` say otherwise. The number format is the one that the
    files are in unless ``dtype`` says another; ``attention`` is transformers' name of another attention. Its knob is
    ``batch_size``.
    """

    def __init__(self, name: str, options: dict[str, Any]) -> None:
        import torch
        from sentence_transformers import CrossEncoder

        dtype, max_tokens = options.get("dtype"), options.get("max_tokens")
        self._attention: str | None = options.get("attention")
        kwargs: dict[str, Any] = {"device": options.get("device")}
        if max_tokens is not None:
            kwargs["max_length"] = max_tokens
        if options.get("threads") is not None:
            torch.set_num_threads(options["threads"])
        with temporary_folder() as place:
            folder = _readable(Path(name), place)
            if folder != Path(name):
                dtype = dtype or "fp32"  # as it was written out; its config may still tell of another format
            inner: dict[str, Any] = {}
            if dtype is not None:
                inner["dtype"] = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}[dtype]
            if self._attention is not None:
                inner["attn_implementation"] = self._attention
            self._model = CrossEncoder(str(folder), **kwargs, **({"model_kwargs": inner} if inner else {}))
        self._batch_size = DEFAULT_BATCH_SIZE

    def describe(self) -> dict[str, Any]:
        """See Subject."""
        import torch

        device = self._model.device
        kind = str(next(self._model.parameters()).dtype)
        dtype = {"torch.float32": "fp32", "torch.bfloat16": "bf16", "torch.float16": "fp16"}.get(kind, kind)
        return {
            "name": "sentence-transformers",
            "dtype": dtype,
            "engine": "sentence-transformers",
            "about": self._about(),
            "device": str(device),
            "threads": torch.get_num_threads() if device.type == "cpu" else None,
            "batch_size": self._batch_size,
            "token_budget": None,
            "max_tokens": self._model.max_seq_length,
        }

    def _about(self) -> str:
        unpadded = getattr(self._model[0], "can_flatten_inputs", False)
        batches = f"{'unpadded' if unpadded else 'padded'} batches, sorted by length"
        return f"CrossEncoder with {self._attention or 'its defaults'}: {batches}"

    def lengths(self, pairs: Sequence[tuple[str, str]]) -> tuple[list[int], int]:
        """See Subject."""
        self.score(pairs)
        limit = self._model.max_seq_length or sys.maxsize
        queries, texts = zip(*pairs, strict=True)
        ids = self._model.tokenizer(list(queries), list(texts), truncation=False, verbose=False)["input_ids"]
        whole = [len(one) for one in ids]
        return [min(length, limit) for length in whole], sum(length > limit for length in whole)

    def score(self, pairs: Sequence[tuple[str, str]]) -> object:
        """See Subject."""
        return self._model.predict(list(pairs), batch_size=self._batch_size, show_progress_bar=False)

    def rank(self, query: str, texts: Sequence[str]) -> object:
        """See Subject."""
        return self._model.rank(query, list(texts), batch_size=self._batch_size, show_progress_bar=False)

    def tune(self, setting: int) -> None:
        """Another batch size."""
        self._batch_size = setting

    def gflops(self, width: int) -> float:
        """See Subject."""
        described = self.describe()
        return torch_gflops(described["dtype"], width=width, device=described["device"], threads=usable_cores())


def _readable(folder: Path, into: Path) -> Path:
    """The folder that CrossEncoder can read: a compact checkpoint's weights are written out in fp32 first."""
    weights = folder / "model.safetensors"
    if not weights.is_file():
        return folder
    with safe_open(weights, framework="np") as tensors:
        if not any(name.endswith(SCALE) for name in tensors.keys()):  # noqa: SIM118 — not a mapping
            return folder
    return write_expanded(folder, into / "expanded")
