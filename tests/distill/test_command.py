"""``rankladder distill`` and its verbs: what they print, and how they end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rankladder.cli.main import run

from .toy import write_toy


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_toy(tmp_path / "data", "nobody/nothing")


def test_each_stage_runs_alone_and_says_what_it_made(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [str(recipe), "--into", str(tmp_path / "work"), "--data", str(recipe.parent)]
    for stage in ("mine", "label", "sample"):
        assert run(["distill", stage, *folders]) == 0
    made = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["stage"] for one in made] == ["mine", "label", "sample"]
    assert [one["rows"] for one in made] == [made[0]["rows"], made[0]["rows"], 240]
    assert run(["distill", "train", *folders]) == 3  # the start is nowhere
    assert run(["distill", "evaluate", *folders]) == 3


def test_a_dry_run_prints_the_plan_and_writes_nothing(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["distill", str(recipe), "--data", str(recipe.parent), "--into", str(tmp_path / "work"), "--dry-run"]
    assert run(arguments) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["queries"], plan["rows"], plan["hours"]) == (40, 240, None)
    assert (plan["models"][0]["what"], plan["models"][0]["here"]) == ("train: start", False)
    assert run([*arguments, "--table"]) == 0
    assert "unknown" in capsys.readouterr().out
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ([], 2, "Usage"),
        (["none.toml"], 3, "no recipe at none.toml"),
        (["label", "none.toml"], 3, "no recipe at none.toml"),
        (["{recipe}", "--data", "elsewhere"], 3, "nothing at elsewhere"),
        (["{recipe}", "--data", "{data}", "--processes", "0"], 2, "--processes"),
        (["mine", "{recipe}", "--ray", "auto"], 2, "No such option"),
    ],
)
def test_bad_input_has_its_exit_status_and_names_what_is_wrong(
    recipe: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, said: str
) -> None:
    filled = [word.format(recipe=recipe, data=recipe.parent) for word in arguments]
    assert run(["distill", *filled]) == status
    captured = capsys.readouterr()
    assert said in captured.out + captured.err
