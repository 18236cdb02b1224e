"""One request to a service: sent, timed, tried again where that can help, and its answer read as JSON."""

from __future__ import annotations

import json
import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import rankladder
from rankladder.errors import BadOption, KeyRefused, ModelMissing, RankladderError, RequestRefused, ServiceFailed
from rankladder.rerank.hosted.address import OWN_KEY, Address
from rankladder.rerank.hosted.contracts import read_message
from rankladder.rerank.hosted.keys import BEARER, Key
from rankladder.rerank.hosted.patience import Clock, Patience, Pause, asked_wait_s
from rankladder.rerank.hosted.wording import Blame, blame_of

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
    """A try that failed in a way that another may not; ``busy`` where the service limits its callers.

    ``lasting`` where the service would give the same answer again: the same reason a second time ends the tries.
    """

    reason: str
    lasting: bool = False
    asked_s: float | None = None
    busy: bool = False


class Abandoned(Exception):  # an inner signal, seen by nobody: another request's error is the one reported
    """The call that this request belongs to has failed."""


class Caller:
    """Sends requests to one address with one key; used from several threads at once.

    Redirects are not followed: the key and the texts go to the address that the user named and nowhere else.
    """

    def __init__(self, address: Address, key: Key | None, *, in_flight: int, patience: Patience, clock: Clock) -> None:
        from rankladder.rerank.hosted.connection import Connection, target

        try:
            target(address.url)
        except ValueError as error:
            raise BadOption(f"model {address.name!r}: {address.url!r} is not an address: {error}") from None
        self.where = f"{address.service.title} ({address.host})"
        self.patience = patience
        self.clock = clock
        self._address = address
        self._key = key
        self._pause = Pause()
        self._slots = threading.BoundedSemaphore(in_flight)
        self._headers = {
            "accept": "application/json",
            "accept-encoding": "identity",
            "content-type": "application/json",
            "user-agent": f"rankladder/{rankladder.__version__}",
        }
        if key is not None:
            self._headers[key.header] = f"Bearer {key.secret}" if key.header == BEARER else key.secret
        try:
            # A proxy has no business with this machine's own server.
            self._connection = Connection(address.url, in_flight=in_flight, proxies=not address.is_local)
        except (ImportError, ValueError, OSError) as error:  # its text may hold a proxy's password
            raise ServiceFailed(
                f"{self.where}: no connection can be made with the environment's settings ({type(error).__name__})",
                hint="check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR",
            ) from None
        weakref.finalize(self, self._connection.close)

    def ask(
        self,
        url: str,
        body: bytes | None,
        *,
        max_bytes: int,
        sent: str = "",
        abandoned: threading.Event | None = None,
    ) -> Answer:
        """The answer to a POST of ``body``, or to a GET where that is None. ``max_bytes`` bounds what is read of it.

        ``sent`` says what is in the body, for the hint of an error that its size causes.

        Raises:
            ServiceFailed: The service stayed unreachable, busy or broken, or answers what cannot be read.
            KeyRefused: The key is not accepted, or one is asked for.
            ModelMissing: Nothing at that address, or no such model.
            RequestRefused: The service will not take this request.
            Abandoned: ``abandoned`` was set while waiting.
        """
        stop = threading.Event() if abandoned is None else abandoned
        failures, setbacks = 0, 0
        began: float | None = None
        last: _Setback | None = None
        while True:
            with self._slots:
                began = self.clock.monotonic() if began is None else began
                self._wait_for_pause(began, stop, last)
                left = self.patience.total_s - (self.clock.monotonic() - began)
                if left <= 0:
                    raise self._gave_up(f"the limit of {self.patience.total_s:g} s is over", last)
                outcome = self._attempt(url, body, max_bytes, sent, min(self.patience.timeout_s, left))
                if isinstance(outcome, Answer):
                    return Answer(outcome.content, outcome.headers, setbacks)
                if last is not None and outcome.lasting and outcome.reason == last.reason:
                    raise self._gave_up("the service gave the same error twice", outcome)
                last, setbacks, failures = outcome, setbacks + 1, failures + (not outcome.busy)
                if failures >= self.patience.attempts:
                    raise self._gave_up(f"{failures} tries failed", last)
                wait = self.patience.wait_s(setbacks, self.clock.chance(), asked_s=last.asked_s)
                now = self.clock.monotonic()
                if now + wait - began > self.patience.total_s:
                    raise self._gave_up(
                        f"the next try would be in {wait:,.0f} s, past the limit of {self.patience.total_s:g} s", last
                    )
                if shared := last.busy or last.asked_s is not None:
                    self._pause.extend(now + wait)  # the service's answer to one request applies to all
            if not shared:
                self._sleep(wait, stop)

    def _wait_for_pause(self, began: float, stop: threading.Event, last: _Setback | None) -> None:
        while (left := self._pause.left(now := self.clock.monotonic())) > 0:
            if now + left - began > self.patience.total_s:
                raise self._gave_up(
                    f"the next try would be in {left:,.0f} s, past the limit of {self.patience.total_s:g} s", last
                )
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
            else "see the service's log or its status page"
            if last.lasting
            else "check the address and the network, or try again later",
        )

    def _attempt(self, url: str, body: bytes | None, max_bytes: int, sent: str, seconds: float) -> Answer | _Setback:
        """One try, over within so many seconds."""
        from rankladder.rerank.hosted.connection import Response

        response = self._connection.exchange(
            "GET" if body is None else "POST",
            url,
            headers=self._headers,
            body=body,
            seconds=seconds,
            limit=lambda status: max_bytes if status == 200 else _MESSAGE_BYTES,
        )
        if not isinstance(response, Response):
            return _Setback(self.hidden(response.reason))
        if response.status == 200:
            if not response.complete:
                raise ServiceFailed(f"{self.where} answers more than {max_bytes:,} bytes, more than any ranking needs")
            try:
                return Answer(json.loads(response.body), response.headers, 0)
            except (ValueError, RecursionError):
                start = self.hidden(read_message(response.body))[:80]
                size = f"{len(response.body):,} bytes{f': {start}' if start else ''}"
                return _Setback(f"the answer ({size}) is not JSON, or is cut short")
        message = self.hidden(read_message(response.body))[:_MESSAGE_SIGNS]
        blame = blame_of(response.status, message)
        if blame is Blame.PASSING or blame is Blame.UNCLEAR:
            return _Setback(
                f"status {response.status}{f' ({message})' if message else ''}",
                lasting=blame is Blame.UNCLEAR,
                asked_s=asked_wait_s(response.headers, now_s=self.clock.wall()),
                busy=response.status == 429,
            )
        raise self._refusal(response.status, message, blame, sent)

    def _refusal(self, status: int, message: str, blame: Blame, sent: str) -> RankladderError:
        """The error for what another try would not change."""
        where = f"{self.where}: status {status}{f': {message}' if message else ''}"
        if blame is Blame.ACCOUNT:
            return KeyRefused(where, hint="check the balance of the account and the limits of its plan")
        if blame is Blame.KEY:
            return self._key_refused(where)
        if blame is Blame.SIZE:
            return RequestRefused(
                where, hint=f"{sent}; shorten or split long documents, or raise the server's own limit"
            )
        if status == 404:
            return ModelMissing(where, hint=f"check the model's name and the address in {self._address.name!r}")
        if 300 <= status < 400:
            return ServiceFailed(f"{where}; it redirects to another address", hint="name that address if you trust it")
        return RequestRefused(where) if blame is Blame.REQUEST else ServiceFailed(where)

    def _key_refused(self, where: str) -> KeyRefused:
        if self._key is None:
            return KeyRefused(f"{where}; no key was sent", hint=f"export {self._address.keys[-1]}=…")
        hint = "check the key, its permissions and the balance of its account"
        if OWN_KEY in self._address.keys:
            other = (
                f"write {self._address.name},key_header=api-key" if self._key.header == BEARER else "check that name"
            )
            hint += f"; it was sent in the header {self._key.header!r}: if the server needs another header, {other}"
        return KeyRefused(f"{where}; the key in {self._key.variable} is not accepted", hint=hint)

    def hidden(self, text: str) -> str:
        """The text without the key."""
        return text if self._key is None else self._key.hidden_in(text)
