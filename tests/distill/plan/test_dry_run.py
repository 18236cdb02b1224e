"""A plan is timed on texts of the data, and says so where it could not be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from rankladder.distill.plan.dry_run import outlook
from rankladder.distill.recipe.file import read_recipe, with_data_folder
from rankladder.distill.recipe.tables import Data, Label, Recipe, Teacher, Train

from ..prescored import scored_recipe
from ..toy import write_toy


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str]]:
    """The pairs that passes were timed on."""
    from sentence_transformers import CrossEncoder

    read, pairs = CrossEncoder.preprocess, set[tuple[str, str]]()

    def reading(model: Any, batch: Any) -> Any:
        pairs.update(batch)
        return read(model, batch)

    monkeypatch.setattr(CrossEncoder, "preprocess", reading)
    return pairs


def test_a_query_log_is_timed_on_its_documents(tmp_path: Path, ettin: Path, timed: set[tuple[str, str]]) -> None:
    (tmp_path / "log.txt").write_text("why rain\nwhy git\n")
    (tmp_path / "handbook.md").write_text("# Rain\n\nDrops fall when they are heavy.\n")
    data = Data(name="d", queries=str(tmp_path / "log.txt"), documents=str(tmp_path / "handbook.md"))
    settings = Train(start=str(ettin), max_tokens=16, batch_size=2, micro_batch_size=2)
    plan = outlook(Recipe(name="r", data=(data,), train=settings, label=Label(teachers=(Teacher(model="bm25"),))))
    assert timed
    assert all(query in {"why rain", "why git"} and "Drops fall" in text for query, text in timed)
    assert any("a few passes over pairs of this data" in remark for remark in plan.remarks)


def test_scored_rows_are_timed_on_themselves(tmp_path: Path, ettin: Path, timed: set[tuple[str, str]]) -> None:
    plan = outlook(scored_recipe(tmp_path, ettin))
    assert timed
    assert all(query.startswith("why ") and text.endswith(" falls") for query, text in timed)
    assert any("a few passes over pairs of this data" in remark for remark in plan.remarks)


def test_data_that_cannot_be_read_now_is_timed_on_a_made_up_pair_and_that_is_said(tmp_path: Path, ettin: Path) -> None:
    recipe = scored_recipe(tmp_path, ettin)
    plan = outlook(msgspec.structs.replace(recipe, data=(Data(name="d", scored="hf:nobody/nothing"),)))
    assert any("a few passes over a made-up pair" in remark for remark in plan.remarks)


def test_a_step_of_more_rows_than_there_are_is_refused_by_the_plan(tmp_path: Path, ettin: Path) -> None:
    from rankladder.errors import BadOption

    recipe = write_toy(tmp_path, ettin, **{"batch_size = 16\nmicro": "batch_size = 1024\nmicro"})
    with pytest.raises(BadOption, match="a step would take 1,024 pairs, and there are 240"):
        outlook(with_data_folder(read_recipe(recipe), tmp_path))
