"""The student before its first step: which weights are its head, and what its dropouts do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from rankladder.distill.recipe import Train
from rankladder.distill.student import attention_for, head_pattern, needs_bf16, open_student


@pytest.fixture(params=["bert", "ettin"])
def start(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("before", ["", "model.", "model.module."])
def test_the_head_is_all_above_the_encoder_whatever_wraps_the_model(start: Path, before: str) -> None:
    model = open_student(Train(start=str(start)), seed=1)
    names = [name for name, _ in model.named_parameters()]
    head = [name for name in names if re.search(head_pattern(model), before + name)]
    inside = re.compile(r"layers?\.\d|embeddings|final_norm")
    assert head == [name for name in names if not inside.search(name)]
    assert 0 < len(head) < len(names)


def test_every_dropout_takes_the_recipes_share(start: Path) -> None:
    model = open_student(Train(start=str(start), dropout=0.25), seed=1)
    shares = {module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)}
    beside = {module.attention_dropout for module in model.modules() if hasattr(module, "attention_dropout")}
    assert shares == {0.25}
    assert beside <= {0.25}
    assert not [one for one in model.modules() if isinstance(getattr(one, "out_drop", None), torch.nn.Identity)]


def test_without_dropout_two_passes_in_training_agree(start: Path) -> None:
    model = open_student(Train(start=str(start), dropout=0.0), seed=1)
    model.train()
    features = model.preprocess([("rain", "drops of rain fall")])
    assert torch.equal(model(features)["scores"], model(model.preprocess([("rain", "drops of rain fall")]))["scores"])


@pytest.mark.parametrize(
    ("dtype", "gpu", "installed", "flash"),
    [
        ("bf16", True, True, True),
        ("fp32", True, True, False),
        ("bf16", False, True, False),
        ("bf16", True, False, False),
    ],
)
def test_flash_attention_is_asked_for_where_it_is_installed_and_the_gpu_computes_in_bf16(
    monkeypatch: pytest.MonkeyPatch, dtype: str, gpu: bool, installed: bool, flash: bool
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: gpu)
    monkeypatch.setattr("transformers.utils.import_utils.is_flash_attn_2_available", lambda: installed)
    assert attention_for(dtype) == ({"attn_implementation": "flash_attention_2"} if flash else {})


@pytest.mark.parametrize("encoder_alone", [False, True])
def test_a_modernbert_student_takes_the_attention_that_was_chosen(
    ettin: Path, bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoder_alone: bool
) -> None:
    monkeypatch.setattr("rankladder.distill.student.attention_for", lambda dtype: {"attn_implementation": "eager"})
    if encoder_alone:
        _encoder_of(ettin, tmp_path / "start")
    start = tmp_path / "start" if encoder_alone else ettin
    for folder, chosen in ((start, "eager"), (bert, "sdpa")):
        model = open_student(Train(start=str(folder)), seed=1)
        inner = model[0].model
        assert inner.config._attn_implementation == chosen
        assert not needs_bf16(model)


def _encoder_of(reranker: Path, folder: Path) -> None:
    """Writes the encoder of a reranker alone."""
    from transformers import AutoTokenizer

    model = open_student(Train(start=str(reranker)), seed=1)
    network = getattr(model[0].model, model[0].model.base_model_prefix, model[0].model)
    network.save_pretrained(folder)
    AutoTokenizer.from_pretrained(reranker).save_pretrained(folder)
