"""What can be known to fail before anything is made: folders, models that are not there, packages, settings at odds."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from rankladder.checkpoint import find_checkpoint
from rankladder.distill.manifests import expect_ours
from rankladder.distill.recipe.names import FREE, VECTORS, is_known, model_of
from rankladder.distill.recipe.tables import NANO_BEIR, Recipe, Train
from rankladder.distill.stage import open_made
from rankladder.distill.step import MARKS
from rankladder.distill.train.nano_beir import NanoBeir
from rankladder.distill.train.run_folder import open_trained
from rankladder.distill.train.schedule import plan_training
from rankladder.distill.train.student import check_start
from rankladder.distill.train.training import choose_train_dtype
from rankladder.errors import BadInput, MissingExtra
from rankladder.paths import expanded, is_folder
from rankladder.rerank import ModelRequest
from rankladder.rerank.engine import choose_engine, need
from rankladder.retrieve.dense.folder import read_folder
from rankladder.retrieve.dense.opening import find_embedder

_BESIDE = ("corpus", "scores", "rows")
"""What stages keep beside their own folders."""
_ELSEWHERE = "name another folder with --into; without it, the stages go into a folder named after the recipe"


def check_judged(recipe: Recipe) -> None:
    """Refuses judged sets that share a name: their figures and overlaps could not be distinguished.

    A set may stand in both lists, once in each. Raises BadInput naming both.
    """
    named: dict[str, Path] = {}
    for key, paths in (("sets", recipe.evaluate.sets), ("during", recipe.evaluate.during)):
        places = [Path(path).resolve() for path in paths if path != NANO_BEIR]
        for number, place in enumerate(places):
            before = named.setdefault(place.name, place)
            if before != place or place in places[:number]:
                what = f"{before} and {place}" if before != place else f"{place}, twice"
                raise BadInput(
                    f"recipe {recipe.name}: evaluate: {key}: two sets are called {place.name}: {what}",
                    hint="rename the folder of one, or leave it out",
                )


def check_folders(recipe: Recipe, work: Path) -> None:
    """Refuses a folder for the stages that lies in what they read, and one where what they read, or somebody else's
    files, lie where they write.

    Raises BadInput naming both.
    """
    into = work.resolve()
    folders = {name: (into / name).resolve() for name in (*MARKS, *_BESIDE)}
    for what, path in _read_from(recipe):
        place = path.resolve()
        if into.is_relative_to(place):
            message = f"{work}: what the stages write there would be read as {what} ({path})"
            raise BadInput(message, hint=_ELSEWHERE)
        if (name := next((name for name, folder in folders.items() if place.is_relative_to(folder)), None)) is not None:
            raise BadInput(f"{path}: {what} lies where the stages write {work / name}", hint=_ELSEWHERE)
    for name, mark in MARKS.items():
        expect_ours(work / name, mark)
    for one in recipe.data:
        expect_ours(work / "corpus" / one.name, MARKS["mine"])


def _read_from(recipe: Recipe) -> Iterator[tuple[str, Path]]:
    """What is read from this machine's disk: what the recipe calls it, and where it lies."""
    for one in recipe.data:
        for key in ("queries", "documents", "scored"):
            path = getattr(one, key)
            if path is not None and not path.startswith("hf:"):
                yield f"data {one.name}: {key}", Path(path)
    for key in ("sets", "during"):
        yield from ((f"evaluate: {key}", Path(path)) for path in getattr(recipe.evaluate, key) if path != NANO_BEIR)
    teachers = recipe.label.teachers if recipe.label is not None else ()
    models = [("train: start", recipe.train.start), ("mine: embedder", recipe.mine.embedder)]
    for what, text in models + [("label: teacher", teacher.model) for teacher in teachers]:
        name = model_of(text)
        if not is_known(name) and is_folder(folder := expanded(name)):
            yield what, folder


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
    """Refuses teachers and an embedder that cannot be opened, and NanoBEIR where it cannot be fetched, unless what they
    are for was made already. Models that are not on this machine are fetched.

    Raises MissingExtra for a package, and what finding a model, the key of a service, or NanoBEIR raises.
    """
    if ray is not None:
        need("ray", extra="ray")
    need("ir_measures", extra="evaluate")
    labelled = open_made(work / "label")
    for teacher in recipe.label.teachers if recipe.label is not None else ():
        if labelled is None or teacher.model not in labelled.facts["teachers"]:
            _check_teacher(teacher.model)
    check_embedder(recipe, work)
    if NANO_BEIR in recipe.evaluate.during and open_trained(work / "train") is None:
        NanoBeir(top_k=recipe.evaluate.top_k)


def check_embedder(recipe: Recipe, work: Path) -> None:
    """Refuses an embedder that cannot be opened, unless mining is finished; one that is not here is fetched.

    Raises what finding it raises.
    """
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
    if request.hosted:
        request.open()  # it reads the key, and asks nothing of the service
        return
    found = find_checkpoint(
        request.name, revision=request.options.get("revision"), offline=request.options.get("offline")
    )
    engine = choose_engine(found, request.options.get("engine", "auto")).engine
    if engine != "onnx":
        need("torch" if engine == "torch" else "sentence_transformers", extra=engine)


def _check_embedder(name: str) -> None:
    need("sentence_transformers", extra="dense")
    read_folder(find_embedder(name))
