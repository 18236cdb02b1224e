"""What can be known to fail before anything is made: models that are not there, packages, settings at odds."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from rankladder.checkpoint import find_checkpoint
from rankladder.checkpoint.opening import HUB_ID
from rankladder.distill.models import FREE, VECTORS, is_known, model_of
from rankladder.distill.recipe import Recipe, Train
from rankladder.distill.schedule import plan_training
from rankladder.distill.stage import open_made
from rankladder.distill.student import check_start
from rankladder.distill.train import choose_train_dtype
from rankladder.errors import MissingExtra, PathMissing
from rankladder.rerank import ModelRequest
from rankladder.rerank.engine import choose_engine, need
from rankladder.rerank.hosted import is_hosted
from rankladder.retrieve.dense.known import unknown_embedder


def check_training(recipe: Recipe, *, processes: int) -> None:
    """Refuses a training run that could not begin.

    Raises MissingExtra for a package; BadOption for a batch that does not divide over the processes, half precision
    without a GPU, and layers or tokens that the start has not; and what finding the start raises.
    """
    check_loggers(recipe.train)
    if recipe.train.batch_size is not None:
        plan_training(
            recipe.train,
            rows=recipe.train.batch_size,
            held_out=0,
            parameters=1,
            processes=processes,
            dtype=recipe.train.dtype,
        )
    choose_train_dtype(recipe.train)
    check_start(recipe.train)


def check_models(recipe: Recipe, work: Path, *, ray: str | None = None) -> None:
    """Refuses teachers and an embedder that cannot be opened, unless what they are for was made already.

    Raises MissingExtra for a package, and what finding a model, or the key of a service, raises.
    """
    if ray is not None:
        need("ray", extra="ray")
    need("ir_measures", extra="evaluate")
    labelled = open_made(work / "label")
    for teacher in recipe.label.teachers if recipe.label is not None else ():
        if labelled is None or teacher.model not in labelled.facts["teachers"]:
            _check_teacher(teacher.model)
    if recipe.mine.dense and any(one.queries for one in recipe.data) and open_made(work / "mine") is None:
        _check_embedder(recipe.mine.embedder)


def check_loggers(settings: Train) -> None:
    """Refuses a log whose package is not installed. Raises MissingExtra."""
    for name in settings.logs:
        if find_spec(name) is None:
            raise MissingExtra(f"train.logs: {name} is not installed", hint=f"pip install {name}")


def _check_teacher(text: str) -> None:
    name = model_of(text)
    if text in FREE:
        return
    if text.partition(":")[0] in VECTORS:
        _check_embedder(name)
        return
    request = ModelRequest.parse(text)
    if is_hosted(name):
        request.open()  # it reads the key, and asks nothing of the service
        return
    found = find_checkpoint(
        request.name, revision=request.options.get("revision"), offline=request.options.get("offline")
    )
    engine = choose_engine(found, request.options.get("engine", "auto")).engine
    if engine != "onnx":
        need("torch" if engine == "torch" else "sentence_transformers", extra=engine)


def _check_embedder(name: str) -> None:
    """An embedder's name; one from the hub is fetched when it is opened."""
    if is_known(name) or Path(name).expanduser().is_dir():
        return
    if name.startswith((".", "/", "~")):
        raise PathMissing(f"no embedder's folder at {name}", hint="give the folder of modules.json")
    if not HUB_ID.fullmatch(name):
        raise unknown_embedder(name)
