"""Model hub: an id and a revision → a folder of this machine's cache, fetched only where it is not there yet."""

from __future__ import annotations

import errno
import os
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rankladder.checkpoint.jsonfile import read_json
from rankladder.checkpoint.modular import MODULES
from rankladder.checkpoint.tensorfile import INDEX, WEIGHTS, shard_names
from rankladder.checkpoint.tokens import TOKENIZER
from rankladder.errors import CheckpointRefused, ModelMissing, StorageFailed, Unavailable

WANTED = ("*.json", "*.safetensors", "*.txt")
UNWANTED = ("onnx/*", "openvino/*", "checkpoint-*/*", "runs/*", "optimizer*", "model.fp16*", "model.fp32*")
"""Patterns of huggingface_hub: the files that are read, without those that the same endings would bring."""

COMMIT = re.compile(r"[0-9a-f]{40}")


class UnpinnedRevision(UserWarning):
    """A model was opened without naming its commit: another day may bring other weights."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A model's folder in the cache, and its commit."""

    folder: Path
    commit: str | None


def fetch(hub_id: str, revision: str | None, *, offline: bool | None = None) -> Fetched:
    """The folder of a hub model: from the cache, without touching the network, where it is there in full.

    ``offline`` None follows the environment (``HF_HUB_OFFLINE``), which False cannot overrule. A revision that is
    not a commit warns with UnpinnedRevision, naming the commit.

    Raises ModelMissing where the model is not on this machine and may not be fetched, or the hub does not know it;
    Unavailable where the hub cannot be reached; StorageFailed where the cache cannot be written.
    """
    folder = cached_folder(hub_id, revision)
    if folder is None:
        if _is_offline(offline):
            raise ModelMissing(
                f"{_shown(hub_id, revision)} is not on this machine, and fetching is off",
                hint=f"hf download {hub_id}{f' --revision {revision}' if revision else ''}; or unset HF_HUB_OFFLINE",
            )
        folder = _download(hub_id, revision)
    commit = folder.name if COMMIT.fullmatch(folder.name) else None
    if revision is None or not COMMIT.fullmatch(revision):
        warnings.warn(
            f"{_shown(hub_id, revision)} is not pinned: {hub_id}@{commit or '<commit>'} gives these weights again",
            UnpinnedRevision,
            stacklevel=4,
        )
    return Fetched(folder, commit)


def lacking(folder: Path) -> str | None:
    """The first file that a checkpoint folder lacks, None where it is whole.

    A cached folder may be partial: other programs fetch single files of a model into the same cache.
    """
    try:
        wanted = ["config.json", TOKENIZER]
        if (folder / MODULES).is_file():
            modules = read_json(folder / MODULES)
            parts = [str(entry.get("path", "")) for entry in modules] if isinstance(modules, list) else []
            wanted += [f"{part}/config.json" for part in parts if part]
            wanted += [f"{part}/{WEIGHTS}" for part in parts if part.endswith(("Dense", "LayerNorm"))]
        if (folder / INDEX).is_file():
            wanted += sorted(set(shard_names(folder / INDEX).values()))
        else:
            wanted.append(WEIGHTS)
    except (CheckpointRefused, AttributeError):
        return None  # reading it says what is wrong
    return next((name for name in wanted if not (folder / name).is_file()), None)


def cached_folder(hub_id: str, revision: str | None) -> Path | None:
    """The model's folder in the cache where it is whole. The hub's own listing of a snapshot is not asked: it counts
    files that are never read here.
    """
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(hub_id, "config.json", revision=revision)
    if not isinstance(config, str):
        return None
    folder = Path(config).parent
    return folder if lacking(folder) is None else None


def _download(hub_id: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    shown = _shown(hub_id, revision)
    try:
        return Path(snapshot_download(hub_id, revision=revision, **_PATTERNS))
    except HFValidationError as error:
        raise ModelMissing(f"{hub_id!r} is not a hub id: {error}", hint="an id is organisation/name") from error
    except GatedRepoError as error:
        raise Unavailable(f"{shown} asks for an account: {_first_line(error)}", hint="hf auth login") from error
    except RepositoryNotFoundError as error:
        raise ModelMissing(
            f"the hub knows no public model {hub_id!r}",
            hint="check the spelling (no such folder is here either); a private model needs hf auth login",
        ) from error
    except RevisionNotFoundError as error:
        raise ModelMissing(f"the hub knows no revision {revision!r} of {hub_id}") from error
    except OfflineModeIsEnabled as error:
        raise ModelMissing(
            f"{shown} is not on this machine, and HF_HUB_OFFLINE is set", hint="unset HF_HUB_OFFLINE"
        ) from error
    except (HfHubHTTPError, LocalEntryNotFoundError, ConnectionError, TimeoutError) as error:
        raise _unreachable(shown, error) from error
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS}:
            raise StorageFailed(
                f"the model cache cannot be written: {error}", hint="free space, or set HF_HOME to another disk"
            ) from error
        raise _unreachable(shown, error) from error
    except Exception as error:
        # huggingface_hub lets its HTTP library's own errors through; which library that is depends on its version
        if type(error).__module__.startswith(("httpx", "httpcore", "requests", "urllib3")):
            raise _unreachable(shown, error) from error
        raise


_PATTERNS: dict[str, Any] = {"allow_patterns": list(WANTED), "ignore_patterns": list(UNWANTED)}


def _is_offline(offline: bool | None) -> bool:
    return bool(offline) or any(os.environ.get(key, "").upper() in {"1", "ON", "YES", "TRUE"} for key in _OFFLINE_KEYS)


_OFFLINE_KEYS = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


def _unreachable(shown: str, error: Exception) -> Unavailable:
    return Unavailable(
        f"the model hub cannot be reached for {shown}: {_first_line(error)}",
        hint="copy the model's folder here and give its path, set HF_ENDPOINT to a mirror, or use the model in the box "
        "(box)",
    )


def _shown(hub_id: str, revision: str | None) -> str:
    return f"{hub_id}@{revision}" if revision else hub_id


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
