"""Several processes train, and a cluster labels, as one process does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from .toy import write_toy

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_two_gloo_processes_have_the_loss_curve_of_one(tmp_path: Path, ettin: Path) -> None:
    recipe = write_toy(tmp_path / "data", ettin, **{"micro_batch_size = 8": "micro_batch_size = 4"})
    runs = {}
    for processes in (1, 2):
        into = tmp_path / str(processes)
        command = [sys.executable, "-m", "rankladder", "distill"]
        folders = [str(recipe), "--into", str(into), "--data", str(recipe.parent)]
        for verb in (["mine"], ["label"], ["sample"], ["train", "--processes", str(processes)]):
            done = subprocess.run(
                [*command, verb[0], *folders, *verb[1:]],
                capture_output=True,
                text=True,
                check=False,
                cwd=ROOT,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
            assert done.returncode == 0, done.stderr
            assert [json.loads(line)["stage"] for line in done.stdout.splitlines()] == [verb[0]]
        runs[processes] = json.loads((into / "train" / "manifest.json").read_bytes())
    assert runs[1]["plan"] == runs[2]["plan"]
    steps = runs[1]["plan"]["rows"] // runs[1]["plan"]["batch_size"]  # the last, smaller one is padded for two
    curves = {
        n: np.array([(row["step"], row["loss"]) for row in run["history"] if "loss" in row]) for n, run in runs.items()
    }
    assert curves[2][:steps] == pytest.approx(curves[1][:steps], rel=1e-3, abs=1e-4)


CLUSTER = """
import json, os, signal, sys, threading, time
import numpy as np, pyarrow as pa
from pathlib import Path
from ray.cluster_utils import Cluster
from rankladder.distill.label import parallel
from rankladder.distill.stage import Stage
from rankladder.distill.label.labelling import scores_of
from rankladder.distill.label.teachers import open_teacher
from rankladder.scores import pair_key

folder, teacher, gpus = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
documents = [f"drops of rain {n} " * (n % 20 + 1) for n in range(240)]
rows = {"query": [f"why rain {n % 9}" for n in range(240)], "document": documents}
made = Stage(folder / "mine", settings={}, inputs={}).run(["all"], lambda place: pa.table(rows))
parallel.BATCH_PAIRS = 8
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
workers = [cluster.add_node(num_cpus=1, num_gpus=gpus) for _ in range(2)]
told = []

def each(count):
    told.append(count)
    if sum(told) >= 40 and len(workers) == 2:
        cluster.remove_node(workers.pop(), allow_graceful=False)

digest = parallel.cluster_digest(teacher, cluster.address)
assert digest == open_teacher(teacher).digest
kept = scores_of(folder, digest)
parallel.score_ahead(teacher, made, kept, digest=digest, processes=1, ray=cluster.address, each=each)
cluster.shutdown()
pairs = list(zip(rows["query"], rows["document"]))
found = np.array([one.score for one in kept.all([pair_key(*pair) for pair in pairs])], np.float32)
count = len(kept)
print(json.dumps({
    "equal": bool(np.array_equal(found, open_teacher(teacher).score(rows))),
    "rows": count, "distinct": len(set(pairs)), "told": sum(told), "workers": len(workers),
}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("gpus", [0, 1])  # as the cluster counts them: tasks on CPUs, actors on GPUs
def test_a_ray_cluster_that_loses_a_worker_midway_scores_every_pair_once(
    tmp_path: Path, ettin: Path, gpus: int
) -> None:
    pytest.importorskip("ray", reason="ray is not installed")
    done = subprocess.run(
        [sys.executable, "-c", CLUSTER, str(tmp_path), f"{ettin},threads=1", str(gpus)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=400,
        env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == {"equal": True, "rows": 240, "distinct": 240, "told": 240, "workers": 1}


def test_a_cluster_that_is_not_there_is_named(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="ray is not installed")
    from rankladder.distill.label.parallel import _with_ray
    from rankladder.errors import Unavailable

    with pytest.raises(Unavailable, match="no Ray cluster at nonsense"):
        list(_with_ray("bm25", iter([[("q", "d")]]), "nonsense"))
