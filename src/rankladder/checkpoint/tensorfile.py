"""safetensors files: header checked against the file, tensors left in a memory map. Pickle is never opened."""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from rankladder.checkpoint.jsonfile import LFS_POINTER, LIMIT_BYTES, Section, check_no_pointer, parse_json, shown
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
LEAST_ENTRY = len('"a.b":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}')
"""Bytes of the shortest entry of a tensor in a header."""
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
        header_bytes(path)
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
        raise BadTensor(f"{path}: the header is ambiguous", hint=DAMAGED)
    return {name: _stored(path, name, entry, mapped, 8 + length) for name, entry in header.items()}


def header_bytes(path: Path) -> int:
    """The length of a safetensors file's header, which bounds how many tensors it may hold.

    Raises CheckpointRefused for a Git LFS pointer, BadTensor for a header of more than ``LIMIT_BYTES``.
    """
    with path.open("rb") as file:
        start = file.read(len(LFS_POINTER))
    check_no_pointer(path, start)
    length = int.from_bytes(start[:8], "little")
    if length > LIMIT_BYTES:
        raise BadTensor(
            f"{path}: not a whole safetensors file: its header has {length:,} bytes, expected at most {LIMIT_BYTES:,}",
            hint=DAMAGED,
        )
    return length


def most_layers(folder: Path, *, tensors: int) -> int:
    """How many layers of so many tensors each the weights in a folder can hold at most; 0 where there are none.

    It reads eight bytes of each file: a config that promises a million layers is refused before any is described.
    """
    files = [folder / WEIGHTS] if (folder / WEIGHTS).is_file() else sorted(folder.glob("*.safetensors"))
    try:
        return sum(header_bytes(file) for file in files) // (LEAST_ENTRY * tensors)
    except OSError as error:
        raise StorageFailed(f"{folder}: cannot be read: {error}") from error


def most_rows(tensors: Iterable[StoredTensor]) -> int:
    """The rows of the tensor that has most: no embedding of these weights has more."""
    return max((tensor.shape[0] for tensor in tensors if tensor.shape), default=0)


def open_part(folder: Path) -> dict[str, StoredTensor]:
    """The tensors of a folder: of ``model.safetensors``, or of the shards that its index names.

    Raises UnsafeFile where the weights are there as pickle only, BadTensor where there are none.
    """
    whole, index = folder / WEIGHTS, folder / INDEX
    if whole.is_file() and index.is_file():
        raise BadTensor(f"{folder}: expected {WEIGHTS} or {INDEX}, found both", hint="remove the outdated file")
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
        hint="download the complete checkpoint again; a checkpoint published only as pickle must be converted first",
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
            raise BadTensor(f"{index}: the shard {file} is missing", hint="download the complete checkpoint again")
        held = open_tensors(folder / file)
        promised = {name for name, shard in where.items() if shard == file}
        if odd := sorted(held.keys() ^ promised):
            raise BadTensor(f"{folder / file}: the tensor {odd[0]} is missing from the index or from the shard")
        tensors.update(held)
    return tensors


def _whole_numbers(values: object) -> TypeGuard[list[int]]:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)


def _stored(path: Path, name: str, entry: object, mapped: mmap.mmap, start: int) -> StoredTensor:
    values = entry if isinstance(entry, dict) else {}
    kind, sides, offsets = (values.get(key) for key in ("dtype", "shape", "data_offsets"))
    if not isinstance(kind, str) or not _whole_numbers(sides) or not _whole_numbers(offsets) or len(offsets) != 2:
        raise BadTensor(f"{path}: {name}: the header entry is {shown(entry)}", hint=DAMAGED)
    shape, (first, last) = tuple(sides), offsets
    if kind not in STORED_AS:
        raise BadTensor(
            f"{path}: {name}: expected {', '.join(STORED_AS)}, found the type {kind}",
            hint="save the model again in float32, float16 or bfloat16",
        )
    dtype, count = STORED_AS[kind], math.prod(shape)
    if last - first != count * dtype.itemsize:
        raise BadTensor(f"{path}: {name}: {kind} {list(shape)} does not fill {last - first} bytes", hint=DAMAGED)
    raw = np.frombuffer(mapped, dtype, count, start + first) if count else np.empty(0, dtype)
    return StoredTensor(name, path, kind, shape, raw.reshape(shape))
