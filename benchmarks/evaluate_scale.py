"""Claim: an evaluation of 1,000 queries × 100 candidates holds little memory, and Ctrl-C loses no stored score.

``rankladder evaluate`` as a process of its own over SQuAD's development questions, BM25's best 100 reranked by a tiny
checkpoint (4 layers, width 64, random weights: the work around the model is what counts here). It is run to its end
once, and once interrupted by SIGINT again and again and resumed. What is stored at each interruption, the state that
its bar shows, each process's peak memory and whether both runs agree to the bit are written down.
"""

from __future__ import annotations

import argparse
import json
import os
import pty
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import termios
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from rankladder.textfiles import read_run
from record import HERE, collection, write_results

sys.path.insert(0, str(HERE.parent / "tests"))
import checkpoints

_BAR = re.compile(r"([\d,]+)/([\d,]+) \[[^\]]*<([\d:]+)")


def run(data: Path, model: Path, folder: Path, options: argparse.Namespace, *, interrupt_after: int | None) -> Any:
    """One process: its exit status, seconds, peak MB, what its bar said last, and the pairs that are stored after it.

    It is interrupted once so many pairs more are stored than at its start.
    """
    command = [sys.executable, "-m", "rankladder", "evaluate", str(data), "--queries", str(options.queries)]
    command += ["--model", str(model), "--top-k", str(options.top_k), "--store", str(folder / "scores")]
    command += ["--out", str(folder / "out"), "--json"]
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 120))
    start, before = time.perf_counter(), stored(folder)
    # A bar is for a terminal: stderr is one.
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    told: list[bytes] = []
    reader = threading.Thread(target=drain, args=(ours, told))
    reader.start()
    asked, peak = None, 0.0
    while process.poll() is None:
        time.sleep(0.05)
        if interrupt_after is not None and asked is None and stored(folder) >= before + interrupt_after:
            asked = time.perf_counter()
            process.send_signal(signal.SIGINT)
        peak = peak_mb(process.pid) or peak
    ended = time.perf_counter()
    reader.join()
    os.close(ours)
    bar = _BAR.findall(b"".join(told).decode(errors="replace"))
    return {
        "exit_status": process.returncode,
        "seconds": round(ended - start, 1),
        "seconds_to_stop": None if asked is None else round(ended - asked, 2),
        "peak_mb": round(peak, 1),
        "bar": "{} of {}, {} left".format(*bar[-1]) if bar else None,
        "stored_before": before,
        "stored_after": stored(folder),
    }


def drain(terminal: int, into: list[bytes]) -> None:
    """Reads what a process writes to its terminal until it ends."""
    while True:
        try:
            read = os.read(terminal, 65_536)
        except OSError:  # the other end is closed
            return
        if not read:
            return
        into.append(read)


def peak_mb(process: int) -> float | None:
    """Peak resident memory so far; None where the process has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return None
    found = re.search(r"VmHWM:\s+(\d+)", status)
    return int(found[1]) / 1024 if found else None


def stored(folder: Path) -> int:
    """Pairs in the store."""
    count = 0
    for path in (folder / "scores").glob("*.sqlite"):
        with closing(sqlite3.connect(path)) as file:
            count += file.execute("SELECT count(*) FROM scores").fetchone()[0]
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=1_000)
    parser.add_argument("--top-k", type=int, default=100)
    parser.add_argument("--interruptions", type=int, default=3)
    options = parser.parse_args()
    data, pairs = collection("squad_v1.1_dev"), options.queries * options.top_k
    with tempfile.TemporaryDirectory() as temporary:
        model = Path(temporary) / "tiny"
        checkpoints.write_ettin(model)
        straight, broken = Path(temporary) / "straight", Path(temporary) / "broken"
        whole = run(data, model, straight, options, interrupt_after=None)
        parts = [
            run(data, model, broken, options, interrupt_after=pairs // (options.interruptions + 2))
            for _ in range(options.interruptions)
        ]
        parts.append(run(data, model, broken, options, interrupt_after=None))
        both = [
            {path.name: read_run(path).scores for path in sorted((folder / "out" / "runs").iterdir())}
            for folder in (straight, broken)
        ]
    figures = {
        "queries": options.queries,
        "pairs": pairs,
        "uninterrupted": whole,
        "interrupted": parts,
        "same_scores": both[0] == both[1],
        "seconds_more": round(sum(part["seconds"] for part in parts) - whole["seconds"], 1),
    }
    print(json.dumps(figures, indent=1))
    print(write_results("evaluate_scale", figures))


if __name__ == "__main__":
    main()
