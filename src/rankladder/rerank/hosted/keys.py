"""Keys: read from the environment when a model is opened, kept in memory, shown to nobody."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field

from rankladder.errors import KeyRefused
from rankladder.rerank.hosted.address import KEY_HEADER, Address, checked_header

BEARER = "authorization"
"""The header in which a key is ``Bearer KEY``; in every other the key is alone."""


@dataclass(frozen=True, slots=True)
class Key:
    """A service's key, the environment variable that it came from, and the header that it is sent in."""

    variable: str
    secret: str = field(repr=False)
    header: str = BEARER

    def hidden_in(self, text: str) -> str:
        """The text without the key: services like to quote what they refuse."""
        for written in (self.secret, json.dumps(self.secret)[1:-1]):
            text = text.replace(written, "…")
        return text


def find_key(address: Address) -> Key | None:
    """The key for an address, None where there is none and none is needed.

    The header is the address's own, else what RANKLADDER_KEY_HEADER says for an address that the user gives.

    Raises KeyRefused where a needed key is not set, cannot be a key, or would travel unencrypted to another machine.
    """
    for variable in address.keys:
        if secret := os.environ.get(variable, "").strip():
            break
    else:
        if address.key_required:
            raise KeyRefused(
                f"{address.name}: {' and '.join(address.keys)} "
                f"{'are' if len(address.keys) > 1 else 'is'} not set in the environment",
                hint=f"export {address.keys[0]}=… with a key from {address.service.title}; it is not stored",
            )
        return None
    if not (secret.isascii() and secret.isprintable()) or " " in secret:
        raise KeyRefused(f"{address.name}: {variable} holds spaces or characters that no key has", hint="copy it again")
    if not address.is_encrypted and not address.is_local:
        raise KeyRefused(
            f"{address.name}: the key in {variable} would travel unencrypted to {address.host}",
            hint=f"use https://, or unset {variable} if the server needs no key",
        )
    return Key(variable, secret, address.key_header or _header_by_environment(address))


def _header_by_environment(address: Address) -> str:
    wish = os.environ.get(KEY_HEADER, "").strip()
    if not wish or address.key_required:  # a service's own address takes what it always takes
        return BEARER
    return checked_header(wish, f"{address.name}: {KEY_HEADER}")
