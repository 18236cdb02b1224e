"""Splits a judged collection for a trial of domain tuning: every other query, without its judgements, becomes a query
log, and the rest with their judgements a collection to measure by. Both are over all documents.

    python recipes/halves.py DATA/eval/cosqa_dev DATA/eval/cosqa_halves
"""

from __future__ import annotations

import gzip
import json
import shutil
import sys
from pathlib import Path


def main(collection: Path, into: Path) -> None:
    """Writes ``log.txt`` and the collection ``test`` into a folder that is not there yet."""
    header, *judged = (collection / "qrels" / "test.tsv").read_text().splitlines()
    known = {row.split("\t")[0] for row in judged}
    with gzip.open(collection / "queries.jsonl.gz", "rt") as lines:
        queries = [row for row in map(json.loads, lines) if row["_id"] in known]
    log, held_back = queries[::2], queries[1::2]
    test = into / "test"
    (test / "qrels").mkdir(parents=True)
    (into / "log.txt").write_text("".join(" ".join(row["text"].split()) + "\n" for row in log))
    with gzip.open(test / "queries.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in held_back)
    ids = {row["_id"] for row in held_back}
    rows = [header, *(row for row in judged if row.split("\t")[0] in ids)]
    (test / "qrels" / "test.tsv").write_text("\n".join(rows) + "\n")
    shutil.copyfile(collection / "corpus.jsonl.gz", test / "corpus.jsonl.gz")
    print(f"{len(log)} queries in {into / 'log.txt'}, {len(held_back)} in {test}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
