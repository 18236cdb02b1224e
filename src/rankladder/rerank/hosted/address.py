"""The name of a hosted model → which service, at what address, which model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit, urlunsplit

from rankladder.errors import BadOption
from rankladder.rerank.hosted.contracts import SERVICES, Service

SYNTAX = "cohere:MODEL, jina:MODEL, voyage:MODEL, any of them as cohere:MODEL@URL, or tei:URL"
OWN_KEY = "RANKLADDER_API_KEY"
"""The key for an address that the user gives: a service's own key goes to that service alone."""
KEY_HEADER = "RANKLADDER_KEY_HEADER"
"""The header for that key, where the model's name does not say it."""
_OPTION = ",key_header="
_OTHERS = {"accept", "accept-encoding", "connection", "content-length", "content-type", "host", "user-agent"}
_PREFIXES = ("transfer-", "proxy-", "if-", "sec-")
"""Headers that have a meaning of their own."""
_VERSION = re.compile(r"api-version=[A-Za-z0-9._-]{1,40}")
"""The one query that an address may hold: Azure and some gateways ask for it, and it is no secret."""

_HOSTED = re.compile(rf"({'|'.join(SERVICES)}):|https?://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Address:
    """One hosted model: ``url`` takes the requests; ``keys`` are the environment variables that may hold its key."""

    name: str
    service: Service
    model: str
    url: str
    keys: tuple[str, ...]
    key_required: bool
    key_header: str = ""
    """The header for the key as the name gives it, in small letters; empty where it does not."""

    @property
    def host(self) -> str:
        """Host, and port where one is given, as messages name it."""
        return urlsplit(self.url).netloc

    def beside(self, path: str) -> str:
        """The address of another path of the same server, in place of the service's own."""
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(path=parts.path.removesuffix(self.service.path) + path))

    @property
    def is_local(self) -> bool:
        """Whether requests stay on this machine."""
        name = urlsplit(self.url).hostname or ""
        try:
            return ip_address(name).is_loopback
        except ValueError:
            return name == "localhost" or name.endswith(".localhost")

    @property
    def is_encrypted(self) -> bool:
        """Whether requests travel over TLS."""
        return self.url.startswith("https://")


def is_hosted(name: object) -> bool:
    """Whether a model's name asks for a hosted service, and not for files.

    >>> [is_hosted(name) for name in ("cohere:rerank-v3.5", "tei:http://localhost:8080", "box", "org/model")]
    [True, True, False, False]
    """
    return isinstance(name, str) and _HOSTED.match(name) is not None


def parse_address(name: str) -> Address:
    """Reads ``SERVICE:MODEL``, ``SERVICE:MODEL@URL`` or ``tei:URL``, with a URL also ``…,key_header=NAME``.

    A URL without a path gets the service's usual one; with a path it is the address that takes the requests.

    >>> parse_address("cohere:rerank-v3.5").url
    'https://api.cohere.com/v2/rerank'
    >>> parse_address("cohere:BAAI/bge-reranker-v2-m3@http://localhost:8000").url
    'http://localhost:8000/v2/rerank'
    >>> parse_address("tei:http://localhost:8080").url
    'http://localhost:8080/rerank'
    >>> parse_address("cohere:m@https://gate.example/rerank?api-version=2024-05-01,key_header=api-key").key_header
    'api-key'

    Raises BadOption for a name that is written otherwise, and for a URL that holds a user, a fragment or another query
    than ``api-version``.
    """
    given, comma, header = name.partition(_OPTION)
    prefix, _, rest = given.partition(":")
    service = SERVICES.get(prefix)
    if service is None:
        raise BadOption(f"model {name!r} does not name a service", hint=f"write {SYNTAX}")
    if service.url is None:
        model, url = "", rest
    else:
        model, at, url = rest.partition("@")  # always: texts meant for one's own server must not go to the service
        if not model or (at and not url) or "://" in model or any(c.isspace() or not c.isprintable() for c in model):
            raise BadOption(f"model {name!r}: expected {service.name}:MODEL or {service.name}:MODEL@URL")
        if not url and comma:
            raise BadOption(f"model {name!r}: key_header needs an address of your own, {service.name}:MODEL@URL")
        if not url:
            return Address(name, service, model, service.url, service.keys, key_required=True)
    parts = _split(name, url)
    path = parts.path.rstrip("/")
    if service.url is None:  # the server's root: it has more than one route
        path = path.removesuffix(service.path) + service.path
    keys = (*service.keys, OWN_KEY) if service.url is None else (OWN_KEY,)
    url = urlunsplit((parts.scheme, parts.netloc, path or service.path, parts.query, ""))
    key_header = checked_header(header, f"model {name!r}: key_header") if comma else ""
    return Address(name, service, model, url, keys, key_required=False, key_header=key_header)


def checked_header(name: str, what: str) -> str:
    """A header's name in small letters; ``what`` names it in an error. Raises BadOption."""
    small = name.lower()
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", small) or small in _OTHERS or small.startswith(_PREFIXES):
        raise BadOption(f"{what} must be the name of a header for the key, got {name!r}", hint="such as api-key")
    return small


def _split(name: str, url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadOption(f"model {_without_user(name)!r}: {url!r} is not an address: {error}") from None
    # A key in an address would be printed with the model's name and stored with its scores.
    secret = parts.query and not _VERSION.fullmatch(parts.query)
    if parts.username is not None or parts.password is not None or secret or parts.fragment:
        raise BadOption(
            f"model {_without_user(name)!r}: an address may hold no user, no fragment, and no query but api-version=…",
            hint=f"put a key into {OWN_KEY}; {KEY_HEADER}=api-key sends it in that header",
        )
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0 or not url.isprintable() or " " in url:
        raise BadOption(f"model {name!r}: expected an http:// or https:// address, got {url!r}")
    return parts


def _without_user(name: str) -> str:
    """The name without the parts of its address that may be secret."""
    return re.sub(r"[?#].*", "?…", re.sub(r"://[^/]*@", "://…@", name))
