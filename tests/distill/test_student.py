"""The student before its first step: which weights are its head, and what its dropouts do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from rankladder.distill.recipe import Train
from rankladder.distill.student import head_pattern, open_student


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


def test_without_dropout_two_passes_in_training_agree(start: Path) -> None:
    model = open_student(Train(start=str(start), dropout=0.0), seed=1)
    model.train()
    features = model.preprocess([("rain", "drops of rain fall")])
    assert torch.equal(model(features)["scores"], model(model.preprocess([("rain", "drops of rain fall")]))["scores"])
