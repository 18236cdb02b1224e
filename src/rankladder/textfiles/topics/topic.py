"""A topic, as its file gives it: an id and named fields, one of which is the query."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rankladder.errors import BadFile, BadOption, DuplicateId
from rankladder.values import Query

ID_NAMES = frozenset(
    [
        "_id",
        "id",
        "qid",
        "query_id",
        "query-id",
        "queryid",
        "topic_id",
        "topic-id",
        "topicid",
        "topicnumber",
        "number",
        "num",
        "identifier",
        "docno",
        "requestnumber",
        "question_id",
        "request_id",
        "narrative_id",
    ]
)
"""Elements, attributes, keys and columns that hold a topic's id."""
_ROLES = {
    "text": ("text", "content", "contents", "requesttext", "initial_request"),
    "query": ("query", "querytext", "query_text", "query_txt", "qtext", "claim", "input", "body", "request"),
    "question": ("question",),
    "title": ("title", "topic_title", "name"),
    "manual": ("manual_rewritten_utterance", "resolved_utterance"),
    "utterance": ("raw_utterance", "utterance"),
    "automatic": ("automatic_rewritten_utterance",),
    "summary": ("summary", "smry"),
    "description": ("description", "desc", "topic_description", "need"),
    "note": ("note",),
    "narrative": ("narrative", "narr", "topic_narrative", "context", "background"),
}
"""What a field is, by the names that the collections give it, in the order in which the query is looked for."""
ROLE = {name: role for role, names in _ROLES.items() for name in names}
JOINED = ("disease", "gene", "treatment")
"""Precision medicine asks by facts, without a sentence: its participants join these."""
LANGUAGE_MARK = "-"


@dataclass(frozen=True, slots=True)
class Topic:
    """``fields`` by the names that the file has, small letters, in its order; ``where`` names file and line."""

    where: str
    id: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Topics:
    """The queries of a file, and what has to be said of how they were read, in sentences."""

    queries: tuple[Query, ...]
    remarks: tuple[str, ...] = ()


def role_of(name: str) -> str:
    """What a field is: ``fr-title`` is a title, ``narr`` a narrative; its own name where nothing is known of it.

    >>> role_of("narr"), role_of("fr-title"), role_of("gene")
    ('narrative', 'title', 'gene')
    """
    return ROLE.get(name) or ROLE.get(name.rpartition(LANGUAGE_MARK)[2], name)


def queries_of(file: Path, topics: Sequence[Topic], field: str | None) -> Topics:
    """The queries that topics ask: the field of a name (``title+description`` joins two), or the usual one.

    Raises BadFile naming the topic that lacks it, BadOption for a field that no topic has, DuplicateId.
    """
    names = list(dict.fromkeys(name for topic in topics for name, text in topic.fields.items() if text.strip()))
    if field is not None:
        _check_known(file, field, names)
    used: Counter[str] = Counter()
    queries: dict[str, Query] = {}
    places: dict[str, str] = {}
    for topic in topics:
        found = _joined(topic, field) if field is not None else _usual(topic)
        if found is None:
            raise BadFile(
                f"{topic.where}: topic {topic.id!r} has no {field or 'text to search for'}; it has "
                f"{', '.join(name for name, text in topic.fields.items() if text.strip()) or 'no field'}",
                hint=_hint(topic),
            )
        if topic.id in queries:
            raise DuplicateId(f"{topic.where}: query {topic.id!r} appears twice, first at {places[topic.id]}")
        used[found[0]] += 1
        queries[topic.id], places[topic.id] = Query(topic.id, found[1]), topic.where
    return Topics(tuple(queries.values()), tuple(_remarks(file, used, names)))


def _remarks(file: Path, used: Counter[str], names: Sequence[str]) -> Iterator[str]:
    others = [name for name in names if name not in used and not any(name in one.split("+") for one in used)]
    choices = [name for name in others if role_of(name) in _ROLES or name in JOINED]
    if choices or len(used) > 1 or any("+" in name for name in used):
        shown = ", ".join(name if len(used) == 1 else f"{name} ({count:,})" for name, count in used.items())
        more = f"; they also have {', '.join(choices)} (choose with field)" if choices else ""
        yield f"{file.name}: the queries are the topics' {shown}{more}"


def _check_known(file: Path, field: str, names: Sequence[str]) -> None:
    for wanted in field.lower().split("+"):
        if not any(wanted in (name, role_of(name)) for name in names):
            raise BadOption(f"{file}: no topic has a {wanted!r}; they have {', '.join(names) or 'no field'}")


def _usual(topic: Topic) -> tuple[str, str] | None:
    for role in _ROLES:
        for name, text in topic.fields.items():
            if text.strip() and role_of(name) == role:
                return name, text
    joined = [name for name in JOINED if topic.fields.get(name, "").strip()]
    return _joined(topic, "+".join(joined)) if joined else None


def _joined(topic: Topic, field: str) -> tuple[str, str] | None:
    """The name and the text of a field, or of several joined; None where one of them is not there or blank."""
    found = []
    for wanted in field.lower().split("+"):
        named = ((name, text) for name, text in topic.fields.items() if text.strip())
        best = sorted(named, key=lambda one: (one[0] != wanted, role_of(one[0]) != wanted))[:1]
        if not best or wanted not in (best[0][0], role_of(best[0][0])):
            return None
        found += best
    return "+".join(name for name, _ in found), " ".join(text for _, text in found)


def _hint(topic: Topic) -> str:
    if {"docid", "url"} & topic.fields.keys():
        return "these topics have a document as their query, not words: write id<tab>text with the texts of those "
        "documents"
    if {"vector", "embedding"} & topic.fields.keys():
        return "the file holds vectors, not texts: use the topics that they were made from"
    return "choose a field that all topics have with --field, or write lines of id<tab>text"
