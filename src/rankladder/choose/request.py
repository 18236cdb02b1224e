"""What a choice is asked: the contenders, the wishes, and how to measure; checked before any data is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rankladder.arguments import check_fields
from rankladder.choose.contenders import local_models
from rankladder.choose.price import Price, check_prices
from rankladder.choose.stand_in import DEPTH
from rankladder.choose.wishes import Wishes
from rankladder.errors import BadOption
from rankladder.evaluate import parse_measures
from rankladder.evaluate.measures import check_grades
from rankladder.rerank import Long, ModelRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceRequest:
    """What a choice is asked.

    Attributes:
        models: Contenders besides the retriever alone, which is always one.
        local: Whether the models of the catalogue that are on this machine and can run here are contenders too; by
            default where no ``models`` are named.
        current: What runs today, also a contender; by default the retriever alone.
        reference: The model whose own ranking stands in for judgements. It cannot be chosen, under whatever name, and
            is not timed unless it runs today.
        wishes: Target, confidence, budget, memory.
        prices: What an hour of this machine costs, or what is asked of a hosted model.
        measure: As ir-measures writes it.
        top_k: How many candidates of each query are reranked.
        long: As in ``Reranker.rank``; times are taken with it too.
        samples: Latency samples of each model; by default 100 where 40 seconds hold them, else 20, which a p95 wants;
            20 of a hosted model. With fewer, the slowest is held against the budget.
        examples: Queries that are kept side by side.
        store: The folder of the scores; by default in the user's cache.
        seed: Of the draws, the intervals and the tests.
        offline: True never touches the network.
        command: The command line, for the report.

    Raises:
        BadOption: A measure that cannot be computed or does not know a reference's grades, several measures, an option
            out of its range, a price that no contender has.
        MissingExtra: ir-measures is not installed.
    """

    models: Sequence[ModelRequest] = ()
    local: bool | None = None
    current: ModelRequest | None = None
    reference: ModelRequest | None = None
    wishes: Wishes = field(default_factory=Wishes)
    prices: Sequence[Price] = ()
    measure: str = "nDCG@10"
    top_k: int = 100
    long: Long = "truncate"
    samples: int | None = None
    examples: int = 4
    store: Path | None = None
    seed: int = 0
    offline: bool | None = None
    command: str | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        measures = parse_measures([self.measure])
        if len(measures) != 1:
            raise BadOption(f"expected one measure, got {' '.join(measures)}", hint="rankladder evaluate takes several")
        object.__setattr__(self, "measure", measures[0])
        object.__setattr__(self, "local", self.local if self.local is not None else not self.models)
        for name, least in (("top_k", 1), ("samples", 1), ("examples", 0), ("seed", 0)):
            number = getattr(self, name)
            if number is not None and number < least:
                raise BadOption(f"{name} must be at least {least}, got {number}")
        # The reference is not timed.
        check_prices([model for model in self.asked if model != self.reference or model == self.current], self.prices)
        if self.reference is not None:
            check_grades(measures, DEPTH)

    @property
    def asked(self) -> list[ModelRequest]:
        """Every model once, in order, what runs today and the reference last."""
        named = [
            *(local_models() if self.local else ()),
            *self.models,
            *(model for model in (self.current, self.reference) if model is not None),
        ]
        return list({model.text: model for model in named}.values())
