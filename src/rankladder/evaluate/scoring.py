"""Candidates → pairs → scores, in batches that are stored as they are finished."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rankladder.evaluate.candidates import Candidates, in_order
from rankladder.evaluate.dataset import Dataset
from rankladder.progress import Progress
from rankladder.rerank import Long, Reranker
from rankladder.scores import KeptScore, KeptScores, PairKeys, missing_places, score_missing
from rankladder.values import Document, Query, Run


@dataclass(frozen=True, slots=True)
class Reranked:
    """A reranker's run; how many pairs it scored (stored ones too), and how many of them it had to cut."""

    run: Run
    pairs: int
    truncated: int


def open_store(
    folder: Path, reranker: Reranker, dataset: Dataset, candidates: Candidates, *, top_k: int, long: Long = "truncate"
) -> KeptScores:
    """The file of a reranker's scores on a data set, shared by all candidate lists.

    A hosted service does not promise that a score depends on its pair alone: its scores are of one list at one depth.

    Raises as ``KeptScores``.
    """
    listed = f"{candidates.digest} {top_k}" if reranker.facts.hosted else ""
    return scores_of(reranker, folder, dataset.collection or dataset.name, long=long, listed=listed)


def scores_of(reranker: Reranker, folder: Path, collection: str, *, long: Long, listed: str) -> KeptScores:
    """The file of a reranker's scores on a collection; of one list alone where ``listed`` names it."""
    about = {"collection": collection, "model": reranker.digest, "long": long, "listed": listed}
    return KeptScores(folder, about=about, named=(collection, reranker.name), hint="choose a folder with --store")


def rerank_candidates(
    reranker: Reranker,
    dataset: Dataset,
    candidates: Candidates,
    *,
    name: str,
    top_k: int,
    store: KeptScores,
    keys: PairKeys,
    long: Long = "truncate",
    progress: bool | None = None,
) -> Reranked:
    """The run in which a reranker has reordered each query's first ``top_k`` candidates.

    Pairs that cannot be read (a query or a document without a text), and candidates below ``top_k``, follow in the
    retriever's order. Texts are read as they are scored, a batch at a time; each batch is kept before the next begins
    (``score_missing``). A hosted model is given a query's candidates all at once, or none of them.

    Raises what the reranker raises, and StorageFailed.
    """
    wanted = {query.id: _readable(query, dataset, candidates, top_k, keys) for query in dataset.queries.values()}
    pairs = [(dataset.queries[id], document) for id, row in wanted.items() for document in row]
    names = [keys.of(query, document) for query, document in pairs]
    lists = [query.id for query, _ in pairs] if reranker.facts.hosted else None

    def score(places: Sequence[int]) -> Generator[tuple[Sequence[int], Sequence[KeptScore]]]:
        yield places, _scored(reranker, dataset.documents, [pairs[place] for place in places], long)

    missing = missing_places(names, store, lists=lists)
    with Progress(name, len(pairs), "pairs", done=len(pairs) - len(missing), wanted=progress) as bar:
        score_missing(missing, names, store, score, lists=lists, done=bar.add)
    scores: dict[str, dict[str, float]] = {id: {} for id in wanted}
    truncated = 0
    for (query, document), kept in zip(pairs, store.all(names), strict=True):
        scores[query.id][document] = kept.score
        truncated += kept.truncated
    ranked = {id: above(row, scores.get(id, {})) for id, row in candidates.run.scores.items()}
    return Reranked(Run(name, ranked), len(pairs), truncated)


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
    reranker: Reranker, documents: Mapping[str, Document], batch: Sequence[tuple[Query, str]], long: Long
) -> list[KeptScore]:
    tasks: dict[str, tuple[Query, list[Document]]] = {}
    for query, id in batch:
        tasks.setdefault(query.id, (query, []))[1].append(documents[id])
    found = {
        (ranking.query.id, hit.document.id): KeptScore(hit.score, hit.truncated)
        for ranking in reranker.rank_many(list(tasks.values()), long=long, progress=False)
        for hit in ranking.hits
    }
    return [found[query.id, id] for query, id in batch]
