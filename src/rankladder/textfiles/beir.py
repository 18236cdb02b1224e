"""BEIR folders: ``corpus.jsonl``, ``queries.jsonl`` and ``qrels/*.tsv``, each of which may end in .gz."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rankladder.errors import BadFile, PathMissing


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
            hint="it should hold corpus.jsonl, queries.jsonl (or .jsonl.gz) and qrels/*.tsv (or .tsv.gz)",
        )
    packed = {file.name.removesuffix(".tsv.gz"): file for file in sorted((folder / "qrels").glob("*.tsv.gz"))}
    qrels = packed | {file.stem: file for file in sorted((folder / "qrels").glob("*.tsv"))}
    return BeirFolder(corpus, queries, qrels)


def _packed_or_not(folder: Path, stem: str) -> Path | None:
    both = (folder / f"{stem}.jsonl", folder / f"{stem}.jsonl.gz")
    return next((path for path in both if os.path.isfile(path)), None)  # noqa: PTH113 — Path.is_file raises where it may not look
