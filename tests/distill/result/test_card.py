"""The card says what its figures and its scores rest on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from rankladder.distill.manifests import write_json
from rankladder.distill.recipe.file import read_recipe
from rankladder.distill.recipe.tables import Recipe
from rankladder.distill.result.card import model_card, sources
from rankladder.distill.result.evaluating import Figure, Measured
from rankladder.distill.stage import Made
from rankladder.storage import file_digest, path_digest

from ..toy import Told

OWN = {"name": "own", "queries": "q.jsonl"}
SCORED = {"name": "theirs", "scored": "hf:somebody/scores"}
MEASURED = Measured(Path("evaluate"), "key", (Figure("asked", "student", "r fp32", 8, 0.5, 0.4, 0.6),), {})


def card(*data: dict[str, Any], **evaluate: Any) -> str:
    table: dict[str, Any] = {"name": "r", "data": data, "train": {"start": "box"}, "evaluate": evaluate}
    if OWN in data:
        table["label"] = {"teachers": [{"model": "bm25"}]}
    return model_card(msgspec.convert(table, Recipe), MEASURED, {}, apart=1e-5)


def test_a_set_that_chose_the_checkpoint_is_not_called_held_out() -> None:
    said = "- asked: the best checkpoint was chosen by this set"
    assert said in card(OWN, sets=["asked", "other"], during=["asked"])
    assert "chosen by this set" not in card(OWN, sets=["other"], during=["asked"])


def test_scores_of_others_are_named_beside_our_own() -> None:
    assert "The scores it learned came with the data" in card(SCORED)
    assert "The scores of theirs came with the data" in card(OWN, SCORED)
    assert "came with the data" not in card(OWN)


def test_data_teachers_and_start_stand_on_the_card_with_their_digests(tmp_path: Path) -> None:
    (tmp_path / "scored.jsonl").write_text("rows")
    teachers = [{"model": "/models/big,dtype=fp32"}, {"model": "labels"}]
    data = [OWN, {"name": "mine", "scored": str(tmp_path / "scored.jsonl")}, SCORED]
    data.append({"name": "pinned", "scored": "hf:somebody/scores@abc"})
    table = {"name": "r", "data": data, "train": {"start": "box"}, "label": {"teachers": teachers}}
    recipe = msgspec.convert(table, Recipe)
    (tmp_path / "train").mkdir()
    write_json(tmp_path / "train" / "depends.json", {"start": ["5" * 64]})
    labelled = Made(tmp_path, "key", (), {"digests": {"/models/big,dtype=fp32": "7" * 64, "labels": "labels"}})
    text = model_card(recipe, MEASURED, sources(recipe, tmp_path, labelled), apart=1e-5)
    assert f"| scored data mine | `{path_digest(str(tmp_path / 'scored.jsonl'))}` |" in text
    assert "| scored data theirs | `no revision named` |" in text
    assert "| scored data pinned | `abc` |" in text
    assert f"| teacher big,dtype=fp32 | `{'7' * 64}` |" in text
    assert f"| start, weights 1 | `{'5' * 64}` |" in text
    assert "teacher labels" not in text


def test_a_finished_students_card_names_its_starts_weights(told: Told) -> None:
    weights = Path(read_recipe(told.recipe).train.start) / "model.safetensors"
    lines = (told.into / "export" / "README.md").read_text().splitlines()
    assert any(line.startswith("| start, weights ") and file_digest(weights) in line for line in lines)


def test_the_depth_of_the_candidates_is_beside_the_figures() -> None:
    assert "over the first 40 of BM25's candidates" in card(OWN, top_k=40)
