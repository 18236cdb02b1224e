"""A figure on queries that were trained on is refused, or said: whenever the set was named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from rankladder.distill.data.training_rows import asked_in_training
from rankladder.distill.recipe.tables import Data, Recipe, Train
from rankladder.errors import BadInput

from ..toy import Told


@pytest.fixture
def told(told: Told) -> Told:
    """A finished distillation, and a judged set whose first query it was trained on."""
    stolen = told.recipe.parent / "stolen"
    shutil.copytree(told.recipe.parent / "judged", stolen)
    queries = (stolen / "queries.jsonl").read_text()
    (stolen / "queries.jsonl").write_text(
        queries.replace("tell me why rain wants clouds so badly", "what about clouds for rain")
    )
    return told


def test_a_set_named_after_the_training_is_looked_at_before_it_is_measured(told: Told) -> None:
    told.change('sets = ["judged"]', 'sets = ["stolen"]')
    for only in ("evaluate", None):
        with pytest.raises(BadInput, match=r"stolen: 1 of 8 judged queries are trained on: rain-0 .*exact"):
            told.run(only)


def test_the_card_says_what_was_found_and_a_withdrawn_permission_is_refused(told: Told) -> None:
    told.change('sets = ["judged"]', 'sets = ["stolen"]\noverlap = "allow"')
    assert told.run("evaluate").trained_on == {"stolen": 1}
    card = told.run("export").folder / "README.md"
    assert "stolen: 1 of its queries were trained on" in card.read_text()
    told.change('overlap = "allow"\n', "")
    with pytest.raises(BadInput, match="stolen: 1 of 8"):
        told.run("evaluate")


def test_permission_alone_is_no_overlap(told: Told) -> None:
    told.change('sets = ["judged"]', 'sets = ["judged"]\noverlap = "allow"')
    assert told.run("evaluate").trained_on == {}


def test_queries_of_rows_that_were_scored_already_count_as_trained_on(tmp_path: Path) -> None:
    path = tmp_path / "scored.jsonl"
    path.write_text("".join(json.dumps({"query": f"q{n // 3}", "document": "d", "score": n}) + "\n" for n in range(9)))
    recipe = Recipe(name="r", data=(Data(name="d", scored=str(path)),), train=Train(start="s"))
    assert list(asked_in_training(recipe, tmp_path / "work")) == ["q0", "q1", "q2"]
