"""What an index folder says of itself: ``CURRENT`` names a generation, its ``manifest.json`` describes it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rankladder.errors import IndexCorrupt, IndexMissing, IndexTooNew, StorageFailed

FORMAT = 1
GENERATION = re.compile(r"gen-\d{6,}")


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
    """What decides how documents are read, cut and analysed; an index with other settings is built anew."""

    passage_words: int
    analyser: str
    readers: int = 0  # as in manifests that say nothing of it


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that is known of a generation. ``files`` holds the size in bytes of every file of tantivy's;
    ``dead`` counts documents that were deleted but may still take room; ``scanned_ns`` is when the folders were read.
    """

    format: int
    package: str
    settings: Settings
    roots: tuple[str, ...]
    scanned_ns: int
    documents: int
    dead: int
    sources: Mapping[str, SourceState]
    files: Mapping[str, int]

    def to_json(self) -> str:
        """The text of ``manifest.json``."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Manifest:
        """A manifest from its JSON object. Raises TypeError, KeyError or AttributeError for anything else."""
        return cls(
            **{
                **given,
                "settings": Settings(**given["settings"]),
                "roots": tuple(given["roots"]),
                "sources": {name: SourceState(**state) for name, state in given["sources"].items()},
                "files": {str(name): int(size) for name, size in given["files"].items()},
            }
        )


def package_version() -> str:
    """The installed version of rankladder, ``unknown`` where it runs from a folder that was never installed."""
    try:
        return version("rankladder")
    except PackageNotFoundError:
        return "unknown"


def rebuild_hint(folder: Path) -> str:
    """The command that makes an index in a folder."""
    return f"rankladder index documents --into {folder}"


def is_index(path: str | Path) -> bool:
    """Whether a folder is an index (a harmed one too), and not documents or something else."""
    folder = Path(path)
    try:
        return (folder / "CURRENT").is_file() and any(GENERATION.fullmatch(child.name) for child in folder.iterdir())
    except OSError:
        return False


def live_generation(folder: Path) -> Path:
    """The generation that ``CURRENT`` names. Raises IndexMissing, IndexCorrupt, StorageFailed."""
    try:
        name = (folder / "CURRENT").read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise IndexMissing(f"no index at {folder}", hint=rebuild_hint(folder)) from error
    except UnicodeDecodeError:
        name = ""
    except OSError as error:
        raise StorageFailed(f"{folder / 'CURRENT'}: cannot be read: {error.strerror or error}") from error
    if not GENERATION.fullmatch(name):
        raise IndexCorrupt(f"{folder / 'CURRENT'}: names no generation", hint=f"rebuild: {rebuild_hint(folder)}")
    return folder / name


def read_manifest(generation: Path) -> Manifest:
    """The manifest of a generation, its files checked to be there and whole.

    Raises IndexTooNew for a format later than this one, IndexCorrupt for a manifest that cannot be read or a file that
    is missing or of another size, and StorageFailed where the disk fails.
    """
    path = generation / "manifest.json"
    hint = f"rebuild: {rebuild_hint(generation.parent)}"
    try:
        given = json.loads(path.read_bytes())
        form = given["format"]
        if isinstance(form, int) and form > FORMAT:
            raise IndexTooNew(
                f"{generation.parent}: the index has format {form}, this rankladder reads up to {FORMAT}",
                hint="upgrade rankladder, or build the index into another folder",
            )
        manifest = Manifest.of(given)
    except FileNotFoundError as error:
        raise IndexCorrupt(f"{path}: the manifest is missing", hint=hint) from error
    except OSError as error:
        raise StorageFailed(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise IndexCorrupt(f"{path}: not a manifest: {type(error).__name__}", hint=hint) from error
    for name, size in manifest.files.items():
        if Path(name).name != name:
            raise IndexCorrupt(f"{path}: names a file outside its folder: {name!r}", hint=hint)
        try:
            found = (generation / name).stat().st_size
        except FileNotFoundError as error:
            raise IndexCorrupt(f"{generation / name}: the file is missing", hint=hint) from error
        except OSError as error:
            raise StorageFailed(f"{generation / name}: cannot be read: {error.strerror or error}") from error
        if found != size:
            raise IndexCorrupt(f"{generation / name}: expected {size:,} bytes, found {found:,}", hint=hint)
    return manifest
