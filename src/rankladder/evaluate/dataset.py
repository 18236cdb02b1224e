"""A judged collection: queries, documents, judgements, and what of them does not fit together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rankladder.errors import BadFile, BadInput, BadOption, NotFound, PathMissing
from rankladder.evaluate.corpus import Corpus
from rankladder.evaluate.judged import read_judged_queries
from rankladder.evaluate.topics import read_pairs, read_topics
from rankladder.textfiles import beir_folder, read_qrels, read_queries
from rankladder.values import Document, Qrels, Query

_NAMED = 5
_Parts = tuple[str, Sequence[Query], Qrels, Path, list[Path]]
"""Name, queries, judgements, where the documents lie, and the files whose content decides besides them."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Queries, documents and judgements.

    Attributes:
        name: For people; says so where it is a part of the whole.
        queries: The judged queries whose text is known, by id.
        documents: By id; may read from an index on disk.
        qrels: The judgements. Each of its queries counts in every mean, one without a text too.
        remarks: What does not fit together, in sentences.
        digest: Says which data this is: another wherever a query, a document or a judgement differs.
        dropped: Documents that are never a query's candidates, by query id.
        collection: The name of the whole, under which scores are filed; "" where ``name`` is that.
    """

    name: str
    queries: Mapping[str, Query]
    documents: Mapping[str, Document]
    qrels: Qrels
    remarks: tuple[str, ...]
    digest: str
    dropped: Mapping[str, frozenset[str]] = field(default_factory=dict)
    collection: str = ""

    @classmethod
    def of(
        cls, name: str, queries: Iterable[Query], documents: Mapping[str, Document], qrels: Qrels, *, digest: str = ""
    ) -> Dataset:
        """The data set that these make: unjudged queries left out, whatever does not fit counted in ``remarks``.

        ``digest`` is made from all texts and grades where "". Raises BadInput where nothing is judged.
        """
        known = {query.id: query for query in queries}
        grades = {query: row for query, row in qrels.grades.items() if row}
        if not grades:
            raise BadInput(f"{name}: no query is judged", hint="an evaluation needs qrels: query, document, grade")
        judged = {id: query for id, query in known.items() if id in grades}
        if not judged:
            raise BadInput(
                f"{name}: none of the {len(grades):,} judged queries ({named(grades)}) is among the "
                f"{len(known):,} queries ({named(known) or 'none'})",
                hint="queries and judgements must share their ids",
            )
        # In the order of the queries, so that "the first N" means what the file says; those without a text come last.
        ordered = {**{id: grades[id] for id in judged}, **{id: row for id, row in grades.items() if id not in judged}}
        return cls(
            name,
            judged,
            documents,
            Qrels(ordered),
            tuple(_misfits(known, judged, documents, ordered)),
            digest or _digest_of(judged.values(), documents.values(), ordered),
        )

    def first(self, count: int) -> Dataset:
        """The data set's first ``count`` judged queries, named as such. Raises BadOption below 1.

        Judged queries without a text are not among them unless ``count`` reaches that far.
        """
        return self._part("first", count, range(count))

    def spread(self, count: int) -> Dataset:
        """``count`` judged queries at even steps through the data set, named as such: a file may be sorted by source.

        Raises BadOption below 1.
        """
        return self._part("spread", count, [place * len(self.qrels.grades) // max(1, count) for place in range(count)])

    def _part(self, how: str, count: int, places: Iterable[int]) -> Dataset:
        if count < 1:
            raise BadOption(f"queries must be at least 1, got {count}")
        grades = list(self.qrels.grades.items())
        if count >= len(grades):
            return self
        kept = dict(grades[place] for place in places)
        queries = {id: query for id, query in self.queries.items() if id in kept}
        of_the_whole = set(_misfits(self.queries, self.queries, self.documents, self.qrels.grades))
        return replace(
            self,
            collection=self.collection or self.name,
            name=f"{self.name} ({how} {len(kept)} of {len(grades):,} queries)",
            queries=queries,
            qrels=Qrels(kept),
            remarks=(
                *(remark for remark in self.remarks if remark not in of_the_whole),
                *_misfits(queries, queries, self.documents, kept),
            ),
            digest=_digest(how, str(count), self.digest),
        )

    def without(self, pairs: Iterable[tuple[str, str]]) -> Dataset:
        """The data set with pairs of query and document id that are never candidates; the judgements stay.

        Ids that the data set does not know are counted and named in ``remarks``.
        """
        dropped: dict[str, set[str]] = {}
        for query, document in pairs:
            dropped.setdefault(query, set()).add(document)
        count = sum(len(row) for row in dropped.values())
        listed = sorted((query, document) for query, row in dropped.items() for document in row)
        return replace(
            self,
            dropped={query: frozenset(row) for query, row in dropped.items()},
            remarks=(
                *self.remarks,
                f"{count:,} pairs of query and document are never candidates (drop-pairs)",
                *self._unknown_pairs(dropped),
            ),
            digest=_digest("without", *(part for pair in listed for part in pair), self.digest),
        )

    def _unknown_pairs(self, dropped: Mapping[str, Iterable[str]]) -> Iterator[str]:
        if queries := [query for query in dropped if query not in self.qrels.grades]:
            yield f"{len(queries):,} queries of drop-pairs are not judged here ({named(queries)}): nothing is dropped"
        distinct = dict.fromkeys(document for row in dropped.values() for document in sorted(row))
        if documents := [document for document in distinct if document not in self.documents]:
            yield f"{len(documents):,} documents of drop-pairs are not in the collection ({named(documents)})"


def read_dataset(
    path: str | Path | None = None,
    *,
    split: str | None = None,
    documents: str | Path | None = None,
    topics: str | Path | None = None,
    qrels: str | Path | None = None,
    queries: int | None = None,
    drop_pairs: str | Path | None = None,
    progress: bool | None = None,
) -> Dataset:
    """A judged collection from files.

    Args:
        path: A BEIR folder (its ``qrels/SPLIT.tsv`` is read), or a JSON Lines file of judged queries
            (``{"query": …, "relevant": …}``) with its documents in ``documents``. Left out for a TREC collection, given
            by ``documents``, ``topics`` and ``qrels``.
        split: Which judgements of a BEIR folder; ``test`` by default.
        documents: A file or a folder of documents, anything that ``rankladder index`` reads.
        topics: ``id<tab>text`` lines, JSON Lines, or TREC's ``<top>`` form, whose titles are the queries.
        qrels: TREC's ``query 0 document grade`` or BEIR's ``query document grade``.
        queries: Keep the first so many judged queries only; the data set's name says so.
        drop_pairs: A file of ``query document`` lines: pairs that are never candidates.
        progress: Show a bar while the documents are indexed; by default only on a terminal.

    Documents stay on disk: they are indexed into the user's cache and read from there. Raises PathMissing, BadFile,
    DuplicateId, BadInput (nothing is judged), BadOption (arguments that do not go together), StorageFailed.
    """
    name, asked, judgements, below, files = _parts(path, split=split, documents=documents, topics=topics, qrels=qrels)
    corpus = Corpus(below, progress=progress)
    digest = _digest(*(hashlib.sha256(_bytes_of(file)).hexdigest() for file in files), corpus.digest)
    dataset = Dataset.of(name, asked, corpus, judgements, digest=digest)
    dataset = replace(dataset, remarks=(*corpus.remarks, *dataset.remarks))
    if drop_pairs is not None:
        dataset = dataset.without(read_pairs(drop_pairs))
    return dataset if queries is None else dataset.first(queries)


def _parts(
    path: str | Path | None,
    *,
    split: str | None,
    documents: str | Path | None,
    topics: str | Path | None,
    qrels: str | Path | None,
) -> _Parts:
    if split is not None and (path is None or not Path(path).is_dir()):
        raise BadOption("split chooses among the judgements of a BEIR folder, and there is none", hint="leave it out")
    if path is None:
        if documents is None or topics is None or qrels is None:
            raise BadOption(
                "a collection without a folder needs documents, topics and qrels",
                hint="--documents corpus.jsonl --topics topics.tsv --qrels qrels.txt",
            )
        return _stem(Path(topics)), read_topics(topics), read_qrels(qrels), Path(documents), [Path(topics), Path(qrels)]
    root = Path(path)
    if not root.exists():
        raise PathMissing(f"nothing at {root}", hint="give a BEIR folder, or a JSON Lines file of judged queries")
    if topics is not None or qrels is not None:
        raise BadOption(f"{root} brings its own queries and judgements: topics and qrels exclude it")
    return _beir(root, split or "test", documents) if root.is_dir() else _own(root, documents)


def _beir(root: Path, split: str, documents: str | Path | None) -> _Parts:
    folder = beir_folder(root)
    if documents is not None:
        raise BadOption(f"{root} brings its own documents", hint="leave --documents out")
    if split not in folder.qrels:
        found = ", ".join(folder.qrels)
        raise BadFile(
            f"{root}: no judgements in qrels/{split}.tsv; {f'the splits are: {found}' if found else 'there are none'}",
            hint="choose with --split" if found else "lines of query, document and grade",
        )
    judged = folder.qrels[split]
    name = root.resolve().name
    shown = name if split == "test" else f"{name} {split}"
    return shown, read_queries(folder.queries), read_qrels(judged), folder.corpus, [folder.queries, judged]


def _own(root: Path, documents: str | Path | None) -> _Parts:
    if documents is None:
        raise BadOption(f"{root}: the judged queries need their documents", hint="--documents FILE_OR_FOLDER")
    queries, judgements = read_judged_queries(root)
    return _stem(root), queries, judgements, Path(documents), [root]


def _stem(file: Path) -> str:
    """The name of a file without the suffixes that say how it is written."""
    name = file.name
    for suffix in (".gz", ".jsonl", ".tsv", ".txt"):
        name = name.removesuffix(suffix)
    return name


def _misfits(
    known: Mapping[str, Query],
    judged: Mapping[str, Query],
    documents: Mapping[str, Document],
    grades: Mapping[str, Mapping[str, int]],
) -> Iterator[str]:
    if len(judged) < len(known):
        yield f"{len(known) - len(judged):,} of {len(known):,} queries have no judgement: they are left out"
    if without := [query for query in grades if query not in judged]:
        yield (
            f"{len(without):,} of {len(grades):,} judged queries have no text ({named(without)}): "
            "they count, with 0 wherever no run answers them"
        )
    missing = {document: None for row in grades.values() for document in row if document not in documents}
    if missing:
        every = len(missing) == len({document for row in grades.values() for document in row})
        first = next(iter(documents), None) if every else None
        shown = "" if first is None else f"; the collection's ids are like {first!r}"
        yield (
            f"{len(missing):,} judged documents{', all of them,' if every else ''} are not in the collection "
            f"({named(missing)}{shown}): their judgements count, but no model can read them"
        )
    if hopeless := [query for query, row in grades.items() if row and max(row.values()) < 1]:
        yield (
            f"{len(hopeless):,} judged queries have no relevant document ({named(hopeless)}): "
            "measures of relevance are 0 on them, whatever the system"
        )


def named(ids: Iterable[str]) -> str:
    """The first few ids, for a message.

    >>> named(["a", "b"]), named("abcdefgh")
    ("'a', 'b'", "'a', 'b', 'c', 'd', 'e' and 3 more")
    """
    listed = list(ids)
    rest = f" and {len(listed) - _NAMED:,} more" if len(listed) > _NAMED else ""
    return ", ".join(map(repr, listed[:_NAMED])) + rest


def _bytes_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise NotFound(f"{file}: cannot be read: {error.strerror or error}") from error


def _digest(*parts: str) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)}:".encode() + part.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _digest_of(queries: Iterable[Query], documents: Iterable[Document], grades: Mapping[str, Mapping[str, int]]) -> str:
    texts = [part for query in queries for part in (query.id, query.text)]
    texts += [part for document in documents for part in (document.id, document.title, document.text)]
    judged = [part for query, row in grades.items() for one, grade in row.items() for part in (query, one, str(grade))]
    return _digest(*texts, "qrels", *judged)
