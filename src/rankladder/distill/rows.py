"""The rows that a student is trained on, memory-mapped: sampled here, or scored by somebody else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rankladder.distill.mine import path_digest
from rankladder.distill.recipe import Data, Recipe
from rankladder.distill.stage import Made
from rankladder.errors import BadFile, BadInput

if TYPE_CHECKING:
    from datasets import Dataset

HELD_OUT = 0.01
HELD_OUT_MOST = 5000  # rows, as in the Ettin release
_BLOCK = 10_000
_COLUMNS = ("query", "document", "score", "positive")


def training_rows(recipe: Recipe, work: Path, sampled: Made | None) -> tuple[Dataset, Dataset]:
    """Rows of query, document, score and positive: those to train on, and those held out (whole queries, by a digest of
    their text, so that they stay the same when others come and go).

    Raises BadInput where nothing is left to train on, and BadFile for scored rows without these columns, or with a
    score that is not finite.
    """
    from datasets import concatenate_datasets

    cache = work / "rows"
    parts = [_scored(one, cache) for one in recipe.data if one.scored]
    if sampled is not None and sampled.rows:
        for _ in sampled.tables():
            pass  # each part is checked against its digest
        parts.append(_parquet([str(sampled.folder / f"{part.name}.parquet") for part in sampled.parts], cache))
    if not parts:
        raise BadInput(f"recipe {recipe.name}: no rows to train on")
    rows = concatenate_datasets(parts)
    apart = _held_out(rows)
    if apart.all():
        raise BadInput(f"recipe {recipe.name}: {len(rows)} rows of one query are too few to train on")
    return rows.select(np.flatnonzero(~apart)), rows.select(np.flatnonzero(apart))


def trained_on(rows: Iterable[Dataset]) -> Iterator[str]:
    """The queries of rows; one that stands on neighbouring rows once."""
    last = None
    for part in rows:
        for (query,) in _zipped(part, "query"):
            if query != last:
                last = query
                yield query


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
    for query, document, score, known in _zipped(rows, *_COLUMNS):
        texts.setdefault(query, []).append(document)
        labels.setdefault(query, []).append([float(score), float(known)])
    return Dataset.from_dict({"query": list(texts), "document": list(texts.values()), "label": list(labels.values())})


def _parquet(files: Sequence[str], cache: Path) -> Dataset:
    from datasets import load_dataset

    found = load_dataset("parquet", data_files=list(files), split="train", cache_dir=str(cache))
    return _typed(found)


def _scored(data: Data, cache: Path) -> Dataset:
    from datasets import concatenate_datasets, load_dataset

    assert data.scored is not None
    if data.scored.startswith("hf:"):
        hub_id, _, revision = data.scored.removeprefix("hf:").partition("@")
        splits = load_dataset(hub_id, revision=revision or None, cache_dir=str(cache))
        found = concatenate_datasets([splits[name] for name in splits])
    else:
        kind = "parquet" if data.scored.endswith(".parquet") or Path(data.scored).is_dir() else "json"
        where = f"{data.scored}/*.parquet" if Path(data.scored).is_dir() else data.scored
        found = load_dataset(kind, data_files=where, split="train", cache_dir=str(cache))
    if missing := [name for name in ("query", "document", "score") if name not in found.column_names]:
        raise BadFile(
            f"data {data.name}: {data.scored}: no column {', '.join(missing)}, found {', '.join(found.column_names)}",
            hint="scored rows have query, document and score",
        )
    if "positive" not in found.column_names:
        found = found.add_column("positive", np.zeros(len(found), dtype=bool))
    found = _typed(found)
    for start in range(0, len(found), _BLOCK):
        scores = np.array(found[start : start + _BLOCK]["score"], dtype=np.float32)
        if not np.isfinite(scores).all():
            place = start + int(np.flatnonzero(~np.isfinite(scores))[0])
            raise BadFile(f"data {data.name}: row {place:,} has the score {scores[place - start]}")
    return found


def _typed(rows: Dataset) -> Dataset:
    from datasets import Features, Value

    kinds = {"query": "string", "document": "string", "score": "float32", "positive": "bool"}
    return rows.select_columns(list(_COLUMNS)).cast(Features({name: Value(kind) for name, kind in kinds.items()}))


def _held_out(rows: Dataset) -> NDArray[np.bool_]:
    """Which rows are held out (N,): about one query in a hundred; the last query where that is none."""
    apart = np.zeros(len(rows), dtype=bool)
    count, last = 0, ""
    for place, (query,) in enumerate(_zipped(rows, "query")):
        if _share(query) < HELD_OUT and count < HELD_OUT_MOST:
            apart[place] = True
            count += 1
        last = query
    if not count:
        apart[:] = [query == last for (query,) in _zipped(rows, "query")]
    return apart


def _zipped(rows: Dataset, *columns: str) -> Iterator[tuple[Any, ...]]:
    """The rows' values, read a block at a time."""
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        yield from zip(*(block[name] for name in columns), strict=True)


def _share(query: str) -> float:
    """A number in 0 … 1 that a text always has."""
    return int.from_bytes(hashlib.sha256(query.encode()).digest()[:6], "big") / 2**48
