"""A time limit holds whatever a service sends meanwhile, and what it sends is bounded."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from rankladder.errors import ServiceFailed
from rankladder.rerank import Reranker
from rankladder.rerank.hosted import Patience, open_hosted
from rankladder.rerank.hosted.connection import Connection, NoResponse, Response

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n"
ANSWER = b'{"results": [{"index": 0, "relevance_score": 0.5}]}'
TRICKLES = {
    "nothing": (b"", b""),
    "the status line": (b"HTTP/1.1 2", b"0"),
    "headers": (OK + b"X-A: ", b"a"),
    "many headers": (OK, b"X-A: a\r\n"),
    "100 Continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "early hints": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"),
    "chunk extension": (CHUNKED + b"\r\n5;x=", b"a"),
    "chunk sizes": (CHUNKED + b"\r\n", b"0"),
    "tiny chunks": (CHUNKED + b"\r\n", b"1\r\n \r\n"),
    "trailers": (CHUNKED + b"\r\n2\r\n{}\r\n0\r\nX-T: ", b"a"),
    "many trailers": (CHUNKED + b"\r\n2\r\n{}\r\n0\r\n", b"X-T: a\r\n"),
    "empty gzip blocks": (
        CHUNKED + b"Content-Encoding: gzip\r\n\r\na\r\n\x1f\x8b\x08\x08\0\0\0\0\0\x03\r\n",
        b"1\r\na\r\n",
    ),
    "a body of known length": (OK + b"Content-Length: 100000\r\n\r\n", b" "),
    "a body without a length": (OK + b"\r\n", b" "),
    "the body of an error": (b"HTTP/1.1 400 Bad\r\nContent-Length: 100000\r\n\r\n", b" "),
}


@contextmanager
def raw_server(speak: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that hands each connection to ``speak`` in a thread; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        open_ones: list[socket.socket] = []

        def one(connection: socket.socket) -> None:
            with suppress(OSError), connection:
                speak(connection)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    open_ones.append(listening.accept()[0])
                    threading.Thread(target=one, args=(open_ones[-1],), daemon=True).start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for connection in open_ones:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


def trickling(prefix: bytes, piece: bytes, pause_s: float) -> Callable[[socket.socket], None]:
    def speak(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(prefix)
        while True:
            connection.sendall(piece)
            time.sleep(pause_s)

    return speak


def reranker_at(port: int, **patience: float) -> Reranker:
    bounds = {"timeout_s": 0.3, "total_s": 1.0, "first_wait_s": 0.01, **patience}
    return Reranker(open_hosted(f"cohere:m@http://127.0.0.1:{port}", patience=Patience(attempts=2, **bounds)))


def ends(work: Callable[[], object]) -> BaseException | None:
    """What the work raised; fails where it goes on long after every limit."""
    met: list[BaseException | None] = []

    def run() -> None:
        try:
            work()
            met.append(None)
        except BaseException as error:
            met.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(30)
    assert met, "still waiting after 30 s, which no limit allows"
    return met[0]


@pytest.mark.parametrize(
    ("way", "pause_s"), [(way, pause_s) for way in TRICKLES for pause_s in (0.05, 0.0) if TRICKLES[way][1] or pause_s]
)
def test_a_service_that_trickles_is_given_up(way: str, pause_s: float) -> None:
    prefix, piece = TRICKLES[way]
    with raw_server(trickling(prefix, piece, pause_s)) as port:
        error = ends(lambda: reranker_at(port).rank("q", ["a"]))
    assert isinstance(error, ServiceFailed | ValueError), error


def test_a_request_that_nobody_reads_is_given_up() -> None:
    with raw_server(lambda connection: threading.Event().wait(20) and None) as port:
        error = ends(lambda: reranker_at(port).rank("q", ["x" * 1000] * 3000))
    assert isinstance(error, ServiceFailed)
    assert "no complete answer within 0.3 s" in str(error)


def test_a_handshake_that_never_ends_is_given_up() -> None:
    def speak(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(b"\x16\x03\x03\x40\x00")  # a TLS record of 16 kB
        while True:
            connection.sendall(b"\x02")
            time.sleep(0.05)

    with raw_server(speak) as port:
        bounds = Patience(timeout_s=0.3, total_s=1.0, attempts=2, first_wait_s=0.01)
        reranker = Reranker(open_hosted(f"cohere:m@https://127.0.0.1:{port}", patience=bounds))
        error = ends(lambda: reranker.rank("q", ["a"]))
    assert isinstance(error, ServiceFailed)


def test_a_look_up_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asleep = threading.Event()

    def look_up(*_arguments: object, **_options: object) -> list[object]:
        asleep.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    bounds = Patience(timeout_s=0.2, total_s=0.5, attempts=2, first_wait_s=0.01)
    reranker = Reranker(open_hosted("cohere:m@http://gate.example", patience=bounds))
    error = ends(lambda: reranker.rank("q", ["a"]))
    asleep.set()
    assert isinstance(error, ServiceFailed)


def exchange(port: int, *, seconds: float = 5.0, limit: int = 1_000_000) -> Response | NoResponse:
    connection = Connection(f"http://127.0.0.1:{port}", in_flight=1, proxies=False)
    try:
        return connection.exchange(
            "POST",
            f"http://127.0.0.1:{port}/r",
            headers={"content-type": "application/json"},
            body=b"{}",
            seconds=seconds,
            limit=lambda status: limit,
        )
    finally:
        connection.close()


def answering(sent: bytes) -> Callable[[socket.socket], None]:
    def speak(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(sent)

    return speak


@pytest.mark.parametrize(
    ("encoding", "pack"), [(b"gzip", gzip.compress), (b"deflate", zlib.compress), (b"identity", bytes)]
)
def test_a_compressed_answer_is_read(encoding: bytes, pack: Callable[[bytes], bytes]) -> None:
    packed = pack(ANSWER)
    head = OK + b"Content-Encoding: " + encoding + b"\r\nContent-Length: " + str(len(packed)).encode() + b"\r\n\r\n"
    with raw_server(answering(head + packed)) as port:
        found = exchange(port)
    assert isinstance(found, Response)
    assert (found.status, found.body, found.complete) == (200, ANSWER, True)


def test_what_is_unpacked_is_bounded() -> None:
    packed = gzip.compress(b" " * 50_000_000)
    head = OK + b"Content-Encoding: gzip\r\nContent-Length: " + str(len(packed)).encode() + b"\r\n\r\n"
    with raw_server(answering(head + packed)) as port:
        found = exchange(port, limit=1000)
    assert isinstance(found, Response)
    assert (len(found.body), found.complete) == (1000, False)


@pytest.mark.parametrize(
    "sent",
    [
        OK + b"Content-Encoding: br\r\nContent-Length: 2\r\n\r\n{}",
        OK + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        OK + b"Content-Length: many\r\n\r\n{}",
        b"not HTTP at all\r\n\r\n",
        OK + b"X: " + b"a" * 1_000_000,
        b"",
    ],
)
def test_what_cannot_be_read_is_no_response(sent: bytes) -> None:
    with raw_server(answering(sent)) as port:
        assert isinstance(exchange(port), NoResponse)


def test_a_connection_serves_again_after_an_answer_and_after_a_limit() -> None:
    slow = threading.Event()

    def speak(connection: socket.socket) -> None:
        while connection.recv(65_536):
            if slow.is_set():
                slow.clear()
                threading.Event().wait(20)
            connection.sendall(OK + b"Content-Length: " + str(len(ANSWER)).encode() + b"\r\n\r\n" + ANSWER)

    with raw_server(speak) as port:
        reranker = reranker_at(port)
        for _ in range(3):
            assert len(reranker.rank("q", ["a"])) == 1
            slow.set()
            assert len(reranker.rank("q", ["a"])) == 1  # the first try is given up, the second finds the server well
