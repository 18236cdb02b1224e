"""Candidates → pairs → scores, in batches that are stored as they are finished."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from rankladder.evaluate.candidates import Candidates, in_order
from rankladder.evaluate.dataset import Dataset
from rankladder.evaluate.store import PairKeys, Record, ScoreStore
from rankladder.progress import Progress
from rankladder.rerank import Long, Reranker
from rankladder.rerank.hosted import is_hosted
from rankladder.values import Document, Query, Run

_Work = TypeVar("_Work")
_FIRST_BATCH = 64
_LARGEST_BATCH = 4096
_BATCH_S = 5.0


@dataclass(frozen=True, slots=True)
class Reranked:
    """A reranker's run; how many pairs it scored (stored ones too), and how many of them it had to cut."""

    run: Run
    pairs: int
    truncated: int


def open_store(
    folder: Path, reranker: Reranker, dataset: Dataset, candidates: Candidates, *, top_k: int, long: Long = "truncate"
) -> ScoreStore:
    """The file of a reranker's scores on a data set, shared by all candidate lists.

    A hosted service does not promise that a score depends on its pair alone: its scores are of one list at one depth.

    Raises as ``ScoreStore``.
    """
    return ScoreStore(
        folder,
        collection=dataset.collection or dataset.name,
        model=reranker.name,
        digest=reranker.digest,
        long=long,
        listed=f"{candidates.digest} {top_k}" if is_hosted(reranker.name) else "",
    )


def rerank_candidates(
    reranker: Reranker,
    dataset: Dataset,
    candidates: Candidates,
    *,
    name: str,
    top_k: int,
    store: ScoreStore,
    keys: PairKeys,
    long: Long = "truncate",
    progress: bool | None = None,
) -> Reranked:
    """The run in which a reranker has reordered each query's first ``top_k`` candidates.

    Whatever cannot be read (a query or a document without a text), and candidates below ``top_k``, follow in the
    retriever's order. Texts are read as they are scored, a batch at a time; each batch is stored before the next
    begins, so an interruption loses one batch: 64 pairs, later as many as take about five seconds. A hosted model,
    which is paid by the request and may look at the list, is given a query's candidates all at once, or none of them.

    Raises what the reranker raises, and StorageFailed.
    """
    wanted = {query.id: _readable(query, dataset, candidates, top_k, keys) for query in dataset.queries.values()}
    total = sum(len(row) for row in wanted.values())
    missing: list[tuple[Query, str]] = []
    hosted = is_hosted(reranker.name)
    for id, row in wanted.items():
        query = dataset.queries[id]
        new = [document for document in row if keys.of(query, document) not in store]
        missing += [(query, document) for document in (row if hosted and new else new)]
    with Progress(name, total, "pairs", done=total - len(missing), wanted=progress) as bar:
        for batch in timed_batches(missing, together=lambda one, other: hosted and one[0].id == other[0].id):
            store.add(list(_scored(reranker, dataset.documents, batch, keys, long)))
            bar.add(len(batch))
    scores: dict[str, dict[str, float]] = {}
    truncated = 0
    for id, scored in candidates.run.scores.items():
        named = {document: keys.of(dataset.queries[id], document) for document in wanted.get(id, ())}
        truncated += sum(store.truncated(key) for key in named.values())
        scores[id] = above(scored, {document: store.score(key) for document, key in named.items()})
    return Reranked(Run(name, scores), total, truncated)


def timed_batches(work: Sequence[_Work], *, together: Callable[[_Work, _Work], bool]) -> Iterator[Sequence[_Work]]:
    """All work in order, in batches that take the caller about five seconds each, the first of 64.

    Two neighbours that belong ``together`` are never in two batches.
    """
    size, start = _FIRST_BATCH, 0
    while start < len(work):
        end = min(start + size, len(work))
        while end < len(work) and together(work[end - 1], work[end]):
            end += 1
        began = time.perf_counter()
        yield work[start:end]
        size, start = next_size(end - start, time.perf_counter() - began), end


def next_size(size: int, seconds: float) -> int:
    """How many pairs to score next, after so many took so long: what takes about five seconds, in steps of two at most.

    >>> next_size(64, 0.5), next_size(64, 5.0), next_size(64, 60.0), next_size(4096, 0.1)
    (128, 64, 32, 4096)
    """
    fitting = int(size * _BATCH_S / max(seconds, 1e-6))
    return max(1, min(max(fitting, size // 2), size * 2, _LARGEST_BATCH))


def above(row: Mapping[str, float], scored: Mapping[str, float]) -> dict[str, float]:
    """The scores of a reordered list: those that were scored, then the others of ``row`` in its order, one apart.

    >>> above({"a": 9.0, "b": 8.0, "c": 7.0}, {"a": -2.5, "b": 1.5})
    {'b': 1.5, 'a': -2.5, 'c': -3.5}
    """
    if not scored:
        return dict(row)
    floor = min(scored.values())
    rest = [document for document in in_order(row) if document not in scored]
    return {document: scored[document] for document in in_order(scored)} | {
        document: floor - place for place, document in enumerate(rest, 1)
    }


def _readable(query: Query, dataset: Dataset, candidates: Candidates, top_k: int, keys: PairKeys) -> list[str]:
    """The first ``top_k`` candidates of a query, those without a text left out."""
    first = in_order(candidates.run.scores.get(query.id, {}))[:top_k]
    kept = []
    for id in first:
        if not keys.knows(id):
            document = dataset.documents.get(id)
            if document is None:
                continue
            keys.of_document(document)
        kept.append(id)
    return kept


def _scored(
    reranker: Reranker,
    documents: Mapping[str, Document],
    batch: Sequence[tuple[Query, str]],
    keys: PairKeys,
    long: Long,
) -> Iterator[Record]:
    tasks: dict[str, tuple[Query, list[Document]]] = {}
    for query, id in batch:
        tasks.setdefault(query.id, (query, []))[1].append(documents[id])
    for ranking in reranker.rank_many(list(tasks.values()), long=long, progress=False):
        for hit in ranking.hits:
            key = keys.of(ranking.query, hit.document.id)
            yield Record(ranking.query.id, hit.document.id, key, hit.score, hit.truncated)
