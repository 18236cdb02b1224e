"""The values that rooms pass to each other: frozen, and checked when they are made."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

from rankladder.arguments import checked
from rankladder.errors import BadInput, BadQuery, DuplicateId
from rankladder.facts import Facts
from rankladder.other_names import HIT_NAMES, RANKING_NAMES, missing


def _expect_texts(kind: str, **fields: object) -> None:
    for name, value in fields.items():
        if not isinstance(value, str):
            raise BadInput(
                f"{kind}: expected a text as {name}, got {value!r:.60}",
                hint="ids are texts: str(number)" if name == "id" else 'a missing text is the empty text ""',
            )


def _shortened(text: str, most: int) -> str:
    """The text on one line, at most ``most`` characters; the end is left out where it has more.

    >>> _shortened("Rain falls from clouds.", 12)
    'Rain falls …'
    """
    line = " ".join(text[: 4 * most].split())
    return line if len(line) <= most and len(text) <= 4 * most else line[: most - 1] + "…"


@dataclass(frozen=True, slots=True)
class Query:
    """What somebody asked. The text is never blank."""

    id: str
    text: str

    def __post_init__(self) -> None:
        _expect_texts("Query", id=self.id, text=self.text)
        if not self.text.strip():
            raise BadQuery(
                f"query {self.id!r} is {'blank' if self.text else 'empty'}", hint="give it at least one word"
            )


@dataclass(frozen=True, slots=True)
class Document:
    """What may answer. ``metadata`` travels along untouched (file, line, a URL, …)."""

    id: str
    text: str
    title: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        _expect_texts("Document", id=self.id, text=self.text, title=self.title)

    @property
    def full_text(self) -> str:
        """Title and text as a model reads them: ``title + " " + text``, the text alone where there is no title.

        Source: the BEIR convention for cross-encoders (beir.reranking) and mteb's corpus text.
        """
        return f"{self.title} {self.text}".strip() if self.title else self.text


@dataclass(frozen=True, slots=True)
class Passage:
    """The part of a long document that won: passage ``number`` (from 0) of ``count``, characters ``start`` to ``end``
    of ``Document.full_text``.
    """

    number: int
    count: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Reading:
    """How much of a pair a model read, in tokens; special tokens are not counted."""

    query_kept: int
    query_dropped: int
    document_kept: int
    document_dropped: int
    passage: Passage | None = None

    @property
    def truncated(self) -> bool:
        """Whether any token of the query or the document was left unread."""
        return self.query_dropped > 0 or self.document_dropped > 0


@dataclass(frozen=True, slots=True, repr=False)
class Hit:
    """One document of a ranking. ``index`` is its place in the list that was ranked. ``by`` is the model that gave the
    score, None for a retriever. ``reading`` is what the model read: None for a hosted model, which does not report it,
    and for a retriever.
    """

    document: Document
    score: float
    index: int
    reading: Reading | None = None
    by: Facts | None = field(default=None, compare=False)

    @property
    def truncated(self) -> bool:
        """Whether the model left part of the query or the document unread."""
        return self.reading is not None and self.reading.truncated

    def __repr__(self) -> str:
        return f"<Hit {self.score:.3f} {self.document.id!r} {_shortened(self.document.full_text, 60)!r}>"

    if not TYPE_CHECKING:  # a type checker refuses by itself what is not there

        def __getattr__(self, name):
            raise AttributeError(missing("Hit", name, HIT_NAMES))

        def __getitem__(self, key):
            hint = HIT_NAMES.get(key, f"hit.{key}") if isinstance(key, str) else "hit.document, hit.score, hit.index"
            raise BadInput(f"a Hit has attributes, not items: hit[{key!r:.40}]", hint=hint)


_TABLE_ROWS = 20


def expect_distinct(query: Query, documents: Iterable[Document]) -> None:
    """Raises DuplicateId where two documents of a query have one id: a run could not tell them apart."""
    seen: set[str] = set()
    for document in documents:
        if document.id in seen:
            raise DuplicateId(f"query {query.id!r}: two documents have the id {document.id!r}")
        seen.add(document.id)


@dataclass(frozen=True, slots=True, repr=False)
class Ranking(Sequence[Hit]):
    """Documents for one query, best first; ``stage`` names what ranked them."""

    query: Query
    hits: tuple[Hit, ...]
    stage: str

    @classmethod
    @checked
    def of(cls, query: Query, hits: Iterable[Hit], stage: str, *, top_k: int | None = None) -> Ranking:
        """The hits in order: score descending, equal scores by ``index``; the first ``top_k`` where given.

        Raises DuplicateId for two documents with one id, and BadInput for a score that is not finite.

        >>> hits = [Hit(Document("a", "x"), 1.0, 0), Hit(Document("b", "y"), 2.0, 1), Hit(Document("c", "z"), 1.0, 2)]
        >>> [hit.document.id for hit in Ranking.of(Query("q", "w"), hits, "example")]
        ['b', 'a', 'c']
        """
        if top_k is not None and top_k < 1:
            raise BadInput(f"top_k must be at least 1, got {top_k}", hint="leave it out to keep every document")
        best_first = sorted(hits, key=lambda hit: (-hit.score, hit.index))
        for hit in best_first:
            if not math.isfinite(hit.score):
                raise BadInput(f"query {query.id!r}: {stage} gave document {hit.document.id!r} the score {hit.score}")
        expect_distinct(query, (hit.document for hit in best_first))
        return cls(query, tuple(best_first[:top_k]), stage)

    def __len__(self) -> int:
        return len(self.hits)

    @overload
    def __getitem__(self, place: int) -> Hit: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Hit]: ...
    def __getitem__(self, place: int | slice) -> Hit | Sequence[Hit]:
        if isinstance(place, str):
            raise BadInput(
                f"a Ranking is a list of hits: ranking[{place!r:.40}]",
                hint=RANKING_NAMES.get(place, "ranking[0].score"),
            )
        return self.hits[place]

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def __repr__(self) -> str:
        best = f", best {self.hits[0]!r}" if self.hits else ""
        return f"<Ranking of {_shortened(self.query.text, 60)!r} by {self.stage}: {len(self)} hits{best}>"

    def _repr_html_(self) -> str:
        """The table that a notebook shows: the first 20 hits."""
        from tabulate import tabulate

        shown = enumerate(self.hits[:_TABLE_ROWS], start=1)
        rows = [
            [
                place,
                f"{hit.score:.3f}",
                hit.document.id,
                hit.document.title,
                _shortened(hit.document.text, 200) + (" [cut]" if hit.truncated else ""),
            ]
            for place, hit in shown
        ]
        table = tabulate(rows, ("", "score", "id", "title", "text"), tablefmt="html", disable_numparse=True)
        return table + (f"<p>and {len(self) - _TABLE_ROWS} more</p>" if len(self) > _TABLE_ROWS else "")

    if not TYPE_CHECKING:  # a type checker refuses by itself what is not there

        def __getattr__(self, name):
            raise AttributeError(missing("Ranking", name, RANKING_NAMES))

    @property
    def documents(self) -> list[Document]:
        """The documents, best first: what the next stage ranks."""
        return [hit.document for hit in self.hits]


@dataclass(frozen=True, slots=True)
class Run:
    """What a system returned: ``scores[query id][document id]``."""

    name: str
    scores: Mapping[str, Mapping[str, float]]

    def __post_init__(self) -> None:
        for query, row in self.scores.items():
            for document, score in row.items():
                if not math.isfinite(score):
                    raise BadInput(f"run {self.name!r}: query {query!r}, document {document!r} has the score {score}")

    @classmethod
    @checked
    def of(cls, name: str, rankings: Iterable[Ranking]) -> Run:
        """The run that rankings make, one query each."""
        return cls(name, {r.query.id: {hit.document.id: hit.score for hit in r} for r in rankings})


@dataclass(frozen=True, slots=True)
class Qrels:
    """What people judged: ``grades[query id][document id]``, 0 for not relevant."""

    grades: Mapping[str, Mapping[str, int]]
