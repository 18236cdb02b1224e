"""English words that tell nothing of what a question is about: found in every text, so not worth marking in one."""

from __future__ import annotations

import re

_LIST = """
a about above after again against all am an and any are as at be because been before being below between both but by
can could did do does doing down during each few for from further had has have having he her here hers him his how i if
in into is it its itself just me more most my myself no nor not of off on once only or other our out over own same she
should so some such than that the their them then there these they this those through to too under until up very was we
were what when where which while who whom why will with would you your
"""
STOP_WORDS = frozenset(_LIST.split())
"""Source: Snowball's English stop list, without its contractions."""

_WORD = re.compile(r"\w+")


def content_words(text: str) -> str:
    """The words of a text that are not stop words, parted by blanks; the text itself where there is no other word.

    >>> content_words("How do I undo the last commit?"), content_words("to be or not to be")
    ('undo last commit', 'to be or not to be')
    """
    words = [word for word in _WORD.findall(text) if word.lower() not in STOP_WORDS]
    return " ".join(words) or text
