"""Status and words of an error → what is at fault: whether the same request may still succeed, and whose hint fits."""

from __future__ import annotations

import re
from enum import Enum, auto


class Blame(Enum):
    """What an error lies in."""

    PASSING = auto()
    """The service's state now: the same request may succeed later."""
    UNCLEAR = auto()
    """The service's own fault, in words of its own: another try may help, but not where the words come back."""
    SIZE = auto()
    """A text, or the request, is too large for the service."""
    ACCOUNT = auto()
    """What the key's account may use is used up."""
    KEY = auto()
    REQUEST = auto()
    SERVICE = auto()
    """The service will not answer this at all."""


_SIZE = re.compile(
    r"too (large|long|big|many (tokens|documents|texts|inputs))|context (length|size|window)|maximum (context|sequence|"
    r"length|batch|number of)|(physical )?batch size|(exceeds?|exceeded|longer than|larger than|greater than)\b.*\b"
    r"(tokens?|length|size|bytes|characters|documents|limit|maximum|context)|max_(tokens|length|model_len|batch)",
    re.IGNORECASE,
)
_RATE = re.compile(r"\brates?\b|requests? per|per (second|minute)|too many requests|rpm|tpm|concurren", re.IGNORECASE)
_ACCOUNT = re.compile(
    r"insufficient.{0,20}(quota|balance|credit|fund)|(quota|balance|credits?|funds)\b.{0,40}\b(exceeded|exhausted|"
    r"insufficient|used up|ran out|depleted)|exceeded your current quota|billing|out of credits|payment|per month|"
    r"/ month",
    re.IGNORECASE,
)
_PASSING = re.compile(
    r"overload|busy|capacity|loading|starting|warming|time[d ]?-?out|try again|retry|temporar|unavailable|upstream|"
    r"out of memory|gateway|connection|internal (server )?error|something went wrong|unexpected error|"
    r"an error occurred|server error",
    re.IGNORECASE,
)
_REQUEST = re.compile(
    r"invalid (request|input|argument|parameter|json)|validation error|not supported|unsupported|must not be|"
    r"cannot be (empty|blank)|is required|bad request",
    re.IGNORECASE,
)


def blame_of(status: int, message: str) -> Blame:
    """What an error that is not status 200 lies in.

    Some servers answer 500 for a request that they will never take (llama.cpp: "input is too large to process"), and
    429 for an account that is empty, so the words count too. Status 502 to 504 come from a proxy before a service,
    and pass.

    >>> [blame_of(status, "").name for status in (400, 401, 404, 408, 413, 424, 429, 501, 503)]
    ['REQUEST', 'KEY', 'REQUEST', 'PASSING', 'SIZE', 'SERVICE', 'PASSING', 'SERVICE', 'PASSING']
    >>> blame_of(500, "input is too large to process. increase the physical batch size").name
    'SIZE'
    >>> blame_of(500, "Internal Server Error").name, blame_of(500, "tensor shapes differ").name
    ('PASSING', 'UNCLEAR')
    >>> blame_of(429, "You exceeded your current quota, check your plan and billing").name
    'ACCOUNT'
    """
    if status == 429:
        return Blame.ACCOUNT if _ACCOUNT.search(message) and not _RATE.search(message) else Blame.PASSING
    if status in {408, 409, 425} or (status > 501 and status != 505):
        return Blame.PASSING
    if status in {401, 402, 403, 498}:
        return Blame.KEY
    if status == 413 or (status in {400, 422, 500} and _SIZE.search(message)):
        return Blame.SIZE
    if status == 500:
        if not message or _PASSING.search(message):
            return Blame.PASSING
        return Blame.REQUEST if _REQUEST.search(message) else Blame.UNCLEAR
    if 400 <= status < 500 and status != 424:  # TEI's 424 says that its own model failed
        return Blame.REQUEST
    return Blame.SERVICE
