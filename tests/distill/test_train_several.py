"""Two processes that choose by a judged set, and go on inside a later epoch, train as one process does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .toy import JUDGED, write_toy

ROOT = Path(__file__).parents[2]

TRAINING = """
import os, signal, sys
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
Distillation(
    recipe, Path(sys.argv[2]), data=recipe.parent, only="train", say=lambda line: print(line, file=sys.stderr),
    watch=Progress,
).run()
"""


@pytest.mark.slow
def test_two_processes_killed_in_the_second_epoch_have_the_curve_of_one(tmp_path: Path, ettin: Path) -> None:
    recipe = write_toy(
        tmp_path / "data", ettin, more=JUDGED, **{"micro_batch_size = 8": "micro_batch_size = 4\nepochs = 2.0"}
    )
    script = tmp_path / "training.py"
    script.write_text(TRAINING)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def ran(*command: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *map(str, command)], capture_output=True, text=True, check=False, cwd=ROOT, env=environment
        )

    found = {}
    for name in ("one", "two"):
        into = tmp_path / name
        for verb in ("mine", "label", "sample"):
            done = ran("-m", "rankladder", "distill", verb, recipe, "--into", into, "--data", recipe.parent)
            assert done.returncode == 0, done.stderr
        several = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", 2) if name == "two" else ()
        if several:
            killed = ran(*several, script, recipe, into, 26)  # of 30; a checkpoint is at 24
            assert killed.returncode != 0
        done = ran(*several, script, recipe, into, 0)
        assert done.returncode == 0, done.stderr
        assert not several or "going on at checkpoint-24" in done.stderr
        found[name] = json.loads((into / "train" / "manifest.json").read_bytes())
    assert found["two"]["plan"] == found["one"]["plan"]
    for figure, tolerance in (("loss", 1e-3), ("eval_mean_ndcg@10", 0.1)):
        curves = [[(row["step"], row[figure]) for row in found[name]["history"] if figure in row] for name in found]
        assert len(curves[0]) > 3
        assert np.array(curves[1]) == pytest.approx(np.array(curves[0]), rel=tolerance, abs=1e-4), figure
