"""Recipes as TOML files: read strictly, their paths resolved, written."""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from pathlib import Path

import msgspec

from rankladder.distill.recipe.names import beside_data
from rankladder.distill.recipe.tables import (
    MOST_CANDIDATES,
    NANO_BEIR,
    Data,
    Evaluate,
    Export,
    Label,
    Mine,
    Recipe,
    Sample,
    Teacher,
    Train,
    standardises,
)
from rankladder.errors import BadFile, BadOption, PathMissing
from rankladder.paths import expanded, is_there
from rankladder.textfiles import Selection


def read_recipe(path: str | Path) -> Recipe:
    """The recipe in a TOML file.

    Raises PathMissing for no file; BadFile naming the key for what is not TOML, an unknown key, a wrong type, a value
    outside its range, or tables that contradict each other.
    """
    file = Path(path)
    try:
        text = file.read_bytes()
    except FileNotFoundError as error:
        raise PathMissing(f"no recipe at {file}") from error
    except IsADirectoryError as error:
        raise BadFile(f"{file}: expected a recipe, a TOML file, found a folder") from error
    try:
        recipe = msgspec.toml.decode(text, type=Recipe)
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadFile(f"{file}: {_said(str(error))}", hint=_nearest(str(error))) from error
    _agree(recipe, str(file))
    return recipe


def write_recipe(recipe: Recipe, path: str | Path) -> None:
    """Writes a recipe as TOML; reading it gives the recipe back."""
    Path(path).write_text(recipe_text(recipe), encoding="utf-8")


def recipe_text(recipe: Recipe) -> str:
    """A recipe as TOML: what differs from the defaults."""
    return msgspec.toml.encode(recipe).decode()


def with_data_folder(recipe: Recipe, folder: str | Path) -> Recipe:
    """The recipe with its paths resolved against a data folder. Raises PathMissing naming the table and the path.

    A start, a teacher or an embedder that is named as a relative folder is taken from there too, where it is there.
    """

    def resolved(path: str | None, where: str) -> str | None:
        if path is None or path.startswith("hf:") or (path == NANO_BEIR and where == "evaluate: during"):
            return path
        found = expanded(os.path.expandvars(path))
        found = found if found.is_absolute() else Path(folder) / found
        if not is_there(found):
            raise PathMissing(f"recipe {recipe.name}: {where}: nothing at {found}", hint="--data names the data folder")
        return str(found)

    data = tuple(
        msgspec.structs.replace(
            one,
            **{
                key: resolved(getattr(one, key), f"data {one.name}: {key}")
                for key in ("queries", "documents", "scored")
            },
        )
        for one in recipe.data
    )
    evaluate = msgspec.structs.replace(
        recipe.evaluate,
        **{
            key: tuple(str(resolved(one, f"evaluate: {key}")) for one in getattr(recipe.evaluate, key))
            for key in ("sets", "during")
        },
    )
    replace = msgspec.structs.replace
    label = recipe.label and replace(
        recipe.label,
        teachers=tuple(replace(one, model=beside_data(one.model, folder)) for one in recipe.label.teachers),
    )
    return replace(
        recipe,
        data=data,
        mine=replace(recipe.mine, embedder=beside_data(recipe.mine.embedder, folder)),
        label=label,
        train=replace(recipe.train, start=beside_data(recipe.train.start, folder)),
        evaluate=evaluate,
    )


def _check_selection(data: Data, where: str) -> None:
    """Raises BadFile for globs without documents to choose among, and for what is no glob."""
    if data.documents is None and (data.include or data.exclude or not data.ignore_files):
        raise BadFile(f"{where}: include, exclude and ignore_files choose among documents, and there are none")
    try:
        Selection(data.include, data.exclude)
    except BadOption as error:
        raise BadFile(f"{where}: {str(error).splitlines()[0]}", hint=error.hint) from error


def _agree(recipe: Recipe, where: str) -> None:
    """Raises BadFile for tables that contradict each other."""
    names = [one.name for one in recipe.data]
    if doubled := next((name for name in names if names.count(name) > 1), None):
        raise BadFile(f"{where}: two data tables are called {doubled!r}")
    for one in recipe.data:
        if (one.scored is None) == (one.queries is None):
            found = "both" if one.scored else "neither"
            raise BadFile(f"{where}: data {one.name}: expected either queries or scored, found {found}")
        if one.queries and not one.labels and one.documents is None:
            raise BadFile(f"{where}: data {one.name}: labels = false leaves no documents", hint="name documents")
        if one.scored and one.documents:
            raise BadFile(f"{where}: data {one.name}: scored rows carry their documents: leave documents out")
        _check_selection(one, f"{where}: data {one.name}")
    if any(one.queries for one in recipe.data):
        if recipe.label is None:
            raise BadFile(f"{where}: queries need a teacher", hint='add [label] with teachers = [{ model = "…" }]')
        wanted = recipe.mine.bm25 + recipe.mine.dense + recipe.mine.random
        if not wanted:
            raise BadFile(f"{where}: mine: bm25, dense and random are all 0: there would be no candidates")
        if wanted > MOST_CANDIDATES:
            most = f"at most {MOST_CANDIDATES:,} are kept for a query"
            raise BadFile(f"{where}: mine: bm25, dense and random come to {wanted:,} candidates: {most}")
    elif recipe.label is not None:
        raise BadFile(f"{where}: label: all data is scored already: a teacher has nothing to do", hint="leave it out")
    if recipe.label is not None:
        _agree_on_labels(recipe.label, where)
    train = recipe.train
    if train.batch_size and train.micro_batch_size and train.batch_size % train.micro_batch_size:
        raise BadFile(
            f"{where}: train: batch_size {train.batch_size} is not a multiple of micro_batch_size "
            f"{train.micro_batch_size}"
        )
    if recipe.sample.scheme == "quantile-anchored":
        if not recipe.sample.head + recipe.sample.band:
            raise BadFile(f"{where}: sample: head and band are both 0: nothing would be trained on")
        if recipe.sample.pool < recipe.sample.hardest:
            raise BadFile(
                f"{where}: sample: a pool of {recipe.sample.pool} has no room for the {recipe.sample.hardest} hardest",
                hint="a larger pool, or a smaller hardest",
            )


def _agree_on_labels(label: Label, where: str) -> None:
    """Raises BadFile for a weight or a scale that would change nothing."""
    if len(label.teachers) == 1 and label.teachers[0].weight != 1:
        raise BadFile(f"{where}: label: a weight needs several teachers", hint="leave weight out")
    if label.scale != 1 and not standardises(label):
        raise BadFile(f"{where}: label: scale is for standardised scores", hint="standardise = true, or leave it out")


def _said(message: str) -> str:
    """Msgspec's message in our words: where, then what."""
    what, _, where = message.partition(" - at ")
    key = where.strip("`").removeprefix("$").removeprefix(".")
    return f"{key}: {what}" if key else what


def _nearest(message: str) -> str | None:
    """The keys that an unknown one may have meant."""
    unknown = re.search(r"unknown field `([^`]*)`", message)
    if unknown is None:
        return None
    known = {key for table in (Recipe, *_TABLES) for key in table.__struct_fields__}
    near = get_close_matches(unknown[1], known, n=2, cutoff=0.6)
    return f"did you mean {' or '.join(near)}?" if near else None


_TABLES = (Data, Mine, Teacher, Label, Sample, Train, Evaluate, Export)
