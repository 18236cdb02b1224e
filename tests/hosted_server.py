"""A real HTTP server on this machine that speaks the hosted rerankers' contracts, and misbehaves where a test says so.

It scores by shared words, so that a reader can work out what comes back (``shared_words``).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

ServiceName = Literal["cohere", "jina", "voyage", "tei"]
PATHS = {"cohere": {"/v2/rerank", "/v1/rerank"}, "jina": {"/v1/rerank"}, "voyage": {"/v1/rerank"}, "tei": {"/rerank"}}
FIELDS = {
    "cohere": {"model", "query", "documents", "top_n", "max_tokens_per_doc"},
    "jina": {"model", "query", "documents", "top_n", "return_documents"},
    "voyage": {"model", "query", "documents", "top_k", "truncation", "return_documents"},
    "tei": {"query", "texts", "truncate", "truncation_direction", "raw_scores", "return_text"},
}


def shared_words(query: str, text: str) -> float:
    """How many of the text's words the query has too, as a share between 0 and 1 that never reaches it."""
    asked = set(query.lower().split())
    shared = sum(word in asked for word in text.lower().split())
    return shared / (shared + 1)


@dataclass(frozen=True)
class Reply:
    """What one request meets in place of a good answer.

    ``change`` alters the good answer's JSON; ``cut`` drops the last bytes of it; ``close`` ends the connection midway;
    ``hang`` gives nothing until the server stops; ``size`` sends that many bytes.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    change: Callable[[Any], Any] | None = None
    cut: int = 0
    close: bool = False
    hang: bool = False
    size: int = 0


@dataclass(frozen=True)
class Request:
    """What a client sent."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


class RerankServer:
    """The server while it runs: ``script`` is what the next requests meet, then it behaves."""

    def __init__(self, service: ServiceName, *, key: str | None = None, jina_texts: bool = False) -> None:
        self.service: ServiceName = service
        self.key = key
        self.jina_texts = jina_texts
        """Whether Jina's answer holds each document as a plain string, as newer versions do, or as an object."""
        self.script: list[Reply] = []
        self.requests: list[Request] = []
        self.info: dict[str, Any] | None = {
            "model_id": "BAAI/bge-reranker-base",
            "model_sha": "0" * 40,
            "model_dtype": "float16",
            "model_type": {"reranker": {"id2label": {}, "label2id": {}}},
            "max_concurrent_requests": 512,
            "max_input_length": 512,
            "max_client_batch_size": 4,
        }
        """What ``GET /info`` of TEI answers; None where there is no such page."""
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.port = 0

    @property
    def url(self) -> str:
        """The server's root."""
        return f"http://127.0.0.1:{self.port}"

    def model(self, name: str = "rerank-test") -> str:
        """The name that opens a model here: ``cohere:rerank-test@http://…``."""
        return f"tei:{self.url}" if self.service == "tei" else f"{self.service}:{name}@{self.url}"

    @property
    def reranks(self) -> list[Request]:
        """The requests that asked for scores."""
        return [request for request in self.requests if request.method == "POST"]

    def answer(self, asked: Mapping[str, Any]) -> Any:
        """The good answer, best first."""
        texts: Sequence[str] = asked["texts" if self.service == "tei" else "documents"]
        scores = [shared_words(asked["query"], text) for text in texts]
        order = sorted(range(len(texts)), key=lambda place: -scores[place])
        if self.service == "tei":
            raw = asked.get("raw_scores")
            return [{"index": place, "score": 10 * scores[place] - 5 if raw else scores[place]} for place in order]
        results: list[dict[str, Any]] = [{"index": place, "relevance_score": scores[place]} for place in order]
        tokens = sum(len(text.split()) for text in texts) + len(texts) * len(asked["query"].split())
        if self.service == "voyage":
            return {"object": "list", "data": results, "model": asked["model"], "usage": {"total_tokens": tokens}}
        if self.service == "jina":
            for result in results:  # sent back even where nobody wants them: a client must not mind
                text = texts[result["index"]]
                result["document"] = text if self.jina_texts else {"text": text}
            return {"model": asked["model"], "usage": {"total_tokens": tokens}, "results": results}
        units = -(-len(texts) // 100)
        return {"id": "0", "results": results, "meta": {"billed_units": {"search_units": units}, "warnings": []}}

    def complaint(self, said: str) -> Any:
        """An error's body in the service's own words."""
        return {"cohere": {"id": "0", "message": said}, "tei": {"error": said, "error_type": "Validation"}}.get(
            self.service, {"detail": said}
        )


@contextmanager
def rerank_server(service: ServiceName, *, key: str | None = None, jina_texts: bool = False) -> Iterator[RerankServer]:
    """Starts the server on a free port of this machine; with ``key`` it asks for that."""
    state = RerankServer(service, key=key, jina_texts=jina_texts)

    class Handler(_Handler):
        server_state = state

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.stopping.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5
    disable_nagle_algorithm = True  # headers and body leave in two writes
    server_state: RerankServer

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self._serve(None)

    def do_POST(self) -> None:
        self._serve(json.loads(self.rfile.read(int(self.headers["content-length"]))))

    def _serve(self, asked: Any) -> None:
        state = self.server_state
        with state.lock:
            headers = {name.lower(): value for name, value in self.headers.items()}
            state.requests.append(Request(self.command, self.path, headers, asked))
            reply = state.script.pop(0) if state.script else Reply()
        if reply.hang:
            state.stopping.wait(5)
            self.close_connection = True
            return
        status, answer = (
            self._good_answer(asked) if reply.status == 200 else (reply.status, state.complaint("scripted"))
        )
        body = reply.body
        if body is None:
            body = json.dumps(reply.change(answer) if reply.change else answer).encode()
        if reply.cut:
            body = body[: -reply.cut]
        self.send_response(status)
        for header, value in reply.headers.items():
            self.send_header(header, value)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(reply.size or len(body) + 100 * reply.close))
        self.end_headers()
        try:
            for _ in range(reply.size >> 16):
                self.wfile.write(b" " * (1 << 16))
            self.wfile.write(body if not reply.size else b"")
        except OSError:  # the client has had enough
            self.close_connection = True
        self.close_connection |= reply.close

    def _good_answer(self, asked: Any) -> tuple[int, Any]:
        state = self.server_state
        if state.key is not None and self.headers["authorization"] != f"Bearer {state.key}":
            return 401, state.complaint(f"invalid api token {self.headers['authorization']}")
        if asked is None and state.service == "tei" and self.path == "/info" and state.info is not None:
            return 200, state.info
        if asked is None or self.path not in PATHS[state.service]:
            return 404, state.complaint("not found")
        if unknown := asked.keys() - FIELDS[state.service]:
            return 422, state.complaint(f"unknown field: parameter {min(unknown)!r} is not a valid field")
        if not asked["query"].strip():
            return 400, state.complaint("invalid request: query must not be empty or be only whitespace")
        return 200, state.answer(asked)
