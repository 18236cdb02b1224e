"""What the torch engine is asked for it does or refuses: devices, number formats, threads, processes."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rankladder import Reranker
from rankladder.checkpoint import open_checkpoint
from rankladder.checkpoint.network import Checkpoint
from rankladder.errors import BadInput, BadOption
from rankladder.rerank import pairs as reading
from rankladder.rerank.device import device as devices
from rankladder.rerank.device.budget import CPU_TOKENS, MPS_TOKENS, default_budget
from rankladder.rerank.device.device import check_dtype, find_device
from rankladder.rerank.pairs import TokenPair
from rankladder.rerank.torch import batches
from rankladder.rerank.torch.engine import TorchEngine


@pytest.fixture(scope="module")
def checkpoint(bert: Path) -> Checkpoint:
    return open_checkpoint(bert)


@pytest.fixture(scope="module")
def engine(checkpoint: Checkpoint) -> TorchEngine:
    return TorchEngine(checkpoint, dtype="fp32", device="cpu", token_budget=300, threads=1)


@pytest.fixture(scope="module")
def pairs() -> list[TokenPair]:
    draw = np.random.default_rng(5)
    lengths = draw.integers(3, 120, 30)
    return [TokenPair(draw.integers(0, 300, length).astype(np.int32), 2) for length in lengths]


def test_an_engine_says_what_it_is(engine: TorchEngine, checkpoint: Checkpoint) -> None:
    assert (engine.name, engine.dtype, engine.device, engine.attention) == ("torch", "fp32", "cpu", "sdpa")
    assert (engine.threads, engine.token_budget) == (1, 300)
    assert engine.about == "torch on cpu, attention sdpa"
    assert TorchEngine(checkpoint, dtype="fp32", device="cpu", threads=1).token_budget == CPU_TOKENS


def test_what_it_computes_on_is_said_of_the_reranker(bert: Path) -> None:
    assert "engine torch on cpu, attention sdpa, at most" in Reranker.open(bert, engine="torch", device="cpu").about


def test_on_the_cpu_nothing_is_tokenised_ahead(engine: TorchEngine) -> None:
    assert not engine.reads_ahead  # it would take the cores that compute


def test_nothing_to_score_gives_no_scores(engine: TorchEngine) -> None:
    scores = engine.score([])
    assert (scores.shape, scores.dtype) == ((0,), np.float32)


def test_every_pair_is_counted_done_once(engine: TorchEngine, pairs: list[TokenPair]) -> None:
    counts: list[int] = []
    scores = engine.score(pairs, done=counts.append)
    assert sum(counts) == len(pairs) == len(scores)
    assert scores.dtype == np.float32


@pytest.mark.parametrize("length", [0, 513])
def test_a_sequence_that_the_model_cannot_read_is_refused(engine: TorchEngine, length: int) -> None:
    with pytest.raises(BadInput, match=f"a sequence has {length} tokens; the model reads 1 to 512"):
        engine.score([TokenPair(np.ones(length, dtype=np.int32), 0)])


def test_an_id_outside_the_vocabulary_is_refused(engine: TorchEngine) -> None:
    with pytest.raises(BadInput, match="token id 40000 is outside the vocabulary"):
        engine.score([TokenPair(np.array([1, 40000, 2], dtype=np.int32), 1)])


def test_every_id_is_checked_once(engine: TorchEngine, pairs: list[TokenPair], monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[int] = []
    for room in (batches, reading):
        monkeypatch.setattr(room, "check_ids", lambda ids, vocabulary: checked.append(len(ids)))
    engine.score(pairs)
    assert sum(checked) == sum(len(pair.ids) for pair in pairs)


def test_scores_do_not_depend_on_concurrent_callers(engine: TorchEngine, pairs: list[TokenPair]) -> None:
    expected = engine.score(pairs)
    with ThreadPoolExecutor(4) as pool:
        for scores in pool.map(lambda _: engine.score(pairs), range(8)):
            assert np.abs(scores - expected).max() < 3e-5


def test_threads_are_set_for_a_batch_and_set_back(checkpoint: Checkpoint, pairs: list[TokenPair]) -> None:
    before = torch.get_num_threads()
    one = TorchEngine(checkpoint, dtype="fp32", device="cpu", threads=before + 1)
    seen: list[int] = []
    forward = one._forward

    def watched(batch: Any) -> torch.Tensor:
        seen.append(torch.get_num_threads())
        return forward(batch)

    one._forward = watched
    one.score(pairs[:3])
    assert seen == [before + 1]
    assert torch.get_num_threads() == before


def test_engines_with_other_threads_leave_the_process_as_it_was() -> None:
    """Two passes at once: were they to overlap, the later one would set back what the earlier one had set."""
    with ThreadPoolExecutor(1) as fresh:
        before = fresh.submit(torch.get_num_threads).result()
    cpu, inside, left = torch.device("cpu"), threading.Event(), threading.Event()
    seen: list[int] = []

    def second() -> None:
        with devices.limited_threads(before + 2, cpu):
            inside.set()
            left.wait(20)
            seen.append(torch.get_num_threads())

    other = threading.Thread(target=second)
    with devices.limited_threads(before + 1, cpu):
        other.start()
        overlapped = inside.wait(0.2)
    left.set()
    other.join()
    with ThreadPoolExecutor(1) as fresh:
        assert fresh.submit(torch.get_num_threads).result() == before
    assert seen == [before + 2]
    assert not overlapped


def test_a_lack_of_memory_halves_the_budget_and_goes_on(checkpoint: Checkpoint, pairs: list[TokenPair]) -> None:
    whole = TorchEngine(checkpoint, dtype="fp32", device="cpu", threads=1)
    expected = whole.score(pairs)
    forward = whole._forward

    def small(batch: Any) -> torch.Tensor:
        if len(batch.ids) > 400:
            raise torch.OutOfMemoryError("full")
        return forward(batch)

    whole._forward = small
    counts: list[int] = []
    assert np.abs(whole.score(pairs, done=counts.append) - expected).max() < 3e-5
    assert sum(counts) == len(pairs)
    assert whole.token_budget <= 2000


def test_scores_that_are_not_finite_are_refused(checkpoint: Checkpoint, pairs: list[TokenPair]) -> None:
    overflowing = TorchEngine(checkpoint, dtype="fp16", device="cpu")
    overflowing._forward = lambda batch: torch.full((len(batch.ends) - 1,), torch.inf)
    with pytest.raises(BadInput, match=r"30 of 30 scores in fp16 are not finite\nhint: "):
        overflowing.score(pairs)


def _score(engine: TorchEngine, pairs: list[TokenPair], queue: multiprocessing.SimpleQueue[Any]) -> None:
    try:
        queue.put(engine.score(pairs))
    except BadInput as error:
        queue.put(str(error))


def in_a_fork(engine: TorchEngine, pairs: list[TokenPair]) -> Any:
    context = multiprocessing.get_context("fork")
    queue: multiprocessing.SimpleQueue[Any] = context.SimpleQueue()
    child = context.Process(target=_score, args=(engine, pairs, queue))
    child.start()
    child.join(60)
    if child.exitcode is None:
        child.kill()
    assert child.exitcode == 0
    return queue.get()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_works_on_the_cpu_and_is_refused_on_a_card(
    checkpoint: Checkpoint, pairs: list[TokenPair], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = TorchEngine(checkpoint, dtype="fp32", device="cpu", threads=2)  # threads that the fork does not copy
    expected = engine.score(pairs)
    assert np.abs(in_a_fork(engine, pairs) - expected).max() < 3e-5
    monkeypatch.setattr(engine._held, "device", torch.device("cuda", 0))
    refusal = in_a_fork(engine, pairs)
    assert "a forked child cannot use it" in refusal
    assert "spawn" in refusal


# Devices and number formats, with machines that are not there.


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def present(*, cards: int = 0, mps: bool = False, bf16: bool = True, macos: int = 15) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cards > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cards)
        monkeypatch.setattr(torch.cuda, "init", lambda: None)
        monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bf16)
        monkeypatch.setattr(torch.cuda, "device", lambda device: torch.inference_mode())
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
        monkeypatch.setattr(torch.backends.mps, "is_macos_or_newer", lambda major, minor: macos >= major)

    return present


def test_without_a_wish_the_fastest_kind_of_device_is_taken(machine: Callable[..., None]) -> None:
    machine(cards=2, mps=True)
    assert str(find_device(None)) == "cuda:0"
    assert str(find_device("cuda:1")) == "cuda:1"
    assert str(find_device("cpu")) == "cpu"
    machine(mps=True)
    assert str(find_device(None)) == "mps"
    machine()
    assert str(find_device(None)) == "cpu"


def test_a_device_that_is_not_there_is_refused_with_what_was_found(
    machine: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine()
    monkeypatch.setattr(torch.version, "cuda", None)
    with pytest.raises(BadOption, match=r"'cuda' is not available: torch .*, built without CUDA, no MPS\nhint: .*cpu"):
        find_device("cuda")
    with pytest.raises(BadOption, match="'mps' is not available"):
        find_device("mps")
    machine(cards=1)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    with pytest.raises(BadOption, match=r"'cuda:1' is not available: torch .*, CUDA 13\.0 with 1 devices"):
        find_device("cuda:1")
    for wrong in ("gpu", "cpu:3", "xpu", "meta"):
        with pytest.raises(BadOption, match=f"device must be cpu, mps, cuda or cuda:N, got '{wrong}'"):
            find_device(wrong)


def test_a_card_in_a_forked_child_is_refused(machine: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    machine(cards=1)

    def refuse() -> None:
        raise RuntimeError("Cannot re-initialize CUDA in forked subprocess")

    monkeypatch.setattr(torch.cuda, "init", refuse)
    with pytest.raises(BadOption, match=r"(?s)cannot be used: Cannot re-initialize.*hint: .*spawn"):
        find_device("cuda")


def test_a_number_format_that_the_device_lacks_is_refused_with_the_others(machine: Callable[..., None]) -> None:
    card, mps = torch.device("cuda", 0), torch.device("mps")
    machine(cards=1, bf16=False)
    with pytest.raises(BadOption, match=r"cuda:0 does not compute in bf16\nhint: it computes in fp32 and fp16"):
        check_dtype("bf16", card)
    assert check_dtype("fp16", card) == torch.float16
    machine(cards=1)
    assert check_dtype("bf16", card) == torch.bfloat16
    machine(mps=True, macos=13)
    with pytest.raises(BadOption, match="mps does not compute in bf16"):
        check_dtype("bf16", mps)
    with pytest.raises(BadOption, match="dtype must be one of fp32, bf16, fp16 on cpu, got 'int8'"):
        check_dtype("int8", torch.device("cpu"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"token_budget": 0}, "token_budget must be at least 1, got 0"),
        ({"threads": 0}, r"threads must be at least 1, got 0"),
        ({"cuda_graphs": True}, "cuda_graphs needs attention flash-attn or varlen, and it is sdpa"),
        ({"attention": "varlen"}, "the device is cpu"),
    ],
)
def test_an_option_that_does_not_apply_is_refused(
    checkpoint: Checkpoint, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadOption, match=message):
        TorchEngine(checkpoint, dtype="fp32", device="cpu", **options)


def test_threads_are_refused_on_a_card(
    checkpoint: Checkpoint, machine: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(cards=1)
    with pytest.raises(BadOption, match="threads is for the CPU, not cuda:0"):
        TorchEngine(checkpoint, dtype="fp32", device="cuda", threads=2)


def test_the_budget_of_a_card_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trial batch of 64 × 128 tokens that takes 128 MiB, with 1 GiB free: half a GiB holds 32,768 such tokens."""
    shapes: list[list[int]] = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 100 * 2**20)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: None)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 228 * 2**20)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (2**30, 2**33))

    def forward(pairs: list[TokenPair]) -> None:
        shapes.append([len(pair.ids) for pair in pairs])

    assert default_budget(torch.device("cuda", 0), forward, longest=512) == 32768
    assert shapes == [[128] * 64] * 2
    assert default_budget(torch.device("mps"), forward, longest=512) == MPS_TOKENS
    assert default_budget(torch.device("cpu"), forward, longest=512) == CPU_TOKENS


def test_the_line_on_devices_names_torch() -> None:
    assert devices.found_devices().startswith(f"torch {torch.__version__}, ")
