"""Rows that somebody else scored: from the hub, Parquet or JSON Lines, checked before they are learnt from."""

from __future__ import annotations

import errno
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rankladder.checkpoint.hub import network_errors
from rankladder.distill.recipe.tables import Data
from rankladder.errors import BadFile, NotFound, StorageFailed, Unavailable

if TYPE_CHECKING:
    from datasets import Dataset

COLUMNS = ("query", "document", "score", "positive")
"""Of every row that is trained on."""
_BLOCK = 10_000
_SCORED = {
    "query": ("string", "large_string"),
    "document": ("string", "large_string"),
    "score": ("float", "int", "uint"),
}
"""What rows that somebody else scored must have, and how the names of each column's types begin."""
_BY_HAND = "download the Parquet files of the rows and name their folder"
_UNREADABLE = (ValueError, TypeError, RuntimeError)
"""What the library raises, beside its own errors, for files that are not as they should be."""


def scored_rows(data: Data, cache: Path) -> Dataset:
    """A data table's scored rows, memory-mapped: query, document, score and positive (false where none says so).

    Raises BadFile for a column that is missing or of another type, for a value that is missing and for a score that is
    not finite; NotFound, Unavailable and StorageFailed.
    """
    assert data.scored is not None
    found = _from_hub(data, cache) if data.scored.startswith("hf:") else _from_files(data, cache)
    if missing := [name for name in _SCORED if name not in found.column_names]:
        raise BadFile(
            f"data {data.name}: {data.scored}: no column {', '.join(missing)}, found {', '.join(found.column_names)}",
            hint="scored rows have query, document and score",
        )
    for name, kinds in _SCORED.items():
        kind = str(getattr(found.features[name], "dtype", "list"))
        if not kind.startswith(kinds):
            raise BadFile(f"data {data.name}: {data.scored}: {name}: expected {kinds[0]}, found {kind}")
    kind = str(getattr(found.features.get("positive"), "dtype", "bool" if "positive" not in found.features else "list"))
    if not kind.startswith(("bool", "int", "uint")):
        raise BadFile(
            f"data {data.name}: {data.scored}: positive: expected bool, found {kind}",
            hint="in scored rows it says whether the document is a known answer",
        )
    if "positive" not in found.column_names:
        found = found.add_column("positive", np.zeros(len(found), dtype=bool))
    _check_values(found := typed(found), data)
    return found


def _from_hub(data: Data, cache: Path) -> Dataset:
    """The rows of a data set of the hub, all splits joined. Raises NotFound, Unavailable, BadFile or StorageFailed."""
    from datasets import concatenate_datasets, load_dataset
    from datasets.exceptions import DatasetsError

    where = f"data {data.name}: {data.scored}"
    hub_id, revision = _hub_id(data)
    try:
        splits = load_dataset(hub_id, revision=revision, cache_dir=str(cache))
        return concatenate_datasets([splits[name] for name in splits])
    except FileNotFoundError as error:
        hint = "check OWNER/NAME and the revision; a private or gated one needs hf auth login"
        raise NotFound(f"{where}: the hub has no such data set: {_said(error)}", hint=hint) from error
    except (DatasetsError, *_UNREADABLE) as error:  # as where it has several configurations
        name_full_disk(error, cache)
        raise BadFile(f"{where}: cannot be read: {_said(error)}", hint=_BY_HAND) from error
    except network_errors() as error:
        name_full_disk(error, cache)
        hint = f"check the network, or {_BY_HAND}"
        raise Unavailable(f"{where}: the hub cannot be reached: {_said(error)}", hint=hint) from error


def _hub_id(data: Data) -> tuple[str, str | None]:
    """The id and the revision of a data set of the hub."""
    hub_id, _, revision = str(data.scored).removeprefix("hf:").partition("@")
    return hub_id, revision or None


def _from_files(data: Data, cache: Path) -> Dataset:
    """The rows of a Parquet or JSON Lines file, or of a folder of Parquet. Raises BadFile, or StorageFailed."""
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError

    kind, files = _files_of(data)
    try:
        return load_dataset(kind, data_files=files, split="train", cache_dir=str(cache))
    except (DatasetsError, ValueError, TypeError) as error:  # Arrow's own are ValueErrors
        name_full_disk(error, cache)
        shown = {"parquet": "Parquet", "json": "JSON Lines"}[kind]
        raise BadFile(f"data {data.name}: {data.scored}: cannot be read as {shown}: {_said(error)}") from error


def _files_of(data: Data) -> tuple[str, list[str]]:
    """What reads the files of scored rows, and the files. Raises BadFile for a folder without any."""
    path = Path(str(data.scored))
    files = [str(file) for file in sorted(path.glob("*.parquet"))] if path.is_dir() else [str(path)]
    if not files:
        raise BadFile(f"data {data.name}: {path}: no Parquet file in this folder")
    return "parquet" if files[0].endswith(".parquet") else "json", files


def _said(error: Exception) -> str:
    """What an error, or its cause, says, in one line."""
    return " ".join(str(error.__cause__ or error).split())[:300]


def name_full_disk(error: Exception, cache: Path) -> None:
    """Raises StorageFailed where that is what an error, or its cause, says."""
    if getattr(error.__cause__ or error, "errno", None) in {errno.ENOSPC, errno.EDQUOT}:
        raise StorageFailed(f"{cache}: the disk is full", hint="free space, then run it again") from error


def _check_values(rows: Dataset, data: Data) -> None:
    """Raises BadFile, naming the row, for a value that is not there and for a score that is not finite."""
    import pyarrow.compute as pc

    start = 0
    for block in rows.with_format("arrow").iter(_BLOCK):
        for name in COLUMNS:
            if block[name].null_count:
                place = start + pc.index(pc.is_null(block[name]), True).as_py()
                raise BadFile(f"data {data.name}: {data.scored}: row {place:,} has no {name}")
        place = pc.index(pc.is_finite(block["score"]), False).as_py()
        if place >= 0:
            score = block["score"][place].as_py()
            raise BadFile(f"data {data.name}: {data.scored}: row {start + place:,} has the score {score}")
        start += block.num_rows


def typed(rows: Dataset) -> Dataset:
    """The rows' own columns, copied only where their types are other ones."""
    from datasets import Features, Value

    kinds = {"query": "string", "document": "string", "score": "float32", "positive": "bool"}
    wanted = Features({name: Value(kind) for name, kind in kinds.items()})
    chosen = rows.select_columns(list(COLUMNS))
    return chosen if chosen.features == wanted else chosen.cast(wanted)


def first_pairs(data: Data, count: int) -> list[tuple[str, str]]:
    """So many pairs of a table's scored rows, none copied or kept; none at all where they cannot be read now.

    Raises BadFile for a folder without any.
    """
    from datasets import load_dataset

    try:
        if str(data.scored).startswith("hf:"):
            hub_id, revision = _hub_id(data)
            splits = load_dataset(hub_id, revision=revision, streaming=True).values()
        else:
            kind, files = _files_of(data)
            splits = [load_dataset(kind, data_files=files, split="train", streaming=True)]
        return [(str(row["query"]), str(row["document"])) for row in islice(chain.from_iterable(splits), count)]
    except BadFile:
        raise
    except unreadable():
        return []  # training says what is wrong


def unreadable() -> tuple[type[Exception], ...]:
    """The errors that say that rows cannot be had or are not as they should be."""
    from datasets.exceptions import DatasetsError

    return (DatasetsError, KeyError, *_UNREADABLE, *network_errors())
