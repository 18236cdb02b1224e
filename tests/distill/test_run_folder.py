"""A training run's folder belongs to one recipe, its rows and its start, whenever it was killed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from rankladder.distill.recipe import Data, Recipe, Train
from rankladder.distill.trained import begin_run, key_of, last_checkpoint, train_depends


def depends(rate: float) -> dict[str, Any]:
    return {
        "settings": {"learning_rate": rate},
        "during": [],
        "seed": 1,
        "rows": "r",
        "start": ["s"],
        "start_settings": "t",
    }


def begun(folder: Path, rate: float) -> list[str]:
    """A run with a checkpoint."""
    said: list[str] = []
    begin_run(folder, depends(rate), said.append)
    return said


def leave_checkpoint(folder: Path) -> None:
    checkpoint = folder / "checkpoints" / "checkpoint-4"
    checkpoint.mkdir(parents=True)
    (checkpoint / "trainer_state.json").write_text("{}")


@pytest.mark.parametrize("removed", range(6))
def test_a_run_killed_while_it_clears_another_recipes_leaves_no_checkpoint_of_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, removed: int
) -> None:
    folder = tmp_path / "train"
    assert begun(folder, 0.1) == []
    leave_checkpoint(folder)
    left, unlink, rmdir = removed, os.unlink, os.rmdir

    def deadly(remove: Any) -> Any:
        def removing(*arguments: Any, **options: Any) -> None:
            nonlocal left
            if left == 0:
                raise KeyboardInterrupt
            left -= 1
            remove(*arguments, **options)

        return removing

    monkeypatch.setattr(os, "unlink", deadly(unlink))
    monkeypatch.setattr(os, "rmdir", deadly(rmdir))
    with pytest.raises(KeyboardInterrupt):
        begun(folder, 0.2)
    monkeypatch.undo()
    begun(folder, 0.2)
    assert last_checkpoint(folder / "checkpoints") is None
    assert (folder / "key").read_text() == key_of(depends(0.2))


def test_a_run_of_the_same_recipe_keeps_its_checkpoints_and_another_does_not(tmp_path: Path) -> None:
    folder = tmp_path / "train"
    begun(folder, 0.1)
    leave_checkpoint(folder)
    assert begun(folder, 0.1) == []
    assert last_checkpoint(folder / "checkpoints") is not None
    assert begun(folder, 0.2) == ["train: made anew: learning_rate was 0.1, is 0.2"]
    assert last_checkpoint(folder / "checkpoints") is None


def test_checkpoints_without_a_key_are_nobodys(tmp_path: Path) -> None:
    leave_checkpoint(tmp_path / "train")
    begun(tmp_path / "train", 0.1)
    assert last_checkpoint(tmp_path / "train" / "checkpoints") is None


def test_a_run_depends_on_its_starts_tokenizer_and_configuration(tmp_path: Path, bert: Path) -> None:
    start = tmp_path / "start"
    shutil.copytree(bert, start)
    (tmp_path / "rows.jsonl").write_text("{}")
    recipe = Recipe(
        name="r", data=(Data(name="d", scored=str(tmp_path / "rows.jsonl")),), train=Train(start=str(start))
    )
    before = key_of(train_depends(recipe, None))
    (start / "README.md").write_text("about it")
    assert key_of(train_depends(recipe, None)) == before
    for name in ("tokenizer.json", "config.json"):
        (start / name).write_text((start / name).read_text() + " ")
        assert key_of(train_depends(recipe, None)) != before
        before = key_of(train_depends(recipe, None))
