"""Weights of a network: every tensor of the files matched with a slot of the layout, values float32 when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rankladder.checkpoint.layout import Layout, Slot
from rankladder.checkpoint.tensorfile import StoredTensor, open_part
from rankladder.errors import BadTensor

SCALE = ".scale"
"""The compact dialect: int8 rows under a tensor's own name, their scales under that name and this ending."""

EXPONENTS: dict[str, tuple[type[np.unsignedinteger[Any]], int]] = {
    "F32": (np.uint32, 0x7F80_0000),
    "F16": (np.uint16, 0x7C00),
    "BF16": (np.uint16, 0x7F80),
}
"""The bits of the exponent: all of them set is an infinity or not a number."""

CHUNK = 1 << 22


@dataclass(frozen=True, slots=True)
class Weight:
    """One weight as stored: a float tensor, or int8 rows with a scale each."""

    stored: StoredTensor
    scale: StoredTensor | None = None
    one_row: bool = False
    """Whether the first row represents every row."""

    def values(self) -> NDArray[np.float32]:
        """The float32 values; a view of the file where they are stored so."""
        if self.one_row:
            return np.repeat(as_float32(self.stored)[:1], self.stored.shape[0], axis=0)
        if self.scale is None:
            return as_float32(self.stored)
        values = self.stored.raw.astype(np.float32)
        values *= as_float32(self.scale)[:, None]
        return values


class Weights(Mapping[str, NDArray[np.float32]]):
    """Canonical name → float32 array, converted at each look-up: a large model is not held twice."""

    def __init__(self, stored: Mapping[str, Weight]) -> None:
        self.stored = stored

    def with_one_row(self, name: str) -> Weights:
        """The weights with the first row of one of them in the place of all its rows."""
        return Weights({**self.stored, name: replace(self.stored[name], one_row=True)})

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        return self.stored[name].values()

    def __iter__(self) -> Iterator[str]:
        return iter(self.stored)

    def __len__(self) -> int:
        return len(self.stored)


def open_weights(folder: Path, layout: Layout) -> Weights:
    """The weights of a layout, each checked for shape, type and finite values.

    Raises BadTensor where a weight is missing, or a tensor is there that the network does not use.
    """
    tensors = {part: open_part(folder / part) for part in layout.parts}
    weights = {name: _take(folder, slot, tensors[slot.part]) for name, slot in layout.slots.items()}
    for slot in layout.unread:
        if slot.name in tensors[slot.part]:
            check_tensor(tensors[slot.part].pop(slot.name), slot.shape)
    for slot in layout.counters:
        if slot.name in tensors[slot.part]:
            check_counter(tensors[slot.part].pop(slot.name), slot.shape[1])
    for part, left in tensors.items():
        for name, tensor in left.items():
            raise BadTensor(
                f"{tensor.file}: {name}: expected no such tensor in {part or 'the checkpoint'}, "
                f"found {tensor.kind} {list(tensor.shape)}",
                hint="a weight that the network does not use means that the config describes another network",
            )
    return Weights(weights)


def as_float32(tensor: StoredTensor) -> NDArray[np.float32]:
    """The float32 values of a float tensor, aligned and contiguous; F32 is not copied."""
    if tensor.kind == "BF16":
        return (tensor.raw.astype(np.uint32) << 16).view(np.float32)
    return np.require(tensor.raw, np.float32, ["C", "A"])


OLD_NAMES = (("LayerNorm.weight", "LayerNorm.gamma"), ("LayerNorm.bias", "LayerNorm.beta"))
"""Endings of a weight's name, and what files from before 2019 call it; transformers renames them too."""


def old_name(name: str) -> str | None:
    """What files from before 2019 call a weight, None for those whose name never changed."""
    return next((name.removesuffix(new) + old for new, old in OLD_NAMES if name.endswith(new)), None)


def _take(folder: Path, slot: Slot, tensors: dict[str, StoredTensor]) -> Weight:
    older = old_name(slot.name)
    stored = tensors.pop(slot.name, None)
    if stored is None and older is not None:
        stored = tensors.pop(older, None)
    if stored is None:
        raise BadTensor(
            f"{folder / slot.part}: {slot.name}: expected {list(slot.shape)}, found no such tensor",
            hint="the checkpoint holds a different network from its config, or only a part of it",
        )
    scale = tensors.pop(slot.name + SCALE, None) if slot.compact else None
    if scale is None:
        check_tensor(stored, slot.shape)
        return Weight(stored)
    if stored.kind != "I8":
        raise BadTensor(f"{stored.file}: {slot.name}: expected I8, as it has a scale, found {stored.kind}")
    _check_shape(stored, slot.shape)
    if scale.kind == "BF16":
        raise BadTensor(f"{scale.file}: {scale.name}: expected F32 or F16, found BF16")
    check_tensor(scale, slot.shape[:1])
    return Weight(stored, scale)


def check_tensor(tensor: StoredTensor, shape: tuple[int, ...]) -> None:
    """Refuses a float tensor of another shape or type, or with a value that is not finite: BadTensor, naming it."""
    if tensor.kind not in EXPONENTS:
        lone = " without a scale" if tensor.kind == "I8" else ""
        raise BadTensor(f"{tensor.file}: {tensor.name}: expected F32, F16 or BF16, found {tensor.kind}{lone}")
    _check_shape(tensor, shape)
    bits, exponent = EXPONENTS[tensor.kind]
    flat = tensor.raw.reshape(-1).view(bits)
    for start in range(0, flat.size, CHUNK):
        bad = (flat[start : start + CHUNK] & exponent) == exponent
        if bad.any():
            at = np.unravel_index(start + int(bad.argmax()), tensor.shape)
            raise BadTensor(
                f"{tensor.file}: {tensor.name}: expected finite values, found another value at {[int(i) for i in at]}",
                hint="the file is damaged, or its training diverged",
            )


def _check_shape(tensor: StoredTensor, shape: tuple[int, ...]) -> None:
    if tensor.shape != shape:
        raise BadTensor(f"{tensor.file}: {tensor.name}: expected {list(shape)}, found {list(tensor.shape)}")


def check_counter(tensor: StoredTensor, count: int) -> None:
    """Refuses a ``position_ids`` tensor that is anything but 0, 1, 2, … up to ``count``: BadTensor, naming it."""
    _check_shape(tensor, (1, count))
    if tensor.kind != "I64" or not np.array_equal(tensor.raw[0], np.arange(count)):
        raise BadTensor(f"{tensor.file}: {tensor.name}: expected I64 0, 1, 2, …, found other values or {tensor.kind}")
