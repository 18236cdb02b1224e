"""Claim: what BM25, a bi-encoder, and the model in the box over their candidates reach on five collections.

nDCG@10 of the best 100 reranked, every judged query, with bootstrap intervals and paired randomisation tests (Holm's
correction). trec-dl-2019's BM25 is the published run over all of MS MARCO's passages; everything else is retrieved
here, for trec-dl-2019 from the 14,581 passages that six published runs had found, which is easier. Cranfield's source
documents are never candidates. Scores and embeddings are kept in the user's cache, so an interrupted run goes on; a
collection's figures say with which command and at which commit they were made, and stand until it is run again.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from typing import Any

from rankladder.evaluate import (
    Candidates,
    Dataset,
    Evaluation,
    bm25_candidates,
    candidates_from_run,
    dense_candidates,
    evaluate,
    hybrid_candidates,
    read_dataset,
)
from rankladder.evaluate.comparing import compare_systems
from rankladder.rerank import ModelRequest
from record import EMBEDDER, HERE, collection, command_line, commit, embedder, write_results

NAMES = ("trec-dl-2019", "scifact", "wikiqa_dev", "cranfield", "cosqa_dev")
MEASURES = ("nDCG@10", "RR@10", "R@100")


def open_collection(name: str) -> Dataset:
    folder = collection(name)
    dropped = folder / "qrels" / "source_docs.tsv"
    return read_dataset(folder, split="test", drop_pairs=dropped if dropped.exists() else None)


def lexical_candidates(name: str, dataset: Dataset) -> Candidates:
    """The published BM25 run where there is one, else our own BM25's list."""
    published = collection(name) / "runs" / "bm25.trec"
    return candidates_from_run(dataset, published) if published.exists() else bm25_candidates(dataset)


def candidates_of(name: str, dataset: Dataset, dense: str) -> list[Candidates]:
    return [lexical_candidates(name, dataset), dense_candidates(dataset, dense), hybrid_candidates(dataset, dense)]


def evaluated(dataset: Dataset, lists: list[Candidates], models: list[ModelRequest]) -> Evaluation:
    """Every list alone, and the models over BM25's and the hybrid's; all systems tested against each other."""
    lexical, dense, hybrid = lists
    alone = evaluate(dataset, [dense], measures=MEASURES, most_changed=0)
    result = evaluate(dataset, [lexical, hybrid], models, measures=MEASURES, most_changed=0, progress=True)
    systems = (result.systems[0], *alone.systems, *result.systems[1:])
    finished = sum(system.failed is None for system in systems)
    return replace(
        result,
        systems=systems,
        comparisons=compare_systems(systems, MEASURES[:1]),
        tests=finished * (finished - 1) // 2,
        remarks=tuple(dict.fromkeys([*result.remarks, *alone.remarks])),
    )


def figures_of(result: Evaluation, seconds: float, shown: str) -> dict[str, Any]:
    told = json.loads(json.dumps(result.to_dict()).replace(shown, EMBEDDER))
    for row in told["systems"]:
        del row["per_query"]
    return {
        "dataset": told["dataset"],
        "systems": told["systems"],
        "comparisons": told["comparisons"],
        "tests": told["tests_per_measure"],
        "remarks": told["remarks"],
        "seconds": round(seconds),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=NAMES, help="these alone; the others keep their figures")
    parser.add_argument("--model", action="append", help="rerankers  [default: box]")
    parser.add_argument("--embedder", help="another place of all-MiniLM-L6-v2: a folder  [default: its package]")
    options = parser.parse_args()
    kept = HERE / "results" / "five_collections.json"
    rows: dict[str, Any] = json.loads(kept.read_text())["collections"] if kept.exists() else {}
    models = [ModelRequest.parse(text) for text in options.model or ["box"]]
    dense = embedder(options.embedder)
    for name in options.only or NAMES:
        start = time.perf_counter()
        dataset = open_collection(name)
        lists = candidates_of(name, dataset, dense)
        result = evaluated(dataset, lists, models)
        figures = figures_of(result, time.perf_counter() - start, lists[1].name.removeprefix("dense:"))
        rows[name] = {"command": command_line(), "commit": commit(), **figures}
        for row in rows[name]["systems"]:
            print(name, row["name"], {measure: round(value["mean"], 4) for measure, value in row["measures"].items()})
        ordered = {name: rows[name] for name in NAMES if name in rows}
        print(write_results("five_collections", {"embedder": EMBEDDER, "collections": ordered}), flush=True)


if __name__ == "__main__":
    main()
