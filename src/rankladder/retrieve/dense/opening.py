"""A name as a user writes it → an embedder."""

from __future__ import annotations

from pathlib import Path

from rankladder.arguments import checked
from rankladder.checkpoint.hub import fetch
from rankladder.checkpoint.opening import locate
from rankladder.errors import BadOption
from rankladder.rerank.engine import need
from rankladder.retrieve.dense.embedder import SentenceEmbedder, load_embedder
from rankladder.retrieve.dense.folder import NEEDS, read_folder
from rankladder.retrieve.dense.known import KnownEmbedder, is_reranker, known_embedder, unknown_embedder

DEFAULT = "all-MiniLM-L6-v2"


@checked
def open_embedder(
    name: str | Path = DEFAULT,
    *,
    revision: str | None = None,
    offline: bool | None = None,
    device: str | None = None,
    query_prompt: str | None = None,
    document_prompt: str | None = None,
) -> SentenceEmbedder:
    """The Sentence Transformers model of a name (extra ``dense``).

    Args:
        name: A known embedder (``all_embedders``) at its pinned commit, a folder, or a hub id, ``organisation/name`` or
            ``organisation/name@revision``.
        revision: The hub commit, for a known embedder or a hub id.
        offline: Whether the hub is left alone; None follows ``HF_HUB_OFFLINE``, which False cannot overrule. A model in
            the local cache is always used without touching the network.
        device: ``cuda``, ``mps`` or ``cpu``; by default the first of these that is here.
        query_prompt: The text before every query, "" for nothing; by default what the checkpoint says, then what the
            model's card says where it is a known one, then nothing.
        document_prompt: Likewise before every document.

    Raises:
        MissingExtra: Sentence Transformers is not installed.
        ModelMissing: Nobody knows the name, or the model is not here and may not be fetched.
        PathMissing: The name is a path, and no folder is there.
        Unavailable: The hub cannot be reached.
        CheckpointRefused: A reranker; pickled weights; code in the checkpoint; files that do not hold every weight.
        BadOption: A device that is not here, a revision of a folder, or an empty name.
    """
    need("sentence_transformers", extra="dense")
    folder, known, is_folder = _locate(name, revision=revision, offline=offline)
    read = read_folder(folder)
    if known is not None:
        query_prompt = _first(query_prompt, read.query_prompt, known.query_prompt)
        document_prompt = _first(document_prompt, read.document_prompt, known.document_prompt)
    # A folder's place says who made it and where: its own name and what is in it tell it apart.
    shown = known.name if known else f"{folder.resolve().name}@{read.digest[:8]}" if is_folder else str(name)
    return load_embedder(read, name=shown, query_prompt=query_prompt, document_prompt=document_prompt, device=device)


def find_embedder(name: str | Path, *, offline: bool | None = None) -> Path:
    """The folder of the embedder of a name, fetched if needed and not read.

    Raises what ``open_embedder`` raises for a name.
    """
    return _locate(name, revision=None, offline=offline)[0]


def _locate(name: str | Path, *, revision: str | None, offline: bool | None) -> tuple[Path, KnownEmbedder | None, bool]:
    """The folder, the known embedder that it is, and whether the name was a folder's."""
    if str(name) == "":
        raise BadOption("expected an embedder's name, found an empty text", hint=f"{DEFAULT} is a small one")
    if isinstance(name, str) and (known := known_embedder(name)) is not None:
        return fetch(known.hub_id, revision or known.revision, offline=offline, needs=NEEDS).folder, known, False
    place = locate(name, revision=revision, what="embedder's folder", anchor="modules.json")
    if isinstance(place, Path):
        return place, None, True
    if place is None or is_reranker(place.id):
        raise unknown_embedder(str(name) if place is None else place.id)
    return fetch(place.id, place.revision, offline=offline, needs=NEEDS).folder, known_embedder(place.id), False


def _first(*prompts: str | None) -> str | None:
    return next((prompt for prompt in prompts if prompt is not None), None)
