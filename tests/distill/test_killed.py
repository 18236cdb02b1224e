"""Killed at any moment, a distillation goes on where it was: the same rows, none lost and none doubled."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from .toy import write_toy

ROOT = Path(__file__).parents[2]

STAGES = """
import json, os, pathlib, random, signal, sys, threading, time
import numpy as np
from rankladder.distill import label, mine
from rankladder.distill.pipeline import Distillation
from rankladder.progress import Progress

recipe, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
mine.PART_QUERIES, label.BLOCK = 8, 16

class Lengths:
    cached, digest = True, "lengths"
    def score(self, rows):
        return np.array([len(text) for text in rows["document"]], dtype=np.float32)

label.open_teacher = lambda name: Lengths()

def run(into):
    for stage in ("mine", "label", "sample"):
        found = Distillation(recipe, into, data=recipe.parent, only=stage, say=lambda line: None, watch=Progress).run()
    return [row for table in found.tables() for row in table.to_pylist()]

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

chance = random.Random(5)
whole = folder / "whole"
assert attempt(whole, lambda: None) == 0
expected = (whole / "rows.json").read_text()
for chain in range(4):
    into, kills = folder / str(chain), 0
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
    assert sum(chain["kills"] for chain in chains) >= 4


TRAINING = """
import json, os, signal, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from rankladder.distill import train
from rankladder.distill.pipeline import Distillation
from rankladder.progress import Progress

watching, kill_at = train.watching, int(sys.argv[3])

def deadly(folder, name, say):
    made = watching(folder, name, say=say)
    step_end = made.on_step_end
    def on_step_end(args, state, control, **rest):
        if state.global_step == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        step_end(args, state, control, **rest)
    made.on_step_end = on_step_end
    return made

train.watching = deadly
recipe = Path(sys.argv[1])
options = dict(data=recipe.parent, say=lambda line: print(line, file=sys.stderr), watch=Progress)
for stage in ("mine", "label", "sample", "train"):
    Distillation(recipe, Path(sys.argv[2]), only=stage, **options).run()
"""


@pytest.mark.slow
def test_training_killed_between_checkpoints_ends_with_the_same_weights(tmp_path: Path, ettin: Path) -> None:
    from safetensors.numpy import load_file

    recipe = write_toy(tmp_path / "data", ettin)
    losses, weights = {}, {}
    for name, kills in {"whole": (0,), "killed": (2, 9, 13, 0)}.items():
        for kill in kills:
            done = subprocess.run(
                [sys.executable, "-c", TRAINING, str(recipe), str(tmp_path / name), str(kill)],
                capture_output=True,
                text=True,
                check=False,
                cwd=ROOT,
            )
            assert done.returncode == (-9 if kill else 0), done.stderr
        found = json.loads((tmp_path / name / "train" / "manifest.json").read_bytes())
        losses[name] = [(row["step"], row["loss"]) for row in found["history"] if "loss" in row]
        weights[name] = load_file(tmp_path / name / "train" / "best" / "model.safetensors")
    assert "going on at checkpoint-" in done.stderr
    assert np.array(losses["killed"]) == pytest.approx(np.array(losses["whole"]), abs=1e-5)
    for tensor, values in weights["whole"].items():
        assert weights["killed"][tensor] == pytest.approx(values, abs=1e-5), tensor
