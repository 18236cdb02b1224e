"""What an index folder says of itself: ``CURRENT`` names a generation, its ``manifest.json`` describes it.

Both end with a checksum of their own content, in the same way in every format, and the manifest holds a digest of each
of tantivy's files: every byte of an index is under one of them.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rankladder.arguments import checked
from rankladder.errors import IndexCorrupt, IndexMissing, IndexTooNew, StorageFailed
from rankladder.retrieve.sizing import Sizing
from rankladder.storage import checked_json, checksum, read_checked_json
from rankladder.textfiles import Selection

FORMAT = 2
GENERATION = re.compile(r"gen-\d{6,}")
_CURRENT = re.compile(rf"({GENERATION.pattern}) ([0-9a-f]{{16}})\n")


@dataclass(frozen=True, slots=True)
class SourceState:
    """A source when it was indexed; ``skipped`` is why it gave no documents, ``""`` where it was read."""

    size: int
    mtime_ns: int
    digest: str
    documents: int
    skipped: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides how documents are read, cut and analysed; an index with other settings is rebuilt."""

    passage_words: int
    passage_tokens: int
    tokenizer: str
    analyser: str
    language: str
    readers: int
    ids: str
    read_as: str


@dataclass(frozen=True, slots=True)
class FileState:
    """A file of tantivy's as it was written: bytes, and SHA-256 (hex)."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that is known of a generation.

    ``select`` chooses the files, ``base`` is the path that names are relative to; ``scanned_ns`` is when the
    folders were read. ``dead`` counts documents that were deleted but may still take room. ``files`` holds every file
    of tantivy's. ``model`` and ``max_tokens`` are of the model that passages are made for, where they count its tokens.
    """

    format: int
    package: str
    settings: Settings
    select: Selection
    roots: tuple[str, ...]
    base: str
    scanned_ns: int
    documents: int
    dead: int
    sources: Mapping[str, SourceState]
    files: Mapping[str, FileState]
    model: str
    max_tokens: int

    @property
    def sizing(self) -> Sizing:
        """How long the passages are, and the model that they are made for."""
        made = self.settings
        return Sizing(made.passage_words, made.passage_tokens, made.tokenizer, self.model, self.max_tokens)

    def to_json(self) -> str:
        """The text of ``manifest.json``."""
        return checked_json(asdict(self))

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Manifest:
        """A manifest from its JSON object. Raises TypeError, KeyError or AttributeError for anything else."""
        return cls(
            **{
                **given,
                "settings": Settings(**given["settings"]),
                "select": Selection(**given["select"]),
                "roots": tuple(given["roots"]),
                "sources": {name: SourceState(**state) for name, state in given["sources"].items()},
                "files": {name: FileState(**state) for name, state in given["files"].items()},
            }
        )


def package_version() -> str:
    """The installed version of rankladder, ``unknown`` where it runs from a folder that was never installed."""
    try:
        return version("rankladder")
    except PackageNotFoundError:
        return "unknown"


def rebuild_hint(folder: Path, roots: Sequence[str] = ("documents",)) -> str:
    """The command that makes an index of some paths in a folder."""
    return f"rankladder index {shlex.join(roots)} --into {shlex.quote(str(folder))}"


@checked
def is_index(path: str | Path) -> bool:
    """Whether a folder is an index (a harmed one too), and not documents or something else."""
    folder = Path(path)
    try:
        return (folder / "CURRENT").is_file() and any(GENERATION.fullmatch(child.name) for child in folder.iterdir())
    except OSError:
        return False


def current_text(generation: Path) -> str:
    """The text of ``CURRENT`` where this generation is live."""
    return f"{generation.name} {checksum(generation.name.encode())}\n"


def live_generation(folder: Path) -> Path:
    """The generation that ``CURRENT`` names. Raises IndexMissing, IndexCorrupt, StorageFailed."""
    path = folder / "CURRENT"
    try:
        text = path.read_bytes().decode("ascii", "replace")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise IndexMissing(f"no index at {folder}", hint=rebuild_hint(folder)) from error
    except OSError as error:
        raise StorageFailed(f"{path}: cannot be read: {error.strerror or error}") from error
    named = _CURRENT.fullmatch(text)
    if named is None or current_text(folder / named[1]) != text:
        raise IndexCorrupt(
            f"{path}: altered since it was written, or of an earlier version: {text[:40]!r} names no generation",
            hint=f"rebuild: {rebuild_hint(folder)}",
        )
    return folder / named[1]


def read_manifest(generation: Path) -> Manifest:
    """The manifest of a generation.

    Raises IndexTooNew for a format later than this one, IndexCorrupt for a manifest that is missing or altered, and
    StorageFailed where the disk fails.
    """
    path = generation / "manifest.json"
    hint = f"rebuild: {rebuild_hint(generation.parent)}"
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise IndexCorrupt(f"{path}: the manifest is missing", hint=hint) from error
    except OSError as error:
        raise StorageFailed(f"{path}: cannot be read: {error.strerror or error}") from error
    try:
        given = read_checked_json(content)
    except ValueError as error:
        raise IndexCorrupt(f"{path}: {error}", hint=hint) from error
    try:
        if isinstance(given["format"], int) and given["format"] > FORMAT:
            raise IndexTooNew(
                f"{generation.parent}: the index has format {given['format']}, this rankladder reads up to {FORMAT}",
                hint="upgrade rankladder, or build the index into another folder",
            )
        manifest = Manifest.of(given)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise IndexCorrupt(f"{path}: not a manifest: {type(error).__name__}", hint=hint) from error
    if elsewhere := [name for name in manifest.files if Path(name).name != name]:
        raise IndexCorrupt(f"{path}: names a file outside its folder: {elsewhere[0]!r}", hint=hint)
    return manifest
