"""Who stands for the choice: the models on this machine, what was named, and what was named twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec

from rankladder.catalogue import Model, all_models
from rankladder.checkpoint import is_local
from rankladder.choose.price import Price
from rankladder.evaluate import System
from rankladder.rerank import ModelRequest


def local_rungs() -> list[ModelRequest]:
    """The models of the catalogue that are on this machine and that an engine here runs."""
    return [ModelRequest.parse(model.name) for model in all_models() if is_local(model) and _is_runnable(model)]


def rungs_left_out() -> list[str]:
    """What to say of the models that are on this machine and that no engine here runs; nothing where there is none."""
    names = [model.name for model in all_models() if not _is_runnable(model) and is_local(model)]
    if not names:
        return []
    return [f"left out, as they need pip install 'rankladder[sentence-transformers]': {', '.join(names)}"]


def _is_runnable(model: Model) -> bool:
    return "onnx" in model.engines or find_spec("sentence_transformers") is not None


@dataclass(frozen=True, slots=True)
class Contender:
    """A model that was asked for, what it scored, and the other names that it was asked for by."""

    request: ModelRequest
    system: System
    also: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As it was asked for."""
        return self.request.text

    def is_same_model(self, other: Contender) -> bool:
        """Whether both give the same scores by law, as far as both ran."""
        return self is other or (self.system.digest != "" and self.system.digest == other.system.digest)


def merge_names(
    asked: Sequence[ModelRequest], systems: Mapping[str, System], *, reference: str | None = None
) -> list[Contender]:
    """A contender for each model, whatever it was called: one digest and one number of threads, which the digest does
    not know and the time does. The first name stands for it, that of the reference before others.
    """
    groups: dict[tuple[object, ...], list[ModelRequest]] = {}
    for one in asked:
        system = systems[one.text]
        key = (one.text,) if system.failed is not None else (system.digest, one.options.get("threads"))
        groups.setdefault(key, []).append(one)
    found = []
    for group in groups.values():
        kept = next((one for one in group if one.text == reference), group[0])
        also = tuple(one.text for one in group if one is not kept)
        found.append(Contender(kept, systems[kept.text], also))
    return found


def kept_name(contenders: Sequence[Contender], name: str) -> str:
    """The name that stands for a model that was asked for by ``name``."""
    return next((one.name for one in contenders if name in one.also), name)


def by_kept_names(contenders: Sequence[Contender], prices: Sequence[Price]) -> list[Price]:
    """The prices, each model's own under the name that stands for it."""
    return [
        price if price.model is None else replace(price, model=kept_name(contenders, price.model)) for price in prices
    ]
