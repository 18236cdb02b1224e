"""Mine: candidates for each query, from BM25, a dense embedder and chance; positives where they are known."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from rankladder.distill.data.corpus import Corpus, files_of, make_corpus, text_digest
from rankladder.distill.data.questions import Question, questions_of
from rankladder.distill.recipe.names import is_known
from rankladder.distill.recipe.tables import MOST_CANDIDATES, Data, Mine, Recipe
from rankladder.distill.stage import Made, Stage
from rankladder.folders import cache_folder
from rankladder.paths import expanded
from rankladder.storage import path_digest
from rankladder.values import Query

if TYPE_CHECKING:
    import pyarrow as pa

    from rankladder.retrieve import DenseIndex

PART_QUERIES = 256
_BM25_DEPTH = 250  # how far down a candidate's BM25 score is looked for: reading a hit costs more than finding it


@dataclass(frozen=True, slots=True)
class _Mined:
    """One candidate of a query."""

    id: str
    way: str
    rank: int


def mine(recipe: Recipe, work: Path, *, say: Callable[[str], object], each: Callable[[int], object]) -> Made:
    """The candidates of every query, as rows of query id, query, document id, document, way, rank and BM25 score.

    ``way`` is what found it first: ``positive``, ``bm25``, ``dense`` or ``random``; a document appears once a query.
    ``each`` is called with finished queries. Raises what reading, indexing and embedding raise.
    """
    sets = [one for one in recipe.data if one.queries]
    asked = questions_of(recipe)
    settings, inputs = mine_depends(recipe, asked)
    stage = Stage(work / "mine", settings=settings, inputs=inputs, say=say)
    parts = [(one, start) for one in sets for start in range(0, len(asked[one.name]), PART_QUERIES)]
    open_set: list[tuple[str, _Miner]] = []

    def miner(data: Data) -> _Miner:
        """The miner of a data set; one corpus is held at a time."""
        if not open_set or open_set[0][0] != data.name:
            open_set[:] = [(data.name, _Miner.open(recipe, data, asked[data.name], work, inputs, say))]
        return open_set[0][1]

    def rows(place: int) -> pa.Table:
        data, start = parts[place]
        return miner(data).rows(asked[data.name][start : start + PART_QUERIES])

    def facts(made: Made) -> dict[str, int]:
        found = {id for table in made.tables() for id in table["query_id"].unique().to_pylist()}
        return {"queries without a candidate": sum(len(one) for one in asked.values()) - len(found)}

    names = [f"{one.name} from query {start}" for one, start in parts]
    made = stage.run(
        names,
        rows,
        facts=facts,
        each=lambda place: each(len(asked[parts[place][0].name][parts[place][1] :][:PART_QUERIES])),
    )
    for what, count in made.facts.items():
        if count:
            say(f"mine: {count:,} {what}: they are not used for training")
    return made


def mine_depends(recipe: Recipe, asked: Mapping[str, Sequence[Question]]) -> tuple[dict[str, Any], dict[str, str]]:
    """The settings and the digests of the inputs that mining depends on."""
    inputs = {f"{name}.queries": _digest(questions) for name, questions in asked.items()}
    inputs |= {f"{one.name}.documents": documents_digest(one) for one in recipe.data if one.documents}
    settings = {**msgspec.to_builtins(recipe.mine), "bm25_depth": _BM25_DEPTH, "seed": recipe.seed, "own": "left out"}
    embedder = settings.pop("embedder", recipe.mine.embedder)
    if recipe.mine.dense:  # else another embedder finds nothing else
        if not is_known(embedder) and expanded(embedder).is_dir():
            inputs["embedder"] = path_digest(str(expanded(embedder)))
        else:
            settings["embedder"] = embedder
    return {**settings, "data": {one.name: one.passage_words for one in recipe.data if one.queries}}, inputs


class _Miner:
    """Finds the candidates of one data set's queries."""

    def __init__(self, settings: Mine, seed: int, corpus: Corpus, dense: DenseIndex | None) -> None:
        self.settings = settings
        self.seed = seed
        self.corpus = corpus
        self.dense = dense
        self.ids = list(corpus.documents)

    @classmethod
    def open(
        cls,
        recipe: Recipe,
        data: Data,
        questions: Sequence[Question],
        work: Path,
        inputs: dict[str, str],
        say: Callable[[str], object],
    ) -> _Miner:
        """The miner over a data set's corpus, which is made, indexed and embedded where it is not there yet."""
        corpus = make_corpus(
            work / "corpus" / data.name,
            data,
            questions,
            near_duplicate=recipe.mine.near_duplicate,
            inputs={key: digest for key, digest in inputs.items() if key == f"{data.name}.documents"},
            say=say,
        )
        dense = None
        if recipe.mine.dense:
            from rankladder.retrieve import DenseIndex, open_embedder

            embedder = open_embedder(recipe.mine.embedder)
            dense = DenseIndex.of(list(corpus.documents.values()), embedder, cache=cache_folder("embeddings"))
        if own := sum(text_digest(question.text) in corpus.documents for question in questions):
            say(
                f"{data.name}: {own:,} of {len(questions):,} queries are also documents: a query is not a candidate "
                "for itself"
            )
        return cls(recipe.mine, recipe.seed, corpus, dense)

    def rows(self, questions: Sequence[Question]) -> pa.Table:
        """The candidates of some questions; texts are stored beside ids, so later stages need no corpus."""
        import pyarrow as pa

        columns: dict[str, list[object]] = {name: [] for name in SCHEMA}
        dense = self._dense(questions)
        for question, near in zip(questions, dense, strict=True):
            scores = self._bm25(question)
            for one in self._candidates(question, list(scores), near):
                row = (
                    question.id,
                    question.text,
                    one.id,
                    self.corpus.documents[one.id].text,
                    one.way,
                    one.rank,
                    scores.get(one.id, 0.0),
                )
                for name, value in zip(SCHEMA, row, strict=True):
                    columns[name].append(value)
        return pa.table(columns, schema=pa.schema([(name, getattr(pa, kind)()) for name, kind in SCHEMA.items()]))

    def _bm25(self, question: Question) -> dict[str, float]:
        depth = max(_BM25_DEPTH, self.settings.bm25)
        ranking = self.corpus.index.retrieve(Query(question.id, question.text), k=depth)
        return {hit.document.id: hit.score for hit in ranking}

    def _dense(self, questions: Sequence[Question]) -> list[list[str]]:
        if self.dense is None:
            return [[] for _ in questions]
        queries = [Query(question.id, question.text) for question in questions]
        return [
            [hit.document.id for hit in ranking]
            for ranking in self.dense.retrieve_many(queries, k=self.settings.dense + 1)  # one may be the query itself
        ]

    def _candidates(self, question: Question, bm25: list[str], dense: list[str]) -> Iterator[_Mined]:
        """Positives first, then the ways in turn, each document once, at most ``MOST_CANDIDATES``.

        A document whose text is the query's is found by no way: it would be the easiest of all wrong answers.
        """
        own = text_digest(question.text)
        chance = np.random.default_rng([self.seed, *question.id.encode()])
        wanted = min(self.settings.random, len(self.ids))
        drawn = [self.ids[place] for place in chance.choice(len(self.ids), size=wanted, replace=False)]
        ways = {
            "positive": [self.corpus.id_of(text) for text in question.positives],
            "bm25": [id for id in bm25 if id != own][: self.settings.bm25],
            "dense": [id for id in dense if id != own][: self.settings.dense],
            "random": [id for id in drawn if id != own],
        }
        seen: set[str] = set()
        for way, ids in ways.items():
            for rank, id in enumerate(ids, start=1):
                if id not in seen and len(seen) < MOST_CANDIDATES:
                    seen.add(id)
                    yield _Mined(id, way, rank)


SCHEMA = {
    "query_id": "string",
    "query": "string",
    "document_id": "string",
    "document": "string",
    "way": "string",
    "rank": "int32",
    "bm25": "float32",
}
"""The columns of a mined row, and pyarrow's name for their types. ``bm25`` is 0 beyond the first 250."""


def documents_digest(data: Data) -> str:
    """As ``path_digest``, of the files that hold a data table's documents; of one that cannot be read, its name."""
    root = Path(os.path.abspath(data.documents or ""))  # noqa: PTH100 — resolve() would follow links
    digest = hashlib.sha256()
    for file in files_of(data):
        digest.update(file.relative_to(root).as_posix().encode())
        with suppress(OSError), file.open("rb") as opened:
            digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()


def _digest(questions: Sequence[Question]) -> str:
    digest = hashlib.sha256()
    for question in questions:
        digest.update(json.dumps([question.text, *question.positives]).encode() + b"\n")
    return digest.hexdigest()
