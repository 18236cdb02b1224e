"""The compact dialect: a checkpoint in about a quarter of the bytes, as the model in the box is kept."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from rankladder.checkpoint.digests import write_digests
from rankladder.checkpoint.folder import files_read, read_layout
from rankladder.checkpoint.layout import Layout
from rankladder.checkpoint.tensorfile import INDEX, WEIGHTS
from rankladder.checkpoint.tokens import open_tokenizer
from rankladder.checkpoint.weights import SCALE, Weights, open_weights
from rankladder.errors import BadOption, PathMissing, StorageFailed


def write_compact(source: Path, into: Path) -> Path:
    """Writes a checkpoint in the compact dialect and returns its folder.

    Matrices of the encoder become int8 with one float32 scale a row, ``absmax / 127``; position and type embeddings,
    vectors and the head become float16 where that is exact, else float32. The files that decide the scores are
    copied, ``digests.json`` is written; ``int8.json`` is not copied, as its measurements are of other weights.

    Raises PathMissing, BadOption where ``into`` is not an empty folder, and CheckpointRefused for a bad source.
    """
    if not source.is_dir():
        raise PathMissing(f"no checkpoint folder at {source}")
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise BadOption(f"{into}: expected an empty folder or none", hint="choose another folder")
    layout = read_layout(source)
    weights = open_weights(source, layout)
    open_tokenizer(source, layout)
    try:
        written = [_copied(path, source, into) for path in files_read(source, layout, weights)]
        written += [_write_part(into, part, layout, weights) for part in layout.parts]
        write_digests(into, sorted(path for path in written if path is not None))
    except OSError as error:
        raise StorageFailed(f"{into}: cannot be written: {error}") from error
    return into


def int8_rows(matrix: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Symmetric int8 rows and their float32 scales: ``matrix`` is ``rows * scales[:, None]`` to half a scale.

    >>> rows, scales = int8_rows(np.array([[1.27, -0.64], [0.0, 0.0]], np.float32))
    >>> rows.tolist()
    [[127, -64], [0, 0]]
    """
    scales = (np.abs(matrix).max(axis=1) / np.float32(127)).astype(np.float32)
    rows = np.rint(matrix / np.where(scales > 0, scales, np.float32(1))[:, None])
    return np.clip(rows, -127, 127).astype(np.int8), scales


def half_where_exact(values: NDArray[np.float32]) -> NDArray[np.float16] | NDArray[np.float32]:
    """The values as float16 where none of them changes, else as they are."""
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    return half if np.array_equal(half.astype(np.float32), values) else values


def _copied(path: Path, source: Path, into: Path) -> Path | None:
    if path.suffix == ".safetensors" or path.name == INDEX:
        return None
    target = into / path.relative_to(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)
    return target


def _write_part(into: Path, part: str, layout: Layout, weights: Weights) -> Path:
    tensors: dict[str, NDArray[np.int8] | NDArray[np.float16] | NDArray[np.float32]] = {}
    for name, slot in layout.slots.items():
        if slot.part != part:
            continue
        if slot.compact:
            tensors[slot.name], tensors[slot.name + SCALE] = int8_rows(weights[name])
        else:
            tensors[slot.name] = half_where_exact(weights[name])
    target = into / part / WEIGHTS
    target.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, target, metadata={"format": "pt"})
    target.chmod(0o644)  # safetensors leaves the file to its owner alone
    return target
