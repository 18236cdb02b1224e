"""Sizes that a config promises, held against the weights' files before anything of that size is made."""

from __future__ import annotations

from rankladder.checkpoint.jsonfile import Section
from rankladder.checkpoint.tensorfile import most_layers

MOST_LAYERS = 4096
"""Where no weights lie in the folder, whose lack is refused later."""


def read_layers(config: Section, key: str, *, tensors: int) -> int:
    """The number of layers, at most as many as the files have room for at ``tensors`` tensors a layer.

    Raises BadConfig, CheckpointRefused for a Git LFS pointer, and BadTensor for a header that is too large.
    """
    layers = config.integer(key)
    most = most_layers(config.path.parent, tensors=tensors) or MOST_LAYERS
    if layers > most:
        config.refuse(
            key,
            f"at most {most:,} layers, for which the weights' files have tensors",
            hint="the config belongs to another model, or the download is not whole",
        )
    return layers
