"""Graphs on disk: written once per model and precision, under the weights' digest."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import warnings
from functools import cache
from pathlib import Path

import rankladder
from rankladder.checkpoint.network import Checkpoint
from rankladder.errors import StorageFailed
from rankladder.folders import cache_folder
from rankladder.rerank.onnx.network import write_network
from rankladder.rerank.onnx.precision import Precision

GRAPH = "graph.onnx"
WEIGHTS = "weights.bin"


class CacheUnusable(UserWarning):
    """The user's cache folder cannot be written: the graph is made again in every process."""


def cached_graph(checkpoint: Checkpoint, precision: Precision) -> tuple[Path, bool]:
    """The path of the model's graph, written now if it is not there yet; and whether the cache could keep it.

    Where it could not, the graph lies in a temporary folder that the caller removes when it is done.

    Raises StorageFailed where neither can hold it.
    """
    folder = cache_folder("graphs", f"{checkpoint.digest[:24]}-{precision}-{_writer_version()}")
    if (folder / GRAPH).exists():
        return folder / GRAPH, True
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".draft-"))
    except OSError as error:
        warnings.warn(CacheUnusable(f"the cache cannot be written ({error}); set RANKLADDER_CACHE"), stacklevel=2)
        return _temporary_graph(checkpoint, precision)
    try:
        _write(checkpoint, precision, draft)
        draft.rename(folder)  # fails where another process was first: its graph is the same
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        if not (folder / GRAPH).exists():
            warnings.warn(CacheUnusable(f"the cache cannot be written ({error}); set RANKLADDER_CACHE"), stacklevel=2)
            return _temporary_graph(checkpoint, precision)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return folder / GRAPH, True


def _temporary_graph(checkpoint: Checkpoint, precision: Precision) -> tuple[Path, bool]:
    try:
        folder = Path(tempfile.mkdtemp(prefix="rankladder-"))
        _write(checkpoint, precision, folder)
    except OSError as error:
        raise StorageFailed(
            f"no place for the graph of {checkpoint.name}: {error}", hint="set RANKLADDER_CACHE to a folder with room"
        ) from error
    return folder / GRAPH, False


def _write(checkpoint: Checkpoint, precision: Precision, folder: Path) -> None:
    with (folder / WEIGHTS).open("wb") as weights_file:
        model = write_network(
            checkpoint.network, checkpoint.weights, weights_file, weights_name=WEIGHTS, precision=precision
        )
        weights_file.flush()
        os.fsync(weights_file.fileno())
    (folder / GRAPH).write_bytes(model)


@cache
def _writer_version() -> str:
    """A digest of the code that writes graphs, so that a change of it never meets a graph of before."""
    digest = hashlib.sha256(rankladder.__version__.encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]
