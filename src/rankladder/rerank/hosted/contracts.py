"""What each service takes and answers, and how an answer is checked before any of it is believed.

Sources: Cohere's OpenAPI description and SDK (v2 and v1 ``/rerank``), Jina's and Voyage's API references, and the
router of text-embeddings-inference (TEI).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rankladder.surrogates import encodable


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The contract of one service."""

    name: str
    title: str
    url: str | None
    """Its own address; None where everybody runs their own (TEI)."""
    path: str
    """The path of a server that speaks the same contract."""
    keys: tuple[str, ...]
    """Environment variables that may hold its key, the first one set counts."""
    documents: str = "documents"
    results: str | None = "results"
    """The field that holds the results; None where the answer is the list itself."""
    score: str = "relevance_score"
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Fields that every request carries."""
    document_limit: str | None = None
    """The field that limits the tokens read of a document, where there is one."""
    scale: str = "relevance"
    """What a score is."""
    from_0_to_1: bool = False
    """Whether the service itself (not each server that speaks its contract) gives scores from 0 to 1."""
    max_documents: int = 1000
    max_bytes: int = 4_000_000
    """Bytes of texts in one request; a guess that stays below what the services are known to take."""


SERVICES: Mapping[str, Service] = {
    service.name: service
    for service in (
        Service(
            name="cohere",
            title="Cohere",
            url="https://api.cohere.com/v2/rerank",
            path="/v2/rerank",
            keys=("COHERE_API_KEY", "CO_API_KEY"),
            document_limit="max_tokens_per_doc",
            from_0_to_1=True,
            max_documents=1000,  # as recommended; ten billed search units
        ),
        Service(
            name="jina",
            title="Jina",
            url="https://api.jina.ai/v1/rerank",
            path="/v1/rerank",
            keys=("JINA_API_KEY",),
            settings={"return_documents": False},  # the only service that returns the texts by default
            max_documents=500,  # a guess
        ),
        Service(
            name="voyage",
            title="Voyage",
            url="https://api.voyageai.com/v1/rerank",
            path="/v1/rerank",
            keys=("VOYAGE_API_KEY",),
            results="data",
            settings={"truncation": True},
            from_0_to_1=True,
            max_documents=1000,  # its limit
            max_bytes=400_000,  # it limits query × documents + documents to 100,000 to 600,000 tokens
        ),
        Service(
            name="tei",
            title="TEI",
            url=None,
            path="/rerank",
            keys=("TEI_API_KEY",),
            documents="texts",
            results=None,
            score="score",
            settings={"truncate": True, "raw_scores": True},
            scale="raw logit",
            max_documents=32,  # its default; /info says what holds
            max_bytes=1_500_000,  # its default payload limit is 2,000,000, JSON's own signs included
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Bill:
    """What a service says that a request cost; None where it does not say."""

    search_units: float | None = None
    tokens: int | None = None


_LARGEST_SCORE = 3.4e38
"""Scores are float32."""
_LARGEST_COUNT = 1e15
"""A bill beyond it is nonsense, and says nothing."""
_COUNT = re.compile(r"[0-9]{1,15}")
_MESSAGE_FIELDS = ("message", "detail", "error", "errors", "msg", "error_message", "data")
"""Where services put what they say of an error, the likeliest first."""


class BadAnswer(Exception):  # an inner signal: the scorer names the service and raises ServiceFailed
    """An answer that is JSON, but not one score for every document."""


def request_body(service: Service, model: str, query: str, texts: Sequence[str], *, max_tokens: int | None) -> bytes:
    """The JSON of one request. ``top_n`` is never among it: every document comes back."""
    body: dict[str, Any] = {"model": model} if model else {}
    body |= {"query": encodable(query), service.documents: [encodable(text) for text in texts], **service.settings}
    if max_tokens is not None and service.document_limit is not None:
        body[service.document_limit] = max_tokens
    return json.dumps(body, ensure_ascii=False).encode()


def read_scores(service: Service, answer: Any, count: int) -> list[float]:
    """The scores in the order of the documents sent: each document exactly one, finite, also as float32.

    >>> read_scores(SERVICES["tei"], [{"index": 1, "score": 2.5}, {"index": 0, "score": -1}], 2)
    [-1.0, 2.5]

    Raises BadAnswer where documents are missing, doubled or unknown, or a score is not a finite number.
    """
    results = answer if service.results is None else _within(answer, service.results)
    if not isinstance(results, list):
        message = _message_in_place_of_scores(answer) if isinstance(answer, dict) else None
        found = _on_one_line(json.dumps(answer, ensure_ascii=False))
        raise BadAnswer(message or f"expected a list of {service.results or 'results'}, found {found}")
    if len(results) != count:
        raise BadAnswer(f"{count} documents were sent, {len(results)} came back")
    scores: dict[int, float] = {}
    for result in results:
        place, score = _within(result, "index"), _within(result, service.score)
        if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place < count:
            raise BadAnswer(f"a result has the index {place!r:.40}, expected 0 to {count - 1}")
        if place in scores:
            raise BadAnswer(f"index {place} came back twice")
        if not _is_finite(score) or abs(score) > _LARGEST_SCORE:
            raise BadAnswer(f"document {place} has the {service.score} {score!r:.40}")
        scores[place] = float(score)
    return [scores[place] for place in range(count)]


def read_bill(answer: Any, headers: Mapping[str, str]) -> Bill:
    """What the request cost as far as the answer says; another shape than the known ones says nothing.

    >>> read_bill({"meta": {"billed_units": {"search_units": 1}}}, {})
    Bill(search_units=1.0, tokens=None)
    """
    units = _within(answer, "meta", "billed_units", "search_units")
    tokens = _within(answer, "usage", "total_tokens")
    if tokens is None and _COUNT.fullmatch(counted := headers.get("x-compute-tokens", "")):
        tokens = int(counted)
    return Bill(
        float(units) if _is_finite(units) and 0 <= units < _LARGEST_COUNT else None,
        int(tokens) if _is_finite(tokens) and 0 <= tokens < _LARGEST_COUNT else None,
    )


def read_message(content: bytes) -> str:
    """What an error's body says, on one line of any length; all of the body where no known field holds it."""
    try:
        message = json.loads(content)
    except (ValueError, RecursionError):
        message = content.decode("utf-8", "replace")
    return _on_one_line(_message_in(message))


def _message_in(message: Any) -> Any:
    """The words within nested objects and lists of one, as far as fields of known names lead."""
    for _ in range(8):
        if isinstance(message, list) and len(message) == 1:
            message = message[0]
        known = [
            message[name] for name in _MESSAGE_FIELDS if isinstance(message, dict) and _has_words(message.get(name))
        ]
        if not known:
            return message
        message = known[0]
    return message


def _has_words(value: Any) -> bool:
    """Whether a field holds a message, or what may hold one; ``"error": true`` does not."""
    return isinstance(value, str | dict | list) and bool(value)


def _on_one_line(message: Any) -> str:
    if isinstance(message, dict | list):
        message = json.dumps(message, ensure_ascii=False)
    line = " ".join(str(message).split())
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in line)


def _message_in_place_of_scores(answer: Mapping[str, Any]) -> str | None:
    """The service's words where the answer is an error under status 200, else None."""
    if not any(_has_words(answer.get(name)) for name in _MESSAGE_FIELDS[:-1]):
        return None
    message, code = _message_in(answer), answer.get("code")
    words = _on_one_line(message if message != answer else dict(answer))
    return f"it says: {words}{f' (code {code!s:.40})' if code and isinstance(message, str) else ''}"


def _within(value: Any, *path: str) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _is_finite(value: Any) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number beyond any float
        return False
