"""The torch engine gives the scores of the CPU engine and of Sentence Transformers, in fp32 and nearly in half."""

from __future__ import annotations

import random
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sentence_transformers import CrossEncoder

import checkpoints
from rankladder.checkpoint import open_checkpoint
from rankladder.checkpoint.network import Checkpoint, ModernBert
from rankladder.rerank.device.device import TorchDtype
from rankladder.rerank.engine import Engine, open_engine
from rankladder.rerank.pairs import PairReader, TokenPair
from rankladder.rerank.torch.engine import TorchEngine

TOLERANCE = 1e-4
MATES = 3e-5
HALF = 2e-2
"""Logits: what fp16 may differ from fp32 by."""
BRAIN = 0.15
"""What bf16 may: rounding the weights alone moves the random 17m network's logits by up to 0.05; in all, the four tiny
networks' move by up to 0.08.
"""

EDGES = [1, 2, 3, 63, 64, 65, 66, 127, 128, 129, 383, 384, 385, 500]
FIXTURES = ["ettin", "modernbert_cls", "modernbert_mean", "bert"]
WORDS = checkpoints.TEXT.split()


class Opened:
    """A checkpoint, what reads pairs for it, and what the CPU engine makes of them."""

    def __init__(self, folder: Path | None) -> None:
        self.checkpoint: Checkpoint = open_checkpoint(folder)
        self.reader = PairReader(self.checkpoint.tokenizer, max_tokens=self.checkpoint.max_tokens)

    @cached_property
    def cpu_engine(self) -> Engine:
        return open_engine(self.checkpoint, engine="onnx", dtype="fp32", threads=2, device=None)

    def torch_engine(self, dtype: TorchDtype = "fp32", *, token_budget: int | None = None) -> TorchEngine:
        return TorchEngine(self.checkpoint, dtype=dtype, device="cpu", token_budget=token_budget, threads=1)

    def pairs(self, lengths: list[int], *, seed: int = 0) -> list[TokenPair]:
        """One sequence of each length: exactly, from 5 tokens to what the model reads."""
        draw = random.Random(seed)
        pairs = []
        for length in lengths:
            query, document = self.reader.tokenise([" ".join(draw.choices(WORDS, k=size)) for size in (3, length)])
            query = query[: max(1, min(len(query), length - 4))]
            kept = max(1, min(length, self.reader.max_tokens) - len(query) - len(self.reader.frame))
            pairs.append(self.reader.cut(query, document[:kept])[0])
        return pairs


def farthest(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).max())


@pytest.mark.parametrize("name", FIXTURES)
def test_fp32_equals_the_cpu_engine_and_sentence_transformers(name: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(name)
    model = Opened(folder)
    pairs = model.pairs(EDGES)
    scores = model.torch_engine(token_budget=700).score(pairs)
    assert farthest(scores, model.cpu_engine.score(pairs)) < TOLERANCE
    assert scores.std() > 0.05, "the random network tells no pair from another: agreement would show nothing"
    texts = [("why is the sky blue", " ".join(WORDS[: 1 + place])) for place in range(0, 100, 9)]
    tokens = [model.reader.cut(*model.reader.tokenise(pair))[0] for pair in texts]
    peer = CrossEncoder(str(folder), device="cpu", activation_fn=torch.nn.Identity())
    expected = np.concatenate([peer.predict([pair], show_progress_bar=False) for pair in texts])
    assert farthest(model.torch_engine().score(tokens), expected) < TOLERANCE


@pytest.mark.parametrize("name", ["ettin-17m", "minilm-l4"])
def test_full_size_networks_equal_the_cpu_engine(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANKLADDER_CACHE", str(tmp_path / "cache"))
    write = checkpoints.write_minilm if name.startswith("minilm") else checkpoints.write_rung
    model = Opened(write(tmp_path / name, name))
    pairs = model.pairs([1, 64, 65, 66, 128, 385, 500, *([2300] if name == "ettin-17m" else [])])
    expected = model.cpu_engine.score(pairs)
    assert farthest(model.torch_engine().score(pairs), expected) < TOLERANCE
    assert farthest(model.torch_engine("fp16").score(pairs[:5]), expected[:5]) < HALF
    assert farthest(model.torch_engine("bf16").score(pairs[:5]), expected[:5]) < BRAIN


def test_half_precision_of_the_model_in_the_box_stays_near_fp32() -> None:
    model = Opened(None)
    pairs = model.pairs([10, 20, 30, 50, 80, 120])
    expected = model.cpu_engine.score(pairs)
    assert farthest(model.torch_engine().score(pairs), expected) < TOLERANCE
    assert farthest(model.torch_engine("fp16").score(pairs), expected) < HALF
    assert farthest(model.torch_engine("bf16").score(pairs), expected) < BRAIN


def test_a_long_sequence_equals_the_cpu_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the queries of one call, and past many blocks of a window."""
    monkeypatch.setenv("RANKLADDER_CACHE", str(tmp_path / "cache"))
    model = Opened(checkpoints.write_ettin(tmp_path / "model", positions=3000))
    pairs = model.pairs([2500, 40, 2999])
    assert [len(pair.ids) for pair in pairs] == [2500, 40, 2999]
    assert farthest(model.torch_engine().score(pairs), model.cpu_engine.score(pairs)) < TOLERANCE


def test_a_last_layer_with_a_window_equals_the_cpu_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANKLADDER_CACHE", str(tmp_path / "cache"))
    model = Opened(checkpoints.write_ettin(tmp_path / "model", layers=3))
    encoder = model.checkpoint.network.encoder
    assert isinstance(encoder, ModernBert)
    assert not encoder.global_layers[-1]
    pairs = model.pairs(EDGES)
    assert farthest(model.torch_engine().score(pairs), model.cpu_engine.score(pairs)) < TOLERANCE


@pytest.mark.parametrize("name", FIXTURES)
@pytest.mark.parametrize(("dtype", "band"), [("fp16", HALF), ("bf16", BRAIN)])
def test_half_precision_ranks_as_fp32_but_for_ties_in_its_band(
    name: str, dtype: TorchDtype, band: float, request: pytest.FixtureRequest
) -> None:
    model = Opened(request.getfixturevalue(name))
    pairs = model.pairs([20 + 3 * place for place in range(40)])
    full, half = model.torch_engine().score(pairs), model.torch_engine(dtype).score(pairs)
    assert farthest(full, half) < band
    best = np.argsort(-half, kind="stable")[:10]
    tenth = np.sort(full)[-10]
    assert tenth - full.min() > 5 * band, "the scores lie too near one another for a wrong one to show"
    assert (full[best] > tenth - 2 * band).all()


@pytest.mark.parametrize("name", FIXTURES)
@pytest.mark.parametrize(("dtype", "band"), [("fp32", MATES), ("fp16", HALF), ("bf16", 5e-2)])
def test_scores_do_not_depend_on_batch_mates_or_order(
    name: str, dtype: TorchDtype, band: float, request: pytest.FixtureRequest
) -> None:
    model = Opened(request.getfixturevalue(name))
    pairs = model.pairs([5, 17, 200, 64, 64, 90, 131, 33, 64, 12])
    engine = model.torch_engine(dtype)
    alone = np.concatenate([engine.score([pair]) for pair in pairs])
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(pairs))
        assert farthest(engine.score([pairs[row] for row in order]), alone[order]) < band


@pytest.fixture(scope="module")
def two_models(ettin: Path, bert: Path) -> list[Opened]:
    return [Opened(ettin), Opened(bert)]


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 150), min_size=1, max_size=12),
    budget=st.integers(1, 600),
    which=st.integers(0, 1),
)
def test_any_lengths_and_any_budget_give_the_same_scores(
    lengths: list[int], budget: int, which: int, two_models: list[Opened]
) -> None:
    model = two_models[which]
    pairs = model.pairs(lengths, seed=budget)
    assert farthest(model.torch_engine(token_budget=budget).score(pairs), model.cpu_engine.score(pairs)) < TOLERANCE
