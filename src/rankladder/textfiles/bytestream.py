"""The bytes of a file: decompressed, digested as they pass, and checked to be text."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from rankladder.errors import BadFile, StorageFailed

_HEAD = 65_536


class Digest(Protocol):
    """What ``hashlib`` makes: bytes go in by ``update``."""

    def update(self, data: bytes, /) -> None:
        """Takes the next bytes."""


class NotText(BadFile):
    """A file that holds no documents: binary, not UTF-8, not readable, a table of something else.

    In a folder it is skipped and reported.
    """

    def __init__(self, path: Path, reason: str, *, hint: str | None = None) -> None:
        hint = hint or "rankladder reads UTF-8 text; convert the file, or leave it out"
        super().__init__(f"{path}: {reason}", hint=hint)
        self.path = path
        self.reason = reason


class _Digested(io.RawIOBase):
    def __init__(self, raw: BinaryIO, digest: Digest) -> None:
        self._raw = raw
        self._digest = digest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self._raw.read(len(buffer))
        buffer[: len(data)] = data
        self._digest.update(data)
        return len(data)


def endings(path: Path) -> list[str]:
    """The last two suffixes of a file's name, in small letters: they say what it holds, and whether it is packed.

    >>> endings(Path("Corpus.V2.JSONL.GZ"))
    ['.jsonl', '.gz']
    """
    return [suffix.lower() for suffix in path.suffixes[-2:]]


@contextmanager
def open_bytes(path: Path, *, digest: Digest | None = None) -> Iterator[io.BufferedIOBase]:
    """A stream of the file's bytes, decompressed where the name ends in ``.gz``.

    ``digest`` takes the bytes as they are on disk (compressed ones too), as far as the caller reads. Reading raises
    OSError, EOFError or zlib.error for a broken file.
    """
    with path.open("rb") as file:
        plain: io.BufferedIOBase = file
        if digest is not None:
            plain = io.BufferedReader(_Digested(file, digest), _HEAD)
        if path.suffix.lower() == ".gz":
            with gzip.GzipFile(fileobj=plain, mode="rb") as unpacked:
                yield unpacked
        else:
            yield plain


def why_not_text(data: bytes, *, whole: bool) -> str | None:
    r"""The reason why bytes are not UTF-8 text, or None where they are; ``whole`` is False for the head of a file.

    >>> why_not_text(b"PK\x03\x00", whole=True)
    'binary (a NUL byte at byte 3)'
    >>> why_not_text("é".encode("latin-1"), whole=True)
    'not UTF-8 (byte 0xe9 at byte 0)'
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "UTF-16 text, not UTF-8"
    if (place := data.find(b"\0")) >= 0:
        return f"binary (a NUL byte at byte {place})"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data, final=whole)
    except UnicodeDecodeError as error:
        return f"not UTF-8 (byte 0x{data[error.start]:02x} at byte {error.start})"
    return None


def text_head(path: Path) -> str:
    """The first 64 KiB of a file, without its byte order mark.

    Raises NotText for a file that is binary, not UTF-8, not gzip, or not readable.
    """
    try:
        with open_bytes(path) as stream:
            head = stream.read(_HEAD)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise NotText(path, f"not a whole gzip file ({error})") from error
    except OSError as error:
        raise NotText(path, f"cannot be read ({error.strerror or error})") from error
    if (reason := why_not_text(head, whole=len(head) < _HEAD)) is not None:
        raise NotText(path, reason)
    return head.decode("utf-8-sig", errors="ignore")  # it may end inside a character


def read_text(path: Path, *, digest: Digest | None = None) -> str:
    r"""The whole text of a file, byte order mark removed, line ends made ``\n``. Raises NotText."""
    try:
        with open_bytes(path, digest=digest) as stream:
            data = stream.read()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise NotText(path, f"not a whole gzip file ({error})") from error
    except OSError as error:
        raise NotText(path, f"cannot be read ({error.strerror or error})") from error
    if (reason := why_not_text(data, whole=True)) is not None:
        raise NotText(path, reason)
    return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns what a broken stream raises into BadFile, and what a broken disk raises into StorageFailed."""
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BadFile(f"{path}: the gzip data is cut or broken: {error}", hint="fetch or compress it again") from error
    except OSError as error:
        raise StorageFailed(f"{path}: cannot be read: {error.strerror or error}") from error


def numbered_lines(path: Path, *, digest: Digest | None = None) -> Iterator[tuple[int, str]]:
    r"""Line numbers from 1, and lines without their ends; blank lines are left out, only ``\n`` ends a line.

    Raises BadFile, naming the line, for bytes that are not UTF-8, and StorageFailed where the disk fails.
    """
    with reading(path), open_bytes(path, digest=digest) as stream:
        for number, raw in enumerate(stream, 1):
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise BadFile(
                    f"{path}:{number}: not UTF-8 (byte 0x{raw[error.start]:02x} at byte {error.start} of the line)",
                    hint="convert the file to UTF-8: iconv -f latin1 -t utf-8",
                ) from error
            if line and not line.isspace():
                yield number, line
