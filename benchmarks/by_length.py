"""Claim: on long documents the CPU engine is several times faster than Sentence Transformers, in less memory.

The 17M shape (random weights), one document of 512 to 7,999 tokens: how long it takes alone, and how many documents a
second go through when two are given at once (rankladder: one per core; Sentence Transformers: a batch of two).

Each way at each length has a process of its own, so that its peak memory is its own, started by a small parent. The
processes of one length are alive together and work in turns, pass by pass; one that is not asked sleeps. A ratio is the
median over the passes.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from record import HERE, write_results

LENGTHS = [512, 1024, 2048, 4096, 7999]
BASE = "Sentence Transformers, fp32"
WAYS = (BASE, "rankladder, fp32", "rankladder, int8")
CASES = {"alone": 1, "two": 2}
TOLERANCE = 1e-3

WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import checkpoints
checkpoints.write_rung(Path(sys.argv[2]), sys.argv[3])
"""


def open_way(way: str, model: Path) -> Callable[[list[tuple[str, str]]], Any]:
    """What scores pairs in this process."""
    if way == BASE:
        import torch
        from sentence_transformers import CrossEncoder

        cross_encoder = CrossEncoder(str(model), device="cpu", activation_fn=torch.nn.Identity())
        return lambda pairs: cross_encoder.predict(pairs, show_progress_bar=False)
    from rankladder import Reranker

    reranker = Reranker.open(model, dtype="int8" if way.endswith("int8") else "fp32")
    return reranker.predict


def work(way: str, model: Path, tokens: int) -> None:
    """A child: times one call for each number of documents that it reads, and tells the scores and its peak memory."""
    from tokenizers import Tokenizer

    from pairs import pair_of

    predict = open_way(way, model)
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    words = (HERE / "by_length.py").read_text().split()
    pairs = [pair_of(tokenizer, tokens, words, seed) for seed in range(max(CASES.values()))]
    for line in sys.stdin:
        start = time.perf_counter()
        scores = predict(pairs[: int(line)])
        seconds = time.perf_counter() - start
        print(
            json.dumps(
                {
                    "seconds": seconds,
                    "scores": [float(score) for score in scores],
                    "tokens": len(tokenizer.encode(*pairs[0])),
                    "peak_mb": _peak_mb(),
                }
            ),
            flush=True,
        )


class Child:
    """One way at one length, in a process that waits to be asked."""

    def __init__(self, way: str, model: Path, tokens: int) -> None:
        command = [sys.executable, __file__, "--child", way, "--model", str(model), "--lengths", str(tokens)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, documents: int) -> dict[str, Any]:
        """What the child says of one call with so many documents."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{documents}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            sys.exit(f"the process ended: {self._process.args!r}")
        content: dict[str, Any] = json.loads(answer)
        return content

    def end(self) -> None:
        """Waits until the process is gone."""
        self._process.communicate()


def measure(model: Path, tokens: int, passes: int) -> dict[str, Any]:
    """The rows of one length."""
    children = {way: Child(way, model, tokens) for way in WAYS}
    peaks = {way: child.ask(1)["peak_mb"] for way, child in children.items()}  # one document, before two are given
    first = {way: child.ask(2) for way, child in children.items()}
    differences = {
        way: max(abs(a - b) for a, b in zip(answer["scores"], first[BASE]["scores"], strict=True))
        for way, answer in first.items()
    }
    wrong = [way for way in WAYS if way.endswith("fp32") and differences[way] > TOLERANCE]
    if wrong:
        sys.exit(f"{tokens} tokens: {wrong[0]} differs from the baseline by {differences[wrong[0]]:.2g}")
    seconds: dict[str, dict[str, list[float]]] = {way: {case: [] for case in CASES} for way in WAYS}
    for _ in range(passes):
        for case, documents in CASES.items():
            for way, child in children.items():
                seconds[way][case].append(child.ask(documents)["seconds"])
    for child in children.values():
        child.end()

    def ratio(way: str, case: str) -> float:
        pairs = zip(seconds[BASE][case], seconds[way][case], strict=True)
        return round(statistics.median(base / own for base, own in pairs), 2)

    return {
        way: {
            "tokens": first[way]["tokens"],
            "alone_s": round(statistics.median(taken["alone"]), 3),
            "alone_ratio": ratio(way, "alone"),
            "two_documents_per_second": round(2 / statistics.median(taken["two"]), 3),
            "two_ratio": ratio(way, "two"),
            "peak_mb_alone": round(peaks[way]),
            "peak_mb_two": round(first[way]["peak_mb"]),
            "largest_difference": round(differences[way], 6),
        }
        for way, taken in seconds.items()
    }


def _peak_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lengths", type=int, nargs="+", default=LENGTHS)
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--shape", default="ettin-17m")
    parser.add_argument("--child", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--model", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        work(options.child, options.model, options.lengths[0])
        return
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["RANKLADDER_CACHE"] = str(Path(temporary) / "cache")
        model = Path(temporary) / "model"
        # In a process of its own: a child's peak counts what its parent held when it forked, so this one stays small.
        subprocess.run(
            [sys.executable, "-c", WRITER, str(HERE.parent / "tests"), str(model), options.shape], check=True
        )
        for way in WAYS[1:]:  # writes the graphs, which costs memory on the first start of a model alone
            child = Child(way, model, min(options.lengths))
            child.ask(1)
            child.end()
        rows: dict[str, Any] = {}
        for tokens in options.lengths:
            rows[str(tokens)] = measure(model, tokens, options.passes)
            for way, row in rows[str(tokens)].items():
                print(f"{tokens} tokens, {way}: {row}")
    figures = {"shape": options.shape, "passes": options.passes, "load_before": round(load, 2), "rows": rows}
    print(write_results("by_length", figures))


if __name__ == "__main__":
    main()
