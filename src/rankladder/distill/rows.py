"""The rows that a student is trained on, memory-mapped: sampled here, or scored by somebody else."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rankladder.checkpoint.hub import network_errors
from rankladder.distill.mine import path_digest, questions_of
from rankladder.distill.recipe import Data, Recipe
from rankladder.distill.stage import Made
from rankladder.errors import BadFile, BadInput, NotFound, StorageFailed, Unavailable

if TYPE_CHECKING:
    from datasets import Dataset

HELD_OUT = 0.01
HELD_OUT_MOST = 5000
"""About so many rows are held out at most, as in the Ettin release."""
_BLOCK = 10_000
_COLUMNS = ("query", "document", "score", "positive")
_SCORED = {
    "query": ("string", "large_string"),
    "document": ("string", "large_string"),
    "score": ("float", "int", "uint"),
}
"""What rows that somebody else scored must have, and how the names of each column's types begin."""
_BY_HAND = "download the Parquet files of the rows and name their folder"
_UNREADABLE = (ValueError, TypeError, RuntimeError)
"""What the library raises, beside its own errors, for files that are not as they should be."""


def training_rows(recipe: Recipe, work: Path, sampled: Made | None) -> tuple[Dataset, Dataset]:
    """Rows of query, document, score and positive: those to train on, and those held out (whole queries, by a digest of
    their text, so that they stay the same when others come and go).

    Raises BadInput where nothing is left to train on; BadFile for scored rows that cannot be read, that lack one of
    these columns or a value, or have a score that is not finite; StorageFailed where the disk is full.
    """
    from datasets import concatenate_datasets

    cache = work / "rows"
    parts = [_scored(one, cache) for one in recipe.data if one.scored]
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
    """The queries of rows; one that stands on neighbouring rows once."""
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
    yield from trained_on(_scored(one, work / "rows") for one in recipe.data if one.scored)


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
    for query, document, score, known in _zipped(rows, *_COLUMNS):
        texts.setdefault(query, []).append(document)
        labels.setdefault(query, []).append([float(score), float(known)])
    return Dataset.from_dict({"query": list(texts), "document": list(texts.values()), "label": list(labels.values())})


def _parquet(files: Sequence[Path], cache: Path) -> Dataset:
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError

    paths = [str(file) for file in files]
    try:
        return _typed(load_dataset("parquet", data_files=paths, split="train", cache_dir=str(cache)))
    except (DatasetsError, OSError) as error:
        _name_full_disk(error, cache)
        raise


def _scored(data: Data, cache: Path) -> Dataset:
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
    _check_values(found := _typed(found), data)
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
        _name_full_disk(error, cache)
        raise BadFile(f"{where}: cannot be read: {_said(error)}", hint=_BY_HAND) from error
    except network_errors() as error:
        _name_full_disk(error, cache)
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
        _name_full_disk(error, cache)
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


def _name_full_disk(error: Exception, cache: Path) -> None:
    """Raises StorageFailed where that is what an error, or its cause, says."""
    if getattr(error.__cause__ or error, "errno", None) in {errno.ENOSPC, errno.EDQUOT}:
        raise StorageFailed(f"{cache}: the disk is full", hint="free space, then run it again") from error


def _check_values(rows: Dataset, data: Data) -> None:
    """Raises BadFile, naming the row, for a value that is not there and for a score that is not finite."""
    import pyarrow.compute as pc

    start = 0
    for block in rows.with_format("arrow").iter(_BLOCK):
        for name in _COLUMNS:
            if block[name].null_count:
                place = start + pc.index(pc.is_null(block[name]), True).as_py()
                raise BadFile(f"data {data.name}: {data.scored}: row {place:,} has no {name}")
        place = pc.index(pc.is_finite(block["score"]), False).as_py()
        if place >= 0:
            score = block["score"][place].as_py()
            raise BadFile(f"data {data.name}: {data.scored}: row {start + place:,} has the score {score}")
        start += block.num_rows


def _typed(rows: Dataset) -> Dataset:
    """The rows' own columns, copied only where their types are other ones."""
    from datasets import Features, Value

    kinds = {"query": "string", "document": "string", "score": "float32", "positive": "bool"}
    wanted = Features({name: Value(kind) for name, kind in kinds.items()})
    chosen = rows.select_columns(list(_COLUMNS))
    return chosen if chosen.features == wanted else chosen.cast(wanted)


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
