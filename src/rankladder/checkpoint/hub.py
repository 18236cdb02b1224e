"""Model hub: an id and a revision → a folder of this machine's cache, fetched only where it is not there yet."""

from __future__ import annotations

import errno
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rankladder.checkpoint.added_tokens import SETTINGS, TOKENIZER
from rankladder.checkpoint.jsonfile import read_json
from rankladder.checkpoint.modular import CROSS_ENCODER, MODULES, TRANSFORMER_SETTINGS
from rankladder.checkpoint.tensorfile import INDEX, WEIGHTS, shard_names
from rankladder.errors import CheckpointRefused, ModelMissing, StorageFailed, Unavailable

WANTED = ("*.json", "*.safetensors", "*.txt", "*.jinja")
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


@dataclass(frozen=True, slots=True)
class Needs:
    """What the folder of a kind of model holds."""

    anchor: str
    """A file that every one of them has."""
    lacking: Callable[[Path], str | None]
    """The first file that a folder lacks and cannot be read without, None where there is none."""
    settings: Callable[[Path], list[str]]
    """Files that a whole folder may be without, and is read otherwise with."""


def fetch(hub_id: str, revision: str | None, *, offline: bool | None = None, needs: Needs | None = None) -> Fetched:
    """The folder of a hub model: from the cache, without touching the network, where it is there in full.

    A cached model that can be read, but lacks settings that the hub may have, is completed where the hub can be
    reached, and used as it is where it cannot.

    ``offline`` None follows the environment (``HF_HUB_OFFLINE``), which False cannot overrule. A revision that is
    not a commit warns with UnpinnedRevision, naming the commit. ``needs`` None is a reranker's folder.

    Raises ModelMissing where the model is not on this machine and may not be fetched, or the hub does not know it;
    Unavailable where the hub cannot be reached; StorageFailed where the cache cannot be written.
    """
    needs = RERANKER if needs is None else needs
    folder = _snapshot(hub_id, revision, needs)
    if folder is None or needs.lacking(folder) is not None:
        if _is_offline(offline):
            raise ModelMissing(
                f"{_shown(hub_id, revision)} is not on this machine, and fetching is off",
                hint=f"hf download {hub_id}{f' --revision {revision}' if revision else ''}; "
                "or allow fetching (no --offline, HF_HUB_OFFLINE unset)",
            )
        folder = _download(hub_id, revision)
        if gone := needs.lacking(folder):  # where the hub cannot be reached, its client gives what there was
            _ask_for([gone], hub_id, folder)
        _complete(hub_id, folder, needs)
    elif not _is_offline(offline):
        _complete(hub_id, folder, needs)
    commit = folder.name if COMMIT.fullmatch(folder.name) else None
    if revision is None or not COMMIT.fullmatch(revision):
        warnings.warn(
            f"{_shown(hub_id, revision)} is not pinned: {hub_id}@{commit or '<commit>'} always gives these weights",
            UnpinnedRevision,
            stacklevel=4,
        )
    return Fetched(folder, commit)


def lacking(folder: Path) -> str | None:
    """The first file that a checkpoint folder lacks and cannot be read without, None where there is none.

    A cached folder may be partial: other programs fetch single files of a model into the same cache. transformers
    leaves a modular cross-encoder without its modules: a config that names no classifier needs them.
    """
    try:
        wanted = ["config.json", TOKENIZER]
        if not (folder / MODULES).is_file():
            wanted += [] if _ends_in(folder, "ForSequenceClassification", "ForCausalLM") else [MODULES]
        else:
            modules = read_json(folder / MODULES)
            parts = [str(entry.get("path", "")) for entry in modules] if isinstance(modules, list) else []
            wanted += [] if _ends_in(folder, "ForCausalLM") else [CROSS_ENCODER]
            wanted += [f"{part}/config.json" for part in parts if part]
            wanted += [f"{part}/{WEIGHTS}" for part in parts if part.endswith(("Dense", "LayerNorm"))]
        if (folder / INDEX).is_file():
            wanted += sorted(set(shard_names(folder / INDEX).values()))
        else:
            wanted.append(WEIGHTS)
    except (CheckpointRefused, AttributeError):
        return None  # reading it says what is wrong
    return next((name for name in wanted if not (folder / name).is_file()), None)


def _ends_in(folder: Path, *heads: str) -> bool:
    """Whether the config names a network with one of these heads."""
    config = read_json(folder / "config.json") if (folder / "config.json").is_file() else {}
    names = config.get("architectures") if isinstance(config, dict) else None
    return isinstance(names, list) and any(str(name).endswith(heads) for name in names)


def cached_folder(hub_id: str, revision: str | None) -> Path | None:
    """The model's folder in the cache where it can be read. The hub's own listing of a snapshot is not asked: it counts
    files that are never read here.
    """
    folder = _snapshot(hub_id, revision, RERANKER)
    return folder if folder and lacking(folder) is None else None


def _snapshot(hub_id: str, revision: str | None, needs: Needs) -> Path | None:
    """The folder of a revision in the cache, whole or not. Raises ModelMissing for what the hub takes for no id."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        anchor = try_to_load_from_cache(hub_id, needs.anchor, revision=revision)
    except HFValidationError as error:
        raise ModelMissing(
            f"{hub_id!r} is not a hub id: {_first_line(error)}", hint="an id is organisation/name"
        ) from error
    return Path(anchor).parent if isinstance(anchor, str) else None


def _unasked(hub_id: str, folder: Path, needs: Needs) -> list[str]:
    """The settings that a snapshot lacks and nobody has asked the hub for: without them it may be read otherwise."""
    from huggingface_hub import try_to_load_from_cache

    missing = [name for name in needs.settings(folder) if not (folder / name).is_file()]
    return [name for name in missing if try_to_load_from_cache(hub_id, name, revision=folder.name) is None]


def _settings(folder: Path) -> list[str]:
    """With and without these a checkpoint is read otherwise: as modules or plain, to another length, by a prompt."""
    prompted = ["chat_template.jinja"] if _ends_in(folder, "ForCausalLM") else []
    return [SETTINGS, MODULES, TRANSFORMER_SETTINGS, CROSS_ENCODER, *prompted]


RERANKER = Needs("config.json", lacking, _settings)


_IN_VAIN: set[Path] = set()
"""Folders that could not be completed: a hub that is away takes half a minute to say so, once in a process."""


def _complete(hub_id: str, folder: Path, needs: Needs) -> None:
    """Adds the settings that the hub has; nothing, where it cannot be reached: what is cached can be read."""
    if folder in _IN_VAIN:
        return
    try:
        _ask_for(_unasked(hub_id, folder, needs), hub_id, folder)
        if needs.lacking(folder):  # settings that name further files
            _download(hub_id, folder.name)  # its own commit: nothing but what is missing
    except (Unavailable, ModelMissing, StorageFailed):
        _IN_VAIN.add(folder)


def _ask_for(files: list[str], hub_id: str, folder: Path) -> None:
    """Asks the hub for files one by one: its client then keeps in the cache which of them it does not have.

    Raises as ``_download``, but for a file that is not there.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    for name in files:
        with suppress(EntryNotFoundError), _hub_errors(hub_id, folder.name):
            hf_hub_download(hub_id, name, revision=folder.name)


def _download(hub_id: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download

    with _hub_errors(hub_id, revision):
        return Path(snapshot_download(hub_id, revision=revision, **_PATTERNS))


@contextmanager
def _hub_errors(hub_id: str, revision: str | None) -> Iterator[None]:
    """Turns what the hub's client raises into what ``fetch`` raises, but for a file that is not there."""
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    shown = _shown(hub_id, revision)
    # While the hub cannot be reached its client tries for half a minute and logs every try; one message is enough.
    logger = logging.getLogger("huggingface_hub")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    except GatedRepoError as error:
        raise Unavailable(f"{shown} needs an account: {_first_line(error)}", hint="hf auth login") from error
    except RepositoryNotFoundError as error:
        raise ModelMissing(
            f"the hub has no public model {hub_id!r}",
            hint="check the spelling (this machine has no such folder either); a private model needs hf auth login",
        ) from error
    except RevisionNotFoundError as error:
        raise ModelMissing(f"the hub has no revision {revision!r} of {hub_id}") from error
    except OfflineModeIsEnabled as error:
        raise ModelMissing(
            f"{shown} is not on this machine, and HF_HUB_OFFLINE is set", hint="unset HF_HUB_OFFLINE"
        ) from error
    except LocalEntryNotFoundError as error:  # an EntryNotFoundError too, of a hub that was not reached
        raise _unreachable(shown, error) from error
    except EntryNotFoundError:
        raise
    except (HfHubHTTPError, ConnectionError, TimeoutError) as error:
        raise _unreachable(shown, error) from error
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS}:
            raise StorageFailed(
                f"the model cache cannot be written: {error}", hint="free space, or set HF_HOME to another disk"
            ) from error
        raise _unreachable(shown, error) from error
    except network_errors() as error:
        raise _unreachable(shown, error) from error
    finally:
        logger.setLevel(before)


_PATTERNS: dict[str, Any] = {"allow_patterns": list(WANTED), "ignore_patterns": list(UNWANTED)}


def _is_offline(offline: bool | None) -> bool:
    return bool(offline) or any(os.environ.get(key, "").upper() in {"1", "ON", "YES", "TRUE"} for key in _OFFLINE_KEYS)


_OFFLINE_KEYS = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


def _unreachable(shown: str, error: Exception) -> Unavailable:
    return Unavailable(
        f"the model hub cannot be reached for {shown}: {_first_line(error)}",
        hint="copy the model's folder to this machine and give its path, set HF_ENDPOINT to a mirror, or use the "
        "model in the box (box)",
    )


def _shown(hub_id: str, revision: str | None) -> str:
    return f"{hub_id}@{revision}" if revision else hub_id


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def network_errors() -> tuple[type[Exception], ...]:
    """OSError, and the errors of the HTTP library that the hub's client uses and lets through: httpx2, or httpx in
    older versions. (Those of requests, older still, are OSError.) To be asked for once something was raised: the
    library is loaded then.
    """
    libraries = [sys.modules[name] for name in ("httpx2", "httpx") if name in sys.modules]
    return (OSError, *(error for library in libraries for error in (library.HTTPError, library.InvalidURL)))
