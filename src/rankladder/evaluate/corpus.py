"""Documents that stay on disk: looked up by id in an index, walked in the order of their files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from rankladder.errors import BadOption, NotFound
from rankladder.retrieve import Index, cached_index, is_index
from rankladder.textfiles import read_documents
from rankladder.values import Document


class Corpus(Mapping[str, Document]):
    """The documents of a file or a folder, by id. What is held in memory does not grow with them.

    They are indexed into the user's cache when this is made, and brought up to date where files have changed
    (``rankladder.retrieve.cached_index``, whose errors it raises). Iterating reads the files.
    """

    def __init__(self, path: Path, *, progress: bool | None = None) -> None:
        if is_index(path):
            raise BadOption(f"{path} is an index: an evaluation reads the documents themselves")
        self.path = path
        self.index: Index = cached_index(path, progress=progress)[0]

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
        return iter(read_documents(self.path, passage_words=self.index.manifest.settings.passage_words))
