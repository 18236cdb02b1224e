"""The published recipes are the published ones, number by number."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from rankladder.distill.recipe.file import read_recipe
from rankladder.distill.recipe.tables import Recipe
from rankladder.distill.result.card import model_card
from rankladder.distill.result.evaluating import Measured

ROOT = Path(__file__).parents[3]
RUNGS = {
    "17m": (2.4e-4, 1024),
    "32m": (1.2e-4, 512),
    "68m": (3e-5, 256),
    "150m": (1.5e-5, 192),
    "400m": (7e-6, 256),
    "1b": (3e-6, 512),
}


@pytest.mark.parametrize("rung", RUNGS)
def test_an_ettin_recipe_has_every_published_hyperparameter(rung: str) -> None:
    """Source: huggingface.co/blog/ettin-reranker, 2026-05-19, but for ``max_tokens``, which is ours."""
    rate, batch = RUNGS[rung]
    recipe = read_recipe(ROOT / "recipes" / f"ettin-{rung}.toml")
    published = {
        "name": f"ettin-{rung}",
        "seed": 12,
        "data": [{"name": "ettin-reranker-v1-data", "scored": "hf:cross-encoder/ettin-reranker-v1-data"}],
        "train": {
            "start": f"jhu-clsp/ettin-encoder-{rung}",
            "loss": "mse",
            "learning_rate": rate,
            "batch_size": batch,
            "epochs": 1.0,
            "warmup": 0.03,
            "max_tokens": 512,
            "dtype": "bf16",
            "evaluate_every": 0.05,
            "keep": 5,
            "checkpoint": "last" if rung == "68m" else "best",
        },
        "evaluate": {"during": ["NanoBEIR"]},
    }
    assert msgspec.structs.replace(recipe, export=Recipe.__struct_defaults__[-1]) == msgspec.convert(published, Recipe)


@pytest.mark.parametrize("rung", RUNGS)
def test_the_card_says_that_nano_beir_chose_the_student_where_it_did(rung: str) -> None:
    recipe = read_recipe(ROOT / "recipes" / f"ettin-{rung}.toml")
    card = model_card(recipe, Measured(Path("evaluate"), "key", (), {}), {}, apart=1e-5)
    assert ("The best checkpoint was chosen by NanoBEIR" in card) == (rung != "68m")
