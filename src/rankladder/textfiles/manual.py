"""Manual pages (troff's man and mdoc) into blocks, line by line."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

from rankladder.textfiles.bytestream import open_bytes
from rankladder.textfiles.outline import Outline
from rankladder.textfiles.passages import Page

_HEAD = 16_384  # pod2man writes 130 lines of definitions before the title
_ESCAPE = re.compile(
    r"\\(?:f(?:\[[^\]]*\]|\(..|.)|s[-+]?\d+|[mMFkn](?:\[[^\]]*\]|\(..|.)|\*(?:\[([^\]]*)\]|\((..)|(.))|"
    r"\((..)|\[([^\]]*)\]|[hvwdulo]'[^']*'|\"(.*)|(.))",
    re.DOTALL,
)
_SIGNS = {
    "aq": "'", "dq": '"', "lq": "“", "rq": "”", "oq": "‘", "cq": "’", "em": "—", "en": "–", "hy": "-", "mi": "-",
    "bu": "•", "co": "©", "rs": "\\", "ha": "^", "ti": "~", "ga": "`", "bv": "|", "ba": "|", "Lq": "“", "Rq": "”",
    "R": "®", "Tm": "™", "->": "→", "<-": "←", "<=": "≤", ">=": "≥", "mu": "×", "de": "°", "lB": "[", "rB": "]",
}  # fmt: skip
_LITERAL = {"e": "\\", "-": "-", " ": " ", "~": " ", "0": " ", ".": ".", "'": "'", "`": "`", "\\": "\\"}
_BREAKS = frozenset((
    "PP", "P", "LP", "IP", "TP", "TQ", "HP", "RS", "RE", "sp", "br", "Pp", "It", "Bl", "El", "Bd", "Ed", "SY",
    "YS", "nf", "fi", "EX", "EE",
))  # fmt: skip
_OF_TEXT = frozenset(["B", "I", "R", "BI", "BR", "IB", "IR", "RB", "RI", "SM", "SB"])
_OF_MDOC = frozenset((
    "Nm", "Fl", "Ar", "Op", "Oo", "Oc", "Cm", "Ic", "Pa", "Ev", "Va", "Vt", "Fn", "Fa", "Ft", "Fo", "Fc", "Fd",
    "In", "Dv", "Er", "Em", "Sy", "Li", "Ql", "Dq", "Sq", "Pq", "Bq", "Aq", "Qq", "Ns", "Xr", "Nd", "No", "Sx",
    "Ad", "An", "Lk", "Mt", "Ms", "Tn", "Ux", "Bx", "At", "Cd", "Dl", "D1", "Brq", "Eo", "Ec", "Qo", "Qc", "Do",
    "Dc", "So", "Sc", "Po", "Pc", "Bo", "Bc", "Ao", "Ac", "Xo", "Xc", "St", "Rv", "Ex", "Lb",
))  # fmt: skip


def begins_as_manual(path: Path) -> bool:
    """Whether the first lines of a file are troff requests, one with the title of a manual page."""
    try:
        with open_bytes(path) as stream:
            head = stream.read(_HEAD)
    except (OSError, EOFError, zlib.error):
        return False
    for line in head.split(b"\n"):
        if re.match(rb"[.'][ \t]*(?:TH|Dd)\s", line):
            return True
        if line.strip() and line[:1] not in {b".", b"'", b"\\"}:
            return False
    return False


def manual_page(text: str) -> Page:
    """The page that a manual page is: its name and section for a title, ``.SH`` and ``.SS`` as headings, text without
    fonts and other marks. Text between ``.nf`` and ``.fi`` is code.
    """
    reader = _Reader()
    for number, line in enumerate(text.split("\n"), 1):
        reader.line(line, number)
    reader.flush()
    return reader.outline.page()


class _Reader:
    def __init__(self) -> None:
        self.outline = Outline()
        self._held: list[str] = []
        self._first = self._last = 0
        self._code = False
        self._heading = 0  # a heading with its words on the next line

    def line(self, line: str, number: int) -> None:
        request, rest = _request(line)
        if request in {"TH", "Dt"}:
            words = _words(rest)
            self.outline.title = f"{words[0].lower()}({words[1]})" if len(words) > 1 else " ".join(words)
        elif request in {"SH", "SS", "Sh", "Ss"}:
            self.flush()
            self._heading = 1 + (request[1] in "Ss" and request.upper() == "SS")
            if rest.strip():
                self._open(" ".join(_words(rest)), number)
        elif request in _BREAKS:
            self.flush()
            self._code = request in {"nf", "EX"} or (request == "Bd" and "literal" in rest) or (
                self._code and request not in {"fi", "EE", "Ed"}
            )  # fmt: skip
            if request in {"IP", "It", "HP"} and rest.strip():
                self._text(" ".join(_words(rest)[:1] if request == "IP" else _words(rest)), number)
        elif request in _OF_TEXT or request in _OF_MDOC:
            joint = "" if len(request) == 2 and request in _OF_TEXT and request != "SM" else " "
            words = _words(rest)
            self._text(joint.join(words) if request in _OF_TEXT else " ".join(words), number)
        elif not request:
            self._text(line, number)

    def _open(self, words: str, number: int) -> None:
        self.outline.heading(self._heading, _plain(words), number)
        self._heading = 0

    def _text(self, line: str, number: int) -> None:
        if self._heading and line.strip():
            self._open(line, number)
            return
        words = _plain(line)
        if not words.strip():
            if not self._code:
                self.flush()
            return
        self._first = self._first or number
        self._last = number
        self._held.append(words if self._code else words.strip())

    def flush(self) -> None:
        """Ends the block that is open."""
        if self._held:
            self.outline.block("\n".join(self._held), self._first, self._last, is_code=self._code)
        self._held = []
        self._first = self._last = 0


def _request(line: str) -> tuple[str, str]:
    r"""The request of a line and what follows it; ``""`` for a line of text, ``\`` for a comment."""
    if line[:1] not in {".", "'"} or (line[:1] == "'" and line[1:3] not in _BREAKS):
        return "", line
    name, _, rest = line[1:].strip().partition(" ")
    return (name or "\\"), rest


def _words(rest: str) -> list[str]:
    """The arguments of a request: cut at spaces, but for those in quotes."""
    return [quoted or plain for quoted, plain in re.findall(r'"((?:[^"]|"")*)"?|(\S+)', rest) if quoted or plain]


def _plain(line: str) -> str:
    def sign(found: re.Match[str]) -> str:
        name = found[4] or found[5]
        if name:
            return _SIGNS.get(name, "" if len(name) > 3 else name[:1])
        return "" if found[6] is not None else _LITERAL.get(found[7] or "", "")

    return _ESCAPE.sub(sign, line)
