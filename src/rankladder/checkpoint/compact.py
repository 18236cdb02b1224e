"""The compact dialect: a checkpoint in about a quarter of the bytes, as the model in the box is kept."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import save_file

from rankladder.arguments import checked
from rankladder.checkpoint.digests import write_digests
from rankladder.checkpoint.folder import files_read, read_layout
from rankladder.checkpoint.layout import Layout
from rankladder.checkpoint.tensorfile import INDEX, WEIGHTS
from rankladder.checkpoint.tokens import open_tokenizer
from rankladder.checkpoint.weights import SCALE, Weights, open_weights
from rankladder.errors import BadOption, PathMissing, StorageFailed


@checked
def write_compact(source: Path, into: Path) -> Path:
    """Writes a checkpoint in the compact dialect and returns its folder.

    Matrices of the encoder become int8 with one float32 scale a row, ``absmax / 127``; position and type embeddings,
    vectors and the head become float16 where that is exact, else float32. The files that decide the scores are
    copied, ``digests.json`` is written; ``int8.json`` is not copied, as its measurements are of other weights.

    Raises PathMissing, BadOption where ``into`` is not an empty folder, CheckpointRefused for a bad source, and
    StorageFailed. After any error, ``into`` is unchanged: no incomplete checkpoint is left.
    """
    layout, weights, files = _read(source, into)
    with _whole_or_nothing(into):
        written = [_copied(path, source, into) for path in files]
        written += [_write_part(into, part, layout, weights) for part in layout.parts]
        write_digests(into, sorted(path for path in written if path is not None))
    return into


def _read(source: Path, into: Path) -> tuple[Layout, Weights, list[Path]]:
    """The checkpoint to be written again and its files, once it is known that ``into`` may be written and removed."""
    if not source.is_dir():
        raise PathMissing(f"no checkpoint folder at {source}")
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise BadOption(f"{into}: expected an empty folder or none", hint="choose another folder")
    layout = read_layout(source)
    weights = open_weights(source, layout)
    return layout, weights, files_read(source, layout, weights, open_tokenizer(source, layout))


@contextmanager
def _whole_or_nothing(into: Path) -> Iterator[None]:
    was_there = into.exists()
    try:
        yield
    except BaseException as error:
        shutil.rmtree(into, ignore_errors=True)
        if was_there:
            into.mkdir(exist_ok=True)
        if isinstance(error, OSError | SafetensorError):
            raise StorageFailed(f"{into}: cannot be written: {error}") from error
        raise


def quantise_rows(matrix: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Integers in −127 … 127 (rows, columns) and one float32 scale a row (rows,): ``integers * scales[:, None]`` is the
    matrix to half a scale.

    Symmetric, largest magnitude to 127. A row of zeros, or of values too small for a scale, has scale 1. The one rule:
    compact checkpoints and the int8 engine use it, so quantising a compact row again gives the same integers.

    >>> integers, scales = quantise_rows(np.array([[1.0, -2.0], [0.0, 0.0]], dtype=np.float32))
    >>> integers.tolist(), scales.round(4).tolist()
    ([[64, -127], [0, 0]], [0.015699999406933784, 1.0])
    """
    scales = np.abs(matrix).max(axis=1) / np.float32(127)
    scales = np.where(scales > 0, scales, np.float32(1)).astype(np.float32)
    return np.clip(np.rint(matrix / scales[:, None]), -127, 127).astype(np.int8), scales


def half_where_exact(values: NDArray[np.float32]) -> NDArray[np.float16] | NDArray[np.float32]:
    """The values as float16 where none of them changes, else as they are."""
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    return half if np.array_equal(half.astype(np.float32), values) else values


def _promise_float32(config: Path) -> None:
    """Sentence Transformers runs a network in the number format that its config names."""
    named = json.loads(config.read_bytes())
    for key in ("dtype", "torch_dtype"):
        if key in named:
            named[key] = "float32"
    config.write_text(json.dumps(named, indent=2) + "\n", encoding="utf-8")


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
            tensors[slot.name], tensors[slot.name + SCALE] = quantise_rows(weights[name])
        else:
            tensors[slot.name] = half_where_exact(weights[name])
    target = into / part / WEIGHTS
    target.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, target, metadata={"format": "pt"})
    target.chmod(0o644)  # safetensors leaves the file to its owner alone
    return target


@checked
def write_expanded(source: Path, into: Path) -> Path:
    """Writes a checkpoint with all weights as float32, under its own names, and returns the folder.

    What a compact checkpoint, or one in half precision, needs before Sentence Transformers can read and train it.
    Raises as ``write_compact``.
    """
    layout, weights, files = _read(source, into)
    with _whole_or_nothing(into):
        for path in files:
            _copied(path, source, into)
        _promise_float32(into / "config.json")
        for part in layout.parts:
            named = {slot.name: weights[name] for name, slot in layout.slots.items() if slot.part == part}
            (into / part).mkdir(parents=True, exist_ok=True)
            save_file(named, into / part / WEIGHTS, metadata={"format": "pt"})
    return into
