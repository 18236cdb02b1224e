"""A recipe: everything that a distillation does. ``recipe_file`` reads and writes it as TOML."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

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


def standardises(label: Label) -> bool:
    """Whether teachers' scores are standardised before they are joined."""
    return len(label.teachers) > 1 if label.standardise is None else label.standardise
