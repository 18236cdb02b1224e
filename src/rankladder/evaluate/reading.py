"""Judged collections from files, in each of their layouts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rankladder.arguments import checked
from rankladder.errors import BadFile, BadOption, NotFound, PathMissing
from rankladder.evaluate.corpus import Corpus
from rankladder.evaluate.dataset import Dataset, digest_of
from rankladder.evaluate.fitting import fitted_documents, fitted_pairs, fitted_queries
from rankladder.evaluate.judged import read_judged_queries
from rankladder.textfiles import AS_NAMED, ReadAs, Selection, beir_folder, read_pairs, read_qrels, read_topics
from rankladder.textfiles.beir import QRELS_ENDINGS
from rankladder.textfiles.selection import EVERYTHING
from rankladder.values import Qrels, Query


@dataclass(frozen=True, slots=True)
class _Parts:
    """What a layout comes to; ``files`` are those whose content decides besides the documents."""

    name: str
    queries: Sequence[Query]
    qrels: Qrels
    documents: Path
    files: tuple[Path, ...]
    remarks: tuple[str, ...] = ()


@checked
def read_dataset(
    path: str | Path | None = None,
    *,
    split: str | None = None,
    documents: str | Path | None = None,
    topics: str | Path | None = None,
    qrels: str | Path | None = None,
    field: str | None = None,
    grade_scale: int = 1,
    queries: int | None = None,
    drop_pairs: str | Path | None = None,
    keep_same_ids: bool = False,
    progress: bool | None = None,
    select: Selection = EVERYTHING,
    read_as: ReadAs = AS_NAMED,
    language: str = "en",
) -> Dataset:
    """A judged collection from files.

    Args:
        path: A BEIR folder (its ``qrels/SPLIT.tsv``, or another ending, is read), or a JSON Lines file of judged
            queries (``{"query": …, "relevant": …}``) with its documents in ``documents``. Left out for a TREC
            collection, given by ``documents``, ``topics`` and ``qrels``.
        split: Which judgements of a BEIR folder; ``test`` by default.
        documents: A file or a folder of documents, anything that ``rankladder index`` reads.
        topics: Queries in any form of ``rankladder.textfiles.read_topics``.
        qrels: Judgements in any form of ``rankladder.textfiles.read_qrels``.
        field: Which field of the topics is the query: ``description``, ``title+description``; by default the title.
        grade_scale: Every grade is multiplied by this: 2 for judgements in halves.
        queries: Keep the first so many judged queries only; the data set's name says so.
        drop_pairs: A file of ``query document`` lines: pairs that are never candidates.
        keep_same_ids: Let a document that has a query's id be a candidate of that query; by default it is none
            (``Dataset.without_own``).
        progress: Show a bar while the documents are indexed; by default only on a terminal.
        select: Which files of a folder of documents are read, and what ids their records have.
        read_as: What the names of files and keys do not say of the documents.
        language: Whose endings and accents BM25 knows.

    Ids that the files write differently (``001`` and ``1``) are taken for the same, with a remark.

    Documents stay on disk: they are indexed into the user's cache and read from there. Raises PathMissing, BadFile,
    DuplicateId, BadInput (nothing is judged), BadOption (arguments that do not go together), StorageFailed.
    """
    if split is not None and (path is None or not Path(path).is_dir()):
        raise BadOption(
            "split chooses among the judgements of a BEIR folder, and no folder is given", hint="leave it out"
        )
    if path is None:
        parts = _trec(documents, topics, qrels, field, grade_scale)
    else:
        root = Path(path)
        if not root.exists():
            raise PathMissing(f"nothing at {root}", hint="give a BEIR folder, or a JSON Lines file of judged queries")
        if topics is not None or qrels is not None:
            raise BadOption(f"{root} has its own queries and judgements: topics and qrels exclude it")
        if root.is_dir():
            parts = _beir(root, split or "test", documents, field, grade_scale)
        else:
            parts = _own(root, documents, field, grade_scale)
    corpus = Corpus(parts.documents, progress=progress, select=select, read_as=read_as, language=language)
    fitted, spelt = fitted_documents(parts.qrels, corpus)
    asked, renamed = fitted_queries(parts.queries, fitted.grades)
    settings = (*([f"field {field}"] if field else ()), *([f"scale {grade_scale}"] if grade_scale != 1 else ()))
    digest = digest_of(*(hashlib.sha256(_bytes_of(file)).hexdigest() for file in parts.files), *settings, corpus.digest)
    dataset = Dataset.of(parts.name, asked, corpus, fitted, digest=digest, keep_same_ids=keep_same_ids)
    remarks = (*corpus.remarks, *parts.remarks, *renamed, *spelt, *dataset.remarks)
    dataset = replace(dataset, remarks=remarks)
    if drop_pairs is not None:
        pairs, others = fitted_pairs(read_pairs(drop_pairs), corpus)
        dataset = dataset.without(pairs)
        dataset = replace(dataset, remarks=(*dataset.remarks, *others))
    return dataset if queries is None else dataset.first(queries)


def _trec(
    documents: str | Path | None, topics: str | Path | None, qrels: str | Path | None, field: str | None, scale: int
) -> _Parts:
    if documents is None or topics is None or qrels is None:
        raise BadOption(
            "a collection without a folder needs documents, topics and qrels",
            hint="--documents corpus.jsonl --topics topics.tsv --qrels qrels.txt",
        )
    asked = read_topics(topics, field=field)
    judged = read_qrels(qrels, scale=scale)
    files = (Path(topics), Path(qrels))
    return _Parts(_stem(files[0]), asked.queries, judged, Path(documents), files, asked.remarks)


def _beir(root: Path, split: str, documents: str | Path | None, field: str | None, scale: int) -> _Parts:
    folder = beir_folder(root)
    if documents is not None:
        raise BadOption(f"{root} has its own documents", hint="leave --documents out")
    if split not in folder.qrels:
        found = ", ".join(folder.qrels)
        others = [] if found else sorted(file.name for file in (root / "qrels").glob("*"))
        lies = f"; qrels/ holds {', '.join(others[:5])}" if others else ""
        raise BadFile(
            f"{root}: no judgements in qrels/{split}.tsv; "
            f"{f'the splits are: {found}' if found else 'there are none'}{lies}",
            hint="choose with --split"
            if found
            else f"lines of query, document and grade, in {', '.join(QRELS_ENDINGS)}",
        )
    judged = folder.qrels[split]
    name = root.resolve().name
    shown = name if split == "test" else f"{name} {split}"
    asked = read_topics(folder.queries, field=field)
    grades = read_qrels(judged, scale=scale)
    return _Parts(shown, asked.queries, grades, folder.corpus, (folder.queries, judged), asked.remarks)


def _own(root: Path, documents: str | Path | None, field: str | None, scale: int) -> _Parts:
    if documents is None:
        raise BadOption(f"{root}: the judged queries need their documents", hint="--documents FILE_OR_FOLDER")
    if field is not None:
        raise BadOption(
            f"{root}: the query is under 'query': field chooses among a topic's fields", hint="leave it out"
        )
    queries, judgements = read_judged_queries(root, scale=scale)
    return _Parts(_stem(root), queries, judgements, Path(documents), (root,))


def _stem(file: Path) -> str:
    """The name of a file without the suffixes that say how it is written."""
    name = file.name
    for suffix in (".gz", ".jsonl", ".tsv", ".txt", ".xml", ".json", ".csv"):
        name = name.removesuffix(suffix)
    return name


def _bytes_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise NotFound(f"{file}: cannot be read: {error.strerror or error}") from error
