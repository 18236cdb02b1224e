"""Embeddings on disk: blocks that appear whole, are checked before they are used, and are shared by processes.

One folder for each embedder (its digest). A block is a file of some hundreds of rows, each under the digest of the text
that it was made from, so that any collection finds what another has embedded:

    RLDENSE1 · rows (u32) · width (u32) · SHA-256 of the body (32) · 16 zero bytes
    body: the digests of the texts (32 a row) · whether each was cut (1 a row) · padding to 4 · the rows, float32

All numbers are little-endian. A block that is cut short or altered is removed, and its texts are embedded again.
"""

from __future__ import annotations

import hashlib
import mmap
import struct
import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from rankladder.errors import StorageFailed
from rankladder.storage import held, whole_bytes

_HEAD = struct.Struct("<8sII32s16x")
_MAGIC = b"RLDENSE1"
KEY_BYTES = 32
MOST_MAPPED = 128
"""Blocks that are mapped, each with an open file (macOS allows 256 by default); the others lie in memory."""


class EmbeddingsNotKept(UserWarning):
    """Embeddings cannot be written to disk: they are kept in memory, and made again next time."""


def text_key(text: str) -> bytes:
    """The digest of a text under which its embedding is kept."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES).digest()


@dataclass(frozen=True, slots=True)
class Block:
    """Rows that were embedded together."""

    keys: tuple[bytes, ...]
    cut: NDArray[np.bool_]
    """(N,): whether the embedder left part of the text unread."""
    rows: NDArray[np.float32]
    """(N, D), a view of the file where there is one."""


class EmbeddingStore:
    """The blocks of one embedder that hold any of the texts wanted; in memory alone where ``folder`` is None."""

    def __init__(self, folder: Path | None, wanted: Collection[bytes]) -> None:
        self.blocks: list[Block] = []
        self.where: dict[bytes, tuple[int, int]] = {}
        self._folder = folder
        self._wanted = wanted
        self._seen: set[str] = set()
        self._look()

    def __contains__(self, key: bytes) -> bool:
        return key in self.where

    @contextmanager
    def turn(self) -> Iterator[None]:
        """A turn at embedding a block: other processes wait, and their new blocks are included.

        Where the folder cannot be written, it warns with EmbeddingsNotKept once and goes on in memory.
        """
        with ExitStack() as turn:
            if self._folder is not None:
                try:
                    turn.enter_context(held(self._folder / ".lock"))
                except StorageFailed as error:  # read-only, or a file system without locks
                    self._forget(str(error))
            self._look()
            yield

    def add(self, keys: Sequence[bytes], rows: NDArray[np.float32], cut: NDArray[np.bool_]) -> None:
        """Keeps a block. It is on disk, in whole, when this returns."""
        if self._folder is not None:
            try:
                name = self._write(self._folder, keys, rows, cut)
            except StorageFailed as error:
                self._forget(str(error))
            else:
                block = self._open(self._folder / name)
                if block is not None:
                    self._seen.add(name)
                    self._take(block)
                    return
        self._take(Block(tuple(keys), cut, rows))

    def _look(self) -> None:
        """Takes up the blocks on disk that were not there before and hold a text that is wanted and not yet here."""
        if self._folder is None or not self._folder.is_dir():
            return
        for path in sorted(self._folder.glob("*.block")):
            if path.name not in self._seen:
                self._seen.add(path.name)
                block = self._open(path)
                if block is not None:
                    self._take(block)

    def _open(self, path: Path) -> Block | None:
        return _read(path, self._wanted, in_memory=len(self.blocks) >= MOST_MAPPED)

    def _take(self, block: Block) -> None:
        for row, key in enumerate(block.keys):
            self.where.setdefault(key, (len(self.blocks), row))
        self.blocks.append(block)

    def _forget(self, reason: str) -> None:
        self._folder = None
        warnings.warn(
            EmbeddingsNotKept(f"embeddings are not kept: {reason}; set RANKLADDER_CACHE to a folder"), stacklevel=4
        )

    @staticmethod
    def _write(folder: Path, keys: Sequence[bytes], rows: NDArray[np.float32], cut: NDArray[np.bool_]) -> str:
        body = b"".join(keys) + cut.astype(np.uint8).tobytes()
        body += bytes(-len(body) % 4)
        values = np.ascontiguousarray(rows, "<f4")
        digest = hashlib.sha256(body)
        digest.update(values.data)
        name = f"{digest.hexdigest()[:32]}.block"
        with whole_bytes(folder / name) as file:
            file.write(_HEAD.pack(_MAGIC, *rows.shape, digest.digest()) + body)
            file.write(values.data)
        return name


def _read(path: Path, wanted: Collection[bytes], *, in_memory: bool) -> Block | None:
    """The block in a file, None where it holds no text that is wanted; a damaged one is removed, and None too."""
    mapped: bytes | mmap.mmap
    try:
        with path.open("rb") as file:
            mapped = file.read() if in_memory else _mapped(file)
    except (OSError, ValueError):  # just removed, another user's, or empty
        return None
    magic, count, width, digest = _HEAD.unpack_from(mapped) if len(mapped) >= _HEAD.size else (b"", 0, 0, b"")
    flags = _HEAD.size + KEY_BYTES * count
    start = -(-(flags + count) // 4) * 4
    if magic == _MAGIC and len(mapped) == start + 4 * count * width:
        keys = tuple(mapped[at : at + KEY_BYTES] for at in range(_HEAD.size, flags, KEY_BYTES))
        if not any(key in wanted for key in keys):
            return None
        if hashlib.sha256(memoryview(mapped)[_HEAD.size :]).digest() == digest:
            cut = np.frombuffer(mapped, np.uint8, count, flags).astype(np.bool_)
            return Block(keys, cut, np.frombuffer(mapped, "<f4", count * width, start).reshape(count, width))
    with suppress(OSError):
        path.unlink()
    return None


def _mapped(file: BinaryIO) -> bytes | mmap.mmap:
    """A file's content, mapped; read, where its file system cannot be mapped or no further file may be held open."""
    try:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError:
        return file.read()
