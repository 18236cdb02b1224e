"""An index of raw documents that nobody had to ask for: kept in the user's cache, updated when files change."""

from __future__ import annotations

import hashlib
import time
import warnings
import weakref
from collections.abc import Callable
from pathlib import Path

from rankladder.arguments import checked
from rankladder.errors import IndexLocked, StorageFailed
from rankladder.folders import cache_folder
from rankladder.rerank import Reranker
from rankladder.retrieve.building import IndexReport, build_index
from rankladder.retrieve.index import Index, open_index
from rankladder.retrieve.manifest import FORMAT
from rankladder.storage import private_folder
from rankladder.temporary import new_temporary_folder, remove_temporary
from rankladder.textfiles import PASSAGE_WORDS, Selection
from rankladder.textfiles.selection import DEFAULTS, EVERYTHING

_PATIENCE_S = 120.0


@checked
def cached_index(
    path: str | Path,
    *,
    progress: bool | None = None,
    passage_words: int = PASSAGE_WORDS,
    tokens_for: Reranker | None = None,
    select: Selection = EVERYTHING,
) -> tuple[Index, IndexReport]:
    """An open index of the documents below a path, and the report of its last update.

    The index is built on the first call and brought up to date on every later one.

    It lies in ``$RANKLADDER_CACHE`` (else the platform's cache folder) under ``indexes/``, one folder for each absolute
    path, passage length, selection and tokenizer: ``tokens_for`` is as in ``build_index``, and with a folder for each
    tokenizer every document has its token ids, whatever searched before. Where another process is updating the index,
    this one waits, up to two minutes. Where the cache cannot be written, the index is built in a temporary folder, with
    a RuntimeWarning, and removed when it is closed.

    Raises what ``build_index`` and ``open_index`` raise.
    """
    tokenizer = f"\n{tokens_for.tokenizer}" if tokens_for is not None else ""
    settled = select.over(DEFAULTS)
    key = f"{Path(path).resolve()}\n{passage_words}\n{settled}{tokenizer}".encode("utf-8", "surrogateescape")
    folder = cache_folder("indexes", f"format-{FORMAT}", hashlib.blake2b(key, digest_size=16).hexdigest())

    def build(into: Path) -> IndexReport:
        return build_index(
            [path],
            into,
            progress=progress,
            passage_words=passage_words,
            tokens_for=tokens_for,
            select=settled,
            in_full=False,
        )

    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            report = build(folder)
            return open_index(folder), report
        except IndexLocked:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        except StorageFailed as error:
            reason = str(error).splitlines()[0]
            break
    warnings.warn(f"the index is not kept: {reason}; set RANKLADDER_CACHE to a folder", RuntimeWarning, stacklevel=2)
    return _temporary_index(build)


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
