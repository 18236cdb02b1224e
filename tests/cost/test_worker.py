"""What a worker measures on a card, and how its peer is opened. No card is here: torch's answers are scripted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from rankladder.cost.peak import torch_shapes
from rankladder.cost.peer import PeerSubject
from rankladder.cost.worker import Worker


def test_memory_is_read_on_the_card_that_the_model_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda device: {"cuda:1": 3 * 2**20}[device])
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: {"cuda:1": (2**30, 2**32)}[device])
    worker = Worker()
    worker.card = "cuda:1"
    assert worker.memory()["device_peak_mb"] == 3.0
    assert worker._card_free() == 0.25
    worker.card = None
    assert worker.memory()["device_peak_mb"] is worker._card_free() is None


class Counting:
    """A subject that notes what it is given. A call takes 5 ms, and 64 pairs take 5 ms more."""

    def __init__(self) -> None:
        self.now = 0.0
        self.scored: list[int] = []
        self.ranked: list[str] = []

    def describe(self) -> dict[str, Any]:
        return {}

    def tune(self, setting: int) -> None:
        raise AssertionError("nothing was tuned")

    def gflops(self, width: int) -> float:
        raise AssertionError("no peak was asked for")

    def lengths(self, pairs: Sequence[tuple[str, str]]) -> tuple[list[int], int]:
        return [3] * len(pairs), 0

    def score(self, pairs: Sequence[tuple[str, str]]) -> None:
        self.scored.append(len(pairs))
        self.now += 0.005 + len(pairs) / 12800

    def rank(self, query: str, texts: Sequence[str]) -> None:
        self.ranked.append(query)


@pytest.mark.parametrize("card", ["cuda:0", None])
def test_a_pass_on_a_card_lasts_long_enough_to_be_measured(card: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    worker, subject = Worker(), Counting()
    monkeypatch.setattr("time.perf_counter", lambda: subject.now)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1, 4))
    worker.card, worker.subject = card, subject
    worker.texts(pairs=[("q", "d")] * 64, lists=[("one", ["d"]), ("two", ["e"])])
    assert subject.ranked == (["one", "two"] if card else [])
    before = subject.now
    for_each = worker.score()["seconds"]
    assert subject.now - before == pytest.approx(1.0 if card else 0.01, rel=0.02)
    assert for_each == pytest.approx(0.005 if card else 0.01, rel=0.02)


def test_the_peer_computes_where_and_with_as_many_threads_as_it_is_told(ettin: Path) -> None:
    before = torch.get_num_threads()
    try:
        told = PeerSubject(str(ettin), {"device": "cpu", "threads": before + 1}).describe()
    finally:
        torch.set_num_threads(before)
    assert (told["device"], told["threads"]) == ("cpu", before + 1)


def test_the_peer_is_opened_with_the_attention_asked_for(ettin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sentence_transformers

    asked: list[object] = []
    plain = sentence_transformers.CrossEncoder

    def opened(folder: str, **options: Any) -> object:
        asked.append(options.pop("model_kwargs", None))
        return plain(folder, **options)

    monkeypatch.setattr(sentence_transformers, "CrossEncoder", opened)
    told = [
        PeerSubject(str(ettin), {"device": "cpu", **options}).describe()["about"]
        for options in ({}, {"dtype": "bf16", "attention": "flash_attention_2"})
    ]
    assert asked == [None, {"dtype": "bfloat16", "attn_implementation": "flash_attention_2"}]
    assert [one.partition(":")[0] for one in told] == [
        "CrossEncoder with its defaults",
        "CrossEncoder with flash_attention_2",
    ]
    assert all("padded batches" in one and "unpadded" not in one for one in told)  # what flash-attn is not here for


def test_every_gpu_is_measured_by_a_product_too_large_to_measure_its_launch() -> None:
    for device in ("cuda:0", "mps"):
        assert all(2 * rows * inner * outer > 1e12 for rows, inner, outer in torch_shapes(256, device))
    assert torch_shapes(256, "cpu") == {(256, 256, 1024), (256, 1024, 1024)}
