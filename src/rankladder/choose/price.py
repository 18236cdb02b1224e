"""What a thousand queries cost, where a price is given."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from rankladder.errors import BadOption

_FORM = re.compile(r"(?:(?P<model>.+)=)?(?P<amount>[0-9]*\.?[0-9]+(?:e-?[0-9]+)?)/(?P<unit>h|request)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Price:
    """An amount of money, in whatever currency, for an hour of the machine or for one request to a hosted model.

    ``model`` is whose price it is, as it was asked for; None for every model of that kind.
    """

    amount: float
    unit: Literal["h", "request"]
    model: str | None = None

    @classmethod
    def parse(cls, text: str) -> Price:
        """Reads ``[MODEL=]AMOUNT/h`` or ``[MODEL=]AMOUNT/request``.

        >>> Price.parse("0.34/h")
        Price(amount=0.34, unit='h', model=None)
        >>> Price.parse("cohere:rerank-v3.5=0.002/request")
        Price(amount=0.002, unit='request', model='cohere:rerank-v3.5')

        Raises BadOption.
        """
        found = _FORM.fullmatch(text.strip())
        if found is None:
            raise BadOption(
                f"price {text!r}: expected AMOUNT/h or AMOUNT/request, with MODEL= before it for one model's own",
                hint="--price 0.34/h --price cohere:rerank-v3.5=0.002/request",
            )
        unit: Literal["h", "request"] = "h" if found["unit"].lower() == "h" else "request"
        return cls(float(found["amount"]), unit, found["model"])

    def __post_init__(self) -> None:
        if not 0 <= self.amount < math.inf:
            raise BadOption(f"a price must be 0 or more, got {self.amount}")

    def per_1000_queries(self, *, seconds_per_query: float) -> float:
        """The cost of a thousand queries, each of which keeps the machine busy for so long, or is one request.

        >>> Price(3.6, "h").per_1000_queries(seconds_per_query=0.5)
        0.5
        >>> Price(0.002, "request").per_1000_queries(seconds_per_query=0.1)
        2.0
        """
        return self.amount * 1000 if self.unit == "request" else self.amount * seconds_per_query * 1000 / 3600


def price_of(model: str, prices: tuple[Price, ...], *, hosted: bool) -> Price | None:
    """The price that holds for a model: its own where one is given, else the one for models of its kind (a hosted
    model costs by the request, one on this machine by the hour).
    """
    own = [price for price in prices if price.model == model]
    general = [price for price in prices if price.model is None and (price.unit == "request") == hosted]
    return next(iter((*own, *general)), None)
