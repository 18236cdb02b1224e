"""The fp32 engine equals Sentence Transformers; the int8 engine stays close to fp32."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import CrossEncoder

import checkpoints
from rankladder import Reranker
from rankladder.rerank.onnx import attention

TOLERANCE = 1e-4
EDGES = [1, 2, 3, 30, 58, 59, 60, 61, 62, 63, 120, 124, 125, 128, 190, 250, 383, 384, 385, 500]
"""Document lengths, in words, around every place where the graph changes its way: the window (65 tokens), blocks of 64,
and BLOCKED_FROM."""

WORDS = checkpoints.TEXT.split()


def pairs_of(reranker: Reranker, lengths: list[int], *, seed: int = 0) -> list[tuple[str, str]]:
    """One pair for each length: its document is cut so that the whole sequence has about that many tokens."""
    draw = random.Random(seed)
    pairs = []
    for length in lengths:
        text = " ".join(draw.choice(WORDS) for _ in range(length))
        encoding = reranker.scorer.checkpoint.tokenizer.encode(text, add_special_tokens=False)
        pairs.append(("why is the sky blue", text[: encoding.offsets[min(length, len(encoding)) - 1][1]]))
    return pairs


def assert_agrees(folder: Path, lengths: list[int]) -> None:
    reranker = Reranker.open(folder, dtype="fp32")
    pairs = pairs_of(reranker, [length for length in lengths if length <= reranker.max_tokens - 16])
    peer = CrossEncoder(str(folder), device="cpu", activation_fn=torch.nn.Identity())
    assert peer.max_seq_length == reranker.max_tokens
    # One pair a call: what padding does to the peer's own scores is not under test.
    expected = np.concatenate([peer.predict([pair], show_progress_bar=False) for pair in pairs])
    scores = reranker.predict(pairs)
    assert np.abs(scores - expected).max() < TOLERANCE
    assert scores.std() > 0.05, "the random network tells no pair from another: agreement would show nothing"


@pytest.mark.parametrize("model", ["ettin", "modernbert_cls", "modernbert_mean", "bert"])
def test_fp32_equals_sentence_transformers_at_every_edge(model: str, request: pytest.FixtureRequest) -> None:
    assert_agrees(request.getfixturevalue(model), EDGES)


@pytest.mark.parametrize("limit", [10_000, 64])
def test_both_ways_through_a_window_agree(
    limit: int, ettin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks and masks are two ways to one result, so the place of the switch changes speed alone."""
    monkeypatch.setenv("RANKLADDER_CACHE", str(tmp_path))
    monkeypatch.setattr(attention, "BLOCKED_FROM", limit)
    assert_agrees(ettin, EDGES)


def test_a_pair_longer_than_the_model_is_cut_as_sentence_transformers_cuts_it(bert: Path, ettin: Path) -> None:
    for folder in (bert, ettin):
        reranker = Reranker.open(folder, dtype="fp32")
        peer = CrossEncoder(str(folder), device="cpu", activation_fn=torch.nn.Identity())
        long = " ".join(WORDS * (reranker.max_tokens // 40))
        pairs = [("why is the sky blue", long), (long, "rain"), (long, long)]
        with pytest.warns(UserWarning, match="3 of 3 pairs"):
            scores = reranker.predict(pairs)
        expected = np.concatenate([peer.predict([pair], show_progress_bar=False) for pair in pairs])
        assert np.abs(scores - expected).max() < TOLERANCE


@pytest.mark.parametrize(
    "rung", ["ettin-17m", "ettin-32m", "ettin-68m", pytest.param("ettin-150m", marks=pytest.mark.slow)]
)
def test_full_size_rungs_equal_sentence_transformers(
    rung: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANKLADDER_CACHE", str(tmp_path / "cache"))
    assert_agrees(checkpoints.write_rung(tmp_path / rung, rung), [1, 60, 150, 420])


def test_the_longest_sequence_equals_sentence_transformers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANKLADDER_CACHE", str(tmp_path / "cache"))
    folder = checkpoints.write_rung(tmp_path / "model", "ettin-17m")
    reranker = Reranker.open(folder, dtype="fp32")
    peer = CrossEncoder(str(folder), device="cpu")
    pair = ("why is the sky blue", " ".join(WORDS * 120))
    (hit,) = reranker.rank(pair[0], [pair[1]])
    assert hit.truncated
    assert hit.reading is not None
    assert hit.reading.document_kept > 7_900
    assert abs(hit.score - peer.predict([pair]).item()) < TOLERANCE


@pytest.mark.parametrize("model", ["minilm-l4", "minilm-l12"])
def test_full_size_minilm_equals_sentence_transformers(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANKLADDER_CACHE", str(tmp_path / "cache"))
    assert_agrees(checkpoints.write_minilm(tmp_path / model, model), [1, 60, 150, 420])


@pytest.mark.slow
@pytest.mark.parametrize("rung", ["ettin-400m", "ettin-1b"])
def test_the_largest_rungs_equal_sentence_transformers(
    rung: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANKLADDER_CACHE", str(tmp_path / "cache"))
    assert_agrees(checkpoints.write_rung(tmp_path / rung, rung), [1, 150, 420])


def test_int8_ranks_nearly_as_fp32_does(ettin: Path, bert: Path) -> None:
    for folder in (ettin, bert):
        full, small = (Reranker.open(folder, dtype=dtype) for dtype in ("fp32", "int8"))
        pairs = pairs_of(full, EDGES * 3)
        assert np.corrcoef(full.predict(pairs), small.predict(pairs))[0, 1] > 0.98
