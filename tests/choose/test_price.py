"""Prices as they are written, and what they come to."""

from __future__ import annotations

import pytest

from rankladder.choose.price import Price, Use, check_prices, prices_of
from rankladder.errors import BadOption
from rankladder.rerank import ModelRequest


@pytest.mark.parametrize("text", ["0.34", "h", "x/h", "-1/h", "1/day", "=1/h", "1e999/h", "nan/h", "2/units", ""])
def test_a_price_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(BadOption):
        Price.parse(text)


def test_a_models_own_price_comes_before_that_of_its_kind() -> None:
    prices = tuple(map(Price.parse, ["0.5/h", "0.002/request", "jina:m@http://localhost:1=0.001/request", "box=2/h"]))
    assert prices_of("box", prices, hosted=False) == [prices[3]]
    assert prices_of("ettin-17m", prices, hosted=False) == [prices[0]]
    assert prices_of("cohere:x", prices, hosted=True) == [prices[1]]
    assert prices_of("jina:m@http://localhost:1", prices, hosted=True) == [prices[2]]
    assert prices_of("cohere:x", prices[:1], hosted=True) == []


@pytest.mark.parametrize(
    ("models", "prices", "what"),
    [
        (["box"], ["0.02/Mtok"], "no contender without its own price is hosted"),
        (["cohere:x"], ["0.34/h"], "no contender without its own price runs on this machine"),
        (["cohere:x"], ["cohere:x=2/1000units", "0.02/Mtok"], "is hosted"),
        ([], ["0.34/h"], "runs on this machine"),
        (["box"], ["box=0.002/request"], "runs on this machine and costs by the hour"),
        (["box"], ["box=2/1000units"], "runs on this machine"),
        (["box"], ["nobody=2/h"], "'nobody', which is not a contender"),
    ],
)
def test_a_price_that_no_candidate_has_is_refused(models: list[str], prices: list[str], what: str) -> None:
    with pytest.raises(BadOption, match=what):
        check_prices([*map(ModelRequest.parse, models)], [*map(Price.parse, prices)])


def test_a_price_that_a_candidate_has_is_taken() -> None:
    models = [*map(ModelRequest.parse, ["box", "ettin-17m", "cohere:x", "tei:http://localhost:1"])]
    check_prices(models, [*map(Price.parse, ["box=2/h", "0.34/h", "0.02/Mtok", "tei:http://localhost:1=1/h"])])


def test_an_hour_is_shared_by_the_queries_that_fit_into_it() -> None:
    assert Price(0.36, "h").per_1000_queries(Use(seconds=0.2)) == pytest.approx(0.02)


def test_a_query_costs_what_the_service_counts_for_it_and_nothing_is_made_up() -> None:
    use = Use(seconds=0.2, requests=2.5, tokens=30_000, search_units=2)
    assert Price.parse("0.05/Mtok").per_1000_queries(use) == pytest.approx(1.5)  # 30 million tokens
    assert Price.parse("2/1000units").per_1000_queries(use) == pytest.approx(4.0)  # 2,000 search units
    assert Price.parse("0.002/request").per_1000_queries(use) == pytest.approx(5.0)
    for text in ("0.05/Mtok", "2/1000units"):
        assert Price.parse(text).per_1000_queries(Use(seconds=0.2)) is None


@pytest.mark.parametrize("text", ["0.34/h", "0.002/request", "0.05/Mtok", "2/1000units", "1e-06/Mtok"])
def test_a_price_is_shown_as_it_is_read(text: str) -> None:
    assert str(Price.parse(text)) == text
    assert Price.parse(text.upper()) == Price.parse(text)
