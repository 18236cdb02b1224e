"""nDCG@10 of a recipe's teachers, each alone and joined by other weights, over BM25's best 30 of its labelled
candidates. It reads what `rankladder distill label` made, and judged queries that are among those of the recipe.

    rankladder distill mine recipes/cosqa.toml --data DATA --into cosqa
    rankladder distill label recipes/cosqa.toml --data DATA --into cosqa
    python recipes/weigh_teachers.py recipes/cosqa.toml cosqa DATA/eval/cosqa_halves/log 8,1 4,1 2,1 1,1
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from rankladder.distill.label.ensemble import ensemble_of, join_scores
from rankladder.distill.recipe.file import read_recipe
from rankladder.distill.stage import Made, open_made
from rankladder.evaluate.measures import measure_run
from rankladder.textfiles import beir_folder, read_documents, read_qrels, read_queries
from rankladder.values import Run

DEPTH, MEASURE = 30, "nDCG@10"


def as_key(text: str) -> str:
    """A text without its white space: documents are compared by it, as stages give them ids of their own."""
    return "".join(text.split())


def main(recipe_path: Path, work: Path, judged: Path, weights: list[tuple[float, ...]]) -> None:
    """Prints a line for every teacher and every list of weights."""
    recipe, made = read_recipe(recipe_path), open_made(work / "label")
    if made is None or recipe.label is None:
        sys.exit(f"{work / 'label'} is not complete: rankladder distill label {recipe_path}")
    folder = beir_folder(judged)
    ids = {as_key(document.full_text): document.id for document in read_documents(folder.corpus)}
    asked = {as_key(query.text): query.id for query in read_queries(folder.queries)}
    qrels = read_qrels(folder.qrels["test"])
    names = [teacher.model for teacher in recipe.label.teachers]
    how, lists = ensemble_of(made, recipe.label), candidates(made, asked, ids)
    ways = dict(zip(names, np.eye(len(names)).tolist(), strict=True)) | {str(one): one for one in weights}
    for name, weight in ways.items():
        scores = {query: ranked(rows, {**how, "weight": weight, "standardise": True}) for query, rows in lists.items()}
        found = measure_run(Run(name, scores), qrels, [MEASURE])[MEASURE]
        print(f"{np.mean(list(found.values())):.3f}  {name}")


def candidates(made: Made, asked: dict[str, str], ids: dict[str, str]) -> dict[str, list[dict[str, Any]]]:
    """BM25's best rows of each judged query, with the collection's own document ids."""
    lists: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for table in made.tables():
        for row in table.to_pylist():
            query, document = asked.get(as_key(row["query"])), ids.get(as_key(row["document"]))
            if query is not None and document is not None and row["bm25"] > 0:
                lists[query].append({**row, "id": document})
    return {query: sorted(rows, key=lambda row: -row["bm25"])[:DEPTH] for query, rows in lists.items()}


def ranked(rows: list[dict[str, Any]], how: dict[str, Any]) -> dict[str, float]:
    """Documents and their joined scores."""
    columns = [np.array([row[f"teacher_{place}"] for row in rows]) for place in range(len(how["weight"]))]
    return dict(zip((row["id"] for row in rows), join_scores(columns, how).tolist(), strict=True))


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    wanted = [tuple(float(part) for part in one.split(",")) for one in sys.argv[4:]]
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), wanted)
