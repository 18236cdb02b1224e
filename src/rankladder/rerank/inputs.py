"""What callers hand to a reranker → Query, Document and pairs of texts, or a refusal that says what to hand over."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any, SupportsIndex, TypeAlias

from rankladder.errors import BadInput, BadOption
from rankladder.values import Document, Query

Documents: TypeAlias = Iterable[str | Document | Mapping[str, Any]] | Mapping[str, Any]
"""What ``as_documents`` reads."""
_TABLES = {
    "DataFrame": 'frame["text"]',
    "LazyFrame": 'frame.collect()["text"]',
    "Table": 'table["text"].to_pylist()',
    "RecordBatch": 'batch["text"].to_pylist()',
}
"""Tables of pandas, Polars and Arrow, and how their texts are given: a loop over such a table gives its columns."""
_MISSING = {"NAType", "NaTType"}
"""pandas' values for what is missing, beside None and NaN."""
_TEXT_OF = {"page_content": "page_content", "content": "content", "text": "text", "node": "node.get_content()"}
"""Where other libraries' documents hold their text: LangChain, Haystack, LlamaIndex."""
_LEAVE_OUT = 'leave it out, or give the empty text ""'
_ONE = "put it into a list: [document]"


def as_query(query: str | Query, place: int) -> Query:
    """The query; a text gets its place as its id. Raises BadInput for anything else, BadQuery for a blank text."""
    if isinstance(query, Query):
        return query
    if not isinstance(query, str):
        raise BadInput(
            f"expected a query, a text or a Query, got {_kind(query)}",
            hint="rank takes the query first and the documents second; several queries go to rank_many",
        )
    return Query(str(place), query)


def as_documents(documents: Documents) -> list[Document]:
    """The documents in the order given; a text gets its place in the list as its id.

    A mapping of ids to texts, or to ``{"text": …, "title": …}`` as BEIR has its corpus, keeps its ids.

    Raises BadInput, naming the document's place, for what is not a list of documents.

    >>> [(document.id, document.text) for document in as_documents(["rain", {"id": "d7", "text": "sun"}])]
    [('0', 'rain'), ('d7', 'sun')]
    >>> [(document.id, document.text) for document in as_documents({"d1": "rain", "d2": {"text": "sun"}})]
    [('d1', 'rain'), ('d2', 'sun')]
    """
    if isinstance(documents, str | bytes | Document):
        raise BadInput(f"expected a list of documents, got {_kind(documents)}", hint=_ONE)
    _refuse_unordered(documents, "documents", f"the texts alone: {_TABLES.get(type(documents).__name__)}")
    if isinstance(documents, Mapping):
        if not documents.keys().isdisjoint(_TEXT_OF):
            raise BadInput(
                f"expected a list of documents, got a mapping with the keys of a document: {list(documents)!r:.80}",
                hint=_ONE,
            )
        return [_of_mapping(id, value, place) for place, (id, value) in enumerate(documents.items())]
    return [_as_document(document, place) for place, document in enumerate(_looped(documents, "documents"))]


def as_pairs(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The pairs as they are asked for, each checked; BadInput names the place of one that is not two texts."""
    if isinstance(pairs, str | bytes | Mapping):
        raise BadInput(f"expected a list of pairs, got {_kind(pairs)}", hint="predict([(query, document), …])")
    _refuse_unordered(pairs, "pairs", 'list(zip(frame["query"], frame["text"])) is a list of pairs')
    for place, pair in enumerate(_looped(pairs, "pairs")):
        if isinstance(pair, str | bytes | Mapping | Set) or not isinstance(pair, Iterable):
            raise _not_a_pair(place, pair)
        texts = tuple(pair)
        if len(texts) != 2 or not all(isinstance(text, str) for text in texts):
            raise _not_a_pair(place, pair)
        yield texts


def as_tasks(tasks: Iterable[tuple[str | Query, Documents]]) -> list[tuple[Query, list[Document]]]:
    """Queries, each with its documents; a query given as a text gets its place as its id."""
    prepared = []
    for place, task in enumerate(_looped(tasks, "(query, documents)")):
        if not isinstance(task, tuple | list) or len(task) != 2:
            raise BadInput(f"task {place}: expected (query, documents), got {task!r:.80}")
        prepared.append((as_query(task[0], place), as_documents(task[1])))
    return prepared


def as_top_k(top_k: SupportsIndex | None) -> int | None:
    """A whole number from 1 on, numpy's and pandas' included, or None. Raises BadOption for anything else."""
    if top_k is None:
        return None
    if isinstance(top_k, bool) or not isinstance(top_k, SupportsIndex) or operator.index(top_k) < 1:
        raise BadOption(
            f"top_k must be a whole number, at least 1, got {top_k!r:.80}", hint="leave it out to keep every document"
        )
    return operator.index(top_k)


def _as_document(document: Any, place: int) -> Document:
    if isinstance(document, Document):
        return document
    if isinstance(document, str):
        return Document(str(place), document)
    if isinstance(document, Mapping):
        return _of_record(document, place)
    if _is_missing(document):
        raise BadInput(f"document {place} is missing ({document!r})", hint=_LEAVE_OUT)
    raise BadInput(
        f"document {place}: expected a text, a Document or a mapping with a text, got {_kind(document)}",
        hint=_text_hint(document),
    )


def _text_hint(document: object) -> str:
    if isinstance(document, bytes):
        return "decode it first: document.decode()"
    if isinstance(document, tuple | list):
        return "a document with an id is Document(id, text)"
    if isinstance(document, Query):
        return "the query comes first, then the documents"
    if hasattr(document, "as_py"):
        return "Arrow's values are no texts yet: array.to_pylist()"
    held = next((text for name, text in _TEXT_OF.items() if hasattr(document, name)), None)
    if held is None:
        return "give its text, or Document(id, text)"
    return f"give its text: [document.{held} for document in documents]; hit.index finds the document again"


def _of_record(record: Mapping[str, Any], place: int) -> Document:
    """The document that ``{"text": …, "id": …, "title": …}`` describes; its other keys are metadata."""
    text, title = record.get("text"), record.get("title")
    id_key = next((key for key in ("id", "_id") if record.get(key) is not None), None)
    id = str(place) if id_key is None else record[id_key]
    if "text" in record and _is_missing(text):
        raise BadInput(f"document {place}: its text is missing ({text!r})", hint=_LEAVE_OUT)
    if not isinstance(text, str):
        raise BadInput(
            f'document {place}: expected a text under the key "text", got '
            + (_kind(text) if "text" in record else f"the keys {', '.join(map(repr, list(record)[:8])) or 'none'}"),
            hint='a mapping is read as {"text": …, "id": …, "title": …}; or give Document(id, text)',
        )
    if not isinstance(title, str) and not _is_missing(title):
        raise BadInput(f'document {place}: expected a text under the key "title", got {_kind(title)}')
    if isinstance(id, bool) or not isinstance(id, str | SupportsIndex):
        raise BadInput(f"document {place}: expected a text or a whole number under {id_key!r}, got {_kind(id)}")
    metadata = {key: value for key, value in record.items() if key not in {id_key, "text", "title"}}
    title = title if isinstance(title, str) else ""
    return Document(id if isinstance(id, str) else str(operator.index(id)), text, title, metadata)


def _of_mapping(id: object, value: Any, place: int) -> Document:
    """A document of a mapping ``{id: text}`` or ``{id: {"text": …}}``: the mapping's key is its id."""
    if not isinstance(value, str | Mapping) or not isinstance(id, str | SupportsIndex):
        raise BadInput(
            f"document {place}: in a mapping of documents, expected an id and its text, got {id!r:.40}: {_kind(value)}",
            hint='{"d1": "a text"} or {"d1": {"text": …, "title": …}}',
        )
    return _of_record({**value, "id": id} if isinstance(value, Mapping) else {"text": value, "id": id}, place)


def _refuse_unordered(values: object, what: str, hint: str) -> None:
    """Refuses what loops in another order, or over other things, than its reader expects."""
    if type(values).__name__ in _TABLES:
        raise BadInput(f"expected a list of {what}, got {_kind(values)}", hint=hint)
    if isinstance(values, set | frozenset):
        raise BadInput(f"expected a list of {what}, got a set, which has no order", hint="sorted(…) makes a list of it")


def _is_missing(value: object) -> bool:
    """Whether a value stands for none: None, NaN, or pandas' NA and NaT."""
    return value is None or (isinstance(value, float) and math.isnan(value)) or type(value).__name__ in _MISSING


def _looped(values: Iterable[Any], what: str) -> Iterator[Any]:
    try:
        return iter(values)
    except TypeError:
        raise BadInput(f"expected a list of {what}, got {_kind(values)}") from None


def _not_a_pair(place: int, pair: object) -> BadInput:
    return BadInput(
        f"pair {place}: expected a query and a document, two texts, got {pair!r:.80}",
        hint="a single pair is a list of one: predict([(query, document)]); documents with titles go to rank",
    )


def _kind(value: object) -> str:
    """A value's type as its user knows it, with the package that it comes from."""
    kind = type(value)
    package = kind.__module__.partition(".")[0]
    return kind.__name__ if package in {"builtins", "rankladder"} else f"{kind.__name__} of {package}"
