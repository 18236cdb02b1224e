"""Prices as they are written, and what they come to."""

from __future__ import annotations

import pytest

from rankladder.choose import Price
from rankladder.choose.price import price_of
from rankladder.errors import BadOption


@pytest.mark.parametrize("text", ["0.34", "h", "x/h", "-1/h", "1/day", "=1/h", "1e999/h", "nan/h", ""])
def test_a_price_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(BadOption):
        Price.parse(text)


def test_a_models_own_price_comes_before_that_of_its_kind() -> None:
    prices = tuple(map(Price.parse, ["0.5/h", "0.002/request", "jina:m@http://localhost:1=0.001/request", "box=2/h"]))
    assert price_of("box", prices, hosted=False) == prices[3]
    assert price_of("ettin-17m", prices, hosted=False) == prices[0]
    assert price_of("cohere:x", prices, hosted=True) == prices[1]
    assert price_of("jina:m@http://localhost:1", prices, hosted=True) == prices[2]
    assert price_of("cohere:x", prices[:1], hosted=True) is None


def test_an_hour_is_shared_by_the_queries_that_fit_into_it() -> None:
    assert Price(0.36, "h").per_1000_queries(seconds_per_query=0.2) == pytest.approx(0.02)
