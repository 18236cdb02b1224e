"""The student is the checkpoint that the recipe asks for, wherever its folder lies by then."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from safetensors.numpy import load_file

from rankladder.distill.data.training_rows import training_rows
from rankladder.distill.recipe.tables import Data, Recipe, Train, is_pointwise
from rankladder.distill.stage import Stage
from rankladder.distill.train.during import MEAN
from rankladder.distill.train.run_folder import Trained
from rankladder.distill.train.training import train
from rankladder.errors import NotFound, StorageFailed
from rankladder.rerank import Reranker

from ..prescored import scored_recipe
from ..toy import write_data

ROOT = Path(__file__).parents[3]


def run(recipe: Recipe, work: Path, say: Callable[[str], object] = lambda line: None) -> Trained:
    return train(recipe, work, None, say=say)


def same(one: Path, other: Path) -> bool:
    found, wanted = (load_file(folder / "model.safetensors") for folder in (one, other))
    return all((found[name] == values).all() for name, values in wanted.items())


def unfinished(work: Path) -> None:
    """As after a kill between the last checkpoint and the end."""
    (work / "train" / "manifest.json").unlink()
    shutil.rmtree(work / "train" / "best")


class Falling:
    """Judged sets on which every check finds less than the one before: the first checkpoint is the best."""

    def __init__(self, _settings: Any) -> None:
        self.checks = 0

    def measure(self, _model: Any) -> dict[str, float]:
        self.checks += 1
        return {MEAN: 1 / self.checks}


@pytest.fixture(scope="module")
def _falling() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rankladder.distill.train.training.Judged", Falling)
        yield


@pytest.fixture(scope="module")
def _finished(tmp_path_factory: pytest.TempPathFactory, ettin: Path, _falling: None) -> tuple[Recipe, Path]:
    folder = tmp_path_factory.mktemp("finished")
    recipe = scored_recipe(folder, ettin, during=(str(write_data(folder / "data") / "judged"),), keep=2)
    run(recipe, folder / "work")
    return recipe, folder / "work"


@pytest.fixture
def finished(_finished: tuple[Recipe, Path], tmp_path: Path) -> tuple[Recipe, Path, Path]:
    """A recipe, a copy of its finished run, and the student that this run ended with."""
    recipe, work = _finished
    shutil.copytree(work, tmp_path / "work")
    return recipe, tmp_path / "work", work / "train" / "best"


def checkpoints(work: Path) -> dict[int, Path]:
    found = (work / "train" / "checkpoints").glob("checkpoint-*")
    return dict(sorted((int(path.name.rpartition("-")[2]), path) for path in found))


def test_the_student_is_the_best_checkpoint(finished: tuple[Recipe, Path, Path]) -> None:
    _, work, best = finished
    found = checkpoints(work)
    assert list(found) == [1, 5]
    assert same(best, found[1])
    assert not same(best, found[5])
    assert json.loads((work / "train" / "manifest.json").read_bytes())["best"] == {"metric": 1.0}


def test_a_run_whose_folder_moved_ends_with_its_best_checkpoint(
    finished: tuple[Recipe, Path, Path], tmp_path: Path
) -> None:
    recipe, work, best = finished
    for state in work.rglob("trainer_state.json"):
        state.write_text(state.read_text().replace(str(best.parent), str(tmp_path / "gone")))
    unfinished(work)
    said: list[str] = []
    trained = run(recipe, work, said.append)
    assert "train: resuming at checkpoint-5" in said
    assert same(trained.folder, best)
    assert trained.best == {"metric": 1.0}


def test_a_copy_goes_on_with_its_own_checkpoints_though_the_first_folder_is_still_there(
    finished: tuple[Recipe, Path, Path],
) -> None:
    from safetensors.numpy import save_file

    recipe, work, best = finished
    weights = checkpoints(work)[1] / "model.safetensors"
    save_file({name: values * 0 for name, values in load_file(weights).items()}, weights, {"format": "pt"})
    unfinished(work)
    trained = run(recipe, work)
    assert not same(trained.folder, best)
    assert same(trained.folder, weights.parent)


def test_a_best_checkpoint_that_was_removed_is_not_replaced_by_the_last_one(
    finished: tuple[Recipe, Path, Path],
) -> None:
    recipe, work, _ = finished
    shutil.rmtree(checkpoints(work)[1])
    unfinished(work)
    with pytest.raises(NotFound, match="checkpoint-1: the best checkpoint no longer exists"):
        run(recipe, work)
    assert not (work / "train" / "best").exists()


@pytest.mark.usefixtures("_falling")
def test_the_last_checkpoint_can_be_asked_for(finished: tuple[Recipe, Path, Path], tmp_path: Path) -> None:
    recipe, work, _ = finished
    settings = msgspec.structs.replace(recipe.train, checkpoint="last", keep=1)
    last = msgspec.structs.replace(recipe, train=settings)
    trained = run(last, tmp_path / "last")
    assert same(trained.folder, checkpoints(work)[5])
    assert trained.best == {"metric": 0.2}
    said: list[str] = []
    run(last, tmp_path / "last", said.append)
    assert said == ["train: complete, last metric 0.2000"]


@pytest.mark.parametrize("what", ["save_student", "complete_run"])
def test_a_disk_that_fills_while_the_student_is_written_is_named(
    finished: tuple[Recipe, Path, Path], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    def full(*_arguments: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    recipe, work, best = finished
    unfinished(work)
    monkeypatch.setattr(f"rankladder.distill.train.training.{what}", full)
    with pytest.raises(StorageFailed, match="the disk is full"):
        run(recipe, work)
    monkeypatch.undo()
    assert same(run(recipe, work).folder, best)


def test_a_disk_that_fills_while_sampled_rows_are_copied_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets
    from datasets.exceptions import DatasetGenerationError

    def full(*_arguments: Any, **_options: Any) -> None:
        raise DatasetGenerationError("An error occurred") from OSError(errno.ENOSPC, "No space left on device")

    rows = pa.table({"query": ["q"], "document": ["d"], "score": [1.0], "positive": [True]})
    sampled = Stage(tmp_path / "sample", settings={}, inputs={}).run(["all"], lambda place: rows)
    recipe = Recipe(name="r", data=(Data(name="d", queries="q"),), train=Train(start="s"))
    monkeypatch.setattr(datasets, "load_dataset", full)
    with pytest.raises(StorageFailed, match="the disk is full"):
        training_rows(recipe, tmp_path, sampled)


LOSSES: list[Any] = ["mse", "margin-mse", "kl", "ranknet", "bce", {"mse": 1.0, "kl": 0.5}, {"margin-mse": 1, "bce": 1}]


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_every_loss_falls_and_gives_a_student_that_loads(tmp_path: Path, ettin: Path, loss: Any) -> None:
    settings = {} if is_pointwise(loss) else {"batch_size": 3, "micro_batch_size": 3}
    recipe = scored_recipe(tmp_path, ettin, loss=loss, epochs=4.0, dropout=0.0, evaluate_every=0.5, **settings)
    trained = run(recipe, tmp_path / "work")
    losses = [row["loss"] for row in trained.history if "loss" in row]
    assert np.mean(losses[-3:]) < losses[0]
    pairs = [("why rain 0", "rain falls"), ("why git 2", "git commit falls")]
    scores = Reranker.open(trained.folder, dtype="fp32").predict(pairs)
    assert np.isfinite(scores).all()
    assert scores[0] != scores[1]


def test_tensorboard_finds_the_curves_where_the_guide_says(tmp_path: Path, ettin: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run(scored_recipe(tmp_path, ettin, logs=("tensorboard",)), tmp_path / "work")
    assert "train/checkpoints/runs" in (ROOT / "docs" / "guide" / "distilling.md").read_text()
    (folder,) = (tmp_path / "work" / "train" / "checkpoints" / "runs").iterdir()
    events = EventAccumulator(str(folder))
    events.Reload()
    assert {"train/loss", "eval/loss"} <= set(events.Tags()["scalars"])
