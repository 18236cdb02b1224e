"""Sizes that a config promises, held against the weights' files before anything of that size is made."""

from __future__ import annotations

from rankladder.checkpoint.jsonfile import Section
from rankladder.checkpoint.tensorfile import most_layers

MOST_LAYERS = 1024
"""Ten times what any published model has; also where no weights are in the folder, whose lack is refused later."""


def read_layers(config: Section, key: str, *, tensors: int) -> int:
    """The number of layers, at most as many as the files have room for at ``tensors`` tensors a layer; 0 for none.

    Raises BadConfig, CheckpointRefused for a Git LFS pointer, and BadTensor for a header that is too large.
    """
    layers = config.integer(key)
    held = most_layers(config.path.parent, tensors=tensors) if tensors else 0
    most = min(held or MOST_LAYERS, MOST_LAYERS)
    if layers > most:
        config.refuse(
            key,
            f"at most {most:,} layers, as many as the weight files hold",
            hint="the config belongs to another model, or the download is incomplete",
        )
    return layers
