"""Claim: the model in the box improves on BM25, and int8 loses at most 0.005 nDCG@10 of it.

SciFact: the 100 best of our own BM25. TREC DL 2019: the 100 of the published BM25 run. fp32, and int8 in the form that
this processor runs best. Run it with --gate to write the figures of this run as the box's int8 gate
(src/rankladder/box/int8.json).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import ir_measures
from ir_measures import nDCG

import rankladder.box
from rankladder import Query, Reranker
from rankladder.checkpoint.digests import write_digests
from rankladder.retrieve import build_index, open_index
from rankladder.textfiles import read_documents, read_qrels, read_queries, read_run
from rankladder.values import Document, Qrels, Ranking, Run
from record import collection, write_results

DEPTH = 100


def ndcg(run: Run, qrels: Qrels) -> float:
    """Mean nDCG@10 over every judged query."""
    scores = {query: dict(row) for query, row in run.scores.items()}
    judged = {query: dict(row) for query, row in qrels.grades.items()}
    return float(ir_measures.calc_aggregate([nDCG @ 10], judged, scores)[nDCG @ 10])


def scifact(first: int | None) -> tuple[Qrels, list[tuple[Query, list[Document]]], Run]:
    folder = collection("scifact")
    queries = read_queries(folder)[:first]
    with tempfile.TemporaryDirectory() as temporary:
        build_index([folder], Path(temporary) / "index")
        with open_index(Path(temporary) / "index") as index:
            found = [index.retrieve(query, k=DEPTH) for query in queries]
    judged = read_qrels(folder / "qrels" / "test.tsv").grades
    qrels = Qrels({query.id: judged[query.id] for query in queries})
    return qrels, [(r.query, r.documents) for r in found], Run.of("bm25", found)


def trec_dl_2019() -> tuple[Qrels, list[tuple[Query, list[Document]]], Run]:
    folder = collection("trec-dl-2019")
    documents = {document.id: document for document in read_documents(folder)}
    run = read_run(folder / "runs" / "bm25.trec")
    queries = {query.id: query for query in read_queries(folder)}
    tasks = [
        (queries[query], [documents[id] for id in sorted(row, key=lambda id: -row[id])[:DEPTH]])
        for query, row in run.scores.items()
    ]
    return read_qrels(folder / "qrels" / "test.tsv"), tasks, run


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
    table: dict[str, Mapping[str, float]] = {}
    part = f"scifact, first {options.queries} queries" if options.queries else "scifact"
    for name, load in (("trec-dl-2019", trec_dl_2019), (part, lambda: scifact(options.queries))):
        qrels, tasks, first = load()
        row = {"bm25": ndcg(first, qrels)}
        for dtype in ("fp32", "int8"):
            start = time.perf_counter()
            rankings: list[Ranking] = Reranker.open(options.model, dtype=dtype).rank_many(tasks)
            row[dtype] = ndcg(Run.of(dtype, rankings), qrels)
            pairs = sum(len(ranking) for ranking in rankings)
            print(f"{name} {dtype}: {row[dtype]:.4f}, {pairs / (time.perf_counter() - start):.0f} pairs/s", flush=True)
        table[name] = {key: round(value, 4) for key, value in row.items()}
        print(name, table[name], flush=True)
        figures = {"measure": "nDCG@10", "depth": DEPTH, "table": table}
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
