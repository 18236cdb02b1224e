"""Documents that stay on disk: looked up by id in an index, walked in the order of their files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from rankladder.errors import BadOption, NotFound
from rankladder.retrieve import Index, cached_index, is_index, ruler_of
from rankladder.textfiles import AS_NAMED, ReadAs, Selection, read_documents
from rankladder.textfiles.selection import EVERYTHING, counted
from rankladder.values import Document

_NAMED = 3


class Corpus(Mapping[str, Document]):
    """The documents of a file or a folder, by id. What is held in memory does not grow with them.

    They are indexed into the user's cache when this is made, and brought up to date where files have changed
    (``rankladder.retrieve.cached_index``, whose errors it raises). Iterating reads the files.
    """

    def __init__(
        self,
        path: Path,
        *,
        progress: bool | None = None,
        select: Selection = EVERYTHING,
        read_as: ReadAs = AS_NAMED,
        language: str = "en",
    ) -> None:
        if is_index(path):
            raise BadOption(f"{path} is an index: an evaluation reads the documents themselves")
        self.path = path
        self.read_as = read_as
        self.index: Index
        self.index, self.report = cached_index(
            path, progress=progress, select=select, read_as=read_as, language=language
        )

    @property
    def remarks(self) -> tuple[str, ...]:
        """The files that are not in the collection, in a sentence; none where all are."""
        skipped, kinds = self.report.skipped, self.report.unknown_suffixes
        found = []
        if skipped:
            first = "; ".join(f"{file.path.name}: {file.reason}" for file in skipped[:_NAMED])
            more = f" and {len(skipped) - _NAMED:,} more" if len(skipped) > _NAMED else ""
            found.append(f"{len(skipped):,} files of documents are left out ({first}{more})")
        if kinds:
            shown = ", ".join(f"{count:,} {suffix}" for suffix, count in sorted(kinds.items()))
            found.append(f"files of kinds that are not read are left out: {shown}")
        if self.report.left_out:
            found.append(f"files and folders are left out: {counted(self.report.left_out)}")
        return tuple(found)

    @property
    def digest(self) -> str:
        """Of the files' contents and the way they are cut."""
        manifest = self.index.manifest
        state = "\n".join(f"{name}\t{source.digest}" for name, source in sorted(manifest.sources.items()))
        return hashlib.sha256(f"{manifest.settings}\n{state}".encode("utf-8", "surrogateescape")).hexdigest()

    def __getitem__(self, id: str) -> Document:
        try:
            return self.index.document(id)
        except NotFound:
            raise KeyError(id) from None

    def __contains__(self, id: object) -> bool:
        return isinstance(id, str) and self.index.source_of(id) is not None

    def __len__(self) -> int:
        return len(self.index)

    def __iter__(self) -> Iterator[str]:
        return (document.id for document in self.documents())

    def documents(self) -> Iterator[Document]:
        """Every document once, in the order of the files."""
        manifest = self.index.manifest
        ruler = ruler_of(manifest.sizing)
        return iter(read_documents(self.path, ruler=ruler, select=manifest.select, read_as=self.read_as))
