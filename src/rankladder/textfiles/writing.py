"""Files that appear whole or not at all."""

from __future__ import annotations

import gzip
import io
import json
import os
import secrets
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from rankladder.errors import BadInput, StorageFailed
from rankladder.textfiles.records import ID_KEYS, TEXT_KEYS, TITLE_KEY, without_surrogates
from rankladder.values import Document

_UMASK = threading.Lock()
"""The mask can be read only by setting it: two threads at once could leave it changed."""


@contextmanager
def whole_bytes(path: Path) -> Iterator[BinaryIO]:
    """A binary stream whose content takes its place at ``path`` when the block ends, and vanishes where it raises.

    The content goes to a temporary file in the same folder, is flushed to disk, and is then renamed. Raises
    StorageFailed for what the disk refuses.
    """
    temporary: Path | None = None
    try:
        name = path.parent / f".{path.name}.{secrets.token_hex(6)}.tmp"
        with name.open("xb") as file:
            temporary = name
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        temporary = None
    except OSError as error:
        raise StorageFailed(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    r"""``whole_bytes`` for text: UTF-8, ``\n`` line ends, compressed where the name ends in ``.gz``."""
    with whole_bytes(path) as file:
        if path.suffix == ".gz":
            with gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packed, _text(packed) as text:
                yield text
        else:
            text = _text(file)
            yield text
            text.flush()
            text.detach()


def _text(binary: Any) -> io.TextIOWrapper:
    return io.TextIOWrapper(binary, encoding="utf-8", newline="\n", write_through=True)


def file_mode() -> int:
    """The permissions that a new file gets here: readable and writable, less the process's mask."""
    with _UMASK:
        mask = os.umask(0o022)
        os.umask(mask)
    return 0o666 & ~mask


def write_documents_jsonl(documents: Iterable[Document], path: str | Path) -> None:
    """Writes one object a line: ``_id``, ``title`` where there is one, ``text``, then the metadata's own keys.

    ``read_documents`` gives the same documents back, with the file and the line added to metadata that lacks them.
    Raises BadInput for metadata that JSON cannot hold or that uses a reserved key, and StorageFailed.
    """
    with whole_file(Path(path)) as file:
        for document in documents:
            file.write(json.dumps(_record(document), ensure_ascii=False) + "\n")


def _record(document: Document) -> dict[str, Any]:
    if not document.id:
        raise BadInput("a document to be written has an empty id")
    taken = {ID_KEYS[0], TEXT_KEYS[0], TITLE_KEY} & document.metadata.keys()
    if taken:
        raise BadInput(f"document {document.id!r}: metadata has the reserved key {min(taken)!r}")
    record: dict[str, Any] = {ID_KEYS[0]: document.id}
    if document.title:
        record[TITLE_KEY] = document.title
    record[TEXT_KEYS[0]] = document.text
    for key, value in document.metadata.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise BadInput(f"document {document.id!r}: metadata {key!r} cannot be written as JSON: {error}") from error
        record[key] = value
    clean: dict[str, Any] = without_surrogates(record)
    return clean
