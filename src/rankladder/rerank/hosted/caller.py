"""One request to a service: sent, timed, tried again where that can help, and its answer read as JSON."""

from __future__ import annotations

import json
import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rankladder.errors import BadOption, KeyRefused, ModelMissing, RankladderError, RequestRefused, ServiceFailed
from rankladder.rerank.hosted.address import Address
from rankladder.rerank.hosted.contracts import read_message
from rankladder.rerank.hosted.keys import Key
from rankladder.rerank.hosted.patience import Clock, Patience, Pause, asked_wait_s

if TYPE_CHECKING:
    import httpx2

_MESSAGE_BYTES = 65_536  # no error says more than this
_MESSAGE_SIGNS = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered, and how often it had to be asked again."""

    content: Any
    headers: Mapping[str, str]
    retries: int


@dataclass(frozen=True, slots=True)
class _Setback:
    """A try that failed in a way that another may not; ``busy`` where the service limits its callers."""

    reason: str
    asked_s: float | None = None
    busy: bool = False


class Abandoned(Exception):  # an inner signal, seen by nobody: another request's error is the one reported
    """The call that this request belongs to has failed."""


class Caller:
    """Sends requests to one address with one key; used from several threads at once.

    Redirects are not followed: the key and the texts go where the user said and nowhere else.
    """

    def __init__(self, address: Address, key: Key | None, *, in_flight: int, patience: Patience, clock: Clock) -> None:
        import httpx2

        try:
            httpx2.URL(address.url)
        except httpx2.InvalidURL as error:
            raise BadOption(f"model {address.name!r}: {address.url!r} is no address: {error}") from None
        self.where = f"{address.service.title} ({address.host})"
        self.patience = patience
        self.clock = clock
        self._address = address
        self._key = key
        self._pause = Pause()
        self._slots = threading.BoundedSemaphore(in_flight)
        self._headers = {"accept": "application/json", "content-type": "application/json"}
        if key is not None:
            self._headers["authorization"] = f"Bearer {key.secret}"
        try:
            self._client = httpx2.Client(
                timeout=httpx2.Timeout(patience.timeout_s, connect=min(10.0, patience.timeout_s)),
                follow_redirects=False,
                limits=httpx2.Limits(max_connections=in_flight, max_keepalive_connections=in_flight),
                trust_env=not address.is_local,  # a proxy has no business with this machine's own server
            )
        except (ImportError, ValueError, OSError, httpx2.InvalidURL) as error:  # its text may hold a proxy's password
            raise ServiceFailed(
                f"{self.where}: no connection can be made with the environment's settings ({type(error).__name__})",
                hint="check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR",
            ) from None
        weakref.finalize(self, self._client.close)

    def ask(
        self,
        url: str,
        body: bytes | None,
        *,
        max_bytes: int,
        abandoned: threading.Event | None = None,
    ) -> Answer:
        """The answer to a POST of ``body``, or to a GET where that is None. ``max_bytes`` bounds what is read of it.

        Raises:
            ServiceFailed: The service stayed unreachable, busy or broken, or answers what cannot be read.
            KeyRefused: The key is not accepted, or one is asked for.
            ModelMissing: Nothing at that address, or no such model.
            RequestRefused: The service will not take this request.
            Abandoned: ``abandoned`` was set while waiting.
        """
        stop = threading.Event() if abandoned is None else abandoned
        began, failures, setbacks = self.clock.monotonic(), 0, 0
        last: _Setback | None = None
        while True:
            with self._slots:
                self._wait_for_pause(began, stop, last)
                outcome = self._attempt(url, body, max_bytes)
                if isinstance(outcome, Answer):
                    return Answer(outcome.content, outcome.headers, setbacks)
                last, setbacks, failures = outcome, setbacks + 1, failures + (not outcome.busy)
                if failures >= self.patience.attempts:
                    raise self._gave_up(f"{failures} tries failed", last)
                wait = self.patience.wait_s(setbacks, self.clock.chance(), asked_s=last.asked_s)
                now = self.clock.monotonic()
                if now + wait - began > self.patience.total_s:
                    raise self._gave_up(f"it would have to be waited for {wait:,.0f} s more", last)
                if shared := last.busy or last.asked_s is not None:
                    self._pause.extend(now + wait)  # what one request is told holds for all of them
            if not shared:
                self._sleep(wait, stop)

    def _wait_for_pause(self, began: float, stop: threading.Event, last: _Setback | None) -> None:
        while (left := self._pause.left(now := self.clock.monotonic())) > 0:
            if now + left - began > self.patience.total_s:
                raise self._gave_up(f"it would have to be waited for {left:,.0f} s more", last)
            self._sleep(left, stop)
        if stop.is_set():
            raise Abandoned

    def _sleep(self, seconds: float, stop: threading.Event) -> None:
        self.clock.sleep(seconds, stop)
        if stop.is_set():
            raise Abandoned

    def _gave_up(self, why: str, last: _Setback | None) -> ServiceFailed:
        reason = last.reason if last is not None else "it is busy"
        return ServiceFailed(
            f"{self.where}: {reason}; {why}",
            hint="try again later, or with fewer requests at once (threads=1)"
            if last is None or last.busy
            else "check the address and the network, or try again later",
        )

    def _attempt(self, url: str, body: bytes | None, max_bytes: int) -> Answer | _Setback:
        """One try. Errors of the HTTP library end here: they carry the request, and with it the key."""
        import httpx2

        began = self.clock.monotonic()
        try:
            with self._client.stream(
                "GET" if body is None else "POST", url, content=body, headers=self._headers
            ) as response:
                status, headers = response.status_code, response.headers
                limit = max_bytes if status == 200 else _MESSAGE_BYTES
                content = bytearray()
                for part in response.iter_bytes():
                    content += part
                    if len(content) > limit:
                        break
                    if self.clock.monotonic() - began > self.patience.timeout_s:
                        return _Setback(f"the answer was not complete within {self.patience.timeout_s:g} s")
        except httpx2.TimeoutException:
            return _Setback(f"no answer within {self.patience.timeout_s:g} s")
        except httpx2.RequestError as error:
            return _Setback(self._hidden(f"the connection failed: {str(error) or type(error).__name__}"))
        if status == 200:
            if len(content) > max_bytes:
                raise ServiceFailed(f"{self.where} answers more than {max_bytes:,} bytes, which no ranking needs")
            try:
                return Answer(json.loads(bytes(content)), dict(headers), 0)
            except (ValueError, RecursionError):
                return _Setback(f"the answer ({len(content):,} bytes) is not JSON, or only the beginning of it")
        said = self._hidden(read_message(bytes(content[:_MESSAGE_BYTES])))[:_MESSAGE_SIGNS]
        if status in {408, 409, 429} or status >= 500:
            return _Setback(
                f"status {status}{f' ({said})' if said else ''}",
                asked_wait_s(headers, now_s=self.clock.wall()),
                busy=status == 429,
            )
        raise self._refusal(status, said, headers)

    def _refusal(self, status: int, said: str, headers: httpx2.Headers) -> RankladderError:
        """The error for a status that another try would not change."""
        where = f"{self.where}: status {status}{f': {said}' if said else ''}"
        if status in {401, 402, 403, 498}:
            if self._key is None:
                return KeyRefused(f"{where}; no key was sent", hint=f"export {self._address.keys[-1]}=…")
            return KeyRefused(
                f"{where}; the key in {self._key.variable} is not accepted",
                hint="check the key, what it may be used for, and what is left on its account",
            )
        if status == 404:
            return ModelMissing(where, hint=f"check the model's name and the address in {self._address.name!r}")
        if 300 <= status < 400:
            return ServiceFailed(
                f"{where}; it sends callers on to another address", hint="name that address if you trust it"
            )
        if 400 <= status < 500 and status != 424:  # TEI's 424 says that its own model failed
            return RequestRefused(where)
        return ServiceFailed(where)

    def _hidden(self, text: str) -> str:
        return text if self._key is None else self._key.hidden_in(text)
