"""Rerankers and collections whose results a reader can work out."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from rankladder.errors import BadInput
from rankladder.evaluate import Candidates, Dataset
from rankladder.rerank import EncodedDocument, Long, Reranker
from rankladder.rerank.scorer import Scored
from rankladder.values import Document, Qrels, Query, Reading, Run
from words import facts_of

DOCUMENTS = {
    "rain": "rain falls from clouds when drops grow heavy",
    "drops": "drops of rain rain rain",
    "git": "git reset undoes the last commit",
    "commit": "a commit commit commit is a snapshot",
    "sun": "the sun shines",
}
QUERIES = {"q1": "rain drops", "q2": "undo commit git", "q3": "sun rain", "q4": "snapshot of a commit"}
GRADES = {"q1": {"drops": 2, "rain": 1}, "q2": {"git": 1}, "q3": {"sun": 1, "git": 0}, "q4": {"commit": 1}}


class ToyScorer:
    """Scores a pair by a function of its texts, and keeps count; ``before`` is called with the number of each call."""

    usage = None

    def __init__(
        self,
        score: Callable[[str, str], float],
        *,
        name: str = "toy",
        before: Callable[[int], object] = lambda call: None,
    ) -> None:
        self.facts = facts_of(name, dtype="", digest=f"digest of {name}")
        self.scored: list[tuple[str, str]] = []
        self.calls = 0
        self._score = score
        self._before = before

    def score(
        self,
        pairs: Sequence[tuple[str, str | EncodedDocument]],
        *,
        long: Long,
        done: Callable[[float], object],
    ) -> list[Scored]:
        self.calls += 1
        self._before(self.calls)
        texts = [(query, document if isinstance(document, str) else document.text) for query, document in pairs]
        self.scored += texts
        done(len(texts))
        return [Scored(self._score(*pair), Reading(1, 0, 1, int(pair[1].endswith("…")))) for pair in texts]

    def encode(self, documents: Sequence[Document]) -> list[EncodedDocument]:
        raise BadInput("not needed here")


def distinct_words(query: str, text: str) -> float:
    """How many different words a text shares with the query."""
    return float(len(set(query.split()) & set(text.split())))


def toy_reranker(score: Callable[[str, str], float] = distinct_words, **options: object) -> tuple[Reranker, ToyScorer]:
    scorer = ToyScorer(score, **options)  # type: ignore[arg-type]
    return Reranker(scorer), scorer


def toy_dataset(grades: Mapping[str, Mapping[str, int]] = GRADES) -> Dataset:
    queries = [Query(id, text) for id, text in QUERIES.items()]
    return Dataset.of("toy", queries, {id: Document(id, text) for id, text in DOCUMENTS.items()}, Qrels(grades))


class Endless(Mapping[str, Document]):
    """So many documents of so many characters, each made when it is asked for."""

    def __init__(self, count: int, characters: int) -> None:
        self.count = count
        self.characters = characters

    def __getitem__(self, id: str) -> Document:
        if not id.isdecimal() or int(id) >= self.count:
            raise KeyError(id)
        return Document(id, f"{id} ".ljust(self.characters, "x"))

    def __contains__(self, id: object) -> bool:
        return isinstance(id, str) and id.isdecimal() and int(id) < self.count

    def __iter__(self) -> Iterator[str]:
        return map(str, range(self.count))

    def __len__(self) -> int:
        return self.count


def write_beir(folder: Path, *, packed: bool = False, qrels: str | None = None, split: str = "test") -> Path:
    """The toy collection as a BEIR folder."""
    (folder / "qrels").mkdir(parents=True)
    lines = {
        "corpus": [{"_id": id, "title": "", "text": text} for id, text in DOCUMENTS.items()],
        "queries": [{"_id": id, "text": text} for id, text in QUERIES.items()],
    }
    for name, records in lines.items():
        text = "".join(json.dumps(record) + "\n" for record in records)
        if packed:
            (folder / f"{name}.jsonl.gz").write_bytes(gzip.compress(text.encode()))
        else:
            (folder / f"{name}.jsonl").write_text(text)
    rows = [f"{query}\t{document}\t{grade}" for query, row in GRADES.items() for document, grade in row.items()]
    text = "query-id\tcorpus-id\tscore\n" + "\n".join(rows) + "\n" if qrels is None else qrels
    (folder / "qrels" / f"{split}.tsv").write_text(text)
    return folder


WORST_FIRST = Run("first", {query: {id: -float(place) for place, id in enumerate(DOCUMENTS)} for query in QUERIES})


def toy_candidates(dataset: Dataset, name: str = "first") -> Candidates:
    return Candidates.of(name, WORST_FIRST, dataset)
