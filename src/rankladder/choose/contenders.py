"""The contenders: the models on this machine, what was named, and what was named twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec

from rankladder.catalogue import Model, all_models
from rankladder.checkpoint import is_local
from rankladder.choose.price import Price
from rankladder.evaluate import System
from rankladder.rerank import ModelRequest

NO_RERANKER = "no reranker"
"""How the retriever alone is shown. It is the contender without a request."""


def local_models() -> list[ModelRequest]:
    """The models of the catalogue that are on this machine and that an engine here runs."""
    return [ModelRequest.parse(model.name) for model in all_models() if is_local(model) and _is_runnable(model)]


def models_left_out() -> list[str]:
    """A remark on the models that are on this machine and that no engine here runs; empty where there is none."""
    names = [model.name for model in all_models() if not _is_runnable(model) and is_local(model)]
    if not names:
        return []
    return [f"left out, because they need pip install 'rankladder[sentence-transformers]': {', '.join(names)}"]


def _is_runnable(model: Model) -> bool:
    return "onnx" in model.engines or find_spec("sentence_transformers") is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What one contender costs on this machine, at the data's own lengths and list sizes. None: not measured, or too
    few samples for that percentile (p95 wants 20, p99 wants 100).
    """

    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    worst_ms: float | None
    latencies_ms: tuple[float, ...]
    """One query's pass, sample by sample."""
    pairs_per_second: float | None
    tokens_per_second: float | None
    memory_mb: float | None
    """Peak memory of a process that holds this model alone, MiB: resident, and what it held on a GPU besides."""
    per_1000_queries: float | None
    """None where no price is given, or the service does not count what the price is of."""
    price: str | None
    """As it was given."""
    device_memory_mb: float | None = None
    """The part of ``memory_mb`` that lies on a GPU; None without a GPU."""
    waited: int = 0
    """Samples that are not among these, because a hosted service was busy or failed and had to be asked again."""
    processor_ms: float | None = None
    """Processor time of one query's pass, all threads together, on average."""
    busy: float | None = None
    """The share of the machine's processors that other programs used at the same time, 0 to 1."""

    @property
    def budget_ms(self) -> float:
        """What is held against a budget: the p95, the largest sample where there are too few, 0 without any."""
        return self.p95_ms if self.p95_ms is not None else self.worst_ms or 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A model that was asked for and what it scored.

    Attributes:
        request: None for the retriever alone.
        system: What it scored.
        also: Other names that it was asked for by: the same model in the same format, measured once.
        current: Whether it is what runs today.
        stand_in: Whether it is the reference, or the same model as that.
    """

    request: ModelRequest | None
    system: System
    also: tuple[str, ...] = ()
    current: bool = False
    stand_in: bool = False

    @property
    def name(self) -> str:
        """As it was asked for."""
        return NO_RERANKER if self.request is None else self.request.text

    @property
    def hosted(self) -> bool:
        """Whether a service runs it."""
        return self.request is not None and self.request.hosted


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A model, what it scored and what it costs: complete, and not yet judged.

    Attributes:
        name: As it was asked for; ``no reranker`` for the retriever alone. Unique.
        model: The model's own name and number format; the retriever's where nothing reranks.
        about: The model's own line on number format and engine.
        digest: Another wherever a score could differ.
        parameters: Of the network; None where unknown (hosted) or none.
        also: Other names that it was asked for by.
        current: Whether it is what runs today.
        reranks: Whether a model reads the candidates; False for the retriever alone.
        hosted: Whether a service runs it.
        failed: Why nothing of it could be measured; None where something was.
        cost_failed: Why its cost, or its memory where that is limited, could not be measured though its quality was;
            None where it was. It cannot be chosen.
        values: The measure, query by query.
        spent: None where it or its timing failed, and of a reference that does not run today.
        pairs: Pairs that it scored.
        truncated: How many of them were cut.
        near_top: Queries with a right answer among the first three (with a reference, its first document); None where
            that was not counted.
    """

    name: str
    model: str = ""
    about: str = ""
    digest: str = ""
    parameters: int | None = None
    also: tuple[str, ...] = ()
    current: bool = False
    reranks: bool = True
    hosted: bool = False
    failed: str | None = None
    cost_failed: str | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    spent: Spent | None = None
    pairs: int = 0
    truncated: int = 0
    near_top: int | None = None

    @property
    def cut(self) -> float | None:
        """The share of its pairs that were cut; None where it scored none."""
        return self.truncated / self.pairs if self.pairs else None

    def is_same_model(self, other: Contender) -> bool:
        """Whether both give the same scores by law, and only their costs may differ."""
        return self.name == other.name or (self.digest != "" and self.digest == other.digest)


def merge_names(
    asked: Sequence[ModelRequest],
    systems: Mapping[str, System],
    *,
    reference: ModelRequest | None = None,
    current: ModelRequest | None = None,
) -> list[Scored]:
    """A row for each model, whatever it was called: one digest and one number of threads, which the digest does not
    know and the time does. The first name stands for it, that of the reference before others.
    """
    groups: dict[tuple[object, ...], list[ModelRequest]] = {}
    for model in asked:
        system = systems[model.text]
        key = (model.text,) if system.failed is not None else (system.digest, model.options.get("threads"))
        groups.setdefault(key, []).append(model)
    measure = None if reference is None else systems[reference.text].digest
    found = []
    for group in groups.values():
        kept = next((model for model in group if model == reference), group[0])
        system = systems[kept.text]
        found.append(
            Scored(
                request=kept,
                system=system,
                also=tuple(model.text for model in group if model is not kept),
                current=current in group,
                stand_in=kept == reference or (system.digest != "" and system.digest == measure),
            )
        )
    return found


def by_kept_names(scored: Sequence[Scored], prices: Sequence[Price]) -> list[Price]:
    """The prices, each model's own under the name that stands for it."""
    kept = {name: row.name for row in scored for name in row.also}
    return [
        price if price.model is None else replace(price, model=kept.get(price.model, price.model)) for price in prices
    ]
