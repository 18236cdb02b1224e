"""A training run is complete, goes on, or is refused; a student that is no use is not kept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from filelock import FileLock
from safetensors.numpy import load_file

from rankladder.distill.recipe.tables import Evaluate
from rankladder.distill.train.during import Judged
from rankladder.distill.train.run_folder import last_checkpoint, open_trained
from rankladder.distill.train.training import train
from rankladder.errors import BadInput, CheckpointRefused, NotFound, RankladderError, StorageFailed

from ..prescored import scored_recipe
from ..toy import Told


def test_a_checkpoint_whose_state_is_half_written_is_passed_over(tmp_path: Path) -> None:
    for step, state in {2: '{"global_step": 2}', 9: '{"global_step": 9}', 10: '{"global_st'}.items():
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text(state)
    (tmp_path / "checkpoint-11").mkdir()
    found = last_checkpoint(tmp_path)
    assert found is not None
    assert found.name == "checkpoint-9"


def test_an_altered_student_is_not_taken_as_complete_and_comes_back_from_its_checkpoints(told: Told) -> None:
    weights = told.into / "train" / "best" / "model.safetensors"
    before = load_file(weights)
    altered = bytearray(weights.read_bytes())
    altered[-1] ^= 1
    weights.write_bytes(altered)
    with pytest.raises(NotFound, match="not complete"):
        told.run("evaluate")
    told.run("train")
    assert any("resuming at checkpoint-" in line for line in told.said)
    assert all((load_file(weights)[name] == values).all() for name, values in before.items())


def test_a_run_completed_before_manifests_had_digests_is_complete(told: Told) -> None:
    manifest = told.into / "train" / "manifest.json"
    found = json.loads(manifest.read_bytes())
    assert set(found.pop("files")) == {
        path.relative_to(manifest.parent / "best").as_posix()
        for path in (manifest.parent / "best").rglob("*")
        if path.is_file()
    }
    del found["check"]  # and checksums of their own
    manifest.write_text(json.dumps(found))
    assert open_trained(manifest.parent) is not None


def test_training_anew_says_which_setting_changed(told: Told) -> None:
    told.change("learning_rate = 0.003", "learning_rate = 0.002")
    told.run("train")
    assert "train: remade: learning_rate was 0.003, is 0.002" in told.said


@pytest.mark.parametrize("stage", ["train", "evaluate", "export"])
def test_two_processes_do_not_make_one_stage(told: Told, stage: str) -> None:
    with (
        FileLock(told.into / f"{stage}.lock"),
        pytest.raises(StorageFailed, match=f"{stage}: another process is making this stage"),
    ):
        told.run(stage)


def test_a_student_with_nan_scores_is_not_exported(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(told.into / "export")
    monkeypatch.setattr("rankladder.distill.result.exporting.disagreement", lambda folder: float("nan"))
    with pytest.raises(CheckpointRefused, match="nothing was exported"):
        told.run("export")
    assert not (told.into / "export").exists()


def test_a_student_whose_loss_is_not_finite_is_refused_and_not_kept(tmp_path: Path, ettin: Path) -> None:
    recipe = scored_recipe(tmp_path, ettin, scale=8e36)  # the square of such a score is beyond float32
    with pytest.raises(RankladderError, match="the best checkpoint has the figure"):
        train(recipe, tmp_path / "work", None, say=lambda line: None)
    assert not (tmp_path / "work" / "train" / "best").exists()


def test_bce_over_rows_without_a_known_positive_is_refused(tmp_path: Path, ettin: Path) -> None:
    recipe = scored_recipe(tmp_path, ettin, positives=False, loss={"mse": 1.0, "bce": 0.5})
    with pytest.raises(BadInput, match="loss bce: no row is a known positive"):
        train(recipe, tmp_path / "work", None, say=lambda line: None)


def test_two_sets_of_one_name_are_not_averaged_as_one(told: Told, tmp_path: Path) -> None:
    judged = told.recipe.parent / "judged"
    shutil.copytree(judged, tmp_path / "other" / "judged")
    with pytest.raises(BadInput, match=r"two sets of evaluate\.during are called judged"):
        Judged(Evaluate(during=(str(judged), str(tmp_path / "other" / "judged")), top_k=5))
