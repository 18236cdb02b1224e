"""From a recipe to a student: every stage, what it invalidates, and what the exported folder promises."""

from __future__ import annotations

import errno
import json
import re
import shutil
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rankladder.checkpoint.gate import read_gate
from rankladder.checkpoint.hub import WANTED
from rankladder.distill.manifests import read_json, write_json
from rankladder.distill.plan.dry_run import outlook
from rankladder.distill.recipe.file import read_recipe, with_data_folder
from rankladder.distill.result.evaluating import measure_depends, open_measured
from rankladder.distill.train.run_folder import Trained, train_depends
from rankladder.errors import BadInput, BadOption, CheckpointRefused, NotFound, StorageFailed
from rankladder.rerank import Reranker, engine

from .toy import Told


def test_a_finished_distillation_makes_nothing_again(told: Told) -> None:
    assert told.bars["mining"][1].count == told.bars["mining"][0] == 40
    before = {path: path.stat().st_mtime_ns for path in told.into.rglob("*.parquet")}
    assert told.run().folder == told.into / "export"
    assert {path: path.stat().st_mtime_ns for path in told.into.rglob("*.parquet")} == before
    complete = [line for line in told.said if "complete" in line]
    assert [line.split(":")[0] for line in complete] == ["mine", "label", "sample", "train", "evaluate", "export"]


@pytest.mark.parametrize(
    ("old", "new", "anew", "kept"),
    [
        ("keep = 6", "keep = 5", "sample: remade: keep was 6, is 5", ["mine", "label"]),
        ("weight = 2.0", "weight = 3.0", "sample: remade: ensemble.weight was [2.0, 1.0], is [3.0, 1.0]", ["mine"]),
        ("bm25 = 8", "bm25 = 7", "mine: remade: bm25 was 8, is 7", []),
    ],
)
def test_a_changed_setting_invalidates_what_depends_on_it_and_says_so(
    told: Told, old: str, new: str, anew: str, kept: list[str]
) -> None:
    told.change(old, new)
    for stage in ("mine", "label", "sample"):
        said = told.run(stage) and list(told.said)
        if stage in kept:
            assert any(line.startswith(f"{stage}: complete") for line in said)
        if anew.startswith(stage):
            assert anew in said
    with pytest.raises(NotFound, match="train: made with something else: rows was"):
        told.run("evaluate")


def test_a_changed_input_is_said_and_earlier_scores_are_not_asked_for_again(told: Told) -> None:
    queries = told.recipe.parent / "queries.jsonl"
    queries.write_text(
        queries.read_text() + json.dumps({"query": "what about snow", "positive": "snow is cold"}) + "\n"
    )
    told.run("mine")
    assert any(line.startswith("mine: remade: things.queries was") for line in told.said)
    with pytest.raises(NotFound, match=r"label: made with other inputs or settings: mine was .*hint|label: made with"):
        told.run("sample")


def test_where_data_start_and_teachers_lie_changes_nothing(
    told: Told, ettin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative folder, its whole path, and another folder with the same files are one recipe."""
    data = told.recipe.parent
    for name in ("start", "teacher"):
        shutil.copytree(ettin, data / "models" / name)
    told.change(f'"{ettin}"', '"models/start"')
    told.change('{ model = "bm25", weight = 2.0 }', '{ model = "models/teacher", weight = 2.0 }')
    monkeypatch.chdir(data.parent)

    def stages(path: Path) -> tuple[Any, ...]:
        recipe = with_data_folder(read_recipe(path / "toy.toml"), path)
        sampled = told._replace(recipe=path / "toy.toml").run("sample")
        student = Trained(ettin, train_depends(recipe, sampled).key, {}, ())
        return sampled, student, measure_depends(recipe, student)

    told._replace(recipe=Path("data/toy.toml")).run("label")
    made = stages(Path("data"))
    assert stages(data) == made
    data.rename(data.with_name("moved"))
    assert stages(data.with_name("moved")) == made


def test_a_stage_alone_finds_that_a_teachers_files_changed(told: Told, ettin: Path) -> None:
    teacher = told.recipe.parent / "teacher"
    shutil.copytree(ettin, teacher)
    told.change('{ model = "bm25", weight = 2.0 }', '{ model = "teacher", weight = 2.0 }')
    told.run("label")
    told.run("sample")
    (teacher / "config.json").write_text((teacher / "config.json").read_text() + " ")
    with pytest.raises(NotFound, match=r'label: .*teacher teacher was "\w+…, is "other files"\nhint: .*distill label'):
        told.run("sample")
    told.run("label")
    told.run("sample")


def test_a_stage_alone_wants_those_before_it(told: Told) -> None:
    shutil.rmtree(told.into / "label")
    with pytest.raises(NotFound, match="rankladder distill label RECIPE makes it"):
        told.run("sample")


def test_options_that_a_stage_does_not_use_are_refused(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadOption, match="mine does not run on it"):
        told.run("mine", ray="auto")
    with pytest.raises(BadOption, match="sample does not"):
        told.run("sample", processes=2)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(BadOption, match="torchrun starts only the training"):
        told.run()


def test_the_export_loads_in_both_libraries_with_equal_scores(told: Told) -> None:
    from sentence_transformers import CrossEncoder

    folder = told.into / "export"
    pairs = [("what about rain", "drops fall"), ("mars", "iron dust")]
    ours = Reranker.open(folder, dtype="fp32").predict(pairs)
    theirs = CrossEncoder(str(folder), device="cpu").predict(pairs)
    assert ours == pytest.approx(np.asarray(theirs), abs=1e-4)
    assert not [path for path in folder.rglob("*") if path.suffix in {".bin", ".pt", ".pkl"}]


def test_the_student_reads_no_more_than_the_recipe_says(told: Told) -> None:
    assert Reranker.open(told.into / "export").max_tokens == 32


def test_the_export_brings_recipe_card_figures_digests_and_the_int8_measurement(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = told.into / "export"
    assert read_recipe(folder / "recipe.toml") == read_recipe(told.recipe)
    figures = {one["role"]: one for one in json.loads((folder / "figures.json").read_bytes())["figures"]}
    assert set(figures) == {"retriever", "student", "student int8", "start"}
    (gate,) = read_gate(folder)
    assert (gate.dataset, gate.fp32) == ("judged", pytest.approx(figures["student"]["mean"], abs=1e-4))
    assert gate.int8 == pytest.approx(figures["student int8"]["mean"], abs=1e-4)
    monkeypatch.setattr(engine, "int8_path", lambda: "saturating")
    assert "int8 loses" in Reranker.open(folder).about
    card = (folder / "README.md").read_text()
    for expected in (
        "license: apache-2.0",
        "CC0",
        "BM25 | retriever",
        f"{figures['student']['mean']:.4f} [",
        "## Limits",
    ):
        assert expected in card
    assert str(told.recipe.parent) not in card


def test_an_altered_export_is_made_again_and_refuses_to_load(told: Told) -> None:
    figures = told.into / "export" / "figures.json"
    before = figures.read_text()
    figures.write_text(before.replace("mean", "better"))
    with pytest.raises(CheckpointRefused, match="another digest"):
        Reranker.open(told.into / "export")
    told.run("export")
    assert figures.read_text() == before


def test_a_disk_that_fills_leaves_the_export_that_was_there(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: Any, **_options: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    told.change('licence = "apache-2.0"', 'licence = "mit"')
    monkeypatch.setattr("rankladder.distill.result.exporting.write_digests", full)
    with pytest.raises(StorageFailed, match="export: cannot be written: No space left on device"):
        told.run()
    assert not (told.into / "export.partial").exists()
    assert "license: apache-2.0" in (told.into / "export" / "README.md").read_text()
    monkeypatch.undo()
    told.run("export")
    assert "license: mit" in (told.into / "export" / "README.md").read_text()


def test_a_disk_that_fills_while_evaluating_ends_the_stage_and_it_goes_on_later(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: Any) -> None:
        raise StorageFailed("the disk is full")

    told.change("top_k = 10", "top_k = 9")
    shutil.rmtree(told.into / "evaluate")
    monkeypatch.setattr("rankladder.scores.KeptScores.put", full)
    with pytest.raises(StorageFailed, match="the disk is full"):
        told.run()
    assert open_measured(told.into / "evaluate") is None
    monkeypatch.undo()
    assert len(told.run("evaluate").figures) >= 3


def test_without_a_terminal_training_says_how_far_it_is(told: Told) -> None:
    standing = [
        line for line in told.said if re.fullmatch(r"train: step \d+ of \d+, \d\d:\d\d left, loss \d+\.\d+", line)
    ]
    assert len(standing) >= 4


def test_the_score_distribution_and_the_loss_are_drawn(told: Told) -> None:
    from xml.etree import ElementTree

    for path in (told.into / "sample" / "scores.svg", told.into / "train" / "loss.svg"):
        drawing = ElementTree.parse(path).getroot()
        assert drawing.tag.endswith("svg")
        assert any(node.tag.endswith(("rect", "polyline")) for node in drawing)
    made = told.run("sample")
    assert sum(made.facts["sampled"]["histogram"]["counts"]) == made.rows == 240
    assert any("quantiles 0%" in line for line in told.said)


def test_judged_queries_among_those_trained_on_are_refused_before_anything_is_made(told: Told) -> None:
    queries = told.recipe.parent / "queries.jsonl"
    stolen = [
        {"query": "Tell me  why rain wants clouds so badly"},
        {"query": "tell me why git wants commit so very badly"},
    ]
    queries.write_text(queries.read_text() + "".join(json.dumps(row) + "\n" for row in stolen))
    shutil.rmtree(told.into)
    with pytest.raises(BadInput, match=r"judged: 2 of 8 judged queries are trained on: rain-0 .*exact.*git-0 .*near"):
        told.run()
    assert not told.into.exists()
    told.change("top_k = 10", 'top_k = 10\noverlap = "allow"')
    told.run("mine")
    assert any("2 of 8 judged queries are trained on" in line for line in told.said)


def test_overlap_in_rows_that_were_scored_already_is_refused_before_training(told: Told, ettin: Path) -> None:
    rows = [
        {"query": f"tell me why rain wants clouds so badly{' now' * n}", "document": "d", "score": n} for n in range(9)
    ]
    scored = told.recipe.parent / "scored.jsonl"
    scored.write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = told.recipe.read_text()
    data, rest = text[: text.index("queries =")], text[text.index("[train]") :]
    told.recipe.write_text(f'{data}scored = "scored.jsonl"\n{rest}')
    shutil.rmtree(told.into)
    with pytest.raises(BadInput, match=r"rain-0 .*exact"):
        told.run("train")
    assert not (told.into / "train").exists()
    assert told.run("mine") is None
    assert told.said == ["mine: nothing to do: the recipe's rows are scored already"]


def test_a_dry_run_plans_and_makes_nothing(told: Told, tmp_path: Path) -> None:
    recipe = with_data_folder(read_recipe(told.recipe), told.recipe.parent)
    plan = outlook(recipe)
    assert (plan.queries, plan.candidates, plan.rows) == (40, 40 * 11, 40 * 6)
    assert plan.plan is not None
    assert (plan.plan.steps, plan.plan.batch_size) == (15, 16)
    assert plan.hours is not None
    assert plan.hours > 0
    assert plan.parameters
    assert plan.memory_mib


def test_a_dry_run_times_passes_of_whole_queries_where_their_candidates_are_compared(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sentence_transformers import CrossEncoder

    read, sizes = CrossEncoder.preprocess, []

    def counting(model: Any, pairs: Any) -> Any:
        sizes.append(len(pairs))
        return read(model, pairs)

    monkeypatch.setattr(CrossEncoder, "preprocess", counting)
    told.change("[train]", '[train]\nloss = "kl"')
    plan = outlook(with_data_folder(read_recipe(told.recipe), told.recipe.parent))
    assert plan.plan is not None
    assert (plan.rows, plan.plan.rows, plan.plan.micro_batch_size) == (240, 40, 8)
    assert set(sizes) == {8 * 6}


def test_a_dry_run_without_the_start_says_what_it_cannot_know(told: Told) -> None:
    told.change(read_recipe(told.recipe).train.start, "nobody/nothing")
    plan = outlook(with_data_folder(read_recipe(told.recipe), told.recipe.parent))
    assert (plan.rows, plan.hours, plan.memory_mib) == (240, None, None)
    assert any("neither hours nor memory" in remark for remark in plan.remarks)


def test_an_evaluation_in_which_a_system_failed_goes_on_and_is_exported_anew(told: Told) -> None:
    manifest, exported = told.into / "evaluate" / "manifest.json", told.into / "export" / "figures.json"
    held = read_json(manifest)
    before = open_measured(told.into / "evaluate")
    held["figures"][-1] |= {"mean": None, "low": None, "high": None, "failed": "the service was down"}
    write_json(manifest, held)
    told.run("export")
    assert "the service was down" in exported.read_text()
    told.run()
    assert not any(line.startswith("evaluate: complete") for line in told.said)
    assert open_measured(told.into / "evaluate") == before
    assert "the service was down" not in exported.read_text()


def test_a_finished_training_is_not_asked_whether_it_could_begin_here(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A student that a GPU trained in bf16 is evaluated and exported where there is none."""
    monkeypatch.setattr("rankladder.distill.pipeline.check_training", lambda *_, **__: pytest.fail("asked"))
    assert told.run().folder == told.into / "export"
    monkeypatch.undo()
    told.change("max_tokens = 32", "max_tokens = 32\nlayers = 99")
    with pytest.raises(BadOption, match="layers"):
        told.run()
    assert not any(line.startswith("mine") for line in told.said), "what would be refused later is refused first"


def test_a_set_that_was_renamed_is_shown_under_its_new_name(told: Told) -> None:
    (told.recipe.parent / "judged").rename(told.recipe.parent / "asked")
    told.change('sets = ["judged"]', 'sets = ["asked"]')
    told.change('during = ["judged"]', 'during = ["./asked"]')
    told.run()
    card = (told.into / "export" / "README.md").read_text()
    assert "asked: the best checkpoint was chosen by this set" in card
    assert {
        one["dataset"] for one in json.loads((told.into / "evaluate" / "manifest.json").read_text())["figures"]
    } == {"asked"}


def test_the_export_opens_as_the_hub_would_give_it_and_its_card_may_be_edited(told: Told, tmp_path: Path) -> None:
    fetched = shutil.copytree(
        told.into / "export", tmp_path / "fetched", ignore=lambda place, names: {"README.md", "recipe.toml"}
    )
    assert Reranker.open(fetched).digest == Reranker.open(told.into / "export").digest
    assert not any(fnmatch(name, pattern) for name in ("README.md", "recipe.toml") for pattern in WANTED)
    card = told.into / "export" / "README.md"
    card.write_text(card.read_text() + "\nOurs.\n")
    Reranker.open(told.into / "export")
