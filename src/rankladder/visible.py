"""Text that is shown as it is, and cannot steer a terminal."""

from __future__ import annotations

import re

_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ud800-\udfff]")
"""Control characters but tab and line end, what turns the direction of writing, other line ends, lone surrogates."""


def visible(text: str) -> str:
    r"""The text with each character that steers a terminal written as its escape; tabs and line ends stay.

    Names, texts and messages come from files and services that nobody here wrote: an escape sequence among them could
    colour, hide or rewrite text on the screen, and a direction mark could turn a name around.

    >>> print(visible("red\x1b[31m \u202etxt.exe"))
    red\x1b[31m \u202etxt.exe
    """
    return _STEERING.sub(_escape, text)


def visible_in_place(text: str) -> str:
    r"""The text with those characters replaced by one sign each, so that places in it stay places.

    >>> visible_in_place("a\x1bb")
    'a\ufffdb'
    """
    return _STEERING.sub("\ufffd", text)


def visible_in_json(text: str) -> str:
    r"""JSON that was written without them being escaped, with them escaped: the same data, and safe on a terminal."""
    return _STEERING.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
