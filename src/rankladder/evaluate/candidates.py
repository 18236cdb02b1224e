"""Candidate lists: what a first stage found for each query, and what every reranker is given."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rankladder.arguments import checked
from rankladder.errors import BadOption, PathMissing
from rankladder.evaluate.corpus import Corpus
from rankladder.evaluate.dataset import Dataset, named
from rankladder.evaluate.fitting import fitted_run
from rankladder.folders import cache_folder
from rankladder.paths import is_there
from rankladder.progress import Progress
from rankladder.retrieve import HybridRetriever, Retriever, retrieve_many
from rankladder.textfiles import read_run_file
from rankladder.values import Ranking, Run

if TYPE_CHECKING:
    from rankladder.retrieve.dense import DenseIndex

KINDS = ("bm25", "run", "dense", "hybrid")
_QUERIES_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Candidates:
    """A retriever's run over a data set's queries.

    Attributes:
        name: As the retriever is named in tables: ``bm25``.
        run: Scores by query and document id, best ``depth`` of each query.
        digest: Another wherever a candidate or its place differs.
        remarks: What did not fit the data set, in sentences.
    """

    name: str
    run: Run
    digest: str
    remarks: tuple[str, ...] = ()

    @classmethod
    @checked
    def of(cls, name: str, run: Run, dataset: Dataset, *, depth: int | None = None) -> Candidates:
        """The candidates that a run gives a data set: judged queries only, its dropped pairs and the tail left out.

        What the run does not answer, and what the collection does not hold, is counted and named in ``remarks``.
        """
        judged = dataset.qrels.grades
        scores: dict[str, dict[str, float]] = {}
        cut = 0
        for query in judged:
            row, dropped = run.scores.get(query, {}), dataset.dropped.get(query, frozenset())
            ordered = in_order({document: score for document, score in row.items() if document not in dropped})
            cut += depth is not None and len(ordered) > depth
            scores[query] = {document: row[document] for document in ordered[:depth]}
        remarks = []
        if unjudged := [query for query, row in run.scores.items() if row and query not in judged]:
            remarks.append(f"{name}: {len(unjudged):,} queries of the run are not judged here: left out")
        remarks += _unanswered(name, scores)
        if cut:
            remarks.append(f"{name}: the run is deeper than {depth} for {cut:,} queries: the rest is left out")
        distinct = dict.fromkeys(document for row in scores.values() for document in row)
        if unknown := [document for document in distinct if document not in dataset.documents]:
            remarks.append(
                f"{name}: {len(unknown):,} candidates are not in the collection ({named(unknown)}): "
                "no model can read them, so they rank below the reranked candidates"
            )
        return cls(name, Run(name, scores), _digest_of(scores), tuple(remarks))

    def answered(self, dataset: Dataset) -> Candidates:
        """The same candidates for a data set from which the queries without any were left out, as was their remark."""
        kept = Candidates.of(self.name, self.run, dataset)
        gone = _unanswered(self.name, self.run.scores)
        remarks = [remark for remark in self.remarks if remark not in gone]
        return replace(kept, remarks=tuple(dict.fromkeys([*remarks, *kept.remarks])))


def _unanswered(name: str, scores: Mapping[str, Mapping[str, float]]) -> list[str]:
    """What to say of the judged queries without a candidate; nothing where there is none."""
    queries = [query for query, row in scores.items() if not row]
    found = f"{name}: {len(queries):,} judged queries have no candidate ({named(queries)}): they count as 0"
    return [found] if queries else []


def in_order(row: Mapping[str, float]) -> list[str]:
    """Document ids best first; equal scores by document id descending, as trec_eval breaks ties.

    >>> in_order({"a": 1.0, "b": 2.0, "c": 1.0})
    ['b', 'c', 'a']
    """
    return [document for document, _ in sorted(row.items(), key=lambda item: (item[1], item[0]), reverse=True)]


@checked
def candidates_from_run(
    dataset: Dataset, path: str | Path, *, depth: int | None = None, name: str | None = None
) -> Candidates:
    """The candidates of a run file, named after its tag where no ``name`` is given.

    Ids that it writes otherwise (``001`` for ``1``) are taken for the same, with a remark. Raises as
    ``rankladder.textfiles.read_run``.
    """
    run, notes = read_run_file(path, name)
    fitted, spelt = fitted_run(run, dataset.qrels.grades, dataset.documents)
    found = Candidates.of(run.name, fitted, dataset, depth=depth)
    return replace(found, remarks=(*notes, *(f"{run.name}: {remark}" for remark in spelt), *found.remarks))


@checked
def bm25_candidates(dataset: Dataset, *, depth: int = 100, progress: bool | None = None) -> Candidates:
    """The best ``depth`` documents of each query by BM25 (our index; k1 1.2, b 0.75, English stemming).

    Raises BadOption for a data set whose documents are not on disk: ``retrieved`` takes any retriever.
    """
    if not isinstance(dataset.documents, Corpus):
        raise BadOption("BM25 needs documents that are indexed on disk", hint="read_dataset gives such a data set")
    return retrieved(dataset, dataset.documents.index, "bm25", depth=depth, progress=progress)


@checked
def dense_candidates(
    dataset: Dataset,
    model: str,
    *,
    depth: int = 100,
    progress: bool | None = None,
    offline: bool | None = None,
) -> Candidates:
    """The best ``depth`` documents of each query by an embedder, exactly: every document is compared (extra ``dense``).

    Embeddings are kept in the user's cache. Raises MissingExtra, ModelMissing and StorageFailed.
    """
    dense = _dense_index(dataset, model, progress, offline)
    found = retrieved(dataset, dense, f"dense:{dense.embedder.name}", depth=depth, progress=progress)
    return replace(found, remarks=(*found.remarks, *_cut(dense)))


@checked
def hybrid_candidates(
    dataset: Dataset,
    model: str,
    *,
    depth: int = 100,
    progress: bool | None = None,
    offline: bool | None = None,
) -> Candidates:
    """BM25 and an embedder by reciprocal rank fusion of at least 100 documents of each. Raises as the two do."""
    if not isinstance(dataset.documents, Corpus):
        raise BadOption("hybrid needs documents that are indexed on disk", hint="read_dataset gives such a data set")
    dense = _dense_index(dataset, model, progress, offline)
    both = HybridRetriever([dataset.documents.index, dense])
    name = f"hybrid:{dense.embedder.name}"
    found = retrieved(dataset, both, name, depth=depth, keep_ties=True, progress=progress)
    return replace(found, remarks=(*found.remarks, *_cut(dense)))


@checked
def open_candidates(
    dataset: Dataset,
    retriever: str,
    *,
    depth: int = 100,
    cut_runs: bool = False,
    progress: bool | None = None,
    offline: bool | None = None,
) -> Candidates:
    """The candidates that ``bm25``, ``run:FILE``, ``dense:NAME`` or ``hybrid:NAME`` names.

    The best ``depth`` of a retriever of ours; the whole of a run, or with ``cut_runs`` its best ``depth`` too. Raises
    BadOption for another word, and PathMissing for a run that is not there.
    """
    kind, argument = check_retriever(retriever)
    match kind:
        case "bm25":
            return bm25_candidates(dataset, depth=depth, progress=progress)
        case "run":
            return candidates_from_run(dataset, argument, depth=depth if cut_runs else None)
        case "dense":
            return dense_candidates(dataset, argument, depth=depth, progress=progress, offline=offline)
    return hybrid_candidates(dataset, argument, depth=depth, progress=progress, offline=offline)


def check_retriever(retriever: str) -> tuple[str, str]:
    """The kind that a retriever's name begins with, and what follows it.

    Raises BadOption as ``open_candidates``, and PathMissing for a run that is not there.
    """
    kind, _, argument = retriever.partition(":")
    if kind not in KINDS or bool(argument) == (kind == "bm25"):
        raise BadOption(
            f"retriever must be bm25, run:FILE, dense:NAME or hybrid:NAME, got {retriever!r}",
            hint="--retriever run:bm25.trec",
        )
    if kind == "run" and not is_there(argument):
        raise PathMissing(f"no file at {argument}")
    return kind, argument


@checked
def open_lists(
    dataset: Dataset,
    retrievers: Sequence[str],
    *,
    depth: int = 100,
    cut_runs: bool = False,
    progress: bool | None = None,
    offline: bool | None = None,
) -> list[Candidates]:
    """The candidates of several retrievers, as ``open_candidates`` names each.

    A run whose tag is the name of another list too (``bm25`` is a common one) is called ``run:STEM``, after its file.
    """
    found = [
        open_candidates(dataset, name, depth=depth, cut_runs=cut_runs, progress=progress, offline=offline)
        for name in retrievers
    ]
    names = [candidates.name for candidates in found]
    for place, retriever in enumerate(retrievers):
        kind, path = check_retriever(retriever)
        if kind == "run" and names.count(names[place]) > 1:
            name = f"run:{Path(path).stem}"
            found[place] = candidates_from_run(dataset, path, depth=depth if cut_runs else None, name=name)
    return found


@checked
def retrieved(
    dataset: Dataset,
    retriever: Retriever,
    name: str,
    *,
    depth: int = 100,
    keep_ties: bool = False,
    progress: bool | None = None,
) -> Candidates:
    """The best ``depth`` documents of each query by any retriever, dropped pairs made up for by later ones.

    Equal scores are ordered by document id, as trec_eval does; with ``keep_ties`` the retriever's own order stays, by
    scores that are lowered by the least that makes them differ. A retriever with ``retrieve_many(queries, k=)`` is
    asked for many queries at a time.
    """
    if depth < 1:
        raise BadOption(f"depth must be at least 1, got {depth}")
    spare = max(map(len, dataset.dropped.values()), default=0)
    scores: dict[str, dict[str, float]] = {}
    with Progress(f"retrieving with {name}", len(dataset.queries), "queries", wanted=progress) as bar:
        queries = list(dataset.queries.values())
        for start in range(0, len(queries), _QUERIES_AT_ONCE):
            for ranking in retrieve_many(retriever, queries[start : start + _QUERIES_AT_ONCE], k=depth + spare):
                row = _kept(ranking, dataset.dropped.get(ranking.query.id, frozenset()), depth)
                scores[ranking.query.id] = apart(row) if keep_ties else row
                bar.add(1)
    return Candidates.of(name, Run(name, scores), dataset)


def apart(row: Mapping[str, float]) -> dict[str, float]:
    """The scores of a list in its order, each below the one before it, in single precision too (trec_eval's own).

    >>> list(apart({"a": 0.5, "b": 0.5, "c": 0.25})) == in_order(apart({"a": 0.5, "b": 0.5, "c": 0.25}))
    True
    """
    scores: dict[str, float] = {}
    above = np.float32(np.inf)
    for document, score in row.items():
        above = min(np.float32(score), np.nextafter(above, np.float32(-np.inf)))
        scores[document] = score if np.float32(score) == above else float(above)
    return scores


def _kept(ranking: Ranking, dropped: frozenset[str], depth: int) -> dict[str, float]:
    kept = [hit for hit in ranking.hits if hit.document.id not in dropped][:depth]
    return {hit.document.id: hit.score for hit in kept}


def _dense_index(dataset: Dataset, model: str, progress: bool | None, offline: bool | None) -> DenseIndex:
    from rankladder.retrieve.dense import DenseIndex, open_embedder

    embedder = open_embedder(model, offline=offline)
    documents = dataset.documents
    every = documents.documents() if isinstance(documents, Corpus) else documents.values()
    return DenseIndex.of(every, embedder, cache=cache_folder("embeddings"), progress=progress)


def _cut(dense: DenseIndex) -> tuple[str, ...]:
    return (dense.remark,) if dense.remark else ()


def _digest_of(scores: Mapping[str, Mapping[str, float]]) -> str:
    digest = hashlib.sha256()
    for query, row in scores.items():
        if not row:  # a query without candidates, or left out for that: no candidate differs
            continue
        for document in (query, *in_order(row), ""):
            digest.update(document.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()
