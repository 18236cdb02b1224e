"""Graphs on disk: written once per model and precision, under the weights' digest."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
import warnings
from contextlib import suppress
from functools import cache
from pathlib import Path

import rankladder
from rankladder.checkpoint import compact, weights
from rankladder.checkpoint.network import Checkpoint
from rankladder.errors import StorageFailed
from rankladder.folders import cache_folder
from rankladder.rerank.onnx.network import write_network
from rankladder.rerank.onnx.precision import Precision
from rankladder.storage import file_digest, file_mode, make_folder, sync
from rankladder.temporary import new_temporary_folder, remove_at_the_end, remove_temporary

GRAPH = "graph.onnx"
WEIGHTS = "weights.bin"
DIGESTS = "digests.json"
_DRAFT = ".draft-"
_ABANDONED_S = 3600


class CacheUnusable(UserWarning):
    """The user's cache folder cannot be written: the graph is made again in every process."""


def cached_graph(checkpoint: Checkpoint, precision: Precision) -> tuple[Path, bool]:
    """The path of the model's graph, written now if it is not there whole; and whether the cache could keep it.

    Where it could not, the graph lies in a temporary folder that the caller removes when it is done.

    Raises StorageFailed where neither can hold it.
    """
    stem = f"{checkpoint.digest[:24]}-{precision}-"
    folder = cache_folder("graphs", stem + _writer_version())
    if _is_whole(folder):
        return folder / GRAPH, True
    try:
        make_folder(folder.parent)
        draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=_DRAFT))
        remove_at_the_end(draft)
        _fill(checkpoint, precision, draft)
        _settle(draft, folder)
    except OSError as error:
        warnings.warn(CacheUnusable(f"the cache cannot be written ({error}); set RANKLADDER_CACHE"), stacklevel=2)
        return _temporary_graph(checkpoint, precision)
    _remove_old(folder, stem)
    return folder / GRAPH, True


def _settle(draft: Path, folder: Path) -> None:
    """Moves a draft to its folder; where another process was first its graph is the same, and stays.

    Raises OSError where the folder cannot be had; the draft is always removed.
    """
    try:
        for last in (False, True):
            try:
                draft.rename(folder)
            except OSError:
                if _is_whole(folder):
                    return
                if last:
                    raise
                aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=_DRAFT))
                with suppress(OSError):  # damaged, and moved in one: nobody meets half of it
                    folder.rename(aside / "damaged")
                shutil.rmtree(aside, ignore_errors=True)
            else:
                return
    finally:
        remove_temporary(draft)


def _temporary_graph(checkpoint: Checkpoint, precision: Precision) -> tuple[Path, bool]:
    try:
        folder = new_temporary_folder()
        _fill(checkpoint, precision, folder)
    except (OSError, StorageFailed) as error:
        raise StorageFailed(
            f"no place for the graph of {checkpoint.name}: {error}", hint="set RANKLADDER_CACHE to a folder with room"
        ) from error
    return folder / GRAPH, False


def _fill(checkpoint: Checkpoint, precision: Precision, folder: Path) -> None:
    """Writes graph, weights and their digests, all on disk before it returns; removes the folder where it fails."""
    try:
        with (folder / WEIGHTS).open("wb") as weights_file:
            model = write_network(
                checkpoint.network, checkpoint.weights, weights_file, weights_name=WEIGHTS, precision=precision
            )
        (folder / GRAPH).write_bytes(model)
        (folder / DIGESTS).write_text(json.dumps({name: file_digest(folder / name) for name in (GRAPH, WEIGHTS)}))
        for name in (WEIGHTS, GRAPH, DIGESTS):
            (folder / name).chmod(file_mode(folder))
            sync(folder / name)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _is_whole(folder: Path) -> bool:
    """Whether a folder holds a graph as it was written, to the byte."""
    try:
        promised = json.loads((folder / DIGESTS).read_text())
        return all(promised[name] == file_digest(folder / name) for name in (GRAPH, WEIGHTS))
    except (OSError, ValueError, KeyError, TypeError, StorageFailed):
        return False


def _remove_old(folder: Path, stem: str) -> None:
    """Removes the model's graphs by other versions of the writer, and drafts, that nobody has written for an hour: a
    program of that version may be about to open them.
    """
    for other in folder.parent.iterdir():
        with suppress(OSError):
            gone_by = other != folder and other.name.startswith((stem, _DRAFT))
            if gone_by and time.time() - other.stat().st_mtime > _ABANDONED_S:
                shutil.rmtree(other, ignore_errors=True)


@cache
def _writer_version() -> str:
    """A digest of the code that writes graphs, so that a change of it never meets a graph of before."""
    digest = hashlib.sha256(rankladder.__version__.encode())
    numbers = (compact.__file__, weights.__file__)  # which integers and which floats
    for source in (*sorted(Path(__file__).parent.glob("*.py")), *map(Path, numbers)):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]
