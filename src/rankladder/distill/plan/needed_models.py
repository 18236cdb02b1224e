"""The models that a recipe's run opens: which are on this machine, which would be fetched. Nothing is fetched here."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rankladder.catalogue import all_models
from rankladder.checkpoint import find_checkpoint
from rankladder.distill.recipe.names import FREE, VECTORS, model_of
from rankladder.distill.recipe.tables import NANO_BEIR, Recipe, Train
from rankladder.distill.train.student import start_folder
from rankladder.errors import NotFound
from rankladder.rerank import ModelRequest
from rankladder.retrieve import all_embedders
from rankladder.retrieve.dense.opening import find_embedder


@dataclass(frozen=True, slots=True)
class Needed:
    """One model. ``here`` is None for what is asked over the network: a service, or data on the hub.

    ``parameters`` and ``licence`` are None where the catalogue does not know the model.
    """

    what: str
    model: str
    here: bool | None
    parameters: int | None = None
    licence: str | None = None

    def __str__(self) -> str:
        known = [] if self.parameters is None else [f"{self.parameters / 1e6:,.0f}M parameters"]
        known += [] if self.licence is None else [self.licence]
        return f"{self.model} ({self.what}{''.join(f', {one}' for one in known)})"


def needed_models(recipe: Recipe) -> list[Needed]:
    """The start, each teacher, the embedder, and NanoBEIR, as far as the recipe (its paths resolved) names them."""
    return list(_needed(recipe))


def start_is_here(settings: Train) -> bool:
    """Whether the student's start can be opened without the network."""
    return _is_here(lambda: start_folder(settings, offline=True))


def _needed(recipe: Recipe) -> Iterator[Needed]:
    start = recipe.train.start
    yield _known(Needed("train: start", start, start_is_here(recipe.train)))
    if recipe.mine.dense and any(one.queries for one in recipe.data):
        yield _embedder("mine: embedder", recipe.mine.embedder)
    for teacher in recipe.label.teachers if recipe.label is not None else ():
        text = teacher.model
        if text in FREE:
            continue
        if text.partition(":")[0] in VECTORS:
            yield _embedder("label: teacher", model_of(text))
        elif ModelRequest.parse(text).hosted:
            yield Needed("label: teacher, a service", text, None)
        else:
            yield _known(Needed("label: teacher", model_of(text), _is_here(_reranker(text))))
    if NANO_BEIR in (*recipe.evaluate.sets, *recipe.evaluate.during):
        yield Needed("evaluate: sets on the hub", NANO_BEIR, None)


def _reranker(text: str) -> Callable[[], Path]:
    request = ModelRequest.parse(text)
    return lambda: find_checkpoint(request.name, revision=request.options.get("revision"), offline=True).folder


def _embedder(what: str, name: str) -> Needed:
    return _known(Needed(what, name, _is_here(lambda: find_embedder(name, offline=True))))


def _is_here(find: Callable[[], Path]) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it is not pinned is said when it is opened
            find()
    except NotFound:
        return False
    return True


def _known(one: Needed) -> Needed:
    name = one.model.partition("@")[0]
    for model in all_models():
        if name in {model.name, model.hub_id}:
            return Needed(one.what, one.model, one.here, model.parameters, model.licence)
    for embedder in all_embedders():
        if name in {embedder.name, embedder.hub_id}:
            return Needed(one.what, one.model, one.here, None, embedder.licence)
    return one
