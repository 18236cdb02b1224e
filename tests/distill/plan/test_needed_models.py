"""What a run will open is known before it begins: each model, whether it is here, and nothing is fetched for that."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from rankladder.distill.plan.needed_models import needed_models, start_is_here
from rankladder.distill.recipe.file import read_recipe
from rankladder.distill.recipe.tables import Label, Mine, Teacher
from rankladder.errors import MissingExtra
from rankladder.rerank import engine

from ..toy import write_toy


def test_each_model_of_a_recipe_is_named_with_where_it_is(tmp_path: Path, ettin: Path) -> None:
    recipe = read_recipe(write_toy(tmp_path, ettin))
    teachers = [
        Teacher(model) for model in ("box", "bm25", "cosine:all-MiniLM-L6-v2", "cohere:rerank-v3.5", "ettin-1b")
    ]
    found = needed_models(msgspec.structs.replace(recipe, label=Label(teachers=tuple(teachers)), mine=Mine(dense=5)))
    told = {(one.what.partition(",")[0], one.model): one for one in found}
    assert told["train: start", str(ettin)].here is True
    assert told["label: teacher", "box"].here is True
    assert told["label: teacher", "cohere:rerank-v3.5"].here is None
    assert told["label: teacher", "all-MiniLM-L6-v2"].here is False
    missing = told["label: teacher", "ettin-1b"]
    assert (missing.here, missing.licence) == (False, "Apache-2.0")
    assert "M parameters, Apache-2.0)" in str(missing)
    assert any(one.what == "mine: embedder" and one.here is False for one in found)
    assert not any(one.model == "bm25" for one in found)


@pytest.mark.parametrize("start", ["jhu-clsp/ettin-encoder-17m", "ettin-17m"])
def test_a_start_that_is_not_here_is_not_fetched(start: str, tmp_path: Path) -> None:
    assert not start_is_here(read_recipe(write_toy(tmp_path, start)).train)


@pytest.mark.parametrize(
    ("platform", "gpu", "module", "said"),
    [
        ("linux", None, "torch", True),
        ("linux", None, "sentence_transformers", True),
        ("linux", "/usr/bin/nvidia-smi", "torch", False),
        ("darwin", None, "torch", False),
        ("linux", None, "msgspec", False),
    ],
)
def test_where_torch_would_bring_cuda_for_nothing_the_hint_says_how_to_get_it_without(
    platform: str, gpu: str | None, module: str, said: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.sys, "platform", platform)
    monkeypatch.setattr(engine, "which", lambda name: gpu)
    monkeypatch.setattr(engine, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'rankladder\[train\]'") as caught:
        engine.need(module, extra="train")
    assert ("download.pytorch.org/whl/cpu" in str(caught.value)) is said
