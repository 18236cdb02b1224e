"""The door to hosted models: options honoured or refused, the key found, a TEI server asked what it serves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rankladder.arguments import checked
from rankladder.errors import BadOption, ModelMissing, RequestRefused
from rankladder.rerank.hosted.address import Address, parse_address
from rankladder.rerank.hosted.caller import Caller
from rankladder.rerank.hosted.keys import find_key
from rankladder.rerank.hosted.patience import Clock, Patience
from rankladder.rerank.hosted.scorer import HostedScorer, Terms

IN_FLIGHT = 4
"""Requests open at once where ``threads`` does not say; a guess that spares small accounts."""


@checked
def open_hosted(
    name: str,
    *,
    engine: str = "auto",
    device: str | None = None,
    dtype: str = "auto",
    max_tokens: int | None = None,
    threads: int | None = None,
    revision: str | None = None,
    offline: bool | None = None,
    patience: Patience | None = None,
    clock: Clock | None = None,
) -> HostedScorer:
    """A hosted model as a scorer: ``cohere:MODEL``, ``jina:MODEL``, ``voyage:MODEL``, each also ``…@URL``; ``tei:URL``.

    The key comes from the environment (``COHERE_API_KEY``, ``JINA_API_KEY``, ``VOYAGE_API_KEY``; ``TEI_API_KEY`` or
    ``RANKLADDER_API_KEY`` for addresses of your own). It is sent as ``Authorization: Bearer``, or by itself in the
    header that the name (``…@URL,key_header=api-key``) or ``RANKLADDER_KEY_HEADER`` says. Nothing is sent yet, but for
    TEI, which is asked what it serves.

    Args:
        name: Service, model and address.
        engine: ``auto``; anything else is refused.
        device: Refused.
        dtype: ``auto``; anything else is refused.
        max_tokens: The most tokens that are read of a document (Cohere's contract alone has this).
        threads: Requests open at once; 4 by default.
        revision: Refused: a service does not let one choose.
        offline: True is refused.
        patience: Timeouts and retries.
        clock: Time and chance, for tests.

    Raises:
        BadOption: A name that cannot be read, or an option that a hosted model cannot honour.
        KeyRefused: No key, or one that would travel unencrypted to another machine.
        ServiceFailed: A TEI server that cannot be reached.
    """
    address = parse_address(name)
    if offline:
        raise BadOption(f"{name} is a hosted model, and offline is set", hint="use a model on this machine (box)")
    refused = {"device": device, "revision": revision}
    refused |= {option: None if wish == "auto" else wish for option, wish in (("engine", engine), ("dtype", dtype))}
    if address.service.document_limit is None:
        refused["max_tokens"] = None if max_tokens is None else str(max_tokens)
    for option, value in refused.items():
        if value is not None:
            raise BadOption(f"{name} is a hosted model: {address.service.title} does not take {option}={value}")
    if max_tokens is not None and max_tokens < 1:
        raise BadOption(f"max_tokens must be at least 1, got {max_tokens}")
    if threads is not None and threads < 1:
        raise BadOption(f"threads must be at least 1, got {threads}")
    in_flight = IN_FLIGHT if threads is None else threads
    caller = Caller(
        address, find_key(address), in_flight=in_flight, patience=patience or Patience(), clock=clock or Clock()
    )
    if address.service.name == "tei":
        terms = _terms_of_tei(address, caller, in_flight)
    else:
        terms = Terms(max_documents=address.service.max_documents, max_tokens=max_tokens)
    return HostedScorer(address, caller, terms, in_flight=in_flight)


@dataclass(frozen=True, slots=True)
class _Info:
    """What a TEI server says of itself; a field that is missing, or of another kind, says nothing."""

    fields: dict[str, Any]

    def text(self, field: str) -> str:
        value = self.fields.get(field)
        return value if isinstance(value, str) and value.isprintable() else ""

    def count(self, field: str, otherwise: int) -> int:
        value = self.fields.get(field)
        return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else otherwise


def _terms_of_tei(address: Address, caller: Caller, in_flight: int) -> Terms:
    """Limits and identity of the model that a TEI server runs, from ``GET /info``; its defaults where it has none."""
    try:
        answer = caller.ask(address.beside("/info"), None, max_bytes=1 << 20)
    except (ModelMissing, RequestRefused):
        return Terms(max_documents=address.service.max_documents)
    info = _Info(answer.content if isinstance(answer.content, dict) else {})
    model, commit, dtype = (info.text(field) for field in ("model_id", "model_sha", "model_dtype"))
    kind = info.fields.get("model_type")
    if isinstance(kind, dict) and "reranker" not in kind:
        raise BadOption(
            f"{caller.where} serves {model or 'a model'}, which is not a reranker ({', '.join(map(str, kind)):.60})",
            hint="start the server with a reranking model",
        )
    # Each text takes one of the server's permits, and a request that finds too few is turned away whole.
    permits = info.count("max_concurrent_requests", 512) // in_flight
    batch = info.count("max_client_batch_size", address.service.max_documents)
    return Terms(
        max_documents=max(1, min(batch, permits)),
        reads=info.count("max_input_length", 0),
        identity=f"{model}@{commit} {dtype}",
        note=" ".join(filter(None, (model, f"({dtype})" if dtype else ""))),
    )
