"""What lies in the cache: how large, when last used, and how it is cleared without touching anything else.

Everything in the cache can be made again; a hosted model's scores cost money again. A folder or file is taken for ours
by its place and the form of its name; what is called otherwise is neither listed nor removed.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from rankladder.arguments import checked
from rankladder.errors import BadOption, StorageFailed
from rankladder.folders import cache_folder

_FORMS = {
    "indexes": re.compile(r"format-\d+/[0-9a-f]{8,64}(-[0-9a-f]{8,64})?"),
    "graphs": re.compile(r"[0-9a-f]{24}-[a-z0-9]+-[0-9a-f]{12}"),
    "embeddings": re.compile(r"[0-9a-f]{32}"),
    "scores": re.compile(r"[^/]+\.[^/]+\.[0-9a-f]{8,64}(\.[0-9a-f]+)?\.jsonl"),
    "verified": re.compile(r"[0-9a-f]{16,64}(\.json)?"),
}
KINDS = (*_FORMS, "models")
"""``models`` are the hub's downloads of models that the catalogue knows: other programs may use them too."""
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Kept:
    """One thing that can be cleared by itself: ``bytes`` on the disk, ``used`` in seconds since 1970."""

    kind: str
    path: Path
    bytes: int
    used: float


@checked
def list_kept(kinds: Collection[str] = KINDS, *, older_than_days: float | None = None) -> list[Kept]:
    """What is kept, by kind and path; with ``older_than_days`` what was not used for so long.

    Raises BadOption for a kind that there is not, and for fewer than 0 days.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise BadOption(f"nothing of the kind {kind!r} is kept", hint=f"the kinds are {', '.join(KINDS)}")
    if older_than_days is not None and older_than_days < 0:
        raise BadOption(f"older_than_days must be 0 or more, got {older_than_days:g}")
    until = float("inf") if older_than_days is None else time.time() - older_than_days * _DAY_S
    found = (entry for kind in KINDS if kind in kinds for entry in (_models() if kind == "models" else _of_cache(kind)))
    return [entry for entry in found if entry.used <= until]


def _of_cache(kind: str) -> Iterator[Kept]:
    root = cache_folder() / kind
    for path in sorted(root.glob("*/*" if kind == "indexes" else "*")):
        if _FORMS[kind].fullmatch(path.relative_to(root).as_posix()) and not path.is_symlink():
            yield _measured(kind, path)


def _measured(kind: str, path: Path) -> Kept:
    size, used = 0, 0.0
    for file in (path, *path.rglob("*")):
        with suppress(OSError):  # just removed by another process
            status = file.lstat()
            used = max(used, status.st_mtime)
            size += status.st_size if not file.is_dir() else 0
    return Kept(kind, path, size, used)


def _models() -> Iterator[Kept]:
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    from rankladder.catalogue import all_models

    known = {model.hub_id for model in all_models()}
    try:
        repositories = scan_cache_dir().repos
    except (CacheNotFound, OSError):
        return
    for repository in sorted(repositories, key=lambda repository: repository.repo_id):
        if repository.repo_type == "model" and repository.repo_id in known:
            yield Kept(
                "models",
                Path(repository.repo_path),
                repository.size_on_disk,
                max(repository.last_accessed, repository.last_modified),
            )


def clear(kept: Kept) -> bool:
    """Removes one thing; False where another process is writing it, and it stays. Raises StorageFailed."""
    with ExitStack() as stack:
        for lock in _locks(kept):
            try:
                stack.enter_context(FileLock(lock, timeout=0, thread_local=False))
            except Timeout:
                return False
            except (OSError, NotImplementedError) as error:
                raise StorageFailed(f"{kept.path}: cannot be locked, so it is left: {error}") from error
        try:
            if kept.path.is_dir():
                aside = kept.path.with_name(f".{kept.path.name}.{os.getpid()}.tmp")
                kept.path.rename(aside)  # gone at once for everybody who opens it from now on
                shutil.rmtree(aside)
            else:
                kept.path.unlink(missing_ok=True)
                kept.path.with_suffix(".lock").unlink(missing_ok=True)
        except OSError as error:
            raise StorageFailed(f"{kept.path}: cannot be removed: {error.strerror or error}") from error
    return True


def _locks(kept: Kept) -> list[Path]:
    if kept.kind in {"indexes", "embeddings"}:
        return [kept.path / ".lock"]
    return [kept.path.with_suffix(".lock")] if kept.kind == "scores" else []
