"""Which form a file has by its name, and what the caller says of files whose names do not tell."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from rankladder.errors import BadOption
from rankladder.textfiles.bytestream import endings
from rankladder.textfiles.manual import begins_as_manual
from rankladder.textfiles.trec_documents import begins_with_doc

Kind = Literal[
    "text", "markdown", "mdx", "rst", "asciidoc", "org", "html", "man", "notebook", "code", "log",
    "jsonl", "json", "csv", "trec", "pdf", "docx",
]  # fmt: skip
FORMS: tuple[Kind, ...] = get_args(Kind)
RECORDS = frozenset[Kind](("jsonl", "json", "csv"))
"""Forms in which a record is a document, with keys for its text, title and id."""

PROSE = frozenset[Kind](FORMS) - RECORDS - {"trec"}
"""Forms in which a passage is a document, not a record."""

_SUFFIXES: dict[Kind, str] = {
    "markdown": ".md .markdown .mdown .mkd .mkdn .mdwn .qmd .rmd",
    "mdx": ".mdx",
    "text": ".txt .text",
    "rst": ".rst .rest",
    "asciidoc": ".adoc .asciidoc",
    "org": ".org",
    "html": ".html .htm .xhtml",
    "notebook": ".ipynb",
    "jsonl": ".jsonl .ndjson .jsonlines",
    "json": ".json",
    "csv": ".csv .tsv",
    "log": ".log .yaml .yml .toml .ini .cfg .conf .properties",
    "code": ".py .pyi .js .mjs .cjs .jsx .ts .tsx .java .kt .kts .scala .c .h .cc .cpp .cxx .hpp .hh .cs .go .rs "
    ".swift .rb .php .pl .pm .lua .r .jl .dart .sh .bash .zsh .fish .ps1 .sql .hs .ml .ex .exs .erl .clj .el .lisp .tf "
    ".proto .graphql .cmake .mk",
    "man": ".1 .2 .3 .4 .5 .6 .7 .8",
    "pdf": ".pdf",
    "docx": ".docx",
}
KINDS: dict[str, Kind] = {suffix: kind for kind, suffixes in _SUFFIXES.items() for suffix in suffixes.split()}
"""How a file is read, by the end of its name; ``.gz`` may follow, but for PDF and docx. Plain text that begins with
``<DOC>`` is read as TREC documents, and a suffix of one digit must hold a manual page.
"""

IN_WORDS = (
    "Markdown, text, HTML, reStructuredText, AsciiDoc, Org, notebooks, manual pages, source code, logs and settings, "
    "JSON, JSON Lines, CSV, TSV, TREC documents, PDF and docx are read by their names"
)

TREC_SUFFIXES = (".trec", ".sgml", ".sgm", ".xml", "")
"""Ends of names that are read only as TREC documents: such a file must begin with ``<DOC>``. The empty one
is for a name that ends in ``.gz`` alone.
"""

_PROSE = (
    "readme|licen[cs]e|copying|copyright|changelog|changes|history|news|releases?|authors|contributors|contributing|"
    "credits|maintainers|notice|thanks|todo|install|hacking|bugs|faq|roadmap|security|support|upgrading|code_of_conduct"
)
_PROSE_NAMES = re.compile(rf"(?i:{_PROSE})|(?:{_PROSE.upper()})[-_.].*")  # README, LICENSE.MIT
_CODE_NAMES = re.compile(
    r"(?:gnu)?makefile(?:\..*)?|(?:docker|container)file(?:\..*)?|(?:vagrant|jenkins|rake|gem|proc|just)file|"
    r"codeowners|cmakelists\.txt",
    re.IGNORECASE,
)
_PACKED_WHOLE = frozenset[Kind](("pdf", "docx"))


@dataclass(frozen=True, slots=True)
class ReadAs:
    """What the caller says of the files: the form of those whose names do not tell it, and of every file that is named
    outright; and which key of a record holds its text, title and id (``a.b`` for a key inside another).

    None leaves each to the names that are known. Raises BadOption for a form that is not one of ``FORMS``, and for an
    empty key.
    """

    form: Kind | None = None
    text_key: str | None = None
    title_key: str | None = None
    id_key: str | None = None

    def __post_init__(self) -> None:
        if self.form is not None and self.form not in FORMS:
            raise BadOption(f"unknown form {self.form!r}", hint=f"one of {', '.join(FORMS)}")
        for option in ("text_key", "title_key", "id_key"):
            key = getattr(self, option)
            if key is not None and (not isinstance(key, str) or not key.strip()):
                raise BadOption(f"{option} should name a key, got {key!r}")

    @property
    def keys(self) -> dict[str, str]:
        """The keys that were given, by the name of their option."""
        given = {"text_key": self.text_key, "title_key": self.title_key, "id_key": self.id_key}
        return {option: key for option, key in given.items() if key is not None}

    @property
    def written(self) -> str:
        """What was given, as text; ``""`` where nothing was."""
        form = {} if self.form is None else {"form": self.form}
        return json.dumps({**form, **self.keys}) if form or self.keys else ""


AS_NAMED = ReadAs()


def kind_of(path: Path, form: Kind | None = None) -> Kind | None:
    """How a file is read: by its suffix, by a name like README where it has none, else as ``form``; None where nothing
    tells, for SGML that is not TREC documents, and for a suffix of one digit without a manual page.

    >>> kind_of(Path("corpus.jsonl.gz")), kind_of(Path("README.MD")), kind_of(Path("photo.jpg"))
    ('jsonl', 'markdown', None)
    """
    suffix = suffix_of(path)
    packed = suffix.endswith(".gz")
    inner = suffix.removesuffix(".gz")
    if inner in TREC_SUFFIXES and (inner or packed):
        begins = begins_with_doc(path)
        return form if begins is False else "trec"  # what cannot be read is named where it is read
    if _CODE_NAMES.fullmatch(path.name):
        return "code"
    kind = KINDS.get(inner)
    if kind == "man" and not begins_as_manual(path):
        kind = None
    if kind is not None and not (packed and kind in _PACKED_WHOLE):
        return kind
    return "text" if _PROSE_NAMES.fullmatch(path.name.removesuffix(".gz")) else form


def suffix_of(path: Path) -> str:
    """The end of a file's name that tells its form, in small letters: ``.jsonl``, ``.jsonl.gz``, ``""``."""
    suffixes = endings(path)
    return "".join(suffixes if suffixes[-1:] == [".gz"] else suffixes[-1:])
