"""How many numbers a network has, by its config, before memory is taken for any of them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig

from rankladder.checkpoint.tensorfile import StoredTensor
from rankladder.errors import BadTensor

SPARE = 1 << 26
"""Numbers that a network may have beyond what its files account for: 256 MB in fp32."""

PARTS = 3
"""How many times the numbers in the files a network may have: a class may describe a decoder that is not built."""


def check_on_paper(folder: Path, held: Iterable[StoredTensor], kind: Any) -> None:
    """Refuses a config whose network is far larger than the files beside it: BadTensor, naming its largest part.

    ``kind`` is the class of transformers that describes it, as AutoModel. Raises what that raises for a bad config.
    """
    config = AutoConfig.from_pretrained(os.fspath(folder), local_files_only=True, trust_remote_code=False)
    with torch.device("meta"):
        network: nn.Module = kind.from_config(config, trust_remote_code=False)
    described: dict[str, Tensor] = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    room = PARTS * sum(stored.raw.size for stored in held) + SPARE
    if sum(value.numel() for value in described.values()) > room:
        name = max(described, key=lambda one: described[one].numel())
        raise BadTensor(
            f"{folder}: {name}: expected {list(described[name].shape)} by the config, found no such tensor",
            hint="the config belongs to another model",
        )
