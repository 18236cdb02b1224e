"""Where a tokenizer's work on a long text falls apart: pieces whose tokens, put together, are those of the whole.

A tokenizer takes 60 to 460 bytes for every character of a text while it works on it (docs/notes.md). A long text is
therefore handed over in pieces. A piece ends only where the steps before the model, which are local, end a word
whatever stands on the other side:

- between ``X`` and `` Y``, ASCII letters or digits around one blank: every normaliser of ``_NORMALISERS`` leaves these
  three as they are and looks no further, and every splitter of ``_SPLITTERS`` ends a word there;
- before a blank, an ASCII punctuation sign or a Chinese character, which BERT's splitter makes a word of its own;
- after an ASCII letter or digit before an ASCII sign, and between letters and digits, where the expressions of the
  byte-level tokenizers end a word.

An added token (``[MASK]``, runs of blanks) must not lie across the place: signs and neighbours that occur in one are
not used. A tokenizer with a step that is not listed here, or that tokenises the probes otherwise in pieces, gets whole
texts.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

PIECE = 8_192
"""Characters of a piece, and at most twice as many of a text that is not cut."""

_NORMALISERS = frozenset({"BertNormalizer", "Lowercase", "StripAccents", "NFC", "NFD", "NFKC", "NFKD"})
_WIDER_NORMALISERS = frozenset({"Precompiled", "Strip", "Replace"})  # of more than one character, never of X, blank, Y
_REPLACED = ({"String": " "}, {"Regex": " {2,}"}, {"Regex": "\\s+"})
_SPLITTERS = frozenset({"BertPreTokenizer", "ByteLevel", "Metaspace", "Whitespace", "WhitespaceSplit", "Split"})
_FURTHER_SPLITTERS = frozenset({"Punctuation", "Digits"})
_KNOWN_SPLITS = tuple(  # of GPT-4 and Llama 3, and of Qwen: they differ in how many digits make a word
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
    + digits
    + r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    for digits in (r"\p{N}{1,3}", r"\p{N}")
)
_BLANK = r"(?<=[A-Za-z0-9])(?= [A-Za-z0-9])"
_CHINESE = "\u3400-\u4dbf\u4e00-\u9fff"
_LETTERS = r"A-Za-z0-9\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02af\u0391-\u03a1\u03b1-\u03c9\u0410-\u044f"
_LONGEST_WORD = 1_024
_PROBES = (
    "The quick  brown fox, it's 42 e-mails\nand A1b2 c3.d4/e5+f6=\n\n x [MASK] y <s> z",
    "def f(x):\n\treturn x[0] + 'a'  # note \u00e9t\u00e9 \ufb01ne e\u0301 1 2 3",
    "\u4e2d\u6587\u8cc7\u6599\uff0c\u7b2c\u4e00 A \u4e2d 9 b\u3002...!!! \u0645\u0631\u062d \u0e44\u0e17\u0e22 a b",
    "a b c 1 2 3 I'll we've don't",
)


@dataclass(frozen=True, slots=True)
class Pieces:
    """The pieces of one text: ``texts``, each from character ``starts`` of the text on; ``gaps`` as in ``Cutter``."""

    texts: tuple[str, ...]
    starts: tuple[int, ...]
    gaps: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None

    def places(self, offsets: NDArray[np.int32]) -> NDArray[np.int32]:
        """Places in the shortened text as places in the text given."""
        if self.gaps is None:
            return offsets
        at, removed = self.gaps
        moved = np.concatenate([[0], np.cumsum(removed)])[np.searchsorted(at, offsets, side="right")]
        return np.asarray(offsets + moved, dtype=np.int32)


class Cutter:
    """Cuts texts for one tokenizer.

    ``places`` is where a text may be cut, None where nowhere. ``words`` finds words that are far longer than WordPiece
    reads, which are one unknown token at any length: only their beginning is handed over. ``keeps_offsets``
    says whether the places of tokens are those of the whole, too; ``blanks_part`` whether a text has as many tokens
    as its parts together, wherever it is parted at blanks.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.places: re.Pattern[str] | None = None
        self.words: re.Pattern[str] | None = None
        self.keeps_offsets = False
        self.blanks_part = _blanks_part(tokenizer)
        expression = _expression(tokenizer)
        if expression is None:
            return
        self.places = re.compile(expression)
        if _unknown_when_long(tokenizer):
            self.words = re.compile(f"[{_LETTERS}]{{{2 * _LONGEST_WORD},}}")
        same = [_same(tokenizer, self, probe) for probe in _PROBES]
        self.keeps_offsets = all(offsets for _, offsets in same)
        if not all(ids for ids, _ in same):
            self.places = self.words = None

    def pieces(self, text: str, *, length: int = PIECE) -> Pieces:
        """The pieces of a text, of about ``length`` characters, and longer where it cannot be cut."""
        if len(text) <= 2 * length or self.places is None:
            return Pieces((text,), (0,))
        gaps = None
        if self.words is not None and (long := [match.span() for match in self.words.finditer(text)]):
            text, gaps = _without(text, long)
        ends, start = [0], 0
        while len(text) - start > 2 * length:
            found = self.places.search(text, start + length)
            if found is None:
                break
            start = found.start()
            ends.append(start)
        ends.append(len(text))
        return Pieces(tuple(text[a:b] for a, b in pairwise(ends)), tuple(ends[:-1]), gaps)


def _without(text: str, long: Sequence[tuple[int, int]]) -> tuple[str, tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """The text without the ends of long words; where they stood in what is left, and how many characters they had."""
    kept, at, removed, last, gone = [], [], [], 0, 0
    for start, end in long:
        kept.append(text[last : start + _LONGEST_WORD])
        at.append(start + _LONGEST_WORD - gone)
        removed.append(end - start - _LONGEST_WORD)
        gone += removed[-1]
        last = end
    kept.append(text[last:])
    return "".join(kept), (np.array(at, dtype=np.int64), np.array(removed, dtype=np.int64))


def _expression(tokenizer: Tokenizer) -> str | None:
    """The places where a text may be cut for a tokenizer; None where a step of it is not known."""
    normalisers = list(_steps(tokenizer.normalizer, "normalizers"))
    splitters = list(_steps(tokenizer.pre_tokenizer, "pretokenizers"))
    local = all(step["type"] in _NORMALISERS for step in normalisers)
    if not (local or all(map(_is_known_normaliser, normalisers))) or not all(map(_is_known_splitter, splitters)):
        return None
    kinds = {step["type"] for step in splitters if step["type"] in _SPLITTERS and step.get("use_regex", True)}
    added = list(tokenizer.get_added_tokens_decoder().values())
    contents = [token.content.casefold() for token in added]
    if not kinds or any(re.search("[a-z0-9] [a-z0-9]", content) or content == " " for content in contents):
        return None
    if any(token.rstrip and token.content[-1:].isalnum() for token in added):
        return None
    places = [_BLANK]
    if local and not any(token.rstrip or token.single_word for token in added):
        if kinds == {"BertPreTokenizer"}:
            places += _around_signs(normalisers, contents)
            places += [r"(?<!\s)(?=[ \n\t])" if any(token.lstrip for token in added) else r"(?=[ \n\t])"]
        elif kinds <= {"ByteLevel", "Split"} and not any(step.get("add_prefix_space") for step in splitters):
            places += _after_words(contents)
    return "|".join(places)


def _blanks_part(tokenizer: Tokenizer) -> bool:
    """Whether blanks are no tokens and part words: then tokens of parts are those of the whole."""
    kinds = [step["type"] for step in _steps(tokenizer.pre_tokenizer, "pretokenizers")]
    local = all(step["type"] in _NORMALISERS for step in _steps(tokenizer.normalizer, "normalizers"))
    added = tokenizer.get_added_tokens_decoder().values()
    return kinds == ["BertPreTokenizer"] and local and not any(re.search(r"\s", token.content) for token in added)


def _around_signs(normalisers: Sequence[dict[str, Any]], contents: Sequence[str]) -> list[str]:
    signs = "".join(sign for sign in string.punctuation if not any(sign in one for one in contents))
    chinese = any(step.get("handle_chinese_chars") for step in normalisers)
    return [f"(?=[{re.escape(signs)}{_CHINESE if chinese else ''}])"]


def _after_words(contents: Sequence[str]) -> list[str]:
    signs = "".join(sign for sign in "\n" + string.punctuation if not any(sign in c for c in contents))
    inside = {pair for content in contents for pair in pairwise(content) if pair[0].isalnum() and pair[1].isalnum()}
    letters = [sign for sign in string.ascii_lowercase if not any(a == sign and b.isdigit() for a, b in inside)]
    figures = [sign for sign in string.digits if not any(a == sign and b.isalpha() for a, b in inside)]
    places = [f"(?<=[A-Za-z0-9])(?=[{re.escape(signs)}])"]
    if letters:
        places.append(f"(?<=[{''.join(letters)}{''.join(letters).upper()}])(?=[0-9])")
    if figures:
        places.append(f"(?<=[{''.join(figures)}])(?=[A-Za-z])")
    return places


def _steps(component: Any, inside: str) -> Iterator[dict[str, Any]]:
    """The settings of a component's steps in order, sequences opened."""
    return _opened([] if component is None else [json.loads(component.__getstate__())], inside)


def _opened(steps: Iterable[dict[str, Any]], inside: str) -> Iterator[dict[str, Any]]:
    for step in steps:
        if step["type"] == "Sequence":
            yield from _opened(step[inside], inside)
        else:
            yield step


def _is_known_normaliser(step: dict[str, Any]) -> bool:
    if step["type"] == "Replace":
        return step["pattern"] in _REPLACED
    return step["type"] in _NORMALISERS | _WIDER_NORMALISERS


def _is_known_splitter(step: dict[str, Any]) -> bool:
    match step["type"]:
        case "Metaspace":
            return bool(step.get("split", True))
        case "Split":
            known = step["pattern"].get("Regex") in _KNOWN_SPLITS
            return known and step["behavior"] == "Isolated" and not step["invert"]
        case kind:
            return kind in _SPLITTERS | _FURTHER_SPLITTERS


def _unknown_when_long(tokenizer: Tokenizer) -> bool:
    """Whether a word of letters and digits is one unknown token once it is long enough, with any content."""
    splitters = [step["type"] for step in _steps(tokenizer.pre_tokenizer, "pretokenizers")]
    most = getattr(tokenizer.model, "max_input_chars_per_word", None)
    letters = re.compile(f"[{_LETTERS}]*")
    return (
        type(tokenizer.model).__name__ == "WordPiece"
        and most is not None
        and most < _LONGEST_WORD
        and splitters == ["BertPreTokenizer"]
        and not any(letters.fullmatch(token.content) for token in tokenizer.get_added_tokens_decoder().values())
    )


def _same(tokenizer: Tokenizer, cutter: Cutter, text: str) -> tuple[bool, bool]:
    """Whether the ids, and the places, of a text in the smallest pieces are those of the whole."""
    pieces = cutter.pieces(text, length=1)
    whole = tokenizer.encode(text, add_special_tokens=False)
    parts = [tokenizer.encode(piece, add_special_tokens=False) for piece in pieces.texts]
    ids = [one for part in parts for one in part.ids]
    places = [(start + a, start + b) for part, start in zip(parts, pieces.starts, strict=True) for a, b in part.offsets]
    return ids == whole.ids, places == whole.offsets
