"""A model's name → its files, fetched before anything is measured, and what they say about the work."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rankladder.checkpoint import Network, find_checkpoint, foreign_family, read_checkpoint, read_foreign
from rankladder.rerank import ModelRequest


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """What is known of a model before it is opened."""

    kind: Literal["native", "foreign", "hosted"]
    """Read by our own engines; run by transformers behind Sentence Transformers; or a service."""
    folder: Path | None = None
    network: Network | None = None
    """Of a native model."""
    max_tokens: int | None = None
    """The longest sequence that it reads."""
    in_cross_encoder: bool = False
    """Whether Sentence Transformers' CrossEncoder opens the folder by itself."""


def find_files(request: ModelRequest, *, offline: bool | None = None) -> ModelFiles:
    """The files of a requested model, fetched where need be. Raises as ``find_checkpoint`` and ``read_checkpoint``."""
    if request.hosted:
        return ModelFiles("hosted")
    found = find_checkpoint(
        request.name,
        revision=request.options.get("revision"),
        offline=request.options.get("offline", offline),
    )
    if foreign_family(found.folder) is not None:
        foreign = read_foreign(found)
        opens = foreign.family != "causal" or bool(foreign.modules)
        return ModelFiles("foreign", found.folder, None, foreign.max_tokens, opens)
    checkpoint = read_checkpoint(found.folder, name=found.name, revision=found.revision)
    return ModelFiles("native", found.folder, checkpoint.network, checkpoint.max_tokens, in_cross_encoder=True)
