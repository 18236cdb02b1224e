"""A training run's folder belongs to one recipe, its rows and its start, whenever it was killed; what others wrote is
never cleared.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from rankladder.distill.manifests import clear
from rankladder.distill.recipe.tables import Data, Recipe, Train
from rankladder.distill.stage import Stage
from rankladder.distill.step import Depends
from rankladder.distill.train.run_folder import begin_run, begun_batch, key_of, last_checkpoint, train_depends
from rankladder.errors import BadInput

from ..toy import Told, write_toy


def depends(rate: float) -> Depends:
    values = {
        "settings": {"learning_rate": rate},
        "during": [],
        "seed": 1,
        "rows": "r",
        "start": ["s"],
        "start_settings": "t",
    }
    return Depends(values, key_of(values))


def begun(folder: Path, rate: float) -> list[str]:
    """A run with a checkpoint."""
    said: list[str] = []
    begin_run(folder, depends(rate), 16, said.append)
    return said


def leave_checkpoint(folder: Path) -> None:
    checkpoint = folder / "checkpoints" / "checkpoint-4"
    checkpoint.mkdir(parents=True)
    (checkpoint / "trainer_state.json").write_text("{}")


@pytest.mark.parametrize("removed", range(4))
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
    assert (folder / "key").read_text() == depends(0.2).key


def test_a_run_that_is_gone_on_with_keeps_its_batch(tmp_path: Path) -> None:
    folder = tmp_path / "train"
    assert begun_batch(folder, depends(0.1).key) is None
    begun(folder, 0.1)
    assert begun_batch(folder, depends(0.1).key) == 16
    assert begun_batch(folder, depends(0.2).key) is None


def test_a_run_of_the_same_recipe_keeps_its_checkpoints_and_another_does_not(tmp_path: Path) -> None:
    folder = tmp_path / "train"
    begun(folder, 0.1)
    leave_checkpoint(folder)
    assert begun(folder, 0.1) == []
    assert last_checkpoint(folder / "checkpoints") is not None
    assert begun(folder, 0.2) == ["train: remade: learning_rate was 0.1, is 0.2"]
    assert last_checkpoint(folder / "checkpoints") is None


def test_files_without_a_key_are_somebody_elses_and_stay(tmp_path: Path) -> None:
    rows = tmp_path / "train" / "squad.jsonl.gz"
    rows.parent.mkdir()
    rows.write_text("rows")
    with pytest.raises(
        BadInput, match=r"train: .*squad\.jsonl\.gz is not a file of a distillation[\s\S]*hint: name another"
    ):
        begun(tmp_path / "train", 0.1)
    assert rows.read_text() == "rows"


def test_a_folder_without_files_or_killed_before_its_key_is_begun(tmp_path: Path) -> None:
    folder = tmp_path / "train"
    (folder / "checkpoints").mkdir(parents=True)  # the trainer makes it before the run is begun
    (folder / "depends.json").write_text("{}")
    (folder / ".key.x1.tmp").write_text("")
    assert begun(folder, 0.1) == []
    assert (folder / "key").read_text() == depends(0.1).key


@pytest.mark.parametrize("stage", ["corpus/things", "mine", "label", "sample", "train", "evaluate", "export"])
def test_nothing_is_made_where_somebody_elses_files_lie(tmp_path: Path, stage: str) -> None:
    """Spark and datasets, too, call the parts of what they write ``part-00000.parquet``."""
    told = Told(write_toy(tmp_path / "data", "nobody/nothing"), tmp_path / "data", [], {})
    rows = tmp_path / "data" / stage / "deeper" / "part-00000.parquet"
    rows.parent.mkdir(parents=True)
    rows.write_text("rows")
    with pytest.raises(BadInput, match=f"{stage}: .*part-00000.parquet is not a file of a distillation"):
        told.run("mine")
    assert rows.read_text() == "rows"
    assert {path.name for path in told.into.iterdir() if path.is_dir()} == {"judged", stage.partition("/")[0]}


def test_a_stage_clears_nothing_in_a_folder_that_is_not_its_own(tmp_path: Path) -> None:
    """Whoever made the folder after the whole run had looked at it."""
    rows = tmp_path / "sample" / "part-00000.parquet"
    rows.parent.mkdir()
    rows.write_text("rows")
    with pytest.raises(BadInput, match=r"part-00000\.parquet is not a file of a distillation"):
        Stage(rows.parent, settings={}, inputs={}).run(["a"], lambda place: pa.table({"row": []}))
    assert rows.read_text() == "rows"


def test_an_export_killed_while_it_clears_the_one_before_is_made_again(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deadly(folder: Path, mark: str) -> None:
        clear(folder, mark)
        raise KeyboardInterrupt

    told.change('licence = "apache-2.0"', 'licence = "mit"')
    monkeypatch.setattr("rankladder.distill.result.exporting.clear", deadly)
    with pytest.raises(KeyboardInterrupt):
        told.run("export")
    monkeypatch.undo()
    assert [path.name for path in (told.into / "export").iterdir()] == ["figures.json"]
    told.run("export")
    assert "license: mit" in (told.into / "export" / "README.md").read_text()


def test_a_run_does_not_depend_on_where_its_start_lies(tmp_path: Path, bert: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("{}")
    found = []
    for name in ("here", "there"):
        shutil.copytree(bert, tmp_path / name)
        train = Train(start=str(tmp_path / name))
        data = Data(name="d", scored=str(tmp_path / "rows.jsonl"))
        found.append(train_depends(Recipe(name="r", data=(data,), train=train), None))
    assert found[0] == found[1]


def test_a_run_depends_on_its_starts_tokenizer_and_configuration(tmp_path: Path, bert: Path) -> None:
    start = tmp_path / "start"
    shutil.copytree(bert, start)
    (tmp_path / "rows.jsonl").write_text("{}")
    recipe = Recipe(
        name="r", data=(Data(name="d", scored=str(tmp_path / "rows.jsonl")),), train=Train(start=str(start))
    )
    before = train_depends(recipe, None).key
    (start / "README.md").write_text("about it")
    assert train_depends(recipe, None).key == before
    for name in ("tokenizer.json", "config.json"):
        (start / name).write_text((start / name).read_text() + " ")
        assert train_depends(recipe, None).key != before
        before = train_depends(recipe, None).key
