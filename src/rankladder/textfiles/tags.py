"""Tags and comments out of text, for what no parser closes."""

from __future__ import annotations


def untagged(text: str) -> str:
    """The text without tags and comments; an unclosed one is left unchanged.

    One pass for any text: a regular expression looks for the end of every ``<`` again (20,000 times
    ``<!-- `` took it 20 s).

    >>> untagged("a<b c='d'>e</b><!-- <f> -->g <h")
    'aeg <h'
    """
    last_comment = text.rfind("-->")
    kept: list[str] = []
    place = 0
    while (start := text.find("<", place)) >= 0:
        if text.startswith("<!--", start) and last_comment >= start + 4:
            end = text.find("-->", start + 4) + 3
        else:
            end = text.find(">", start) + 1
        if not end:
            break
        kept.append(text[place:start])
        place = end
    kept.append(text[place:])
    return "".join(kept)
