"""Ids that a TREC file can hold: columns are parted by white space."""

from __future__ import annotations

import re

from rankladder.errors import BadInput

_UNWRITABLE = re.compile(r"[ \t\r\n\v\f]|\A\ufeff|\A#+\Z|[\ud800-\udfff]")


def check_writable(text: str, what: str) -> None:
    """Raises BadInput for an id or a name that would not read back: empty, with white space, or of # alone."""
    if not text or _UNWRITABLE.search(text):
        raise BadInput(
            f"{what} cannot be written to a TREC file: {text!r}",
            hint="it needs at least one character other than #, and no white space",
        )
