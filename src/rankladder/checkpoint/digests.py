"""SHA-256 of files as promised in ``digests.json``, and of a checkpoint as a whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from rankladder.checkpoint.jsonfile import Section
from rankladder.checkpoint.network import Network
from rankladder.checkpoint.weights import Weights
from rankladder.errors import CheckpointRefused
from rankladder.storage import file_digest

DIGESTS = "digests.json"


def write_digests(folder: Path, files: Iterable[Path]) -> None:
    """Writes ``digests.json`` for files of a folder."""
    digests = {path.relative_to(folder).as_posix(): file_digest(path) for path in files}
    (folder / DIGESTS).write_text(json.dumps(digests, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def check_digests(folder: Path, files: Iterable[Path]) -> None:
    """Refuses a folder whose ``digests.json`` lacks one of the files that were read, or does not fit one that it lists.

    A folder without ``digests.json`` is left as it is.
    """
    path = folder / DIGESTS
    if not path.is_file():
        return
    promised = Section.read(path)
    names = promised.keys()
    for name in names:
        file, digest = folder / name, promised.value(name)
        if not file.is_file() or file_digest(file) != digest:
            found = "another digest" if file.is_file() else "no such file"
            raise CheckpointRefused(
                f"{file}: expected SHA-256 {digest}, found {found}",
                hint="the file was altered or damaged: install or download it again",
            )
    for file in files:
        if file.relative_to(folder).as_posix() not in names:
            raise CheckpointRefused(f"{path}: expected a digest of {file.relative_to(folder)}, found none")


def checkpoint_digest(network: Network, weights: Weights, tokenizer_json: bytes) -> str:
    """SHA-256 (hex) over the network's description, every tensor as stored, and the tokenizer."""
    total = hashlib.sha256()

    def add(label: str, content: bytes | memoryview) -> None:
        size = content.nbytes if isinstance(content, memoryview) else len(content)
        total.update(f"{label}\n{size}\n".encode())
        total.update(content)

    add("network", f"{type(network.encoder).__name__} {json.dumps(asdict(network), sort_keys=True)}".encode())
    for name in sorted(weights):
        weight = weights.stored[name]
        rows = " one row" if weight.one_row else ""
        for stored in (weight.stored, weight.scale):
            if stored is not None:
                add(f"{name} {stored.kind} {list(stored.shape)}{rows}", stored.raw.reshape(-1).view("u1").data)
    add("tokenizer", tokenizer_json)
    return total.hexdigest()
