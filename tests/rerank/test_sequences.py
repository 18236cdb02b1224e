"""What no network can read is refused by every engine in the same words, and what is empty is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checkpoints import write_causal, write_xlm_roberta
from rankladder import Reranker
from rankladder.errors import BadInput
from rankladder.rerank.pairs import TokenPair

ENGINES = ("onnx fp32", "onnx int8", "torch fp32", "torch bf16", "torch fp16", "classifier", "language model")
BANDS = {"onnx": 0.0, "fp32": 3e-5, "bf16": 5e-2, "fp16": 2e-2}
"""Logits that batch mates may change: none on the CPU engine, rounding elsewhere (a batch's shape picks the kernel)."""


@pytest.fixture(scope="module")
def opened(ettin: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Reranker]:
    place = tmp_path_factory.mktemp("foreign")
    kept: dict[str, Reranker] = {}

    def open_one(name: str) -> Reranker:
        if name not in kept:
            if name == "classifier":
                kept[name] = Reranker.open(write_xlm_roberta(place / "classifier"), device="cpu", threads=1)
            elif name == "language model":
                kept[name] = Reranker.open(write_causal(place / "causal", "qwen2"), device="cpu", threads=1)
            else:
                engine, dtype = name.split()
                options: dict[str, Any] = {"device": "cpu"} if engine == "torch" else {}
                kept[name] = Reranker.open(ettin, engine=engine, dtype=dtype, threads=1, **options)  # type: ignore[arg-type]
        return kept[name]

    return open_one


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([], "a sequence has 0 tokens; the model reads 1 to"),
        ([5] * 5000, "a sequence has 5000 tokens; the model reads 1 to"),
        ([5, 1_000_000], "token id 1000000 is outside the vocabulary of"),
        ([-1, 5], "token id -1 is outside the vocabulary of"),
    ],
)
def test_a_sequence_that_no_network_can_read_is_refused_by_every_engine(
    name: str, ids: list[int], message: str, opened: Callable[[str], Reranker]
) -> None:
    engine = opened(name).scorer.engine  # type: ignore[attr-defined]
    with pytest.raises(BadInput, match=message):
        engine.score([TokenPair(np.array([5, 6], dtype=np.int32), 1), TokenPair(np.array(ids, dtype=np.int32), 0)])


@pytest.mark.parametrize("name", ENGINES)
def test_a_document_without_a_token_is_read_by_every_engine(name: str, opened: Callable[[str], Reranker]) -> None:
    reranker = opened(name)
    ranking = reranker.rank("why does rain fall", ["", "\u200b", " \n", "rain falls"])
    assert len(ranking) == 4
    assert np.isfinite([hit.score for hit in ranking]).all()
    assert np.isfinite(reranker.predict([("", ""), ("", "rain")])).all()


@pytest.mark.filterwarnings("ignore::rankladder.rerank.PairsTruncated")
@pytest.mark.parametrize("name", ENGINES)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lengths=st.lists(st.integers(0, 60), min_size=1, max_size=7), chosen=st.data())
def test_a_score_does_not_depend_on_its_batch_mates_in_any_engine_or_number_format(
    name: str, lengths: list[int], chosen: st.DataObject, opened: Callable[[str], Reranker]
) -> None:
    reranker = opened(name)
    pairs = [("why does rain fall", " ".join(["rain", "cloud", "mars"][n % 3] for n in range(k))) for k in lengths]
    order = chosen.draw(st.permutations(range(len(pairs))))
    together = reranker.predict([pairs[place] for place in order])
    alone = np.concatenate([reranker.predict([pairs[place]]) for place in order])
    band = BANDS["onnx" if name.startswith("onnx") else reranker.dtype]
    np.testing.assert_allclose(together, alone, rtol=0, atol=band)
