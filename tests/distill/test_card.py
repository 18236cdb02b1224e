"""The card says what its figures and its scores rest on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from rankladder.distill.card import model_card
from rankladder.distill.measure import Figure, Measured
from rankladder.distill.recipe import Recipe

OWN = {"name": "own", "queries": "q.jsonl"}
SCORED = {"name": "theirs", "scored": "hf:somebody/scores"}


def card(*data: dict[str, Any], **evaluate: Any) -> str:
    table: dict[str, Any] = {"name": "r", "data": data, "train": {"start": "box"}, "evaluate": evaluate}
    if OWN in data:
        table["label"] = {"teachers": [{"model": "bm25"}]}
    figure = Figure("asked", "student", "r fp32", 8, 0.5, 0.4, 0.6)
    measured = Measured(Path("evaluate"), "key", (figure,), {})
    return model_card(msgspec.convert(table, Recipe), measured, {}, apart=1e-5)


def test_a_set_that_chose_the_checkpoint_is_not_called_held_out() -> None:
    said = "- asked: the best checkpoint was chosen by this set"
    assert said in card(OWN, sets=["asked", "other"], during=["asked"])
    assert "chosen by this set" not in card(OWN, sets=["other"], during=["asked"])


def test_scores_of_others_are_named_beside_our_own() -> None:
    assert "The scores it learned came with the data" in card(SCORED)
    assert "The scores of theirs came with the data" in card(OWN, SCORED)
    assert "came with the data" not in card(OWN)


def test_the_depth_of_the_candidates_is_beside_the_figures() -> None:
    assert "over the first 40 of BM25's candidates" in card(OWN, top_k=40)
