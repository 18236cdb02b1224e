"""What a contender costs: requests as they were made, waits left out, what lies on a GPU counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from hosted_server import Reply, ServiceName, rerank_server
from rankladder.choose import Price, Wishes
from rankladder.choose.contenders import Contender, Spent
from rankladder.choose.judging import Question, judge
from rankladder.choose.notices import notices
from rankladder.choose.spending import LISTS, measure_spending
from rankladder.cost import Configuration, Cost, Latency, Memory, Throughput
from rankladder.errors import RankladderError, ServiceFailed
from rankladder.rerank import ModelRequest
from rankladder.values import Document

from .outcomes import spent

TASKS = [("rain", [Document(str(at), f"rain {at}") for at in range(10)])]  # 30 tokens, as the server counts
WAIT = {"retry-after-ms": "1"}


def hosted(
    service: ServiceName, *prices: str, samples: int | None = 2, script: Sequence[Reply] = ()
) -> Spent | RankladderError:
    with rerank_server(service) as server:
        request = ModelRequest.parse(server.model())
        server.script = list(script) if service != "tei" else [Reply(), *script]  # which is asked for its limits first
        return measure_spending([request], TASKS, prices=[*map(Price.parse, prices)], samples=samples)[request.text]


@pytest.mark.parametrize(
    ("service", "prices", "cost", "price"),
    [
        ("tei", ["0.002/request"], 6.0, "0.002/request"),  # which takes 4 of the 10 texts at a time
        ("cohere", ["0.002/request"], 2.0, "0.002/request"),
        ("cohere", ["0.05/Mtok", "2/1000units"], 2.0, "2/1000units"),  # it counts search units, and no tokens
        ("jina", ["2/1000units", "0.05/Mtok"], 0.0015, "0.05/Mtok"),  # and the other way round
        ("voyage", ["0.05/Mtok"], 0.0015, "0.05/Mtok"),
        ("tei", ["0.05/Mtok"], None, "0.05/Mtok"),
        ("tei", ["0.34/h"], None, None),
    ],
)
def test_a_hosted_model_is_paid_by_what_was_asked_of_it(
    service: ServiceName, prices: list[str], cost: float | None, price: str | None
) -> None:
    found = hosted(service, *prices)
    assert isinstance(found, Spent)
    assert found.per_1000_queries == (None if cost is None else pytest.approx(cost))
    assert found.price == price
    said = notices([], [Contender(name="api", spent=found)], TASKS, {})
    assert any("does not report the units that 0.05/Mtok" in one for one in said) == (
        cost is None and price is not None
    )


def test_a_list_that_met_a_busy_service_is_timed_again_and_that_is_said() -> None:
    busy, broken = Reply(status=429, headers=WAIT), Reply(status=500, headers=WAIT)
    found = hosted("cohere", "0.002/request", samples=3, script=[Reply(), busy, Reply(), broken])
    assert isinstance(found, Spent)
    assert (len(found.latencies_ms), found.waited) == (3, 2)
    assert found.per_1000_queries == 2.0
    said = notices([], [Contender(name="api", spent=found)], TASKS, {})
    assert "api: the service had to be called again for 2 of 5 lists; these lists do not count in the times" in said


def test_a_service_that_is_always_busy_has_no_time() -> None:
    found = hosted("cohere", samples=2, script=[Reply(status=429, headers=WAIT), Reply()] * 2)
    assert isinstance(found, ServiceFailed)
    assert "called again for each of 2 lists" in str(found)


def test_a_hosted_model_has_samples_for_a_p95_however_few_the_lists() -> None:
    found = hosted("cohere", samples=None)
    assert isinstance(found, Spent)
    assert len(found.latencies_ms) == LISTS == 20
    assert found.p95_ms is not None


def test_what_lies_on_a_gpu_counts_as_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    request = ModelRequest.parse("box")
    cost = Cost(
        configuration=Configuration("box", "box", "torch"), name="box fp32", engine="torch", dtype="fp32", about="",
        device="cuda:0", device_name="a card", threads=None, batch_size=None, token_budget=None, max_tokens=512, cut=0,
        throughput=Throughput(10, 100, (1.0,)), latency=Latency((5.0,) * 20, 10),
        memory=Memory(400.0, "a test", 1100.0), load_s=1.0, tried={}, turn=0, gflop_per_pair=None, peak_gflops=None,
    )  # fmt: skip
    monkeypatch.setattr("rankladder.choose.spending.measure_costs", lambda *_, **__: [cost])
    found = measure_spending([request], TASKS)["box"]
    assert isinstance(found, Spent)
    assert (found.memory_mb, found.device_memory_mb) == (1500.0, 1100.0)
    ids = [f"q{at}" for at in range(8)]
    rows = [
        Contender(name=name, values=dict.fromkeys(ids, mean), spent=cost_of)
        for name, mean, cost_of in (("old", 0.2, spent([1.0] * 20)), ("box", 0.7, found))
    ]
    wishes = Wishes(memory_mb=1000.0)
    concluded = judge(rows, Question(wishes=wishes, measure="nDCG@10", current="old"))
    (box,) = [one for one in concluded.contenders if one.name == "box"]
    assert box.sentence.startswith("holds 1,500 MiB (1,100 of it on the GPU), the limit is 1,000 MiB")


def test_few_samples_and_lists_are_said() -> None:
    few = [Contender(name="box", spent=spent([1.0] * 19)), Contender(name="large", spent=spent([1.0] * 20))]
    assert any("the slowest sample is used instead, box (19)" in one for one in notices([], few, TASKS, {}))
    assert not any("the slowest" in one for one in notices([], few[1:], TASKS * LISTS, {}))


def test_a_busy_machine_is_said_and_processor_time_stands_beside() -> None:
    def said(busy: float | None) -> list[str]:
        found = [Contender(name="box", spent=replace(spent([5.0] * 20), busy=busy))]
        return [one for one in notices([], found, TASKS * LISTS, {}) if "busy" in one]

    assert said(0.8)[0].startswith("the machine was busy: other programs used up to 80 % of its processors")
    assert said(0.1) == said(None) == []
