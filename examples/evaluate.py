"""Measure the model in the box on judged queries of your own, beside BM25 alone.

Run: pip install '.[evaluate]', then python examples/evaluate.py
"""

import json
import tempfile
from pathlib import Path

from rankladder.evaluate import bm25_candidates, evaluate, read_dataset
from rankladder.rerank import ModelRequest

PASSAGES = {
    "reset": "git reset --soft HEAD~1 takes the last commit back and keeps its changes in the index.",
    "revert": "git revert makes a new commit that takes an earlier one back; history stays as it was.",
    "amend": "git commit --amend replaces the last commit, for instance to correct its message.",
    "stash": "git stash puts the changes of the working tree aside; git stash pop brings them back.",
    "bisect": "git bisect finds the commit that broke something, by halving the commits in between.",
    "blame": "git blame shows for every line of a file who changed it last, and in which commit.",
}
JUDGED = {
    "undo the last commit but keep my work": {"reset": 2, "amend": 1},
    "fix a typo in the message I just committed": {"amend": 2},
    "which change introduced the bug": {"bisect": 2, "blame": 1},
    "who wrote this line": {"blame": 2},
    "put my edits away for a moment": {"stash": 2},
}

with tempfile.TemporaryDirectory() as folder:
    documents, queries = Path(folder, "passages.jsonl"), Path(folder, "judged.jsonl")
    documents.write_text("".join(json.dumps({"_id": id, "text": text}) + "\n" for id, text in PASSAGES.items()))
    queries.write_text("".join(json.dumps({"query": q, "relevant": r}) + "\n" for q, r in JUDGED.items()))

    dataset = read_dataset(queries, documents=documents)
    found = evaluate(
        dataset,
        [bm25_candidates(dataset)],
        [ModelRequest.parse("box")],
        measures=["nDCG@10", "RR"],
        store=Path(folder, "scores"),
    )

for system in found.systems:
    for measure, interval in system.intervals.items():
        print(f"{system.name:16} {measure:8} {interval.mean:.3f}  [{interval.low:.3f}, {interval.high:.3f}]")
for test in found.comparisons:
    print(
        f"{test.first} − {test.second}: {test.measure} {test.difference:+.3f}, p {test.p:.2f} (Holm {test.p_holm:.2f})"
    )
for remark in found.remarks:
    print("remark:", remark)
