"""Self-attention over packed sequences, and the choice between the ways that this machine has for it."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast, get_args

import torch
from torch import Tensor

from rankladder.errors import BadOption
from rankladder.rerank.device.device import is_out_of_memory
from rankladder.rerank.torch.batches import Layout, Packed
from rankladder.rerank.torch.sdpa import Sdpa

AttentionName = Literal["flash-attn", "varlen", "flex", "sdpa"]
AttentionWish = Literal["auto", "flash-attn", "varlen", "flex", "sdpa"]
"""``auto`` takes the first that runs here of ``flash-attn`` (the flash-attn package), ``varlen`` (the same kernels in
torch) and ``sdpa``. ``flex`` (FlexAttention, compiled) only runs when asked for, until it is measured on a card."""

Kernel = Callable[..., Any]

_OFF = 0.03
"""What rounding to bf16 may change in a mean of numbers from −1 to 1; another window changes much more."""


class Attend(Protocol):
    """Scaled dot-product attention inside each sequence of a packed batch."""

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, at: Layout, *, window: int | None, first: bool) -> Tensor:
        """q, k, v (T, heads, head size) → (T, heads, head size).

        With a ``window``, token i sees tokens i − window … i + window of its sequence. With ``first``, q and the result
        hold only each sequence's first token, (B, heads, head size), and there is no window.
        """
        ...


@dataclass(frozen=True, slots=True)
class FlashAttn:
    """``flash_attn_varlen_func`` of the flash-attn package. Source: Dao 2023, arXiv:2307.08691."""

    kernel: Kernel

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, at: Layout, *, window: int | None, first: bool) -> Tensor:
        """See Attend."""
        out = self.kernel(
            q,
            k,
            v,
            cu_seqlens_q=at.one_each if first else at.ends,
            cu_seqlens_k=at.ends,
            max_seqlen_q=1 if first else at.longest,
            max_seqlen_k=at.longest,
            window_size=sides(window, at),
        )
        return cast(Tensor, out)


@dataclass(frozen=True, slots=True)
class Varlen:
    """``torch.nn.attention.varlen.varlen_attn``: FlashAttention's kernels as torch itself brings them."""

    kernel: Kernel

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, at: Layout, *, window: int | None, first: bool) -> Tensor:
        """See Attend."""
        out = self.kernel(
            q,
            k,
            v,
            at.one_each if first else at.ends,
            at.ends,
            1 if first else at.longest,
            at.longest,
            window_size=sides(window, at),
        )
        return cast(Tensor, out)


def sides(window: int | None, at: Layout) -> tuple[int, int]:
    """The kernels' window: (left, right), with −1 for no limit, also where no sequence reaches past the window."""
    return (-1, -1) if window is None or at.longest <= window + 1 else (window, window)


def choose_attention(
    wish: AttentionWish, *, device: torch.device, dtype: torch.dtype, head_size: int
) -> tuple[AttentionName, Attend]:
    """The way to attend, and its name.

    Raises BadOption for a wish that is unknown or that cannot run here, with the reason.
    """
    if wish not in get_args(AttentionWish):
        raise BadOption(f"attention must be one of {', '.join(get_args(AttentionWish))}, got {wish!r}")
    candidates: tuple[AttentionName, ...] = ("flash-attn", "varlen", "sdpa") if wish == "auto" else (wish,)
    missing: list[str] = []
    for name in candidates:
        found = _open(name, device=device, dtype=dtype, head_size=head_size)
        if not isinstance(found, str):
            return name, found
        missing.append(f"{name} {found}")
    raise BadOption(f"attention: {'; '.join(missing)}", hint='attention="sdpa" runs everywhere')


def _open(name: AttentionName, *, device: torch.device, dtype: torch.dtype, head_size: int) -> Attend | str:
    """One way to attend, or why it cannot run here."""
    if name == "sdpa":
        return Sdpa()
    if device.type != "cuda":
        return f"runs on CUDA, and the device is {device}"
    if name == "flex":
        from rankladder.rerank.torch.flex import Flex

        return Flex.compiled()
    if dtype == torch.float32:
        return "computes in bf16 or fp16, and fp32 is requested"
    if torch.cuda.get_device_capability(device) < (8, 0):
        return f"needs compute capability 8.0, and {torch.cuda.get_device_name(device)} is older"
    if head_size % 8 or head_size > 256:
        return f"needs heads of at most 256 values, a multiple of 8, and the model's have {head_size}"
    if name == "flash-attn":
        kernel = _imported("flash_attn", "flash_attn_varlen_func")
        if isinstance(kernel, str):
            return kernel
        attend: Attend = FlashAttn(kernel)
    else:
        kernel = _imported("torch.nn.attention.varlen", "varlen_attn")
        if isinstance(kernel, str):
            return kernel
        if "window_size" not in inspect.signature(kernel).parameters:
            return f"of torch {torch.__version__} has no sliding window"
        attend = Varlen(kernel)
    return failed_trial(attend, device=device, dtype=dtype, head_size=head_size) or attend


def failed_trial(attend: Attend, *, device: torch.device, dtype: torch.dtype, head_size: int) -> str | None:
    """Why a kernel does not do here, or None: what can be imported may be built for other cards, or read a window as it
    likes. Held against torch's own attention on two short sequences.

    Raises what torch raises for a lack of memory.
    """
    lengths = (150, 3)
    ends = torch.tensor([0, *lengths], device=device).cumsum(0).int()
    ids = torch.zeros(sum(lengths), dtype=torch.int32, device=device)
    at = Layout(Packed(ids, ends, ids[: len(lengths)], max(lengths), lengths))
    places = torch.arange(3 * len(ids) * 2 * head_size, device=device)
    q, k, v = (places * 0.7).sin().view(len(ids), 3, 2, head_size).to(dtype).unbind(1)  # as the networks hand them over
    for window, first in ((None, False), (8, False), (None, True)):
        queries = q[at.first] if first else q
        expected = Sdpa()(queries, k, v, at, window=window, first=first).float()
        try:
            off = (attend(queries, k, v, at, window=window, first=first).float() - expected).abs().max().item()
        except Exception as error:  # another project's kernel, from a compiler or by a signature of its own: in any way
            if isinstance(error, RuntimeError) and is_out_of_memory(error):
                raise  # no room for two short sequences: another kernel would not find it either
            return f"does not run here ({str(error).strip().partition(chr(10))[0]})"
        if not off < _OFF:
            return f"disagrees with torch's own attention by {off:.2g}"
    return None


def _imported(module: str, name: str) -> Kernel | str:
    """A function of a module, or why there is none: not installed, or built for another torch."""
    try:
        return cast(Kernel, getattr(importlib.import_module(module), name))
    except (ImportError, AttributeError) as error:
        return f"cannot be imported ({error})"
