"""The index that a build finds in its folder, and the parts that it keeps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rankladder.errors import IndexCorrupt, IndexMissing
from rankladder.retrieve.index import Index, open_index
from rankladder.retrieve.manifest import Manifest, live_generation
from rankladder.textfiles import Selection
from rankladder.textfiles.selection import DEFAULTS


class LiveIndex:
    """The index that is there already; empty where there is none, or none that can be read.

    ``named`` is the generation that ``CURRENT`` names, one that cannot be read too: it stays until another is live.
    """

    def __init__(self, folder: Path, *, in_full: bool) -> None:
        self.index: Index | None = None
        self.named: Path | None = None
        self.damage = ""
        try:
            self.named = live_generation(folder)
            self.index = open_index(folder, in_full=in_full)
        except IndexMissing:
            pass
        except IndexCorrupt as error:
            self.damage = str(error).splitlines()[0]

    @property
    def generation(self) -> Path | None:
        """The folder of its files."""
        return None if self.index is None else self.index.generation

    @property
    def manifest(self) -> Manifest | None:
        """What is known of it."""
        return None if self.index is None else self.index.manifest

    def close(self) -> None:
        """Lets its files go."""
        if self.index is not None:
            self.index.close()


def as_before(select: Selection, roots: Sequence[str], manifest: Manifest | None) -> tuple[Selection, str | None]:
    """The selection, and what names are relative to: the index's own unless others are given.

    Names stay relative to the path that the index began with while it has one of its paths; where all have moved, the
    first of the new ones takes its place.
    """
    if manifest is None:
        return select.over(DEFAULTS), None
    return select.over(manifest.select), manifest.base if set(roots) & set(manifest.roots) else None
