"""Recorded batches give the scores of unrecorded ones. No card is here: what records is a stand-in that computes anew
over the same buffers, which holds everything but the recording itself to account.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from rankladder.checkpoint import open_checkpoint
from rankladder.rerank.pairs import TokenPair
from rankladder.rerank.torch import engine
from rankladder.rerank.torch.batches import HostBatch
from rankladder.rerank.torch.graphs import Bucket, Graphs, empty_batch, fill
from rankladder.rerank.torch.layers import Place
from rankladder.rerank.torch.network import PackedNetwork

from .test_torch_attention import dense

CPU = torch.device("cpu")


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Recorder:
    """Counts recordings; a replay fills the tensor of the recording, as a graph does."""

    def __init__(self) -> None:
        self.recorded = self.forgotten = 0

    def __call__(self, compute: Callable[[], Tensor]) -> tuple[Callable[[], object], Tensor]:
        self.recorded += 1
        out = compute()
        return lambda: out.copy_(compute()), out

    def forget(self) -> None:
        self.forgotten += 1


def batch(lengths: list[int], seed: int = 0) -> HostBatch:
    draw = np.random.default_rng(seed)
    pairs = [TokenPair(draw.integers(0, 300, length).astype(np.int32), 2) for length in lengths]
    return HostBatch.of(pairs, vocabulary=300)


BATCHES = [[1], [5, 3], [40, 40, 40], [200, 56], [256], [257, 3, 3], [90] * 5, [7] * 30, [7] * 31, [390, 300]]
BATCHES += [[400, 400, 400], [512, 512, 30]]  # whose padding is two sequences


@pytest.mark.parametrize("model", ["ettin", "modernbert_mean", "bert"])
def test_recorded_batches_give_the_same_scores(model: str, request: pytest.FixtureRequest) -> None:
    checkpoint = open_checkpoint(request.getfixturevalue(model))
    # The dense reference stands for a kernel: like one, it knows the sequences by their ends on the device alone.
    network = PackedNetwork(checkpoint.network, checkpoint.weights, Place(CPU, torch.float32), dense)
    record = Recorder()
    graphs = Graphs(network, record)
    with torch.inference_mode():
        for seed in range(3):  # the third time around, every bucket holds an earlier batch's leftovers
            for lengths in BATCHES:
                here = batch(lengths, seed).to(CPU)
                torch.testing.assert_close(graphs(here), network(here), atol=3e-5, rtol=0)
    assert record.recorded == len(graphs) <= len(BATCHES)


def test_a_bucket_holds_the_batch_its_padding_and_little_more() -> None:
    for lengths in [*BATCHES, [148] * 400]:
        here = batch(lengths).to(CPU)
        bucket = Bucket.holding(here)
        assert bucket.tokens >= sum(lengths)
        assert bucket.tokens <= max(256, 1.5 * sum(lengths))
        buffers = empty_batch(bucket, CPU)
        fill(buffers, here)
        found = buffers.ends.diff().tolist()
        assert found[: len(lengths)] == lengths
        assert sum(found) == bucket.tokens
        assert max(found) <= bucket.longest
        assert max(found[len(lengths) :]) <= 256, "padding costs its square"


def test_the_graph_not_used_for_longest_makes_room() -> None:
    record = Recorder()
    graphs = Graphs(lambda packed: packed.document_starts.float(), record, most=2)
    small, middle, large = (batch([length]).to(CPU) for length in (10, 300, 500))
    for one in (small, middle, large):
        graphs(one)
    assert record.recorded == 0, "a bucket may not come again, and a recording costs more than it saves once"
    for one in (small, middle, small, large, small):
        graphs(one)
    assert (record.recorded, len(graphs)) == (3, 2)
    graphs(middle)
    assert record.recorded == 3
    graphs(middle)
    assert record.recorded == 4
    graphs.clear()
    assert len(graphs) == 0
    graphs(middle)
    assert record.recorded == 4


def test_scores_handed_out_do_not_change_with_the_next_batch() -> None:
    graphs = Graphs(lambda packed: packed.ids[:8].float(), Recorder())
    first, second = batch([9], 1).to(CPU), batch([9], 2).to(CPU)
    graphs(first)
    kept = graphs(first)
    before = kept.clone()
    graphs(second)
    assert torch.equal(kept, before)


def test_an_engine_with_graphs_records_and_replays_them(ettin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recorder stands for CUDA's, the dense reference for a kernel that knows ends on the device alone."""
    record = Recorder()
    monkeypatch.setattr(engine, "CudaCapture", lambda device: record)
    monkeypatch.setattr(engine, "choose_attention", lambda *_, **__: ("varlen", dense))
    checkpoint = open_checkpoint(ettin)
    graphs = engine.TorchEngine(checkpoint, dtype="fp32", device="cpu", cuda_graphs=True, token_budget=400)
    plain = engine.TorchEngine(checkpoint, dtype="fp32", device="cpu", token_budget=400)
    draw = np.random.default_rng(0)
    pairs = [TokenPair(draw.integers(0, 300, 90).astype(np.int32), 2) for _ in range(12)]
    np.testing.assert_allclose(graphs.score(pairs), plain.score(pairs), atol=3e-5)
    assert record.recorded == 1
    assert graphs._release()
    assert record.forgotten == 1
    assert not graphs._release()
    graphs.score(pairs)
    assert record.recorded == 2
