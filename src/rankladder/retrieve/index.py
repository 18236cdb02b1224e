"""An index that is open for searching."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import tantivy

from rankladder.arguments import checked
from rankladder.errors import BadInput, BadOption, IndexCorrupt, IndexRefused, NotFound, StorageFailed
from rankladder.rerank import EncodedDocument
from rankladder.retrieve.analysis import ANALYSER, Analysis, analysis_of
from rankladder.retrieve.generations import tantivy_errors
from rankladder.retrieve.manifest import Manifest, live_generation, read_manifest, rebuild_hint
from rankladder.retrieve.verifying import check_files, distrust
from rankladder.surrogates import encodable
from rankladder.temporary import temporary_folder
from rankladder.values import Document, Hit, Query, Ranking

_WORDS = "words"


def schema() -> tantivy.Schema:
    """Ids and sources unchanged; title and text as terms; and the document itself, as JSON bytes."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("source", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("body", tokenizer_name=_WORDS, index_option="freq")
    builder.add_bytes_field("document", stored=True)
    builder.add_bytes_field("tokens", stored=True)
    return builder.build()


@checked
def open_index(path: str | Path, *, in_full: bool = False) -> Index:
    """The index in a folder, at its last complete state; later updates are seen by opening it again.

    Its files are held against their digests first: a small index (32 MB) at each opening, a larger one where its files
    were written to since it was last found whole, at least once a day, and where ``in_full`` asks for it. Opening takes
    no lock and writes nothing into the folder, so an index may lie on a read-only disk. Raises IndexMissing,
    IndexTooNew, IndexCorrupt (a file is missing, cut or altered) and StorageFailed.
    """
    folder = Path(path)
    while True:
        generation = live_generation(folder)
        try:
            manifest = read_manifest(generation)
            check_files(generation, manifest, in_full=in_full)
            return Index(folder, generation, manifest, _searcher(generation, manifest))
        except (IndexCorrupt, StorageFailed):
            if live_generation(folder) == generation:  # else a writer has just replaced it
                raise


def _searcher(generation: Path, manifest: Manifest) -> tantivy.Searcher:
    """A searcher over a generation. All files are mapped when it is made: they may be removed afterwards."""
    hint = f"rebuild: {rebuild_hint(generation.parent, manifest.roots)}"
    with tantivy_errors(f"{generation}: tantivy cannot open it", IndexCorrupt, hint=hint):
        if os.access(generation, os.W_OK):
            found = tantivy.Index.open(str(generation))
            found.config_reader("manual")
            searcher = found.searcher()
        else:
            searcher = _read_only_searcher(generation, manifest)
    if searcher.num_docs != manifest.documents:
        raise IndexCorrupt(
            f"{generation}: expected {manifest.documents:,} documents, found {searcher.num_docs:,}", hint=hint
        )
    return searcher


def _read_only_searcher(generation: Path, manifest: Manifest) -> tantivy.Searcher:
    """Tantivy opens a lock file beside its files, even to read: here it does so beside links to them."""
    with temporary_folder() as view:
        for name in manifest.files:
            (view / name).symlink_to((generation / name).resolve())
        found = tantivy.Index.open(str(view))
        found.config_reader("manual")
        return found.searcher()


class Index:
    """An open index: a ``Retriever`` by BM25 (k1 1.2, b 0.75) over title and text. Threads may share it.

    A context manager; ``len`` counts its documents. It keeps working when its folder is updated or deleted.
    """

    def __init__(
        self,
        path: Path,
        generation: Path,
        manifest: Manifest,
        searcher: tantivy.Searcher,
    ) -> None:
        self.path = path
        self.generation = generation
        self.manifest = manifest
        self.language = manifest.settings.language
        self._schema = schema()
        self._open: tantivy.Searcher | None = searcher
        self._on_close: Callable[[], object] | None = None

    def __len__(self) -> int:
        return self.manifest.documents

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets the files go; a second call does nothing."""
        self._open = None
        if self._on_close is not None:
            self._on_close()
            self._on_close = None

    def when_closed(self, action: Callable[[], object]) -> None:
        """Runs ``action`` when the index is closed (it removes a temporary folder)."""
        self._on_close = action

    @checked
    def retrieve(self, query: Query, *, k: int) -> Ranking:
        """The best ``k`` documents by BM25, fewer where fewer share a word with the query, none where none does.

        The query's words are searched for, each as often as it occurs; no sign has a special meaning. Equal
        scores are ordered by document id. Raises BadOption for ``k`` below 1, and IndexCorrupt for files that were
        damaged while the index was open.
        """
        if k < 1:
            raise BadOption(f"k must be at least 1, got {k}")
        terms = self._terms_of(query)
        limit = min(k, len(self))
        if not terms or not limit:
            return Ranking(query, (), "bm25")
        clauses = [
            (tantivy.Occur.Should, self._term("body", term, "freq") if count == 1 else self._often(term, count))
            for term, count in terms.items()
        ]
        found = self._search(tantivy.Query.boolean_query(clauses), limit)
        found.sort(key=lambda pair: (-pair[0], pair[1].id))
        hits = [Hit(document, score, place) for place, (score, document) in enumerate(found)]
        return Ranking.of(query, hits, "bm25")

    def _terms_of(self, query: Query) -> dict[str, int]:
        """Raises IndexRefused for an index whose words were made in another way than the query's would be."""
        if self.manifest.settings.analyser != ANALYSER:
            raise IndexRefused(
                f"{self.path}: its words were made by an earlier version of rankladder and would not match",
                hint=f"bring it up to date: {rebuild_hint(self.path, self.manifest.roots)}",
            )
        return analysis_of(self.language).query_terms(query.text)

    def documents(self) -> list[Document]:
        """Every document, by id. Raises IndexCorrupt."""
        found = self._search(tantivy.Query.all_query(), len(self)) if len(self) else []
        return sorted((document for _, document in found), key=lambda document: document.id)

    @checked
    def ids(self) -> list[str]:
        """The id of every document. Raises IndexCorrupt."""
        searcher = self._searching()
        with self._undamaged():
            found = searcher.search(tantivy.Query.all_query(), max(1, len(self)), count=False).hits
            return [str(searcher.doc(address).get_first("id")) for _, address in found]

    @checked
    def document(self, id: str) -> Document:
        """The document with an id. Raises NotFound."""
        found = self._search(self._term("id", id, "basic"), 1) if len(self) else []
        if not found:
            raise NotFound(f"{self.path}: no document has the id {id!r}")
        return found[0][1]

    @checked
    def source_of(self, id: str) -> str | None:
        """The name of the source that a document came from, None where no document has the id."""
        with self._undamaged():
            found = self._searching().search(self._term("id", id, "basic"), 1, count=False).hits
            return str(self._searching().doc(found[0][1]).get_first("source")) if found else None

    def _often(self, term: str, count: int) -> tantivy.Query:
        return tantivy.Query.boost_query(self._term("body", term, "freq"), float(count))

    def _term(self, field: str, term: str, option: str) -> tantivy.Query:
        return tantivy.Query.term_query(self._schema, field, encodable(term), option)

    def _searching(self) -> tantivy.Searcher:
        if self._open is None:
            raise BadInput(f"{self.path}: the index was closed", hint="open it again: open_index(path)")
        return self._open

    @contextmanager
    def _undamaged(self) -> Iterator[None]:
        """Raises IndexCorrupt for what tantivy cannot read: a file was damaged after it was found whole."""
        hint = f"rebuild: {rebuild_hint(self.path, self.manifest.roots)}"
        try:
            with tantivy_errors(f"{self.path}: damaged since it was opened", IndexCorrupt, hint=hint):
                yield
        except IndexCorrupt:
            distrust(self.generation)
            raise

    def _search(self, query: tantivy.Query, limit: int) -> list[tuple[float, Document]]:
        searcher = self._searching()
        with self._undamaged():
            found = searcher.search(query, limit, count=False).hits
            return [(float(score), _document(searcher.doc(address))) for score, address in found]


def pack(document: Document, source: str, analysis: Analysis) -> tantivy.Document:
    """What the index holds of a document."""
    packed = tantivy.Document()
    packed.add_text("id", document.id)
    packed.add_text("source", source)
    body = f"{document.title}\n{document.text}" if document.title else document.text
    packed.add_text("body", analysis.searchable(body))
    stored = json.dumps([document.title, document.text, dict(document.metadata)], ensure_ascii=False)
    packed.add_bytes("document", stored.encode())
    if isinstance(document, EncodedDocument):
        little_endian = document.ids.astype(document.ids.dtype.newbyteorder("<"))
        head = bytes([document.ids.itemsize]) + bytes.fromhex(document.tokenizer)
        packed.add_bytes("tokens", head + little_endian.tobytes())
    return packed


def _document(packed: tantivy.Document) -> Document:
    """The document, with its token ids where they were stored: item size (1 byte), tokenizer (32), ids."""
    title, text, metadata = json.loads(packed.get_first("document") or b"")
    id = str(packed.get_first("id"))
    tokens = packed.get_first("tokens")
    if not tokens:
        return Document(id, text, title, metadata)
    ids = np.frombuffer(tokens, f"<u{tokens[0]}", offset=33)
    return EncodedDocument(id, text, title, metadata, ids, tokens[1:33].hex())


def tantivy_writer(generation: Path, analysis: Analysis, *, fresh: bool) -> tantivy.IndexWriter:
    """A writer over a generation, one thread and 128 MB: documents keep their order, so builds are alike."""
    found = tantivy.Index(schema(), path=str(generation)) if fresh else tantivy.Index.open(str(generation))
    found.register_tokenizer(_WORDS, analysis.analyser())
    return found.writer(128_000_000, 1)
