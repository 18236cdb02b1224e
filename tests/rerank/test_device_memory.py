"""What does not fit on a device is refused as DeviceMemoryFull, or tried in a smaller batch; no other error is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from checkpoints import write_xlm_roberta
from device_batches import score_in_batches
from rankladder.checkpoint import find_checkpoint, open_checkpoint, read_foreign
from rankladder.errors import DeviceMemoryFull
from rankladder.rerank.device.budget import default_budget
from rankladder.rerank.device.scheduling import Fetch, TokenBudget
from rankladder.rerank.pairs import TokenPair
from rankladder.rerank.sentence import engine as sentence
from rankladder.rerank.sentence.engine import SentenceEngine
from rankladder.rerank.torch import engine as packed
from rankladder.rerank.torch.engine import TorchEngine

FULL = [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)")]
FULL += [RuntimeError("CUDA error: out of memory"), RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling")]
OTHER = RuntimeError("Placeholder storage has not been allocated on MPS device!")
CARD = torch.device("cuda", 0)


def raising(error: Exception) -> Callable[..., object]:
    def fails(*_args: object, **_options: object) -> object:
        raise error

    return fails


def open_packed(bert: Path, tmp_path: Path, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "PackedNetwork", raising(error))
    TorchEngine(open_checkpoint(bert), dtype="fp32", device="cpu")


def open_sentence(bert: Path, tmp_path: Path, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    network = nn.Linear(1, 1)
    monkeypatch.setattr(network, "to", raising(error))
    monkeypatch.setattr(sentence, "load_classifier", lambda foreign, kind: network)
    foreign = read_foreign(find_checkpoint(write_xlm_roberta(tmp_path / "foreign")))
    SentenceEngine(foreign, answers=None, dtype="fp32", device="cpu")


@pytest.mark.parametrize("opens", [open_packed, open_sentence], ids=["torch", "sentence"])
def test_weights_that_do_not_fit_are_refused_as_such(
    opens: Callable[..., None], bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for error in FULL:
        with pytest.raises(DeviceMemoryFull, match=r"the weights of .* in fp32 do not fit in the memory of cpu\nhint"):
            opens(bert, tmp_path, error, monkeypatch)
    with pytest.raises(RuntimeError, match="Placeholder"):
        opens(bert, tmp_path, OTHER, monkeypatch)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> None:
    """Says of a card that is not there what a trial needs: 1 GiB free, 128 MiB taken by whatever ran."""
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 100 * 2**20)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: None)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 228 * 2**20)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (2**30, 2**33))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)


@pytest.mark.usefixtures("card")
def test_a_trial_batch_that_does_not_fit_is_tried_with_half_the_rows() -> None:
    tried: list[int] = []

    def forward(pairs: list[TokenPair]) -> None:
        tried.append(len(pairs))
        if len(pairs) > 16:
            raise torch.OutOfMemoryError("full")

    assert default_budget(CARD, forward, longest=512) == 2**29 // (128 * 2**20 // (16 * 128))
    assert tried == [64, 32, 16, 16]


@pytest.mark.usefixtures("card")
def test_where_no_row_fits_beside_the_weights_the_model_is_refused() -> None:
    with pytest.raises(DeviceMemoryFull, match=r"a sequence of 100 tokens does not fit in the memory of cuda:0\nhint"):
        default_budget(CARD, raising(FULL[0]), longest=100)


def test_a_lack_of_memory_on_mps_halves_the_batch_too() -> None:
    def launch(pairs: list[TokenPair]) -> Fetch:
        if len(pairs) > 2:
            raise FULL[1]
        return lambda: np.array([pair.ids[0] for pair in pairs], dtype=np.float32)

    pairs = [TokenPair(np.full(3, number, dtype=np.int32), 1) for number in range(9)]
    scores = score_in_batches(
        pairs, budget=TokenBudget(99), launch=launch, release=lambda: False, done=lambda count: None
    )
    assert scores.tolist() == list(range(9))
