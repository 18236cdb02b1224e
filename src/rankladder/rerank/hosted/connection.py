"""Requests to one address, each with a firm end, also if the service still sends data.

A timeout of the HTTP library bounds one wait for one piece. A service that sends a byte a second, as headers, 100
Continue, chunk extensions, trailers or empty blocks, is never late by that measure. Here a timer shuts the socket in
use when the time is over, so no wait of the library can go on. Names are looked up in a thread of their own, because
the system's look-up cannot be ended.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore2

CONNECT_S = 10.0
"""The most that is waited for one of a host's addresses to answer; another may."""


@dataclass(frozen=True, slots=True)
class Response:
    """What came back: the body without its compression; ``complete`` is False where it is longer than what was read."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    complete: bool


@dataclass(frozen=True, slots=True)
class NoResponse:
    """Why nothing, or only a part, came back."""

    reason: str


class Connection:
    """A pool of connections to one address, for several threads.

    Args:
        url: The address; only its scheme and host count here.
        in_flight: Connections at once.
        proxies: Whether the environment's proxies are asked.

    Raises:
        ImportError: A SOCKS proxy without the package ``socksio``.
        ValueError: A proxy of another kind, or one whose address cannot be read.
        OSError: Certificates that cannot be read.
    """

    def __init__(self, url: str, *, in_flight: int, proxies: bool) -> None:
        context = httpcore2.default_ssl_context()
        self._backend = _Backend()
        self._pool = httpcore2.ConnectionPool(
            ssl_context=context,
            proxy=_proxy_for(url, context) if proxies else None,
            max_connections=in_flight,
            max_keepalive_connections=in_flight,
            keepalive_expiry=5.0,
            network_backend=self._backend,
        )

    def close(self) -> None:
        """Closes what is open."""
        self._pool.close()

    def exchange(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        seconds: float,
        limit: Callable[[int], int],
    ) -> Response | NoResponse:
        """One request and its response, within ``seconds`` from now.

        ``limit`` says by status how many bytes of the body are read, compressed or not. Errors of the HTTP library end
        here: they carry the request, and with it the key.
        """
        deadline = _Deadline(seconds)
        self._backend.here.deadline = deadline
        try:
            timeouts = {"connect": min(CONNECT_S, seconds), "read": seconds, "write": seconds, "pool": seconds}
            with self._pool.stream(
                method, target(url), headers=list(headers.items()), content=body, extensions={"timeout": timeouts}
            ) as response:
                found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
                content, complete = _read(response, found.get("content-encoding", ""), limit(response.status), deadline)
                return Response(response.status, found, content, complete)
        except (httpcore2.TimeoutException, _TimeIsOver):
            return NoResponse(f"no complete answer within {seconds:.3g} s")
        except (
            httpcore2.NetworkError,
            httpcore2.ProtocolError,
            httpcore2.ProxyError,
            httpcore2.UnsupportedProtocol,
            zlib.error,
            OSError,
            ValueError,
        ) as error:
            if deadline.passed:  # the socket was shut, which looks like a connection that failed
                return NoResponse(f"no complete answer within {seconds:.3g} s")
            return NoResponse(f"the connection failed: {str(error) or type(error).__name__}")
        finally:
            deadline.end()
            del self._backend.here.deadline


def target(url: str) -> httpcore2.URL:
    """An address as the HTTP library takes it. Raises ValueError for a host that no name can be."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    with_query = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    return httpcore2.URL(
        scheme=parts.scheme,
        host=host if host.isascii() else host.encode("idna").decode("ascii"),
        port=parts.port,
        target=with_query.encode("ascii"),
    )


def _proxy_for(url: str, context: ssl.SSLContext) -> httpcore2.Proxy | None:
    """The environment's proxy for an address (``HTTPS_PROXY`` …, ``ALL_PROXY``; not where ``NO_PROXY`` names it)."""
    parts, known = urlsplit(url), getproxies()
    named = known.get(parts.scheme) or known.get("all")
    if not named or proxy_bypass(parts.hostname or ""):
        return None
    proxy = urlsplit(named if "://" in named else f"http://{named}")
    if proxy.scheme not in {"http", "https", "socks5", "socks5h"} or not proxy.hostname:
        raise ValueError("a proxy is http://, https://, socks5:// or socks5h://")
    if proxy.scheme.startswith("socks") and find_spec("socksio") is None:
        raise ImportError("a SOCKS proxy needs the package socksio")
    user = (unquote(proxy.username), unquote(proxy.password or "")) if proxy.username else None
    place = httpcore2.URL(scheme=proxy.scheme, host=proxy.hostname, port=proxy.port, target="/")
    return httpcore2.Proxy(place, auth=user, ssl_context=context if proxy.scheme == "https" else None)


def _read(response: httpcore2.Response, encoding: str, limit: int, deadline: _Deadline) -> tuple[bytes, bool]:
    """The body, at most ``limit`` bytes of it, and whether that is all."""
    encoding = encoding.strip().lower()
    if encoding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
        raise ValueError(f"the answer is compressed with {encoding:.20}, which was not requested")
    unpack = None if encoding in {"", "identity"} else zlib.decompressobj(wbits=47)  # gzip or zlib, as it says
    content, received = bytearray(), 0
    for part in response.iter_stream():
        deadline.check()
        received += len(part)
        content += part if unpack is None else unpack.decompress(part, limit + 1 - len(content))
        if len(content) > limit or received > limit + 1024:
            return bytes(content[:limit]), False
    return bytes(content), True


class _TimeIsOver(Exception):
    """The deadline has passed."""


class _Deadline:
    """The last moment of one request. At that moment the socket in use is shut, which ends every wait on it."""

    def __init__(self, seconds: float) -> None:
        self.ends = time.monotonic() + seconds
        self.passed = False
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._shut)
        self._timer.daemon = True
        self._timer.start()

    def use(self, stream: httpcore2.NetworkStream) -> None:
        """Says which connection the request uses from now on. Raises _TimeIsOver."""
        self.check()
        with self._lock:
            self._socket = stream.get_extra_info("socket")
        self.check()  # the timer may have come between

    def check(self) -> None:
        """Raises _TimeIsOver where it is."""
        if self.passed or time.monotonic() >= self.ends:
            self.passed = True
            raise _TimeIsOver

    def left(self) -> float:
        """Seconds that are left. Raises _TimeIsOver where none are."""
        self.check()
        return max(0.001, self.ends - time.monotonic())

    def end(self) -> None:
        """The request is over: its connection may serve another, and is left alone."""
        self._timer.cancel()
        with self._lock:
            self._socket = None

    def _shut(self) -> None:
        with self._lock:
            self.passed = True
            if self._socket is not None:
                with suppress(OSError):
                    # Not the method of a TLS socket, which changes what the thread that waits is using.
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class _Here(threading.local):
    """The deadline of the request that this thread sends."""

    deadline: _Deadline


class _Backend(httpcore2.NetworkBackend):
    """Opens connections that know the deadline of the request that uses them."""

    def __init__(self) -> None:
        self.here = _Here()
        self._system = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        deadline = self.here.deadline
        failed: Exception = httpcore2.ConnectError(f"no address is known for {host}")
        for place in _addresses(host, port, deadline.left()):
            left = min(CONNECT_S, deadline.left())
            try:
                found = self._system.connect_tcp(place, port, left, local_address, socket_options or ())
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failed = error
            else:
                return _Stream(found, self.here)
        raise failed


class _Stream(httpcore2.NetworkStream):
    """A connection that tells the current request's deadline of every wait before it begins."""

    def __init__(self, inner: httpcore2.NetworkStream, here: _Here) -> None:
        self._inner = inner
        self._here = here

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._here.deadline.use(self._inner)
        return self._inner.read(max_bytes, self._here.deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._here.deadline.use(self._inner)
        self._inner.write(buffer, self._here.deadline.left())

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        self._here.deadline.use(self._inner)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, self._here.deadline.left()), self._here)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _addresses(host: str, port: int, seconds: float) -> list[str]:
    """The host's addresses in the system's order. Raises ConnectError, or ConnectTimeout after so many seconds."""
    found: Future[list[str]] = Future()

    def look_up() -> None:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.set_result(list(dict.fromkeys(str(row[4][0]) for row in rows)))
        except (OSError, UnicodeError) as error:
            found.set_exception(httpcore2.ConnectError(str(error)))

    threading.Thread(target=look_up, name="rankladder-look-up", daemon=True).start()
    try:
        return found.result(timeout=seconds)
    except TimeoutError:
        raise httpcore2.ConnectTimeout(f"the look-up of {host} took too long") from None
