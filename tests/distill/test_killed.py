"""Killed at any moment, a distillation goes on where it was: the same rows, none lost and none doubled."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from .toy import JUDGED, write_toy

ROOT = Path(__file__).parents[2]
KILL_AT_STEP = Path(__file__).with_name("kill_at_step.py")

STAGES = """
import json, os, pathlib, random, signal, sys, threading, time
import numpy as np
import datasketch, pandas, pyarrow.compute, pyarrow.dataset, pyarrow.parquet  # once, not in every child
from rankladder.distill.data import mining
from rankladder.distill.label import labelling
from rankladder.distill.pipeline import Distillation
from rankladder.progress import Progress

recipe, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
mining.PART_QUERIES = 8

class Lengths:
    cached, digest = True, "lengths"
    def score(self, rows):
        return np.array([len(text) for text in rows["document"]], dtype=np.float32)

labelling.open_teacher = lambda name: Lengths()

def run(into):
    for stage in ("mine", "label", "sample"):
        found = Distillation(recipe, into, data=recipe.parent, only=stage, say=lambda line: None, watch=Progress)
        found.run()
    return [row for table in found.sampled.tables() for row in table.to_pylist()]

def killed_at_rename(count, after):
    replace = pathlib.Path.replace
    def counting(self, target):
        nonlocal count
        count -= 1
        if count == 0 and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        made = replace(self, target)
        if count == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return made
    pathlib.Path.replace = counting

def killed_after(seconds):
    threading.Thread(target=lambda: (time.sleep(seconds), os.kill(os.getpid(), signal.SIGKILL)), daemon=True).start()

def attempt(into, arm):
    child = os.fork()
    if child == 0:
        try:
            arm()
            rows = run(into)
            (into / "rows.json").write_text(json.dumps(rows))
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]

whole = folder / "whole"
assert attempt(whole, lambda: None) == 0
expected = (whole / "rows.json").read_text()
for chain in range(4):
    into, kills, chance = folder / str(chain), 0, random.Random(chain)
    while True:
        if chain % 2:
            seconds = chance.uniform(0.005, 0.25)
            status = attempt(into, lambda: killed_after(seconds))
        else:
            count, after = chance.randint(3, 14), chance.random() < 0.5
            status = attempt(into, lambda: killed_at_rename(count, after))
        assert status in (0, signal.SIGKILL), status
        if status == 0:
            break
        kills += 1
        if kills == 12:
            assert attempt(into, lambda: None) == 0
            break
    same = (into / "rows.json").read_text() == expected
    leftovers = [path.name for path in into.rglob("part-*.json") if not path.with_suffix(".parquet").exists()]
    print(json.dumps({"kills": kills, "same": same, "leftovers": leftovers}))
"""


def test_stages_killed_at_any_moment_give_the_same_rows(tmp_path: Path) -> None:
    recipe = write_toy(
        tmp_path / "data",
        "start",
        **{'[{ model = "bm25", weight = 2.0 }, { model = "labels" }]': '[{ model = "lengths" }]'},
    )
    done = subprocess.run(
        [sys.executable, "-c", STAGES, str(recipe), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    chains = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(chain["same"] and not chain["leftovers"] for chain in chains)
    assert all(chain["kills"] for chain in chains[::2]), "those that are killed by what they do, not by the clock"


@pytest.mark.slow
def test_training_killed_between_checkpoints_ends_with_the_same_weights(tmp_path: Path, ettin: Path) -> None:
    from safetensors.numpy import load_file

    recipe = write_toy(tmp_path / "data", ettin)
    losses, weights = {}, {}
    for name, kills in {"whole": (0,), "killed": (2, 9, 13, 0)}.items():
        for kill in kills:
            done = subprocess.run(
                [
                    sys.executable,
                    str(KILL_AT_STEP),
                    str(recipe),
                    str(tmp_path / name),
                    str(kill),
                    "mine",
                    "label",
                    "sample",
                    "train",
                ],
                capture_output=True,
                text=True,
                check=False,
                cwd=ROOT,
            )
            assert done.returncode == (-9 if kill else 0), done.stderr
        found = json.loads((tmp_path / name / "train" / "manifest.json").read_bytes())
        losses[name] = [(row["step"], row["loss"]) for row in found["history"] if "loss" in row]
        weights[name] = load_file(tmp_path / name / "train" / "best" / "model.safetensors")
    assert "resuming at checkpoint-" in done.stderr
    assert np.array(losses["killed"]) == pytest.approx(np.array(losses["whole"]), abs=1e-5)
    for tensor, values in weights["whole"].items():
        assert weights["killed"][tensor] == pytest.approx(values, abs=1e-5), tensor


FINISHING = """
import json, os, signal, sys, warnings
from pathlib import Path
import torch
torch.set_num_threads(1)
import datasets, datasketch, ir_measures, sentence_transformers.cross_encoder  # once, not in every child
from transformers import Trainer, TrainerState
from rankladder.distill.result import evaluating, exporting
from rankladder.distill.train import training
from rankladder.distill.pipeline import Distillation
from rankladder.scores import KeptScores
from rankladder.progress import Progress

warnings.simplefilter("ignore")
recipe, into = Path(sys.argv[1]), Path(sys.argv[2])

def killed(*_arguments, **_options):
    os.kill(os.getpid(), signal.SIGKILL)

rename = Path.rename

def renaming(path, target):
    return killed() if path.name == "export.partial" else rename(path, target)

def second(owner, name, half=lambda *_: None):
    method, calls = getattr(owner, name), []
    def counting(self, *arguments, **options):
        calls.append(name)
        if len(calls) == 2:
            half(*arguments)
            killed()
        return method(self, *arguments, **options)
    setattr(owner, name, counting)

KILLS = {
    "weights of a checkpoint are there, its optimiser is not":
        lambda: second(Trainer, "_save_optimizer_and_scheduler"),
    "a checkpoint's state is half written":
        lambda: second(TrainerState, "save_to_json", lambda path: Path(path).write_text('{"global_st')),
    "nothing of the student": lambda: setattr(training, "save_student", killed),
    "the student, but not that it is complete": lambda: setattr(training, "complete_run", killed),
    "some scores of the evaluation": lambda: second(KeptScores, "put"),
    "no report of the evaluation": lambda: setattr(evaluating, "write_report", killed),
    "an export without its card": lambda: setattr(exporting, "disagreement", killed),
    "an export that has not taken its place": lambda: setattr(Path, "rename", renaming),
}

def attempt(folder, arm):
    child = os.fork()
    if child == 0:
        try:
            arm()
            Distillation(recipe, folder, data=recipe.parent, say=lambda line: None, watch=Progress).run()
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

assert attempt(into / "whole", lambda: None) == 0
for name, arm in KILLS.items():
    assert attempt(into / "killed", arm) == -signal.SIGKILL, name
    assert not (into / "killed" / "export" / "figures.json").exists(), name
assert attempt(into / "killed", lambda: None) == 0
"""


def test_training_evaluation_and_export_killed_in_turn_end_with_the_same_student(tmp_path: Path, ettin: Path) -> None:
    from safetensors.numpy import load_file

    recipe = write_toy(tmp_path / "data", ettin, more=JUDGED, **{"evaluate_every = 0.25": "evaluate_every = 0.4"})
    done = subprocess.run(
        [sys.executable, "-c", FINISHING, str(recipe), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    whole, killed = (tmp_path / name / "export" for name in ("whole", "killed"))
    files, expected = ({path.relative_to(one) for path in one.rglob("*")} for one in (killed, whole))
    assert files == expected
    for name in ("train/best", "export"):
        weights = load_file(tmp_path / "killed" / name / "model.safetensors")
        for tensor, values in load_file(tmp_path / "whole" / name / "model.safetensors").items():
            assert weights[tensor] == pytest.approx(values, abs=1e-5), tensor
    figures = [json.loads((one / "figures.json").read_bytes())["figures"] for one in (whole, killed)]
    assert [row["role"] for row in figures[1]] == [row["role"] for row in figures[0]]
    assert [row["mean"] for row in figures[1]] == pytest.approx([row["mean"] for row in figures[0]], abs=1e-3)
    assert not list((tmp_path / "killed").glob("*.partial"))
