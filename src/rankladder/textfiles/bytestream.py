"""The bytes of a file: decompressed, digested as they pass, and checked to be text."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from rankladder.errors import BadFile, StorageFailed
from rankladder.textfiles.charsets import codec_of, declared_label, decoded, mark_of, why_not_utf8

_HEAD = 65_536
_PACKED_MOST = 64_000_000  # what a packed file may unpack to, beside a hundred times its own size
_PACKED_TIMES = 100
LARGEST_WHOLE = 256 * 2**20
"""Bytes of a file that is held whole while it is read, unpacked ones too: prose and JSON."""

LONGEST_LINE = 1 << 28
"""Characters of a line, a cell or a record of a file that is streamed."""


class Digest(Protocol):
    """What ``hashlib`` makes: bytes go in by ``update``."""

    def update(self, data: bytes, /) -> None:
        """Takes the next bytes."""


class NotText(BadFile):
    """A file that holds no documents: binary, in an unknown encoding, not readable, a table of something else.

    In a folder it is skipped and reported.
    """

    def __init__(self, path: Path, reason: str, *, hint: str | None = None) -> None:
        hint = (
            hint or "rankladder reads text in UTF-8, or in the encoding that it declares; convert it, or leave it out"
        )
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


@contextmanager
def open_text(path: Path, *, digest: Digest | None = None) -> Iterator[io.TextIOBase]:
    """``open_bytes`` for text, line ends as they are: UTF-8, or what a byte order mark or an XML declaration says."""
    with open_bytes(path, digest=digest) as stream:
        encoding = encoding_of(_peek(stream)) or "utf-8"
        text = io.TextIOWrapper(cast("io.BufferedReader", stream), encoding=encoding, newline="")
        try:
            yield text
        finally:
            text.detach()  # the file is closed where it was opened


def encoding_of(head: bytes) -> str | None:
    """The encoding that the head of a streamed file tells: by a byte order mark, or in a declaration; else None."""
    label = declared_label(head)
    return mark_of(head) or (codec_of(label) if label is not None and label.lower() != "utf-8" else None)


def _peek(stream: io.BufferedIOBase) -> bytes:
    return cast("io.BufferedReader", stream).peek(_HEAD)


def text_head(path: Path) -> str:
    """The first 64 KiB of a file, without its byte order mark.

    Raises NotText for a file that is binary, of no encoding that is known, not gzip, or not readable.
    """
    with _readable(path), open_bytes(path) as stream:
        head = stream.read(_HEAD)
    if (encoding := encoding_of(head)) is None and (reason := why_not_utf8(head, whole=len(head) < _HEAD)) is not None:
        raise NotText(path, reason)
    return head.decode(encoding or "utf-8", errors="ignore").lstrip("\ufeff")  # it may end inside a character


def read_text(path: Path, *, digest: Digest | None = None, html: bool = False) -> str:
    r"""The whole text of a file, byte order mark removed, line ends made ``\n``. ``html`` looks for the encoding in a
    ``<meta>`` too. Raises NotText.
    """
    try:
        text = decoded(read_bytes(path, digest=digest), html=html)
    except ValueError as error:
        if isinstance(error, NotText):
            raise
        raise NotText(path, str(error)) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_bytes(path: Path, *, digest: Digest | None = None) -> bytes:
    """The whole content of a file, decompressed. Raises NotText, also for what unpacks to more than a file may have."""
    with _readable(path), open_bytes(path, digest=digest) as stream:
        if path.suffix.lower() != ".gz":
            return stream.read()
        most = min(LARGEST_WHOLE, _PACKED_MOST + _PACKED_TIMES * path.stat().st_size)
        data = stream.read(most + 1)
    if len(data) > most:
        hint = "split it, or turn it into JSON Lines, which are read line by line"
        raise NotText(path, f"unpacks to more than {most:,} bytes", hint=hint)
    return data


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise NotText(path, f"not a whole gzip file ({error})") from error
    except OSError as error:
        raise NotText(path, f"cannot be read ({error.strerror or error})") from error


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

    Raises BadFile, naming the line, for bytes that are not of the file's encoding (UTF-8, or what a byte order mark or
    an XML declaration says) and for a line of more than 256 MiB, and StorageFailed where the disk fails.
    """
    with reading(path), open_bytes(path, digest=digest) as stream:
        yield from numbered_lines_of(stream, path)


def numbered_lines_of(stream: io.BufferedIOBase, path: Path) -> Iterator[tuple[int, str]]:
    """``numbered_lines`` of a stream of bytes; ``path`` names it in errors."""
    encoding = encoding_of(_peek(stream))
    lines = _lines(stream, path) if encoding in {None, "utf-8-sig"} else _decoded_lines(stream, path, str(encoding))
    with closing(lines):  # before its stream, where a caller stops early
        for number, line in enumerate(lines, 1):
            if line and not line.isspace():
                yield number, line


def _lines(stream: io.BufferedIOBase, path: Path) -> Generator[str, None, None]:
    number = 0
    while raw := stream.readline(LONGEST_LINE):
        number += 1
        _check_length(raw, path, number)
        try:
            yield raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise BadFile(
                f"{path}:{number}: not UTF-8 (byte 0x{raw[error.start]:02x} at byte {error.start} of the line)",
                hint="convert the file to UTF-8: iconv -f latin1 -t utf-8",
            ) from error


def _decoded_lines(stream: io.BufferedIOBase, path: Path, encoding: str) -> Generator[str, None, None]:
    number = 0
    text = io.TextIOWrapper(cast("io.BufferedReader", stream), encoding=encoding, newline="\n")
    try:
        while line := text.readline(LONGEST_LINE):
            number += 1
            _check_length(line, path, number)
            yield line.rstrip("\r\n")
    except UnicodeError as error:
        raise BadFile(
            f"{path}: not {encoding.upper()}, on line {number + 1} or below: {error}", hint="convert the file to UTF-8"
        ) from error
    finally:
        text.detach()  # the stream is its opener's to close


def bounded_lines(text: io.TextIOBase, path: Path, passed: int = 0) -> Iterator[str]:
    """The lines of a text from where it stands, with their ends; ``passed`` lines are above.

    Raises BadFile for a line of more than 256 MiB.
    """
    number = passed
    while line := text.readline(LONGEST_LINE):
        number += 1
        _check_length(line, path, number)
        yield line


def _check_length(line: str | bytes, path: Path, number: int) -> None:
    if len(line) == LONGEST_LINE:
        raise BadFile(f"{path}:{number}: a line of more than {LONGEST_LINE >> 20} MiB")
