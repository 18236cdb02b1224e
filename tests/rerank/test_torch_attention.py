"""Every way to attend equals plain dense attention; those that need a card are held to their arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

from rankladder.errors import BadOption
from rankladder.rerank.torch import attention, sdpa
from rankladder.rerank.torch.attention import Attend, FlashAttn, Varlen, choose_attention
from rankladder.rerank.torch.batches import Layout, Packed
from rankladder.rerank.torch.flex import Flex
from rankladder.rerank.torch.sdpa import Sdpa

HEADS, SIZE = 2, 16
BATCHES = [[1], [3, 3, 1], [64, 65, 66], [200, 17, 17, 1, 1], [129, 128, 5], [700]]


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def packed(lengths: list[int]) -> Packed:
    ends = torch.tensor([0, *lengths]).cumsum(0).int()
    ids = torch.zeros(sum(lengths), dtype=torch.int32)
    return Packed(ids, ends, torch.zeros(len(lengths), dtype=torch.int32), max(lengths), tuple(lengths))


def dense(q: Tensor, k: Tensor, v: Tensor, at: Layout, *, window: int | None, first: bool) -> Tensor:
    """What attention is, one sequence and one T × T matrix at a time; knows nothing but where sequences end."""
    out = []
    for row, (start, end) in enumerate(zip(at.ends[:-1].tolist(), at.ends[1:].tolist(), strict=True)):
        if start == end:
            out += [q[row : row + 1]] if first else []
            continue
        query = q[row : row + 1] if first else q[start:end]
        scores = torch.einsum("qhd,khd->hqk", query.double(), k[start:end].double()) / SIZE**0.5
        if window is not None:
            place = torch.arange(end - start)
            scores[:, (place[:, None] - place[None, :]).abs() > window] = -torch.inf
        out.append(torch.einsum("hqk,khd->qhd", scores.softmax(-1), v[start:end].double()))
    return torch.cat(out).to(q.dtype)


def inputs(lengths: list[int]) -> tuple[Layout, list[Tensor]]:
    at = Layout(packed(lengths))
    drawn = np.random.default_rng(7).standard_normal((sum(lengths), 3, HEADS, SIZE), dtype=np.float32)
    qkv = torch.from_numpy(drawn)
    return at, list(qkv.unbind(1))  # strided, as the networks hand them over


WAYS: dict[str, Attend] = {"sdpa": Sdpa(), "flex": Flex(flex_attention, create_block_mask)}


@pytest.mark.filterwarnings("ignore:.*flex_attention.*:UserWarning")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("window", [None, 8, 64, 100])
@pytest.mark.parametrize("lengths", BATCHES, ids=str)
def test_a_way_to_attend_equals_dense_attention(way: str, window: int | None, lengths: list[int]) -> None:
    at, (q, k, v) = inputs(lengths)
    expected = dense(q, k, v, at, window=window, first=False)
    torch.testing.assert_close(WAYS[way](q, k, v, at, window=window, first=False), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("lengths", BATCHES, ids=str)
def test_the_first_tokens_alone_equal_dense_attention(way: str, lengths: list[int]) -> None:
    at, (q, k, v) = inputs(lengths)
    firsts = q[at.first]
    expected = dense(firsts, k, v, at, window=None, first=True)
    torch.testing.assert_close(WAYS[way](firsts, k, v, at, window=None, first=True), expected, atol=1e-5, rtol=0)


def test_long_sequences_attend_a_part_of_their_queries_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    at, (q, k, v) = inputs([130, 130, 50])
    monkeypatch.setattr(sdpa, "QUERIES_AT_ONCE", 32)
    expected = dense(q, k, v, at, window=None, first=False)
    torch.testing.assert_close(Sdpa()(q, k, v, at, window=None, first=False), expected, atol=1e-5, rtol=0)


def test_a_sliding_window_takes_memory_by_the_tokens_not_by_their_square() -> None:
    at, (q, k, v) = inputs([8000])
    Sdpa()(q, k, v, at, window=64, first=False)
    mask = at.masks[64]
    assert isinstance(mask, Tensor)
    assert mask.numel() == 8000 * 3 * 64


# A stand-in for flash_attn_varlen_func, by its documented meaning: with fewer queries than keys the two are aligned at
# their ends; a window of (−1, −1) is none.


def varlen(
    q: Tensor, k: Tensor, v: Tensor, ends_q: Tensor, ends_k: Tensor, longest_q: int, longest_k: int, window: Any
) -> Tensor:
    assert ends_q.dtype == ends_k.dtype == torch.int32
    assert len(ends_q) == len(ends_k)
    assert ends_q[-1] == len(q)
    assert ends_k[-1] == len(k)
    assert int(ends_q.diff().max()) <= longest_q
    assert int(ends_k.diff().max()) <= longest_k
    left, right = window
    out = []
    for a, b, c, d in zip(ends_q[:-1], ends_q[1:], ends_k[:-1], ends_k[1:], strict=True):
        scores = torch.einsum("qhd,khd->hqk", q[a:b], k[c:d]) / SIZE**0.5
        offset = torch.arange(int(d - c))[None, :] - (torch.arange(int(b - a))[:, None] + int(d - c) - int(b - a))
        hidden = (offset < -left) & (left >= 0) | (offset > right) & (right >= 0)
        out.append(torch.einsum("hqk,khd->qhd", scores.masked_fill(hidden, -torch.inf).softmax(-1), v[c:d]))
    return torch.cat(out)


def flash(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    cu_seqlens_q: Tensor,
    cu_seqlens_k: Tensor,
    max_seqlen_q: int,
    max_seqlen_k: int,
    window_size: tuple[int, int] = (-1, -1),
) -> Tensor:
    return varlen(q, k, v, cu_seqlens_q, cu_seqlens_k, max_seqlen_q, max_seqlen_k, window_size)


def torchs(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    cu_seq_q: Tensor,
    cu_seq_k: Tensor,
    max_q: int,
    max_k: int,
    *,
    window_size: tuple[int, int] = (-1, -1),
) -> Tensor:
    return varlen(query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, window_size)


@pytest.mark.parametrize("way", [FlashAttn(flash), Varlen(torchs)], ids=["flash-attn", "varlen"])
@pytest.mark.parametrize("window", [None, 8, 64])
@pytest.mark.parametrize("lengths", BATCHES, ids=str)
def test_kernels_of_a_card_are_called_by_their_signatures(way: Attend, window: int | None, lengths: list[int]) -> None:
    at, (q, k, v) = inputs(lengths)
    expected = dense(q, k, v, at, window=window, first=False)
    torch.testing.assert_close(way(q, k, v, at, window=window, first=False), expected, atol=1e-5, rtol=0)
    firsts = q[at.first]
    expected = dense(firsts, k, v, at, window=None, first=True)
    torch.testing.assert_close(way(firsts, k, v, at, window=None, first=True), expected, atol=1e-5, rtol=0)


def test_torchs_varlen_attn_takes_the_arguments_that_are_passed() -> None:
    import inspect

    kernel = pytest.importorskip("torch.nn.attention.varlen").varlen_attn
    at, (q, k, v) = inputs([3, 2])
    inspect.signature(kernel).bind(q, k, v, at.ends, at.ends, 3, 3, window_size=(-1, -1))


def tried(way: Attend, dtype: torch.dtype = torch.float32) -> str | None:
    return attention.failed_trial(way, device=torch.device("cpu"), dtype=dtype, head_size=SIZE)


def test_a_kernel_is_tried_before_it_is_chosen() -> None:
    def not_built(*_: Any, **__: Any) -> Tensor:
        raise RuntimeError("CUDA error: no kernel image is available for execution on the device\nCompile with …")

    def older(q: Tensor, k: Tensor, v: Tensor, **_: Any) -> Tensor:
        raise TypeError("got an unexpected keyword argument 'window_size'")

    def full(*_: Any, **__: Any) -> Tensor:
        raise torch.OutOfMemoryError("full")

    def windowless(*given: Any, window_size: tuple[int, int]) -> Tensor:
        return varlen(*given, (-1, -1))

    for way in (Sdpa(), Varlen(torchs), FlashAttn(flash)):
        assert tried(way) is None
    with pytest.raises(torch.OutOfMemoryError):
        tried(Varlen(full))
    assert tried(Sdpa(), torch.bfloat16) is None
    assert tried(Varlen(not_built)) == (
        "does not run here (CUDA error: no kernel image is available for execution on the device)"
    )
    assert "unexpected keyword" in str(tried(FlashAttn(older)))
    assert str(tried(Varlen(windowless))).startswith("disagrees with torch's own attention by 0.")


def test_a_kernel_that_fails_its_trial_is_passed_over(
    card: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    card((9, 0), flash_attn_varlen_func=flash, varlen_attn=torchs)
    asked: list[object] = []

    def trial(attend: Attend, **given: object) -> str | None:
        asked.append(given)
        return "does not run here (why)" if isinstance(attend, FlashAttn) else None

    monkeypatch.setattr(attention, "failed_trial", trial)
    assert chosen() == "varlen"
    assert asked == [{"device": CARD, "dtype": torch.bfloat16, "head_size": 64}] * 2
    with pytest.raises(BadOption, match=r"flash-attn does not run here \(why\)"):
        chosen("flash-attn")


def test_what_mps_computes_step_by_step_for_few_queries_is_attention() -> None:
    _, (q, k, v) = inputs([70, 70])
    query, key, value = (x.view(2, 70, HEADS, SIZE).transpose(1, 2) for x in (q, k, v))
    expected = torch.nn.functional.scaled_dot_product_attention(query[:, :, 64:], key, value)
    torch.testing.assert_close(sdpa.attend_plainly(query[:, :, 64:], key, value), expected, atol=1e-5, rtol=0)


# The choice, with a card that is not there.

CARD = torch.device("cuda", 0)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def present(capability: tuple[int, int], **modules: Any) -> None:
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Card")

        def imported(module: str, name: str) -> Any:
            return modules.get(name, f"cannot be imported (No module named {module!r})")

        monkeypatch.setattr(attention, "_imported", imported)
        monkeypatch.setattr(attention, "failed_trial", lambda attend, **_: None)

    return present


def chosen(wish: Any = "auto", *, dtype: torch.dtype = torch.bfloat16, head_size: int = 64) -> str:
    return choose_attention(wish, device=CARD, dtype=dtype, head_size=head_size)[0]


def test_auto_takes_the_first_way_that_runs(card: Callable[..., None]) -> None:
    card((9, 0), flash_attn_varlen_func=flash, varlen_attn=torchs)
    assert chosen() == "flash-attn"
    assert chosen(dtype=torch.float32) == "sdpa"
    assert chosen(head_size=20) == "sdpa"
    card((9, 0), varlen_attn=torchs)
    assert chosen() == "varlen"
    card((9, 0), varlen_attn=lambda query, key, value, cu_seq_q, cu_seq_k, max_q, max_k: query)
    assert chosen() == "sdpa"  # torch 2.10's has no window
    card((7, 5), flash_attn_varlen_func=flash, varlen_attn=torchs)
    assert chosen() == "sdpa"


def test_a_way_that_cannot_run_is_refused_with_the_reason(card: Callable[..., None]) -> None:
    card((7, 5), varlen_attn=torchs)
    with pytest.raises(BadOption, match=r"compute capability 8\.0, and Card is older\nhint: "):
        chosen("varlen")
    card((9, 0))
    with pytest.raises(BadOption, match="flash-attn cannot be imported"):
        chosen("flash-attn")
    with pytest.raises(BadOption, match="fp32 is requested"):
        chosen("varlen", dtype=torch.float32)
    with pytest.raises(BadOption, match="must be one of auto, flash-attn, varlen, flex, sdpa, got 'eager'"):
        chosen("eager")
    for name in ("flash-attn", "varlen", "flex"):
        with pytest.raises(BadOption, match="the device is cpu"):
            choose_attention(name, device=torch.device("cpu"), dtype=torch.bfloat16, head_size=64)  # type: ignore[arg-type]
    assert choose_attention("auto", device=torch.device("cpu"), dtype=torch.float32, head_size=7)[0] == "sdpa"
