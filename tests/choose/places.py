"""A small judged collection on disk, and a reranking server that fails when it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

WORDS = "rain cloud snow wind storm river lake sea sun moon star planet tree leaf root stone".split()


def write_collection(folder: Path, *, queries: int = 14, judged: bool = True) -> Path:
    """A BEIR folder: a document for each word and its neighbour, each query about one of them."""
    folder.mkdir(parents=True)
    documents = [
        {
            "_id": f"d{at}",
            "title": word,
            "text": f"{word} and {WORDS[at - 1]} were seen here on day {at}. " * (1 + at % 3),
        }
        for at, word in enumerate(WORDS)
    ]
    asked = [{"_id": f"q{at}", "text": f"where was {WORDS[at % len(WORDS)]} seen"} for at in range(queries)]
    for name, rows in (("corpus", documents), ("queries", asked)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    if judged:
        (folder / "qrels").mkdir()
        lines = "".join(f"q{at}\td{at % len(WORDS)}\t1\n" for at in range(queries))
        (folder / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{lines}")
    return folder


@contextmanager
def server(*, answers: int, status: int) -> Iterator[str]:
    """The address of a server with TEI's contract that answers so many requests, and then refuses with a status."""
    count = 0
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(404, {"error": "no info"})

        def do_POST(self) -> None:
            nonlocal count
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                count += 1
                allowed = count <= answers
            if allowed:
                scores = [{"index": at, "score": len(text) / 1000} for at, text in enumerate(body["texts"])]
                self._answer(200, scores)
            else:
                self._answer(status, {"error": "no more", "error_type": "refused"})

        def _answer(self, code: int, content: object) -> None:
            data = json.dumps(content).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            return

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_address[1]}"
    finally:
        running.shutdown()
        thread.join()
        running.server_close()
