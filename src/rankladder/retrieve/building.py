"""Building and updating an index."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from rankladder.arguments import checked
from rankladder.errors import BadInput, StorageFailed
from rankladder.progress import Progress
from rankladder.rerank import ModelTokens, Reranker
from rankladder.retrieve.analysis import ANALYSER, Analysis, analysis_of
from rankladder.retrieve.distinct import DistinctIds
from rankladder.retrieve.generations import (
    abandon,
    index_files,
    new_generation,
    publish,
    remove_leftovers,
    save_manifest,
    tantivy_errors,
    writer_lock,
)
from rankladder.retrieve.index import Index, pack, tantivy_writer
from rankladder.retrieve.languages import DEFAULT, language_of
from rankladder.retrieve.live import LiveIndex, as_before
from rankladder.retrieve.manifest import (
    FORMAT,
    FileState,
    Manifest,
    Settings,
    SourceState,
    package_version,
)
from rankladder.retrieve.plan import Plan, compare, is_racy, new_digest
from rankladder.retrieve.sizing import choose_sizing
from rankladder.storage import storage_errors
from rankladder.textfiles import AS_NAMED, IN_WORDS, Found, ReadAs, Ruler, Selection, SkippedFile, Source, find_sources
from rankladder.textfiles.documents import FILE_FAULTS, NO_TEXT, READERS, check_keys, whole_source, why_skipped
from rankladder.textfiles.selection import EVERYTHING, counted
from rankladder.values import Document

_ENCODED_AT_ONCE = 512
_FULL_BYTES = 4_000_000  # a disk with less than this left is called full


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What a build did. ``documents`` is what the index now holds; added, changed, removed and unchanged count source
    files; ``skipped`` names the files that cannot be read, ``unknown_suffixes`` counts those of kinds that are not, and
    ``left_out`` the files and folders that were not looked at, by what left them out; ``select`` and ``language`` were
    applied. ``damage`` says what was wrong with an existing index that had to be rebuilt, "" where nothing was.
    """

    path: Path
    documents: int
    added: int
    changed: int
    removed: int
    unchanged: int
    skipped: tuple[SkippedFile, ...]
    unknown_suffixes: Mapping[str, int]
    left_out: Mapping[str, int]
    select: Selection
    language: str
    seconds: float
    damage: str = ""


@checked
def build_index(
    paths: Sequence[str | Path],
    into: str | Path,
    *,
    progress: bool | None = None,
    passage_words: int | None = None,
    passage_tokens: int | None = None,
    passages_for: Reranker | ModelTokens | None = None,
    tokens_for: Reranker | ModelTokens | None = None,
    select: Selection = EVERYTHING,
    read_as: ReadAs = AS_NAMED,
    language: str | None = None,
    in_full: bool = True,
) -> IndexReport:
    """Builds an index of files and folders, or brings the one in ``into`` up to date, and reports what was done.

    A source is read again where its size, its time or its content changed, and dropped where it is gone from
    ``paths``. Searches still work; the new state appears at once, at the end, or never. An index that is
    damaged (``in_full``: every byte of it is read, else as ``open_index`` does), or was built with other settings, is
    built anew. A file that was found in a folder is skipped where it cannot be read, and named in the report.

    ``select`` says which files of folders are read and what ids their records have. The index keeps it: what a later
    build does not say stays as it is, and what it says is applied to every file. Names, and so the ids of passages,
    are relative to the first path of the first build, so other paths change none.

    ``language`` says how words are brought to their stem and which accents count (``rankladder.retrieve.LANGUAGES``);
    None keeps what the index has, ``en`` for a new one.

    Prose is split into passages that the model ``passages_for`` reads whole beside an ordinary query: by default the
    model of ``tokens_for``, else the model in the box. ``passage_tokens`` of that model's tokens, title included, or
    ``passage_words`` ask for another length. Another length or tokenizer rebuilds the index.

    ``tokens_for`` stores the token ids of the documents that are read now for that reranker, and for every other with
    the same tokenizer: it then ranks them without tokenising them again. Other rerankers read the text.

    Documents are streamed. What grows with the corpus is the set of the new ids (about 150 bytes each, to find
    duplicates); tantivy takes 128 MB beside it. ``progress`` shows a bar on stderr: None where that is a terminal.

    Raises PathMissing, BadFile and BadInput (no documents at all); DuplicateId, naming both places; BadOption for a
    folder that holds something else; IndexLocked, IndexTooNew and StorageFailed. After any error, the index is left
    as it was.
    """
    began = time.perf_counter()
    sizing, ruler = choose_sizing(
        passage_words=passage_words, passage_tokens=passage_tokens, passages_for=passages_for, tokens_for=tokens_for
    )
    if language is not None:
        language_of(language)
    folder = Path(into)
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    scanned_ns = time.time_ns()
    roots = tuple(str(Path(path).resolve()) for path in given)
    with writer_lock(folder), storage_errors(folder), closing(LiveIndex(folder, in_full=in_full)) as live:
        if live.named is not None:
            remove_leftovers(folder, live.named)
        analysis = analysis_of(language or (live.manifest.settings.language if live.manifest else DEFAULT))
        select, base = as_before(select, roots, live.manifest)
        found = find_sources(given, select=select, form=read_as.form, apart_from=folder, base=base)
        if not found.sources:
            raise _nothing(given, found, {})
        check_keys(read_as, found)
        settings = Settings(
            sizing.words,
            sizing.tokens,
            sizing.tokenizer,
            ANALYSER,
            analysis.language.code,
            READERS,
            str(select.ids),
            read_as.written,
        )
        plan = compare(found.sources, live.manifest, settings=settings, roots=roots)

        def manifest_of(states: Mapping[str, SourceState], files: Mapping[str, FileState]) -> Manifest:
            documents = sum(state.documents for state in states.values())
            if not documents:
                raise _nothing(given, found, states)
            ordered = {source.name: states[source.name] for source in found.sources}
            return Manifest(
                FORMAT,
                package_version(),
                settings,
                select,
                roots,
                str(found.base),
                scanned_ns,
                documents,
                plan.dead,
                ordered,
                files,
                sizing.model,
                sizing.max_tokens,
            )

        if not plan.idle or live.manifest is None or live.generation is None:
            generation = new_generation(folder, None if plan.fresh else live.generation, live.manifest)
            try:
                states = plan.carried | _write(
                    generation,
                    plan,
                    live.index,
                    progress=progress,
                    ruler=ruler,
                    analysis=analysis,
                    tokens_for=tokens_for,
                    read_as=read_as,
                )
                known = {} if plan.fresh or live.manifest is None else live.manifest.files
                manifest = manifest_of(states, index_files(generation, known))
                save_manifest(generation, manifest)
                publish(folder, generation)
            except BaseException:
                abandon(folder, generation)
                raise
        else:
            manifest = manifest_of(plan.kept, live.manifest.files)
            racy = any(is_racy(state, live.manifest.scanned_ns) for state in plan.kept.values())
            if racy or replace(manifest, scanned_ns=live.manifest.scanned_ns) != live.manifest:
                save_manifest(live.generation, manifest)  # touched, not changed: spares the next update the digests
    skipped = [*found.skipped, *_skipped(found, manifest.sources)]
    return IndexReport(
        path=folder,
        documents=manifest.documents,
        added=len(plan.added),
        changed=len(plan.changed),
        removed=len(plan.removed),
        unchanged=len(plan.kept),
        skipped=tuple(sorted(skipped, key=lambda file: file.path)),
        unknown_suffixes=dict(found.unknown_suffixes),
        left_out=dict(found.left_out),
        select=select,
        language=analysis.language.code,
        seconds=time.perf_counter() - began,
        damage=live.damage,
    )


def _skipped(found: Found, states: Mapping[str, SourceState]) -> list[SkippedFile]:
    """The files that gave no documents, each with its reason."""
    known = [(source.path, states[source.name].skipped) for source in found.sources if source.name in states]
    return [SkippedFile(path, reason) for path, reason in known if reason]


def _nothing(given: Sequence[str | Path], found: Found, states: Mapping[str, SourceState]) -> BadInput:
    skipped = [*found.skipped, *_skipped(found, states)]
    why = [f"{count} {suffix}" for suffix, count in found.unknown_suffixes.most_common(5)]
    why += [counted(found.left_out)] if found.left_out else []
    why += [f"{one.path}: {one.reason}" for one in skipped[:3]]
    beside = f" (left out: {'; '.join(why)})" if why else ""
    hint = f"{IN_WORDS}; --as text reads others"
    if found.left_out:
        hint = "--no-ignore reads hidden, installed and built files too; --include '' and --exclude '' lift the globs"
    return BadInput(f"no documents in {', '.join(map(str, given))}{beside}", hint=hint)


def _write(
    generation: Path,
    plan: Plan,
    live: Index | None,
    *,
    progress: bool | None,
    ruler: Ruler,
    analysis: Analysis,
    tokens_for: Reranker | ModelTokens | None,
    read_as: ReadAs,
) -> dict[str, SourceState]:
    """Fills a generation as planned, and returns the state of every source that was read."""
    with _writing(generation.parent):
        writer = tantivy_writer(generation, analysis, fresh=plan.fresh)
        for name in plan.dropped:
            writer.delete_documents_by_term("source", name)
    ids = DistinctIds(plan, live)
    states: dict[str, SourceState] = {}
    with Progress("indexing", len(plan.to_read), "files", wanted=progress, inside="passages") as bar:
        for source in plan.to_read:
            digest, count, skipped = new_digest(), 0, ""
            documents = _readable(whole_source(source, ruler=ruler, digest=digest, read_as=read_as), source)
            try:
                for document in documents if tokens_for is None else _encoded(documents, tokens_for):
                    ids.add(document, source)
                    with _writing(generation.parent):
                        writer.add_document(pack(document, source.name, analysis))
                    count += 1
                    bar.add(0, inside=1)
            except _Unreadable as error:
                if count:  # it was whole a moment ago
                    raise StorageFailed(f"{source.path}: it changed while it was read", hint="run it again") from error
                skipped = str(error)
            bar.add(1)
            known = digest.hexdigest() if not skipped else ""
            skipped = skipped or ("" if count else NO_TEXT)
            states[source.name] = SourceState(source.size, source.mtime_ns, known, count, skipped)
    with _writing(generation.parent):
        writer.commit()
        writer.wait_merging_threads()
    return states


class _Unreadable(Exception):
    """A file of a folder that cannot be read; the message is the reason."""


def _readable(documents: Iterator[Document], source: Source) -> Iterator[Document]:
    """The documents of a source. Raises _Unreadable for what is wrong with a file that nobody named."""
    try:
        yield from documents
    except FILE_FAULTS as error:
        if source.named:
            raise
        raise _Unreadable(why_skipped(error, source.path)) from error


def _encoded(documents: Iterator[Document], reranker: Reranker | ModelTokens) -> Iterator[Document]:
    """The documents with their token ids, tokenised some hundreds at a time on all cores."""
    while block := list(islice(documents, _ENCODED_AT_ONCE)):
        yield from reranker.encode(block)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Turns what tantivy raises into StorageFailed; it does not tell a full disk from another failure, so look."""
    try:
        with tantivy_errors(f"{folder}: tantivy cannot write", StorageFailed):
            yield
    except StorageFailed as error:
        if shutil.disk_usage(folder).free < _FULL_BYTES:
            hint = "free some space, or build the index on another disk"
            raise StorageFailed(f"{folder}: the disk is full", hint=hint) from error
        raise
