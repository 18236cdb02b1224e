"""A judged collection: queries, documents, judgements, and their mismatches."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from rankladder.arguments import checked, shown
from rankladder.errors import BadInput, BadOption
from rankladder.evaluate.nearest import nearest_known
from rankladder.values import Document, Qrels, Query

_NAMED = 5
_LOOKED_AT = 200
"""Documents that are compared with the queries that have their ids."""
_ALIKE = 0.8
"""The share of a query's words that its own document has."""


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
        own: Queries that are documents of the collection, by their ids: each is ``dropped`` from its own candidates.
    """

    name: str
    queries: Mapping[str, Query]
    documents: Mapping[str, Document]
    qrels: Qrels
    remarks: tuple[str, ...]
    digest: str
    dropped: Mapping[str, frozenset[str]] = field(default_factory=dict)
    collection: str = ""
    own: frozenset[str] = frozenset()

    @classmethod
    @checked
    def of(
        cls,
        name: str,
        queries: Iterable[Query],
        documents: Mapping[str, Document],
        qrels: Qrels,
        *,
        digest: str = "",
        keep_same_ids: bool = False,
    ) -> Dataset:
        """The data set that these make: unjudged queries left out, mismatches counted in ``remarks``.

        ``digest`` is made from all texts and grades where "". Queries that are documents are left out of their own
        candidates (``without_own``) but with ``keep_same_ids``. Raises BadInput where nothing is judged.
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
        whole = cls(
            name,
            judged,
            documents,
            Qrels(ordered),
            tuple(_misfits(known, judged, documents, ordered)),
            digest or _digest_of(judged.values(), documents.values(), ordered),
        )
        return whole if keep_same_ids else whole.without_own()

    def without_own(self) -> Dataset:
        """The data set in which no query finds itself: a document with a query's id is never its candidate, and the
        remarks count them. A document that is judged relevant to the query of its id stays; so do all where not one of
        them holds its query's words, as the ids agree by chance then.

        Sources: ``ignore_identical_ids`` of beir's EvaluateRetrieval (always) and of mteb's retrieval tasks (ArguAna,
        Quora …), which leave those out too.
        """
        grades = self.qrels.grades
        own = frozenset(id for id in self.queries if grades[id].get(id, 0) < 1 and id in self.documents)
        if not own:
            return self
        looked_at = [id for id in self.queries if id in own][:_LOOKED_AT]
        if not any(_holds(self.documents[id], self.queries[id]) for id in looked_at):
            chance = (
                f"{len(own):,} of {len(self.queries):,} queries have the id of a document ({named(looked_at)}) but not "
                "its words: the ids are taken to agree by chance (drop-pairs leaves such documents out)"
            )
            return replace(self, remarks=(*self.remarks, chance))
        dropped = {**self.dropped, **{id: self.dropped.get(id, frozenset()) | {id} for id in own}}
        found = replace(self, dropped=dropped, own=own)
        digest = digest_of("own", *sorted(own), self.digest)
        return replace(found, remarks=(*self.remarks, *_same_ids(found)), digest=digest)

    @checked
    def first(self, count: int) -> Dataset:
        """The data set's first ``count`` judged queries, named as such. Raises BadOption below 1.

        Judged queries without a text are not among them unless ``count`` reaches that far.
        """
        return self._part("first", count, range(count))

    @checked
    def spread(self, count: int) -> Dataset:
        """``count`` judged queries at even steps through the data set, named as such: a file may be sorted by source.

        Raises BadOption below 1.
        """
        return self._part("spread", count, (place * len(self.qrels.grades) // max(1, count) for place in range(count)))

    def _part(self, how: str, count: int, places: Iterable[int]) -> Dataset:
        if count < 1:
            raise BadOption(f"queries must be at least 1, got {count}")
        grades = list(self.qrels.grades.items())
        if count >= len(grades):
            return self
        kept = dict(grades[place] for place in places)
        queries = {id: query for id, query in self.queries.items() if id in kept}
        of_the_whole = {*_misfits(self.queries, self.queries, self.documents, self.qrels.grades), *_same_ids(self)}
        part = replace(self, queries=queries, qrels=Qrels(kept), own=frozenset(self.own & queries.keys()))
        return replace(
            part,
            collection=self.collection or self.name,
            name=f"{self.name} ({how} {len(kept)} of {len(grades):,} queries)",
            remarks=(
                *(remark for remark in self.remarks if remark not in of_the_whole),
                *_misfits(queries, queries, self.documents, kept),
                *_same_ids(part),
            ),
            digest=digest_of(how, str(count), self.digest),
        )

    def without(self, pairs: Iterable[tuple[str, str]]) -> Dataset:
        """The data set with pairs of query and document id that are never candidates; the judgements stay.

        Ids that the data set does not know are counted and named in ``remarks``.
        """
        dropped: dict[str, set[str]] = {}
        if isinstance(pairs, str | bytes) or not isinstance(pairs, Iterable):
            raise BadInput(f"pairs must be pairs of a query's and a document's id, got {shown(pairs)}")
        for pair in pairs:
            if not (isinstance(pair, tuple | list) and len(pair) == 2 and all(isinstance(id, str) for id in pair)):
                raise BadInput(f"expected a query's and a document's id, two texts, got {shown(pair)}")
            query, document = pair
            dropped.setdefault(query, set()).add(document)
        count = sum(len(row) for row in dropped.values())
        listed = sorted((query, document) for query, row in dropped.items() for document in row)
        every = {query: frozenset(row) | self.dropped.get(query, frozenset()) for query, row in dropped.items()}
        return replace(
            self,
            dropped={**self.dropped, **every},
            remarks=(
                *self.remarks,
                f"{count:,} pairs of query and document are never candidates (drop-pairs)",
                *self._unknown_pairs(dropped),
            ),
            digest=digest_of("without", *(part for pair in listed for part in pair), self.digest),
        )

    def _unknown_pairs(self, dropped: Mapping[str, Iterable[str]]) -> Iterator[str]:
        if queries := [query for query in dropped if query not in self.qrels.grades]:
            yield f"{len(queries):,} queries of drop-pairs are not judged here ({named(queries)}): nothing is dropped"
        distinct = dict.fromkeys(document for row in dropped.values() for document in sorted(row))
        if documents := [document for document in distinct if document not in self.documents]:
            near = nearest_known(documents, self.documents)
            yield f"{len(documents):,} documents of drop-pairs are not in the collection ({named(documents)}{near})"


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
            "they count, as 0 where no run answers them"
        )
    missing = {document: None for row in grades.values() for document in row if document not in documents}
    if missing:
        every = len(missing) == len({document for row in grades.values() for document in row})
        first = next(iter(documents), None) if every else None
        shown = "" if first is None else f"; the collection's ids are like {first!r}"
        shown += nearest_known(missing, documents)
        yield (
            f"{len(missing):,} judged documents{', all of them,' if every else ''} are not in the collection "
            f"({named(missing)}{shown}): their judgements count, but no model can read them"
        )
    if hopeless := [query for query, row in grades.items() if row and max(row.values()) < 1]:
        yield (
            f"{len(hopeless):,} judged queries have no relevant document ({named(hopeless)}): "
            "measures of relevance are 0 on them for every system"
        )


def _same_ids(dataset: Dataset) -> Iterator[str]:
    """What to say of the queries that have a document's id."""
    own = [id for id in dataset.queries if id in dataset.own]
    if own:
        yield (
            f"{len(own):,} of {len(dataset.queries):,} queries have the id of a document ({named(own)}), which is "
            "not a candidate of that query, as in BEIR's evaluation (keep-same-ids lets it be one)"
        )
        grades = dataset.qrels.grades
        if relevant := [id for id in dataset.queries if grades[id].get(id, 0) > 0 and id in dataset.documents]:
            yield (
                f"{len(relevant):,} queries have the id of a document that is judged relevant to them "
                f"({named(relevant)}): it stays a candidate, which BEIR's evaluation would leave out"
            )


def _holds(document: Document, query: Query) -> bool:
    """Whether nearly all words of a query are in a document: it may be that document, or its title."""
    words = set(query.text.lower().split())
    return len(words & set(document.full_text.lower().split())) >= _ALIKE * len(words)


def named(ids: Iterable[str]) -> str:
    """The first few ids, for a message.

    >>> named(["a", "b"]), named("abcdefgh")
    ("'a', 'b'", "'a', 'b', 'c', 'd', 'e' and 3 more")
    """
    listed = list(ids)
    rest = f" and {len(listed) - _NAMED:,} more" if len(listed) > _NAMED else ""
    return ", ".join(map(repr, listed[:_NAMED])) + rest


def digest_of(*parts: str) -> str:
    """SHA-256 of texts, each with its length before it."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)}:".encode() + part.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _digest_of(queries: Iterable[Query], documents: Iterable[Document], grades: Mapping[str, Mapping[str, int]]) -> str:
    texts = [part for query in queries for part in (query.id, query.text)]
    texts += [part for document in documents for part in (document.id, document.title, document.text)]
    judged = [part for query, row in grades.items() for one, grade in row.items() for part in (query, one, str(grade))]
    return digest_of(*texts, "qrels", *judged)
