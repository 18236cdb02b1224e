"""English-looking text of a wanted length, the same on every machine for a seed. It needs no data file."""

from __future__ import annotations

import random
from itertools import accumulate

_TEXT = """
the of and to in a is that for it was on as with be by at from are this not have or which an had they his but one were
all their there been has when who will more if out so said what up its about than into them can only other new some
could time these two may then do first any my now such like our over me even most made after also did many before must
through back years where much your way well down should because each just those people how too little state good very
make world still own see men work long get here between both life being under never day same another know while last
might us great old year off come since against go came right used take three water rain cloud light sky blue red planet
surface iron commit branch change stage market company founded city score query document model reader search engine
answer question order bread yeast sugar program machine number river mountain island coast bridge railway station
village church school university library museum theatre music album song singer film actor director novel author poet
painter season player team league champion match record government election president minister parliament court law
army battle war treaty king queen empire century population language region province island species animal plant forest
tree flower bird fish cell protein energy temperature pressure metal acid carbon oxygen hydrogen experiment theory
measurement distance velocity gravity orbit telescope satellite software network keyboard database algorithm memory
processor interface configuration authentication certificate installation documentation compatibility infrastructure
"""

_WORDS = _TEXT.split()
"""Commonest first: a word's chance falls with its place, as Zipf has it."""

_CHANCES = list(accumulate(1 / (place + 3) for place in range(len(_WORDS))))

QUERY_WORDS = 9
"""Of a Natural Questions query, on average (Kwiatkowski et al. 2019: questions have 9 tokens on average)."""


def sentences(words: int, draw: random.Random) -> str:
    """Exactly ``words`` words in sentences of 6 to 24.

    >>> sentences(3, random.Random(0)).count(" ")
    2
    """
    drawn = draw.choices(_WORDS, cum_weights=_CHANCES, k=words)
    text, place = [], 0
    while place < words:
        sentence = drawn[place : place + draw.randint(6, 24)]
        place += len(sentence)
        text.append(" ".join(sentence).capitalize() + ".")
    return " ".join(text)


def question(draw: random.Random) -> str:
    """A query of 5 to 13 words."""
    words = draw.randint(2 * QUERY_WORDS - 13, 13)
    return " ".join(draw.choices(_WORDS, cum_weights=_CHANCES, k=words))
