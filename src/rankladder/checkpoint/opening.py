"""A name as a user writes it → its folder → a Checkpoint."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from rankladder.arguments import checked
from rankladder.catalogue import BOX, Model, all_models, find_model
from rankladder.checkpoint.folder import read_checkpoint
from rankladder.checkpoint.hub import cached_folder, fetch
from rankladder.checkpoint.network import Checkpoint
from rankladder.errors import BadOption, PathMissing
from rankladder.paths import expanded, is_folder, is_there

HUB_ID = re.compile(r"(?P<id>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")


@dataclass(frozen=True, slots=True)
class Found:
    """A checkpoint's folder, not yet read."""

    name: str
    """As the user named it."""
    folder: Path
    revision: str | None = None
    """The hub commit, where it came from the hub."""


@dataclass(frozen=True, slots=True)
class HubId:
    """A model of the hub, as it is written: ``organisation/name`` and, where one is given, the revision."""

    id: str
    revision: str | None


def open_checkpoint(
    name: str | Path | None = None, *, revision: str | None = None, offline: bool | None = None
) -> Checkpoint:
    """The checkpoint of a name, read and understood in full.

    Raises CheckpointRefused where the files are not understood in full, and what ``find_checkpoint`` raises.
    """
    found = find_checkpoint(name, revision=revision, offline=offline)
    return read_checkpoint(found.folder, name=found.name, revision=found.revision)


@checked
def find_checkpoint(
    name: str | Path | None = None, *, revision: str | None = None, offline: bool | None = None
) -> Found:
    """The folder of a name, fetched if needed.

    Args:
        name: None or ``box``, the model in the box; a name of the catalogue (``ettin-17m``), at its pinned commit;
            a folder; or a hub id, ``organisation/name`` or ``organisation/name@revision``. A catalogue name always
            means the catalogue: write ``./ettin-17m`` for a folder that is called so.
        revision: The hub commit, for a catalogue name or a hub id.
        offline: Whether the hub is left alone; None follows ``HF_HUB_OFFLINE``, which False cannot
            overrule. A model in the local cache is always used without touching the network.

    Raises:
        ModelMissing: Nobody knows the name, or the model is not here and may not be fetched.
        PathMissing: The name is a path, and no folder is there.
        Unavailable: The hub cannot be reached.
        BadOption: A revision of something that has none, or an empty name.
    """
    if name == "":
        raise BadOption(
            "expected a model's name, found an empty text", hint=f"{BOX} is the model in the box; . a folder"
        )
    known = {model.name: model for model in all_models()}
    if name is None or name == BOX:
        _expect_no_revision(revision, BOX)
        return Found(BOX, Path(str(files("rankladder") / "box")))
    if isinstance(name, str) and name in known:
        return _find_known(known[name], name, revision, offline)
    place = locate(name, revision=revision, what="checkpoint folder", anchor="config.json")
    if isinstance(place, Path):
        return Found(str(name), place)
    if place is not None:
        return _find_hub(str(name), place.id, place.revision, offline)
    return _find_known(find_model(str(name)), str(name), revision, offline)  # find_model refuses, naming the nearest


def locate(name: str | Path, *, revision: str | None, what: str, anchor: str) -> Path | HubId | None:
    """The folder that a name is the path of, the hub id that it is written as, or None for neither.

    Raises PathMissing for a path where no folder is, and BadOption for a revision of a folder or for two revisions.
    ``what`` and ``anchor``, a file of such a folder, are for the message.
    """
    folder = expanded(name)
    if is_folder(folder):
        _expect_no_revision(revision, f"the folder {name}")
        return folder
    if isinstance(name, Path) or is_there(folder) or _looks_like_a_path(name):
        found = "a file" if is_there(folder) else "nothing"
        raise PathMissing(f"no {what} at {name}: found {found}", hint=f"give the folder of {anchor}")
    match = HUB_ID.fullmatch(name)
    return match and HubId(match["id"], _one_revision(name, match["revision"], revision))


def is_local(model: Model) -> bool:
    """Whether a known model can be opened without touching the network."""
    return model.hub_id is None or cached_folder(model.hub_id, model.revision) is not None


def _find_known(model: Model, name: str, revision: str | None, offline: bool | None) -> Found:
    if model.hub_id is None:
        return find_checkpoint(None, revision=revision, offline=offline)
    return _find_hub(name, model.hub_id, revision or model.revision, offline)


def _find_hub(name: str, hub_id: str, revision: str | None, offline: bool | None) -> Found:
    if revision is None:
        revision = next((model.revision for model in all_models() if model.hub_id == hub_id), None)
    fetched = fetch(hub_id, revision, offline=offline)
    return Found(name, fetched.folder, fetched.commit)


def _looks_like_a_path(name: str) -> bool:
    return name.startswith((".", "/", "~", "\\")) or name.count("/") > 1 or "\\" in name or name.endswith("/")


def _one_revision(name: str, written: str | None, given: str | None) -> str | None:
    if written and given and written != given:
        raise BadOption(f"{name} and the revision {given!r} name two revisions", hint="give one of them")
    return written or given


def _expect_no_revision(revision: str | None, what: str) -> None:
    if revision is not None:
        raise BadOption(f"{what} has no revisions, got {revision!r}", hint="leave the revision out")
