"""A distillation small enough to run whole in a test: forty queries about four things, a tiny student."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from rankladder.distill.pipeline import Distillation

THINGS = {
    "rain": ["clouds", "drops", "umbrella", "storm", "puddle", "drizzle", "thunder", "flood", "mist", "shower"],
    "git": ["commit", "branch", "rebase", "merge", "stash", "remote", "clone", "tag", "bisect", "blame"],
    "bread": ["yeast", "flour", "dough", "oven", "crust", "knead", "sourdough", "rye", "loaf", "proof"],
    "mars": ["iron", "dust", "rover", "crater", "polar", "orbit", "canyon", "moon", "landing", "sand"],
}
RECIPE = """
name = "toy"
seed = 3

[[data]]
name = "things"
queries = "queries.jsonl"
documents = "documents.jsonl"
licence = "CC0"

[mine]
bm25 = 8
random = 2
near_duplicate = 1.0

[label]
teachers = [{ model = "bm25", weight = 2.0 }, { model = "labels" }]

[sample]
scheme = "top"
keep = 6

[train]
start = "START"
batch_size = 16
micro_batch_size = 8
learning_rate = 0.003
max_tokens = 32
evaluate_every = 0.25
"""
JUDGED = '\n[evaluate]\nsets = ["judged"]\nduring = ["judged"]\ntop_k = 10\n[export]\nlicence = "apache-2.0"\n'


def write_data(folder: Path) -> Path:
    """Queries with their answers, documents, and a judged set with other questions."""
    rows, documents, asked, qrels = [], [], [], ["query-id\tcorpus-id\tscore"]
    for thing, words in THINGS.items():
        for place, word in enumerate(words):
            text = f"{word} is what {thing} needs, {words[place - 1]} comes before it in the book of {thing}"
            rows.append({"query": f"what about {word} for {thing}", "positive": text})
            documents.append({"_id": f"{thing}-{word}", "text": text})
            if place < 2:
                asked.append({"_id": f"{thing}-{place}", "text": f"tell me why {thing} wants {word} so badly"})
                qrels.append(f"{thing}-{place}\t{thing}-{word}\t1")
    folder.mkdir(parents=True, exist_ok=True)
    for name, objects in (("queries", rows), ("documents", documents)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in objects))
    judged = folder / "judged"
    (judged / "qrels").mkdir(parents=True, exist_ok=True)
    (judged / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in documents))
    (judged / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asked))
    (judged / "qrels" / "test.tsv").write_text("\n".join(qrels) + "\n")
    return folder


def write_toy(folder: Path, start: Path | str, *, more: str = "", **changed: str) -> Path:
    """The toy recipe beside its data; ``changed`` replaces texts of it."""
    write_data(folder)
    text = RECIPE.replace("START", str(start)) + more
    for old, new in changed.items():
        assert old in text
        text = text.replace(old, new)
    path = folder / "toy.toml"
    path.write_text(text)
    return path


RESULTS = {
    "mine": "mined",
    "label": "labelled",
    "sample": "sampled",
    "train": "trained",
    "evaluate": "measured",
    "export": "exported",
}


class Count:
    """A bar that counts."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, count: int) -> None:
        self.count += count


class Told(NamedTuple):
    recipe: Path
    into: Path
    said: list[str]
    bars: dict[str, tuple[int, Count]]

    def run(self, only: Any = None, **options: Any) -> Any:
        """The result of the stage, or of all; what was said before is forgotten."""
        self.said.clear()
        found = Distillation(
            self.recipe,
            self.into,
            data=self.recipe.parent,
            only=only,
            say=self.said.append,
            watch=self.watch,
            **options,
        )
        ended = found.run()
        return getattr(found, RESULTS[ended.stage])

    @contextmanager
    def watch(self, what: str, total: int, unit: str) -> Iterator[Count]:
        self.bars[what] = (total, Count())
        yield self.bars[what][1]

    def change(self, old: str, new: str) -> None:
        text = self.recipe.read_text()
        assert old in text
        self.recipe.write_text(text.replace(old, new))
