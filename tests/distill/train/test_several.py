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

from ..toy import JUDGED, write_toy

ROOT = Path(__file__).parents[3]
KILL_AT_STEP = Path(__file__).parents[1] / "kill_at_step.py"


@pytest.mark.slow
def test_two_processes_killed_in_the_second_epoch_have_the_curve_of_one(tmp_path: Path, ettin: Path) -> None:
    recipe = write_toy(
        tmp_path / "data", ettin, more=JUDGED, **{"micro_batch_size = 8": "micro_batch_size = 4\nepochs = 2.0"}
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def ran(*command: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *map(str, command)], capture_output=True, text=True, check=False, cwd=ROOT, env=environment
        )

    found = {}
    for name in ("one", "two"):
        into = tmp_path / name
        done = ran(KILL_AT_STEP, recipe, into, 0, "mine", "label", "sample")
        assert done.returncode == 0, done.stderr
        several = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", 2) if name == "two" else ()
        if several:
            killed = ran(*several, KILL_AT_STEP, recipe, into, 26, "train")  # of 30; a checkpoint is at 24
            assert killed.returncode != 0
        done = ran(*several, KILL_AT_STEP, recipe, into, 0, "train")
        assert done.returncode == 0, done.stderr
        assert not several or "resuming at checkpoint-24" in done.stderr
        found[name] = json.loads((into / "train" / "manifest.json").read_bytes())
    assert found["two"]["plan"] == found["one"]["plan"]
    for figure, tolerance in (("loss", 1e-3), ("eval_mean_ndcg@10", 0.1)):
        curves = [[(row["step"], row[figure]) for row in found[name]["history"] if figure in row] for name in found]
        assert len(curves[0]) > 3
        assert np.array(curves[1]) == pytest.approx(np.array(curves[0]), rel=tolerance, abs=1e-4), figure
