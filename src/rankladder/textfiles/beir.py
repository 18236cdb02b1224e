"""BEIR folders: ``corpus.jsonl``, ``queries.jsonl`` and ``qrels/*.tsv``; each may end in .gz, judgements in more."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rankladder.arguments import checked
from rankladder.errors import BadFile, PathMissing

QRELS_ENDINGS = (".tsv", ".csv", ".jsonl", ".json", ".txt", ".qrels", ".qrel", ".trec")
"""Judgements are looked for under these."""


@dataclass(frozen=True, slots=True)
class BeirFolder:
    """Where the parts of a BEIR folder lie; ``qrels`` by the name of their split (``test``, ``dev`` …).

    Source: https://github.com/beir-cellar/beir (the layout of its data sets).
    """

    corpus: Path
    queries: Path
    qrels: Mapping[str, Path]


def is_beir_folder(path: Path) -> bool:
    """Whether a folder holds a corpus with queries or judgements beside it."""
    beside = _packed_or_not(path, "queries") is not None or os.path.isdir(path / "qrels")  # noqa: PTH112
    return beside and _packed_or_not(path, "corpus") is not None


def beir_corpus(folder: Path) -> Path:
    """The corpus of a BEIR folder: the one that is not packed, where it holds both."""
    return _packed_or_not(folder, "corpus") or folder / "corpus.jsonl"


@checked
def beir_folder(path: str | Path) -> BeirFolder:
    """The parts of a BEIR folder. Raises PathMissing for no folder, BadFile naming a part that is not there."""
    folder = Path(path)
    if not folder.is_dir():
        raise PathMissing(f"no folder at {folder}")
    corpus, queries = _packed_or_not(folder, "corpus"), _packed_or_not(folder, "queries")
    if corpus is None or queries is None:
        missing = "corpus.jsonl" if corpus is None else "queries.jsonl"
        raise BadFile(
            f"{folder}: not a BEIR folder: no {missing}",
            hint="it should hold corpus.jsonl, queries.jsonl (or .jsonl.gz) and qrels/test.tsv",
        )
    return BeirFolder(corpus, queries, _splits(folder / "qrels"))


def _splits(folder: Path) -> dict[str, Path]:
    """The judgements in a folder by the name of their split: ``.tsv`` before other endings, unpacked before packed."""
    found: dict[str, Path] = {}
    for ending in (f"{suffix}{packed}" for suffix in QRELS_ENDINGS for packed in ("", ".gz")):
        for file in sorted(folder.glob(f"*{ending}")):
            found.setdefault(file.name.removesuffix(ending), file)
    return dict(sorted(found.items()))


def _packed_or_not(folder: Path, stem: str) -> Path | None:
    both = (folder / f"{stem}.jsonl", folder / f"{stem}.jsonl.gz")
    return next((path for path in both if os.path.isfile(path)), None)  # noqa: PTH113 — Path.is_file raises where it may not look
