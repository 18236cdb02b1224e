"""An index of raw documents that nobody had to ask for: kept in the user's cache, updated when files change."""

from __future__ import annotations

import hashlib
import os
import time
import warnings
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from rankladder.arguments import checked
from rankladder.errors import IndexLocked, RankladderError, StorageFailed
from rankladder.folders import cache_folder
from rankladder.rerank import ModelTokens, Reranker
from rankladder.retrieve.building import IndexReport, build_index
from rankladder.retrieve.index import Index, open_index
from rankladder.retrieve.languages import DEFAULT
from rankladder.retrieve.manifest import FORMAT, is_index, live_generation, read_manifest
from rankladder.retrieve.sizing import choose_sizing, tokens_of_index
from rankladder.storage import private_folder
from rankladder.temporary import new_temporary_folder, remove_temporary
from rankladder.textfiles import AS_NAMED, ReadAs, Selection
from rankladder.textfiles.selection import DEFAULTS, EVERYTHING

_PATIENCE_S = 120.0


@checked
def cached_index(
    path: str | Path,
    *,
    progress: bool | None = None,
    passage_words: int | None = None,
    passage_tokens: int | None = None,
    passages_for: Reranker | ModelTokens | None = None,
    tokens_for: Reranker | ModelTokens | None = None,
    select: Selection = EVERYTHING,
    read_as: ReadAs = AS_NAMED,
    language: str = DEFAULT,
    any_kept: bool = False,
) -> tuple[Index, IndexReport]:
    """An open index of the documents below a path, and the report of its last update.

    The index is built on the first call and brought up to date on every later one; arguments are as in ``build_index``.

    It lies in ``$RANKLADDER_CACHE`` (else the platform's cache folder) under ``indexes/``, one folder for each absolute
    path, passage length, selection, ``read_as``, language and tokenizer: with a folder for each tokenizer every
    document has its token ids, after any earlier search. ``any_kept`` takes the one that was used last, with any
    passages, where there is one for the path, the selection, ``read_as`` and the language. Where another process is
    updating the index, this one waits, up to two minutes. Where the cache cannot be written, the index is built in a
    temporary folder, with a RuntimeWarning, and removed when it is closed.

    Raises what ``build_index`` and ``open_index`` raise.
    """
    settled = select.over(DEFAULTS)
    folder = cache_folder("indexes", f"format-{FORMAT}")
    of_path = _digest(f"{Path(path).resolve()}\n{settled}\n{language}{read_as.written}")
    kept = _used_last(folder, of_path) if any_kept else None
    if kept is not None:
        folder, passage_words, passage_tokens, passages_for = kept
        tokens_for = passages_for
    else:
        sizing, _ = choose_sizing(
            passage_words=passage_words, passage_tokens=passage_tokens, passages_for=passages_for, tokens_for=tokens_for
        )
        ids = "" if tokens_for is None else tokens_for.tokenizer
        folder /= f"{of_path}-{_digest(f'{sizing.words} {sizing.tokens} {sizing.tokenizer} {ids}')}"

    def build(into: Path) -> IndexReport:
        return build_index(
            [path],
            into,
            progress=progress,
            passage_words=passage_words,
            passage_tokens=passage_tokens,
            passages_for=passages_for,
            tokens_for=tokens_for,
            select=settled,
            read_as=read_as,
            language=language,
            in_full=False,
        )

    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            report = build(folder)
            return _opened(folder), report
        except IndexLocked:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        except StorageFailed as error:
            reason = str(error).splitlines()[0]
            break
    warnings.warn(f"the index is not kept: {reason}; set RANKLADDER_CACHE to a folder", RuntimeWarning, stacklevel=2)
    return _temporary_index(build)


def _opened(folder: Path) -> Index:
    """The index in a folder, which is now the one that was used last."""
    index = open_index(folder)
    with suppress(OSError):
        os.utime(folder)
    return index


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


class _Kept(NamedTuple):
    folder: Path
    passage_words: int | None
    passage_tokens: int | None
    passages_for: ModelTokens | None


def _used_last(indexes: Path, of_path: str) -> _Kept | None:
    """The index of a path that was used last, and how it is brought up to date; None where there is none, or where its
    model is not here any more.
    """
    folders = [folder for folder in indexes.glob(f"{of_path}-*") if is_index(folder)]
    for folder in sorted(folders, key=lambda folder: folder.stat().st_mtime_ns, reverse=True):
        with suppress(RankladderError):
            sizing = read_manifest(live_generation(folder)).sizing
            tokens = tokens_of_index(sizing)
            return _Kept(folder, sizing.words or None, sizing.tokens or None, tokens)
    return None


def _temporary_index(build: Callable[[Path], IndexReport]) -> tuple[Index, IndexReport]:
    folder = new_temporary_folder()
    private_folder(folder)
    try:
        report = build(folder / "index")
        index = open_index(folder / "index")
    except BaseException:
        remove_temporary(folder)
        raise
    index.when_closed(weakref.finalize(index, remove_temporary, folder))
    return index, report
