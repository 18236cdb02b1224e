"""What a checkpoint's configs promise: the network, and which tensor of which file each weight is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rankladder.checkpoint.network import Network

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Slot:
    """Where one weight lies: tensor ``name`` in the weights of sub-folder ``part`` ("" for the checkpoint itself)."""

    part: str
    name: str
    shape: Shape
    compact: bool = False
    """Whether the compact dialect may hold it as int8 rows with a scale each."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The network that the configs describe, and where its weights lie."""

    network: Network
    slots: Mapping[str, Slot]
    """Canonical name → place."""
    unread: tuple[Slot, ...] = ()
    """Weights that the architecture stores and the scores do not depend on; they may be there, in this shape."""
    counters: tuple[Slot, ...] = ()
    """``position_ids`` buffers: 0, 1, 2, …; they may be there."""
    token_cap: int | None = None
    """``max_seq_length`` of Sentence Transformers, where it is given."""
    configs: tuple[Path, ...] = field(default=())
    """The configs that were read."""

    @property
    def parts(self) -> tuple[str, ...]:
        """The sub-folders that hold weights, in order."""
        return tuple(dict.fromkeys(slot.part for slot in self.slots.values()))


def prefixed(shapes: Mapping[str, Shape], prefix: str, *, part: str = "") -> dict[str, Slot]:
    """The slots of an encoder whose tensors have their canonical names behind a prefix.

    Matrices may be compact, the position and type embeddings excepted: they are small, and added to every token.
    """
    kept = ("embeddings.position_embeddings.weight", "embeddings.token_type_embeddings.weight")
    return {
        name: Slot(part, prefix + name, shape, compact=len(shape) == 2 and name not in kept)
        for name, shape in shapes.items()
    }
