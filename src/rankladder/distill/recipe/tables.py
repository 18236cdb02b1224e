"""A recipe: everything that a distillation does. ``recipe_file`` reads and writes it as TOML."""

from __future__ import annotations

from collections.abc import Mapping
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
POINTWISE = frozenset[Loss]({"mse", "bce"})
"""Losses of a pair alone; the others compare the candidates of one query, which then stay together in a batch."""


class _Table(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """A table of a recipe: an unknown key is an error."""


class Data(_Table, frozen=True):
    """Queries and the documents that may answer them, or rows that a teacher has scored already.

    Paths are relative to the data folder; ``hf:OWNER/NAME`` names a data set of the hub, for ``scored`` only.
    """

    name: Name
    """Names the data in notes and on the card."""
    queries: str | None = None
    """JSON Lines with ``query`` and, where known, ``positive`` (a text, or texts); or a text file, one query a line."""
    documents: str | None = None
    """Anything that ``rankladder index`` reads; left out, the positives of the queries are the corpus."""
    include: tuple[str, ...] = ()
    """Of a folder of documents only files that match one of these globs, which are written as in a ``.gitignore``."""
    exclude: tuple[str, ...] = ()
    """Of a folder of documents no file or folder that matches one of these globs."""
    ignore_files: bool = True
    """Whether ``.gitignore``, ``.rankladderignore``, hidden names and folders of installed or built files count."""
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
    """BM25's best."""
    dense: Count = 0
    """The embedder's best."""
    embedder: str = "all-MiniLM-L6-v2"
    """A Sentence Transformers model by name, hub id or folder; it is opened where ``dense`` is above 0."""
    random: Count = 4
    """Drawn by the seed from all documents."""
    near_duplicate: Share = 0.9
    """Passages whose word 3-shingles overlap this much (Jaccard) count as one; 1 keeps all but exact copies."""


class Teacher(_Table, frozen=True):
    """What scores pairs: a reranker (NAME[,OPTION=VALUE]…), ``cosine:EMBEDDER``, ``maxsim:EMBEDDER``, ``bm25`` or
    ``labels``.
    """

    model: Annotated[str, Meta(min_length=1)]
    """A reranker as ``--model`` takes it, options too (``mixedbread-ai/mxbai-rerank-large-v2,dtype=bf16``,
    ``cohere:rerank-v3.5``); ``cosine:EMBEDDER`` or ``maxsim:EMBEDDER``; ``bm25``; ``labels`` (1 for a known positive).
    """
    weight: Positive = 1.0
    """Its part in the mean of several."""


class Label(_Table, frozen=True):
    """The teachers. Several are standardised over all scored pairs and averaged by weight; one alone stays as it is."""

    teachers: Annotated[tuple[Teacher, ...], Meta(min_length=1)]
    """``{ model = "…" }``, or several with their ``weight``."""
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
    """``quantile-anchored``; ``top`` and ``random`` keep so many a query, ``all`` keeps all. None throws away what
    nobody labelled and the teacher scores high: such a false negative is learnt with the score that it has.
    """
    pool: AtLeastOne = 256
    """Quantile-anchored: known positives, the ``hardest``, and the rest at even quantiles of the score, in all."""
    hardest: Count = 16
    """The best-scored candidates that are not known positives, which are in the pool in any case."""
    head: Count = 32
    """How many are taken from the top of the pool."""
    band: Count = 32
    """How many more, at even steps through what is left of it."""
    keep: AtLeastOne = 64
    """For ``top`` and ``random``: how many a query."""


class Train(_Table, frozen=True):
    """The training run. What is left out comes from the size of the student (``train/sizes.py``)."""

    start: str
    """A catalogue name, a hub id or a folder: an encoder, or a reranker to tune further."""
    revision: str | None = None
    """The hub commit of the start."""
    layers: AtLeastOne | tuple[Count, ...] | None = None
    """How many layers to keep, spread evenly, or which."""
    loss: Loss | Annotated[dict[Loss, Positive], Meta(min_length=1)] = "mse"
    """``mse``, ``margin-mse``, ``kl``, ``ranknet``, ``bce``, or several by weight: ``{ mse = 1.0, kl = 0.5 }``."""
    learning_rate: Positive | None = None
    """The highest, after warm-up; it falls to 0 in a straight line."""
    batch_size: AtLeastOne | None = None
    """Pairs (queries, where the loss compares candidates) a step, over all processes."""
    micro_batch_size: AtLeastOne | None = None
    """So many go through the student at a time; a step is as many passes as it takes."""
    epochs: Positive = 1.0
    """How often all rows are learnt from; 0.5 takes half of them."""
    warmup: Share = 0.03
    """The part of the steps in which the learning rate rises."""
    weight_decay: NotNegative = 0.0
    """AdamW's."""
    max_tokens: Annotated[int, Meta(ge=8)] = 512
    """Longest pair, special tokens included; a longer one is cut, the longer text first."""
    head_rate: Positive = 1.0
    """Learning rate of the layers above the encoder, in times that of the encoder: a new head learns from nothing."""
    dropout: Share | None = None
    """Left out: what the start's configuration says."""
    dtype: TrainDtype = "auto"
    """Of the arithmetic: ``fp32``, ``bf16``, ``fp16``, or ``auto``, bf16 on a GPU that has it. Weights are fp32."""
    logs: tuple[Literal["tensorboard", "trackio"], ...] = ()
    """``tensorboard``, ``trackio``: where the curves go besides ``train/loss.svg``; both keep them on this machine."""
    evaluate_every: Annotated[float, Meta(gt=0, le=1)] = 0.05
    """In parts of the run: how often the student is measured and a checkpoint is kept."""
    keep: AtLeastOne = 5
    """Checkpoints kept."""
    checkpoint: Literal["best", "last"] = "best"
    """Which becomes the student: the ``best`` by ``evaluate.during`` (else by the held-out loss), or the ``last``."""


class Evaluate(_Table, frozen=True):
    """Judged sets: ``sets`` are for the end, ``during`` for choosing the best checkpoint.

    ``during`` may name ``NanoBEIR``, the hub's thirteen small sets as Sentence Transformers reranks them.
    """

    sets: tuple[str, ...] = ()
    """Folders in BEIR layout."""
    during: tuple[str, ...] = ()
    """Folders in BEIR layout, or ``NanoBEIR``."""
    queries: AtLeastOne | None = None
    """So many judged queries of each of ``sets``, at even steps through it; all where left out."""
    queries_during: AtLeastOne | None = None
    """As ``queries``, of each folder of ``during``; NanoBEIR is taken whole."""
    top_k: AtLeastOne = 100
    """BM25's candidates of a query that are reranked."""
    overlap: Literal["refuse", "allow"] = "refuse"
    """``refuse`` or ``allow`` judged queries that are trained on too."""


class Export(_Table, frozen=True):
    """What the model card says."""

    licence: str = ""
    """The student's, as the hub spells it: ``apache-2.0``."""
    description: str = ""
    """The card's first paragraph."""


class Recipe(_Table, frozen=True):
    """One distillation, from data to checkpoint."""

    name: Name
    """Of the student, and of the folder that the stages lie in."""
    data: Annotated[tuple[Data, ...], Meta(min_length=1)]
    train: Train
    seed: Seed = 12
    """Of everything that is drawn by chance."""
    mine: Mine = Mine()
    label: Label | None = None
    sample: Sample = Sample()
    evaluate: Evaluate = Evaluate()
    export: Export = Export()


def standardises(label: Label) -> bool:
    """Whether teachers' scores are standardised before they are joined."""
    return len(label.teachers) > 1 if label.standardise is None else label.standardise


def weights_of(loss: Loss | Mapping[Loss, float]) -> dict[Loss, float]:
    """The losses and their weights, as a recipe writes them: one name, or a table."""
    return {loss: 1.0} if isinstance(loss, str) else dict(loss)


def is_pointwise(loss: Loss | Mapping[Loss, float]) -> bool:
    """Whether every loss looks at pairs alone."""
    return POINTWISE.issuperset(weights_of(loss))
