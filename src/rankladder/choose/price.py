"""What a thousand queries cost, where a price is given."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from rankladder.arguments import check_fields, checked
from rankladder.errors import BadOption
from rankladder.rerank import ModelRequest

Unit = Literal["h", "request", "Mtok", "1000units"]
_UNITS: dict[str, Unit] = {unit.lower(): unit for unit in get_args(Unit)}
_FORM = re.compile(
    rf"(?:(?P<model>.+)=)?(?P<amount>[0-9]*\.?[0-9]+(?:e-?[0-9]+)?)/(?P<unit>{'|'.join(_UNITS)})", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What one query takes, on average. Tokens and search units are None where no service counts them."""

    seconds: float
    requests: float = 1.0
    tokens: float | None = None
    search_units: float | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """An amount of money, in whatever currency, for an hour of the machine; or for a request to a hosted model, a
    million tokens, or a thousand search units, as the service counts them.

    ``model`` is whose price it is, as it was asked for; None for every model of that kind.
    """

    amount: float
    unit: Unit
    model: str | None = None

    @classmethod
    @checked
    def parse(cls, text: str) -> Price:
        """Reads ``[MODEL=]AMOUNT/UNIT``; the units are ``h``, ``request``, ``Mtok`` and ``1000units``.

        >>> Price.parse("0.34/h")
        Price(amount=0.34, unit='h', model=None)
        >>> Price.parse("cohere:rerank-v3.5=2/1000units")
        Price(amount=2.0, unit='1000units', model='cohere:rerank-v3.5')

        Raises BadOption.
        """
        found = _FORM.fullmatch(text.strip())
        if found is None:
            raise BadOption(
                f"price {text!r}: expected AMOUNT/ and one of {', '.join(_UNITS.values())}, with MODEL= before it for "
                "one model's own",
                hint="--price 0.34/h --price cohere:rerank-v3.5=2/1000units --price 0.02/Mtok",
            )
        return cls(float(found["amount"]), _UNITS[found["unit"].lower()], found["model"])

    def __post_init__(self) -> None:
        check_fields(self)
        if not 0 <= self.amount < math.inf:
            raise BadOption(f"a price must be 0 or more, got {self.amount}")

    def __str__(self) -> str:
        return f"{self.amount:g}/{self.unit}"

    def per_1000_queries(self, use: Use) -> float | None:
        """The cost of a thousand queries that each take so much; None where nobody counts what the price is of.

        >>> Price(3.6, "h").per_1000_queries(Use(seconds=0.5))
        0.5
        >>> Price(0.002, "request").per_1000_queries(Use(seconds=0.1, requests=3))
        6.0
        >>> Price(0.05, "Mtok").per_1000_queries(Use(seconds=0.1, tokens=20_000))
        1.0
        """
        match self.unit:
            case "h":
                return self.amount * use.seconds * 1000 / 3600
            case "request":
                return self.amount * use.requests * 1000
            case "Mtok":
                return None if use.tokens is None else self.amount * use.tokens / 1000
            case "1000units":
                return None if use.search_units is None else self.amount * use.search_units


def prices_of(model: str, prices: Sequence[Price], *, hosted: bool) -> list[Price]:
    """The prices that hold for a model: its own where there are any, else those for models of its kind (one on this
    machine costs by the hour, a hosted one by what is asked of it).
    """
    own = [price for price in prices if price.model == model]
    return own or [price for price in prices if price.model is None and (price.unit != "h") == hosted]


def check_prices(asked: Sequence[ModelRequest], prices: Sequence[Price]) -> None:
    """Raises BadOption for a price that no contender would have."""
    names = {one.text: one for one in asked}
    for price in prices:
        if price.model is not None and price.model not in names:
            raise BadOption(
                f"a price is given for {price.model!r}, which is not a contender",
                hint=f"the contenders are {', '.join(names) or 'none'}",
            )
        if price.model is not None and price.unit != "h" and not names[price.model].hosted:
            raise BadOption(
                f"a price of {price} is given for {price.model}, which runs on this machine and costs by the hour",
                hint=f"--price {price.model}=0.34/h",
            )
        if not any(price in prices_of(text, prices, hosted=one.hosted) for text, one in names.items()):
            kind = "runs on this machine" if price.unit == "h" else "is hosted"
            raise BadOption(
                f"a price of {price} is given, but no contender without its own price {kind}",
                hint="leave it out, or add a contender that it applies to with --model",
            )
