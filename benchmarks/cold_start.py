"""Claim: from a cold start, ranking 100 passages is over sooner and in less memory than with Sentence Transformers.

Whole processes, in turns: `rankladder rank` on a file of 100 passages, and a five-line script that does the same with
``CrossEncoder``. Both run the MiniLM-L6 shape (random weights, written by transformers) from a folder; the graph cache
is warm, as it is from the second start on, and empty for the row "first start".
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from record import HERE, write_results

WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import checkpoints
folder = Path(sys.argv[2])
checkpoints.write_minilm(folder / "model", "minilm-l6")
words = checkpoints.TEXT.split()
lines = [f"{i} " + " ".join(words[(7 * i) % 90 :][:60]) for i in range(100)]
(folder / "passages.txt").write_text("\\n".join(lines))
"""

PEER = """
import sys
from sentence_transformers import CrossEncoder
lines = open(sys.argv[2]).read().splitlines()
for hit in CrossEncoder(sys.argv[1], device="cpu").rank("why is the sky blue", lines):
    print(hit)
"""


def measure(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Wall seconds and peak resident MB of one process."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
    assert process.stderr is not None
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(errors.decode())
    return wall, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passes", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        # In a process of its own: a child's peak counts what its parent held when it forked, so this one stays small.
        subprocess.run([sys.executable, "-c", WRITER, str(HERE.parent / "tests"), str(folder)], check=True)
        (folder / "peer.py").write_text(PEER)
        environment = {**os.environ, "RANKLADDER_CACHE": str(folder / "cache"), "HF_HUB_OFFLINE": "1"}
        rank = [
            str(Path(sys.executable).with_name("rankladder")),
            "rank",
            "why is the sky blue",
            str(folder / "passages.txt"),
            "--model",
            str(folder / "model"),
        ]
        commands = {
            "sentence-transformers": [
                sys.executable,
                str(folder / "peer.py"),
                str(folder / "model"),
                str(folder / "passages.txt"),
            ],
            "rankladder fp32": [*rank, "--dtype", "fp32"],
            "rankladder int8": [*rank, "--dtype", "int8"],
        }
        first = {name: measure(command, environment) for name, command in commands.items()}
        results: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(options.passes):
            for name, command in commands.items():
                results[name].append(measure(command, environment))
        shutil.rmtree(folder / "cache")
    rows = {
        name: {
            "first_start_s": round(first[name][0], 2),
            "wall_s": round(statistics.median(wall for wall, _ in runs), 2),
            "peak_mb": round(statistics.median(peak for _, peak in runs)),
            "wall_ratio": round(
                statistics.median(
                    peer / wall for (wall, _), (peer, _) in zip(runs, results["sentence-transformers"], strict=True)
                ),
                2,
            ),
        }
        for name, runs in results.items()
    }
    for name, row in rows.items():
        print(name, row)
    print(write_results("cold_start", {"passages": 100, "rows": rows}))


if __name__ == "__main__":
    main()
