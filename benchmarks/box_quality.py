"""Claim: the model in the box improves on BM25, and int8 loses at most 0.005 nDCG@10 of it.

SciFact: the 100 best of our own BM25. TREC DL 2019: the 100 of the published BM25 run. fp32, and int8 in the form that
this processor runs best; scores are kept in the user's cache, so an interrupted run goes on. Run it with --gate to
write the figures of this run as the box's int8 gate (src/rankladder/box/int8.json).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import rankladder.box
from five_collections import lexical_candidates, open_collection
from rankladder.checkpoint.digests import write_digests
from rankladder.evaluate import evaluate
from rankladder.rerank import ModelRequest
from record import write_results

DEPTH = 100
DTYPES = ("fp32", "int8")
MEASURE = "nDCG@10"


def means(collection: str, model: str, queries: int | None) -> tuple[str, dict[str, float]]:
    """The collection, or the part of it, and the mean nDCG@10 of BM25's list and of the model's in both formats."""
    dataset = open_collection(collection)
    if queries is not None:
        dataset = dataset.first(queries)
    models = [ModelRequest.parse(f"{model},dtype={dtype}") for dtype in DTYPES]
    lexical = lexical_candidates(collection, dataset)
    found = evaluate(dataset, [lexical], models, measures=[MEASURE], top_k=DEPTH, most_changed=0, progress=True)
    rows = dict(zip(("bm25", *DTYPES), found.systems, strict=True))
    return dataset.name, {key: round(system.intervals[MEASURE].mean, 4) for key, system in rows.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="box")
    parser.add_argument(
        "--queries", type=int, help="only the first N queries of SciFact (all 300 take long on two cores)"
    )
    parser.add_argument("--gate", action="store_true", help="write this run's figures into the box's int8.json")
    options = parser.parse_args()
    if options.gate and options.model != "box":
        parser.error(f"--gate writes the figures of the model in the box, not of {options.model}; leave --model out")
    table: dict[str, dict[str, float]] = {}
    for collection, queries in (("trec-dl-2019", None), ("scifact", options.queries)):
        name, table[name] = means(collection, options.model, queries)
        print(name, table[name], flush=True)
        figures = {"measure": MEASURE, "depth": DEPTH, "table": table}
        print(write_results(f"{Path(options.model).name}_quality", figures), flush=True)
    if options.gate:
        gates = [{"dataset": name, "fp32": row["fp32"], "int8": row["int8"]} for name, row in table.items()]
        path = Path(next(iter(rankladder.box.__path__))) / "int8.json"
        digests = path.with_name("digests.json")
        path.write_text(json.dumps({"measurements": gates}, indent=1) + "\n")
        write_digests(path.parent, [path.parent / name for name in {*json.loads(digests.read_text()), path.name}])
        print(path)


if __name__ == "__main__":
    main()
