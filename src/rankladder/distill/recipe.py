"""A recipe: everything that a distillation does, in one TOML file, read strictly."""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from rankladder.distill.models import beside_data
from rankladder.errors import BadFile, PathMissing

MOST_CANDIDATES = 2048
"""The most that are kept for a query, as in the Ettin release."""
Count = Annotated[int, Meta(ge=0)]
AtLeastOne = Annotated[int, Meta(ge=1)]
Share = Annotated[float, Meta(ge=0, le=1)]
NotNegative = Annotated[float, Meta(ge=0, le=1e9)]  # TOML has inf and nan
Positive = Annotated[float, Meta(gt=0, le=1e9)]
Seed = Annotated[int, Meta(ge=0, lt=2**32)]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
NANO_BEIR = "NanoBEIR"

Scheme = Literal["quantile-anchored", "top", "random", "all"]
Loss = Literal["mse", "margin-mse", "kl", "ranknet", "bce"]
TrainDtype = Literal["auto", "fp32", "bf16", "fp16"]


class _Table(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """A table of a recipe: an unknown key is an error."""


class Data(_Table, frozen=True):
    """Queries and the documents that may answer them, or rows that a teacher has scored already.

    Paths are relative to the data folder; ``hf:OWNER/NAME`` names a data set of the hub, for ``scored`` only.
    """

    name: Name
    queries: str | None = None
    """JSON Lines with ``query`` and, where known, ``positive`` (a text, or texts); or a text file, one query a line."""
    documents: str | None = None
    """Anything that ``rankladder index`` reads; left out, the positives of the queries are the corpus."""
    scored: str | None = None
    """Rows of ``query``, ``document``, ``score``: nothing is mined, labelled or sampled."""
    labels: bool = True
    """False takes the queries alone, as from a log, and leaves known positives out."""
    max_queries: AtLeastOne | None = None
    """Queries taken, chosen by the seed; all where left out."""
    passage_words: AtLeastOne | None = None
    """Longer documents and positives are cut into passages of about so many words: shorter pairs train faster. Of a
    positive, the passages with one of the record's ``answers`` count; without these, the first.
    """
    licence: str = ""
    """Named on the model card."""


class Mine(_Table, frozen=True):
    """How candidates are found: how many a query from each way, together at most ``MOST_CANDIDATES``."""

    bm25: Count = 64
    dense: Count = 0
    embedder: str = "all-MiniLM-L6-v2"
    random: Count = 4
    near_duplicate: Share = 0.9
    """Passages whose word 3-shingles overlap this much (Jaccard) count as one; 1 keeps all but exact copies."""


class Teacher(_Table, frozen=True):
    """What scores pairs: a reranker (NAME[,OPTION=VALUE]…), ``cosine:EMBEDDER``, ``maxsim:EMBEDDER``, ``bm25`` or
    ``labels``.
    """

    model: Annotated[str, Meta(min_length=1)]
    weight: Positive = 1.0


class Label(_Table, frozen=True):
    """The teachers. Several are standardised over all scored pairs and averaged by weight; one alone stays as it is."""

    teachers: Annotated[tuple[Teacher, ...], Meta(min_length=1)]
    scale: Positive = 1.0
    """The weighted mean of standardised scores is multiplied by this: logits are easier to read when they spread over a
    few units. The ensemble's own standard deviation is smaller, the more the teachers disagree.
    """
    standardise: bool | None = None
    """Left out: only where there are several teachers."""


class Sample(_Table, frozen=True):
    """Which of a query's scored candidates are trained on.

    Source of ``quantile-anchored``: the Ettin release: positives + hardest + score quantiles to ``pool``, then ``head``
    from the top of the sorted scores and ``band`` from a band below.
    """

    scheme: Scheme = "quantile-anchored"
    pool: AtLeastOne = 256
    hardest: Count = 16
    head: Count = 32
    band: Count = 32
    keep: AtLeastOne = 64
    """For ``top`` and ``random``: how many a query."""


class Train(_Table, frozen=True):
    """The training run. What is left out comes from the size of the student (``sizes.py``)."""

    start: str
    """A catalogue name, a hub id or a folder: an encoder, or a reranker to tune further."""
    revision: str | None = None
    layers: AtLeastOne | tuple[Count, ...] | None = None
    """How many layers to keep, spread evenly, or which."""
    loss: Loss | Annotated[dict[Loss, Positive], Meta(min_length=1)] = "mse"
    learning_rate: Positive | None = None
    batch_size: AtLeastOne | None = None
    """Pairs a step, over all processes."""
    micro_batch_size: AtLeastOne | None = None
    epochs: Positive = 1.0
    warmup: Share = 0.03
    weight_decay: NotNegative = 0.0
    max_tokens: Annotated[int, Meta(ge=8)] = 512
    head_rate: Positive = 1.0
    """Learning rate of the layers above the encoder, in times that of the encoder: a new head learns from nothing."""
    dropout: Share | None = None
    """Left out: what the start's configuration says."""
    dtype: TrainDtype = "auto"
    logs: tuple[Literal["tensorboard", "trackio"], ...] = ()
    """Where the curves go besides ``train/loss.svg``: both keep them on this machine."""
    evaluate_every: Annotated[float, Meta(gt=0, le=1)] = 0.05
    keep: AtLeastOne = 5
    checkpoint: Literal["best", "last"] = "best"
    """Which one becomes the student: the best by ``evaluate.during`` (else by the held-out loss), or the last."""


class Evaluate(_Table, frozen=True):
    """Judged sets: ``sets`` are for the end, ``during`` for choosing the best checkpoint.

    ``during`` may name ``NanoBEIR``, the hub's thirteen small sets as Sentence Transformers reranks them.
    """

    sets: tuple[str, ...] = ()
    during: tuple[str, ...] = ()
    queries: AtLeastOne | None = None
    """So many judged queries of each of ``sets``, at even steps through it; all where left out."""
    queries_during: AtLeastOne | None = None
    """As ``queries``, of each folder of ``during``; NanoBEIR is taken whole."""
    top_k: AtLeastOne = 100
    overlap: Literal["refuse", "allow"] = "refuse"


class Export(_Table, frozen=True):
    """What the model card says."""

    licence: str = ""
    description: str = ""


class Recipe(_Table, frozen=True):
    """One distillation, from data to checkpoint."""

    name: Name
    data: Annotated[tuple[Data, ...], Meta(min_length=1)]
    train: Train
    seed: Seed = 12
    mine: Mine = Mine()
    label: Label | None = None
    sample: Sample = Sample()
    evaluate: Evaluate = Evaluate()
    export: Export = Export()


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
        found = Path(os.path.expandvars(path)).expanduser()
        found = found if found.is_absolute() else Path(folder) / found
        if not found.exists():
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
            f"{where}: train: batch_size {train.batch_size} is no multiple of micro_batch_size {train.micro_batch_size}"
        )
    if recipe.sample.scheme == "quantile-anchored" and not recipe.sample.head + recipe.sample.band:
        raise BadFile(f"{where}: sample: head and band are both 0: nothing would be trained on")


def _agree_on_labels(label: Label, where: str) -> None:
    """Raises BadFile for a weight or a scale that would change nothing."""
    if len(label.teachers) == 1 and label.teachers[0].weight != 1:
        raise BadFile(f"{where}: label: one teacher alone has no weight", hint="leave weight out")
    if label.scale != 1 and not standardises(label):
        raise BadFile(f"{where}: label: scale is for standardised scores", hint="standardise = true, or leave it out")


def standardises(label: Label) -> bool:
    """Whether teachers' scores are standardised before they are joined."""
    return len(label.teachers) > 1 if label.standardise is None else label.standardise


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
