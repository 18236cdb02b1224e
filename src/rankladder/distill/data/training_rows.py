"""The rows that a student is trained on, memory-mapped: sampled here, or scored by somebody else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rankladder.distill.data.prescored import COLUMNS, name_full_disk, scored_rows, typed
from rankladder.distill.data.questions import questions_of
from rankladder.distill.recipe.tables import Recipe
from rankladder.distill.stage import Made
from rankladder.errors import BadInput
from rankladder.storage import path_digest

if TYPE_CHECKING:
    from datasets import Dataset

HELD_OUT = 0.01
HELD_OUT_MOST = 5000
"""About so many rows are held out at most, as in the Ettin release."""
_BLOCK = 10_000


def training_rows(recipe: Recipe, work: Path, sampled: Made | None) -> tuple[Dataset, Dataset]:
    """Rows of query, document, score and positive: those to train on, and those held out (whole queries, by a digest of
    their text, so that they stay the same when others come and go).

    Raises BadInput where nothing is left to train on; BadFile for scored rows that cannot be read, that lack one of
    these columns or a value, or have a score that is not finite; StorageFailed where the disk is full.
    """
    from datasets import concatenate_datasets

    cache = work / "rows"
    parts = [scored_rows(one, cache) for one in recipe.data if one.scored]
    if sampled is not None and sampled.rows:
        files = [file for file, part in zip(sampled.files(), sampled.parts, strict=True) if part.rows]
        parts.append(_parquet(files, cache))
    rows = concatenate_datasets(parts) if parts else ()
    if not len(rows):
        raise BadInput(f"recipe {recipe.name}: no rows to train on")
    apart = _held_out(rows)
    if apart.all():
        raise BadInput(f"recipe {recipe.name}: {len(rows)} rows of one query are too few to train on")
    return _where(rows, ~apart), _where(rows, apart)


def trained_on(rows: Iterable[Dataset]) -> Iterator[str]:
    """The queries of rows; a query on neighbouring rows once."""
    last = None
    for part in rows:
        for (query,) in _zipped(part, "query"):
            if query != last:
                last = query
                yield query


def asked_in_training(recipe: Recipe, work: Path) -> Iterator[str]:
    """The queries of a recipe's data: its questions, and those of rows that were scored already."""
    for questions in questions_of(recipe).values():
        for question in questions:
            yield question.text
    yield from trained_on(scored_rows(one, work / "rows") for one in recipe.data if one.scored)


def has_positives(rows: Dataset) -> bool:
    """Whether any row is a known positive."""
    return any(known for (known,) in _zipped(rows, "positive"))


def rows_digest(recipe: Recipe, sampled: Made | None) -> str:
    """Says which rows these are."""
    parts = [sampled.digest if sampled is not None else ""]
    for one in recipe.data:
        if one.scored:
            parts.append(one.scored if one.scored.startswith("hf:") else path_digest(one.scored))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def as_pairs(rows: Dataset, *, scores_only: bool) -> Dataset:
    """Rows as the trainer takes them: query, document and label: the score, or score and 0/1 for a positive."""
    if scores_only:
        return rows.select_columns(["query", "document", "score"]).rename_column("score", "label")
    labels = [[float(score), float(known)] for score, known in _zipped(rows, "score", "positive")]
    return rows.select_columns(["query", "document"]).add_column("label", labels)


def as_lists(rows: Dataset) -> Dataset:
    """Rows joined by query: its candidates, and for each the score and 0/1 for a positive."""
    from datasets import Dataset

    texts: dict[str, list[str]] = {}
    labels: dict[str, list[list[float]]] = {}
    for query, document, score, known in _zipped(rows, *COLUMNS):
        texts.setdefault(query, []).append(document)
        labels.setdefault(query, []).append([float(score), float(known)])
    return Dataset.from_dict({"query": list(texts), "document": list(texts.values()), "label": list(labels.values())})


def _parquet(files: Sequence[Path], cache: Path) -> Dataset:
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError

    paths = [str(file) for file in files]
    try:
        return typed(load_dataset("parquet", data_files=paths, split="train", cache_dir=str(cache)))
    except (DatasetsError, OSError) as error:
        name_full_disk(error, cache)
        raise


def _held_out(rows: Dataset) -> NDArray[np.bool_]:
    """Which rows are held out (N,): about one query in a hundred, or ``HELD_OUT_MOST`` rows; the last query where that
    is none. It depends on a query's text alone, so a query is never divided.
    """
    most = min(HELD_OUT, HELD_OUT_MOST / len(rows))
    apart = np.zeros(len(rows), dtype=bool)
    held, last = False, None
    for place, (query,) in enumerate(_zipped(rows, "query")):
        if query != last:
            held, last = _share(query) < most, query
        apart[place] = held
    if not apart.any():
        apart[:] = [query == last for (query,) in _zipped(rows, "query")]
    return apart


def _where(rows: Dataset, wanted: NDArray[np.bool_]) -> Dataset:
    """The rows that are wanted (N,), in order, as slices of the file: rows picked one by one are slow to read."""
    from datasets import concatenate_datasets

    ends = np.flatnonzero(np.diff(wanted, prepend=False, append=False)).tolist()
    return concatenate_datasets(
        [rows.select(range(start, end)) for start, end in zip(ends[::2], ends[1::2], strict=True)]
    )


def _zipped(rows: Dataset, *columns: str) -> Iterator[tuple[Any, ...]]:
    """The rows' values, read a block at a time; other columns are not decoded."""
    read = rows.select_columns(list(columns))
    for start in range(0, len(read), _BLOCK):
        block = read[start : start + _BLOCK]
        yield from zip(*(block[name] for name in columns), strict=True)


def _share(query: str) -> float:
    """A number in 0 … 1 that a text always has."""
    return int.from_bytes(hashlib.sha256(query.encode()).digest()[:6], "big") / 2**48
