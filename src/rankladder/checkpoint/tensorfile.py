"""safetensors files: header checked against the file, tensors left in a memory map. Pickle is never opened."""

from __future__ import annotations

import math
import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from rankladder.checkpoint.jsonfile import Section, parse_json
from rankladder.errors import BadTensor, StorageFailed, UnsafeFile

STORED_AS: dict[str, np.dtype[Any]] = {
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
    "I8": np.dtype("i1"),
    "I64": np.dtype("<i8"),
}
"""The kinds that are read, and the numpy type of their bytes; numpy has no bfloat16, so those stay bit patterns."""

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
DAMAGED = "the file is cut short or altered: download it again"


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor as it lies in its file: ``raw`` is a read-only view of the memory map, in the type of ``STORED_AS``."""

    name: str
    file: Path
    kind: str
    shape: tuple[int, ...]
    raw: NDArray[Any]


def open_tensors(path: Path) -> dict[str, StoredTensor]:
    """The tensors of one safetensors file, by name.

    Raises BadTensor where the header, the sizes or the kinds are not what the format and this library allow.
    """
    try:
        with safe_open(path, framework="numpy") as checked:  # checks lengths, offsets, and that no byte is left over
            names = set(checked.keys())
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = parse_json(file.read(length))
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (SafetensorError, ValueError) as error:
        raise BadTensor(f"{path}: not a whole safetensors file: {error}", hint=DAMAGED) from error
    except OSError as error:
        raise StorageFailed(f"{path}: cannot be read: {error}") from error
    if not isinstance(header, dict):
        raise BadTensor(f"{path}: the header is not an object", hint=DAMAGED)
    header.pop("__metadata__", None)
    if set(header) != names:
        raise BadTensor(f"{path}: the header reads in two ways", hint=DAMAGED)
    return {name: _stored(path, name, entry, mapped, 8 + length) for name, entry in header.items()}


def open_part(folder: Path) -> dict[str, StoredTensor]:
    """The tensors of a folder: of ``model.safetensors``, or of the shards that its index names.

    Raises UnsafeFile where the weights are there as pickle only, BadTensor where there are none.
    """
    whole, index = folder / WEIGHTS, folder / INDEX
    if whole.is_file() and index.is_file():
        raise BadTensor(f"{folder}: expected {WEIGHTS} or {INDEX}, found both", hint="remove the stale one")
    if whole.is_file():
        return open_tensors(whole)
    if index.is_file():
        return _open_shards(folder, index)
    if pickles := sorted(path.name for pattern in PICKLES for path in folder.glob(pattern)):
        raise UnsafeFile(
            f"{folder}: the weights are a pickle ({pickles[0]}), which can run code when it is opened",
            hint="convert them: https://huggingface.co/docs/safetensors/convert-weights",
        )
    raise BadTensor(
        f"{folder}: no {WEIGHTS}",
        hint="download the checkpoint again, whole; one that is published as pickle only has to be converted first",
    )


def shard_names(index: Path) -> dict[str, str]:
    """Tensor name → shard file, as an index says; BadTensor where a file lies outside the folder."""
    section = Section.read(index)
    shards = section.section("weight_map")
    section.finish(("metadata",))
    where: dict[str, str] = {}
    for name in shards.keys():  # noqa: SIM118 (a Section, not a dict)
        file = shards.value(name)
        if not isinstance(file, str) or Path(file).name != file or not file.endswith(".safetensors"):
            raise BadTensor(f"{index}: {name}: expected a safetensors file of this folder, found {file!r}")
        where[name] = file
    return where


def _open_shards(folder: Path, index: Path) -> dict[str, StoredTensor]:
    where = shard_names(index)
    tensors: dict[str, StoredTensor] = {}
    for file in sorted(set(where.values())):
        if not (folder / file).is_file():
            raise BadTensor(f"{index}: the shard {file} is missing", hint="download the checkpoint again, whole")
        held = open_tensors(folder / file)
        promised = {name for name, shard in where.items() if shard == file}
        if odd := sorted(held.keys() ^ promised):
            raise BadTensor(f"{folder / file}: the tensor {odd[0]} is in the index or in the shard, not in both")
        tensors.update(held)
    return tensors


def _stored(path: Path, name: str, entry: object, mapped: mmap.mmap, start: int) -> StoredTensor:
    try:
        kind, shape, (first, last) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]  # type: ignore[index]
    except (TypeError, KeyError, ValueError) as error:
        raise BadTensor(f"{path}: {name}: the header entry is {entry!r}", hint=DAMAGED) from error
    if kind not in STORED_AS:
        raise BadTensor(f"{path}: {name}: expected {', '.join(STORED_AS)}, found the type {kind}")
    dtype, count = STORED_AS[kind], math.prod(shape)
    if last - first != count * dtype.itemsize:
        raise BadTensor(f"{path}: {name}: {kind} {list(shape)} does not fill {last - first} bytes", hint=DAMAGED)
    raw = np.frombuffer(mapped, dtype, count, start + first) if count else np.empty(0, dtype)
    return StoredTensor(name, path, kind, shape, raw.reshape(shape))
