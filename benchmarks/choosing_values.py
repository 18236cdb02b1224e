"""What ``choosing.py`` draws its populations from: nDCG@10 by query, for several systems over five collections.

Systems are retrievers (BM25; on three collections all-MiniLM-L6-v2; on trec-dl-2019 six published runs) and rerankers
over BM25's best 10: the model in the box in two number formats and at reduced lengths, and an older box. The scores are
kept in the user's cache, so an interrupted run continues. Only the values are written, four digits each, so that
``choosing.py`` needs neither the collections nor a model.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from five_collections import NAMES, lexical_candidates, open_collection
from rankladder.evaluate import Candidates, Dataset, candidates_from_run, dense_candidates, evaluate
from rankladder.rerank import ModelRequest
from rankladder.values import Qrels
from record import EMBEDDER, HERE, SHARED, collection, embedder

MEASURE = "nDCG@10"
TOP_K = 10
QUERIES = 150
"""The first of a collection."""
EMBEDDED = {"wikiqa_dev", "cranfield", "cosqa_dev"}
"""Collections that all-MiniLM-L6-v2 searches too: the smaller ones, as embedding takes long."""
MODELS = {
    "box int8": "box,dtype=int8",
    "box fp32": "box,dtype=fp32",
    "box int8, 64 tokens": "box,dtype=int8,max_tokens=64",
    "box int8, 40 tokens": "box,dtype=int8,max_tokens=40",
    "older box, 64 tokens": f"{SHARED / 'models' / 'box-v0'},max_tokens=64",
}
VALUES = HERE / "results" / "choosing_values.json"


def retrievers(name: str, dataset: Dataset) -> dict[str, Candidates]:
    """Every list that is a system by itself, BM25's first."""
    runs = sorted((collection(name) / "runs").glob("*.trec")) if (collection(name) / "runs").is_dir() else []
    found = {"BM25": lexical_candidates(name, dataset)}
    found |= {path.stem: candidates_from_run(dataset, path) for path in runs if path.stem != "bm25"}
    return found if name not in EMBEDDED else found | {EMBEDDER: dense_candidates(dataset, embedder())}


def first_queries(dataset: Dataset) -> Dataset:
    """The data set with ``QUERIES`` judged queries at most."""
    kept = [*dataset.qrels.grades][:QUERIES]
    grades = {id: dataset.qrels.grades[id] for id in kept}
    queries = {id: dataset.queries[id] for id in kept}
    return replace(dataset, queries=queries, qrels=Qrels(grades), digest=f"{dataset.digest} first {QUERIES}")


def values_of(name: str, models: dict[str, str]) -> dict[str, list[float]]:
    """The measure of every system, query by query, in the order of the queries' ids."""
    dataset = first_queries(open_collection(name))
    lists = retrievers(name, dataset)
    requests = [ModelRequest.parse(text) for text in models.values()]
    settings: dict[str, Any] = {"measures": [MEASURE], "top_k": TOP_K, "most_changed": 0, "resamples": 10}
    first, *others = lists.values()
    result = evaluate(dataset, [first], requests, progress=True, **settings)
    alone = evaluate(dataset, others, **settings).systems if others else ()
    systems = (result.systems[0], *alone, *result.systems[1:])
    labels = (*lists, *models)
    rows = {}
    for label, system in zip(labels, systems, strict=True):
        values = system.per_query[MEASURE]
        rows[label] = [round(values[query], 4) for query in sorted(values)]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=NAMES, help="these alone; the others keep their values")
    options = parser.parse_args()
    kept = json.loads(VALUES.read_text()) if VALUES.exists() else {}
    for name in options.only or NAMES:
        kept[name] = values_of(name, MODELS)
        print(name, {label: round(sum(row) / len(row), 3) for label, row in kept[name].items()}, flush=True)
        write(kept, VALUES)


def write(rows: dict[str, dict[str, list[float]]], path: Path) -> None:
    """One system a line."""
    whole = ",\n".join(
        f' "{name}": {{\n' + ",\n".join(f"  {json.dumps(s)}: {json.dumps(v)}" for s, v in rows[name].items()) + "\n }"
        for name in NAMES
        if name in rows
    )
    path.write_text(f"{{\n{whole}\n}}\n")


if __name__ == "__main__":
    main()
