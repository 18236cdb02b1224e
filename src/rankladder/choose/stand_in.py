"""Queries that nobody judged: read, and given the ranking of a strong model in place of judgements."""

from __future__ import annotations

import hashlib
from pathlib import Path

from rankladder.arguments import checked
from rankladder.errors import BadInput, BadOption, PathMissing
from rankladder.evaluate import Candidates, Dataset
from rankladder.evaluate.candidates import in_order
from rankladder.evaluate.corpus import Corpus
from rankladder.evaluate.scoring import open_store, rerank_candidates
from rankladder.folders import cache_folder
from rankladder.paths import is_there
from rankladder.rerank import Long, ModelRequest
from rankladder.scores import PairKeys
from rankladder.textfiles import AS_NAMED, ReadAs, Selection, beir_folder, read_topics
from rankladder.textfiles.selection import EVERYTHING
from rankladder.values import Qrels, Run

DEPTH = 10
"""Documents of the reference's ranking that count: the first has grade 10, the tenth 1, all others 0."""


@checked
def read_unjudged(
    path: str | Path | None = None,
    *,
    documents: str | Path | None = None,
    topics: str | Path | None = None,
    field: str | None = None,
    queries: int | None = None,
    keep_same_ids: bool = False,
    progress: bool | None = None,
    select: Selection = EVERYTHING,
    read_as: ReadAs = AS_NAMED,
    language: str = "en",
) -> Dataset:
    """Queries and documents without judgements.

    Args:
        path: A BEIR folder (its judgements are not read), or a file of queries with its documents in ``documents``;
            a line of JSON without an id has its number for one.
        documents: A file or a folder of documents.
        topics: A file of queries, in place of ``path``.
        field: Which field of the topics is the query.
        queries: Keep the first so many.
        keep_same_ids: Let a document that has a query's id be a candidate of that query.
        progress: Show a bar while the documents are indexed.
        select: Which files of a folder of documents are read, and what ids their records have.
        read_as: What the names of files and keys do not say of the documents.
        language: Whose endings and accents BM25 knows.

    Raises PathMissing, BadFile, DuplicateId, BadInput (no query), BadOption (arguments that do not go together).
    """
    root = Path(path) if path is not None else None
    if root is not None and not is_there(root):
        raise PathMissing(f"nothing at {root}", hint="give a BEIR folder, or a file of queries with --documents")
    if root is not None and root.is_dir():
        if documents is not None or topics is not None:
            raise BadOption(f"{root} has its own queries and documents", hint="leave --documents and --topics out")
        folder = beir_folder(root)
        file, below = folder.queries, folder.corpus
    else:
        if (root is None) == (topics is None) or documents is None:
            raise BadOption("expected a file of queries and --documents", hint="queries.tsv --documents docs/")
        file, below = Path(topics) if root is None and topics is not None else Path(str(root)), Path(documents)
    read = read_topics(file, field=field, line_ids=True)
    asked = read.queries
    if not asked:
        raise BadInput(f"{file} holds no queries", hint='a line reads id<tab>text, or {"query": "…"} in a .jsonl')
    name = (root if root is not None and root.is_dir() else file).resolve().name.split(".")[0]
    corpus = Corpus(below, progress=progress, select=select, read_as=read_as, language=language)
    kept = {query.id: query for query in asked[:queries]}
    digest = hashlib.sha256(corpus.digest.encode())
    for query in kept.values():
        digest.update(f"\0{query.id}\0{query.text}".encode("utf-8", "surrogatepass"))
    shown = name if len(kept) == len(asked) else f"{name} (first {len(kept)} of {len(asked):,} queries)"
    found = Dataset(
        shown,
        kept,
        corpus,
        Qrels({id: {} for id in kept}),
        (*corpus.remarks, *read.remarks),
        digest.hexdigest(),
        collection=name,
    )
    return found if keep_same_ids else found.without_own()


def judged_by(
    reference: ModelRequest,
    dataset: Dataset,
    candidates: Candidates,
    *,
    top_k: int = 100,
    store: Path | None = None,
    long: Long = "truncate",
    offline: bool | None = None,
    progress: bool | None = None,
) -> Dataset:
    """The data set with grades from a model's own ranking of the candidates (``stand_in``); its judgements, if it has
    any, are not looked at. Queries without candidates are left out, and said in the remarks.

    Raises what opening or running the model raises, and BadInput where no query has a candidate.
    """
    reranker = reference.open(offline=offline)
    folder = cache_folder("scores") if store is None else store
    with open_store(folder, reranker, dataset, candidates, top_k=top_k, long=long) as kept:
        found = rerank_candidates(
            reranker,
            dataset,
            candidates,
            name=f"reference {reranker.name}",
            top_k=top_k,
            store=kept,
            keys=PairKeys(),
            long=long,
            progress=progress,
        )
    grades = stand_in(found.run).grades
    if not grades:
        raise BadInput(f"{dataset.name}: no query has a candidate", hint="do the queries fit the documents?")
    remarks = list(dataset.remarks)
    if len(grades) < len(dataset.queries):
        remarks.append(f"{len(dataset.queries) - len(grades):,} queries have no candidate and are left out")
    return Dataset(
        dataset.name,
        {id: query for id, query in dataset.queries.items() if id in grades},
        dataset.documents,
        Qrels(grades),
        tuple(remarks),
        hashlib.sha256(f"{dataset.digest} {reranker.digest} {top_k} {long}".encode()).hexdigest(),
        dataset.dropped,
        dataset.collection or dataset.name,
        dataset.own,
    )


def stand_in(run: Run, *, depth: int = DEPTH) -> Qrels:
    """Grades from a run: ``depth`` for a query's first document, one less for the next, and so on to 1.

    A measure such as nDCG@10 against them is 1 for the run itself, and for any other says how far its head agrees.

    >>> stand_in(Run("r", {"q": {"a": 0.1, "b": 0.9, "c": 0.5}}), depth=2).grades
    {'q': {'b': 2, 'c': 1}}
    """
    return Qrels(
        {
            query: {document: depth - place for place, document in enumerate(in_order(row)[:depth])}
            for query, row in run.scores.items()
            if row
        }
    )
