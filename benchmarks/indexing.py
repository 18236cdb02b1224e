"""Claim: an index of a million passages is built in minutes, in bounded memory, and answers in milliseconds.

SciFact, and a synthetic corpus: passages of 40 to 80 words drawn from a Zipf distribution (exponent 1.1) over 200,000
made-up words; queries of 2 to 8 words from the same, the 50 commonest words left out as a person's query would mostly
do. Building runs in a process of its own, whose peak memory is reported.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from rankladder import Query
from rankladder.retrieve import build_index, open_index
from rankladder.textfiles import read_queries
from record import collection, write_results

WORDS = 200_000


def build(source: Path, into: Path, queue: multiprocessing.SimpleQueue[Any]) -> None:
    start = time.perf_counter()
    report = build_index([source], into)
    queue.put(
        (report.documents, time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    )


def measure(source: Path, queries: list[Query]) -> dict[str, Any]:
    """Builds, then searches: documents a second, peak MB, size, and the latency of a BM25 query for 100 documents."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as temporary:
        into = Path(temporary) / "index"
        queue: multiprocessing.SimpleQueue[Any] = context.SimpleQueue()
        process = context.Process(target=build, args=(source, into, queue))
        process.start()
        documents, seconds, peak = queue.get()
        process.join()
        size = sum(file.stat().st_size for file in into.rglob("*") if file.is_file())
        with open_index(into) as index:
            for query in queries[:20]:
                index.retrieve(query, k=100)
            times = []
            for query in queries:
                start = time.perf_counter()
                index.retrieve(query, k=100)
                times.append((time.perf_counter() - start) * 1000)
    return {
        "documents": documents,
        "documents_per_second": round(documents / seconds),
        "build_peak_mb": round(peak),
        "index_mb": round(size / 1e6, 1),
        "query_p50_ms": round(statistics.median(times), 2),
        "query_p99_ms": round(float(np.percentile(times, 99)), 2),
    }


def synthetic(file: Path, count: int, seed: int) -> list[Query]:
    """Writes ``count`` passages; returns 500 queries."""
    rng = np.random.default_rng(seed)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = ["".join(rng.choice(letters, size)) for size in rng.integers(3, 10, WORDS)]
    weights = 1 / np.arange(1, WORDS + 1) ** 1.1
    cumulative = np.cumsum(weights / weights.sum())
    with file.open("w") as out:
        for number in range(count):
            drawn = np.searchsorted(cumulative, rng.random(rng.integers(40, 81)))
            out.write(
                json.dumps({"_id": str(number), "text": " ".join(words[word] for word in drawn.clip(max=WORDS - 1))})
                + "\n"
            )
    queries = []
    for number in range(500):
        drawn = np.searchsorted(cumulative, rng.uniform(cumulative[50], 1, rng.integers(2, 9)))
        queries.append(Query(str(number), " ".join(words[word] for word in drawn.clip(max=WORDS - 1))))
    return queries


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rows = {"scifact": measure(collection("scifact"), read_queries(collection("scifact")))}
    print("scifact", rows["scifact"], flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary) / "passages.jsonl"
        queries = synthetic(file, options.passages, options.seed)
        rows["synthetic"] = measure(file, queries)
        print("synthetic", rows["synthetic"], flush=True)
    print(write_results("indexing", {"seed": options.seed, "k": 100, "rows": rows}))


if __name__ == "__main__":
    main()
