"""Splits a judged collection for a trial of domain tuning: every other query goes into a query log, and all the others
with their judgements into a collection to measure by. The log's judgements lie apart, to weigh teachers by before
anything is trained (recipes/weigh_teachers.py).

    python recipes/halves.py DATA/eval/cosqa_dev DATA/eval/cosqa_halves
"""

from __future__ import annotations

import gzip
import json
import shutil
import sys
from pathlib import Path
from typing import Any


def main(collection: Path, into: Path) -> None:
    """Writes ``log.txt`` and the collections ``log`` and ``test`` into a folder that is not there yet."""
    header, *judged = (collection / "qrels" / "test.tsv").read_text().splitlines()
    known = {row.split("\t")[0] for row in judged}
    with gzip.open(collection / "queries.jsonl.gz", "rt") as lines:
        queries = [row for row in map(json.loads, lines) if row["_id"] in known]
    into.mkdir(parents=True)
    for name, half in (("log", queries[::2]), ("test", queries[1::2])):
        write_collection(into / name, half, header, judged)
        shutil.copyfile(collection / "corpus.jsonl.gz", into / name / "corpus.jsonl.gz")
        print(f"{len(half)} queries in {into / name}")
    (into / "log.txt").write_text("".join(" ".join(row["text"].split()) + "\n" for row in queries[::2]))


def write_collection(folder: Path, queries: list[dict[str, Any]], header: str, judged: list[str]) -> None:
    """Queries and their judgements in BEIR layout."""
    (folder / "qrels").mkdir(parents=True)
    with gzip.open(folder / "queries.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in queries)
    ids = {row["_id"] for row in queries}
    rows = [header, *(row for row in judged if row.split("\t")[0] in ids)]
    (folder / "qrels" / "test.tsv").write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
