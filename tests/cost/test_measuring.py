"""A comparison: who takes turns with whom, what a failure leaves standing, and what real processes answer."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rankladder import Reranker
from rankladder.cli.exits import exit_status
from rankladder.cost import (
    Cost,
    Failure,
    Measurement,
    Workload,
    measure_cost,
    measure_costs,
    measuring,
    natural_workload,
    subject,
)
from rankladder.cost.configuration import Configuration
from rankladder.cost.load import Clock
from rankladder.cost.peak import onnx_gflops, torch_gflops
from rankladder.cost.process import Process
from rankladder.errors import BadInput, BadOption, ModelMissing, RankladderError, WorkerFailed
from rankladder.memory import available_share, peak_memory
from rankladder.rerank import ModelRequest
from rankladder.values import Document

TASKS = [
    ("why is the sky blue", [Document("1", "Sunlight is scattered by the air."), Document("2", "Bread rises.")]),
    ("red planet", [Document("1", "The red planet is Mars; its surface holds iron oxide.")]),
]
WORKLOAD = Workload.of("a test", TASKS)


class Scripted:
    """Stands in for a worker process: passes take as many seconds as the name says, and everything is written down."""

    asked: list[str]
    fails: dict[str, BaseException]

    def __init__(self, name: str, options: dict[str, Any], *, peer: bool) -> None:
        self.name, self.tokens, self.cut, self.load_s = name, [0], 0, 0.5
        self.card_free = {"large": 0.05}.get(name)
        self.setting = 0
        self.described = {
            "dtype": "fp32",
            "about": "",
            "device": "cpu",
            "device_name": None,
            "max_tokens": 512,
            "token_budget": None,
        }
        self.described |= {"engine": "sentence-transformers" if peer else "onnx", "batch_size": 32 if peer else None}
        self.described["threads"] = options.get("threads", 2)
        self.asked.append(f"{name} open {options.get('threads', '')}".strip())

    def read(self, workload: Workload) -> None:
        self.tokens = [10] * len(workload.pairs)

    def ask(self, command: str, **fields: Any) -> dict[str, Any]:
        said = f"{self.name} {command}"
        if command in self.fails and self.name == "bad":
            raise self.fails[command]
        if command == "memory":
            return {"peak_mb": 100.0, "source": "a test", "device_peak_mb": None}
        self.asked.append(said)
        self.setting = fields.get("setting", self.setting)
        slow = {"fast": 1.0, "slow": 2.0}.get(self.name, 1.0)
        seconds = slow / (1 + self.setting)
        return {"seconds": seconds, "processor": 1.5 * seconds, "others": 0.1 * seconds, "gflops": 50.0}

    def close(self) -> None:
        self.asked.append(f"{self.name} close")

    def __enter__(self) -> Scripted:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> type[Scripted]:
    Scripted.asked, Scripted.fails = [], {}
    monkeypatch.setattr(measuring, "Process", Scripted)
    monkeypatch.setattr(measuring, "usable_cores", lambda: 4)
    monkeypatch.setattr(measuring, "available_share", lambda: 1.0)
    return Scripted


def measured(*names: str, **options: Any) -> Measurement:
    found = [Configuration(name, name, "torch") for name in names]
    return Measurement(found, WORKLOAD, **{"passes": 2, "repeats": 1, "peaks": False, **options})


def test_passes_and_lists_take_turns(scripted: type[Scripted]) -> None:
    one = measured("slow", "fast")
    one.run()
    turns = ["slow score", "fast score", "slow score", "fast score", "slow rank", "fast rank"]
    assert scripted.asked == ["slow open", "fast open", *turns, "slow close", "fast close"]
    slow, fast = one.results()
    assert isinstance(slow, Cost)
    assert isinstance(fast, Cost)
    assert fast.throughput.ratio_to(slow.throughput) == 2.0
    assert slow.throughput.pairs == 3
    assert slow.throughput.tokens == 30
    assert slow.latency.documents == 1.5


def test_without_turns_one_is_closed_before_the_next_opens(scripted: type[Scripted]) -> None:
    one = measured("slow", "fast", turns=False)
    one.run()
    assert scripted.asked.index("slow close") < scripted.asked.index("fast open")
    assert [result.turn for result in one.results() if isinstance(result, Cost)] == [0, 1]


def test_models_that_fill_the_memory_take_turns_in_groups(
    scripted: type[Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    free = iter([0.5, 0.1, 0.9])
    monkeypatch.setattr(measuring, "available_share", lambda: next(free))
    one = measured("a", "b", "c")
    one.run()
    assert [result.turn for result in one.results() if isinstance(result, Cost)] == [0, 0, 1]
    assert scripted.asked.index("a close") < scripted.asked.index("c open")


def test_models_that_fill_a_card_take_turns_in_groups_too(scripted: type[Scripted]) -> None:
    one = measured("small", "large", "next")
    one.run()
    assert [result.turn for result in one.results() if isinstance(result, Cost)] == [0, 0, 1]


@pytest.mark.parametrize("step", ["score", "rank"])
def test_what_fails_half_way_is_a_row_and_the_others_go_on(scripted: type[Scripted], step: str) -> None:
    scripted.fails = {step: RankladderError("the process was killed by signal 9")}
    one = measured("fast", "bad", "slow")
    one.run()
    fast, bad, slow = one.results()
    assert isinstance(bad, Failure)
    assert "signal 9" in str(bad.error)
    assert all(isinstance(good, Cost) and len(good.throughput.seconds) == 2 for good in (fast, slow))
    assert scripted.asked.count("bad close") >= 1


def test_an_interruption_leaves_what_there_is(scripted: type[Scripted]) -> None:
    scripted.fails = {"rank": KeyboardInterrupt()}
    one = measured("fast", "bad", "slow")
    with pytest.raises(KeyboardInterrupt):
        one.run()
    assert [result.latency.p50 is None for result in one.results() if isinstance(result, Cost)] == [False, True, True]
    assert {f"{name} close" for name in ("fast", "bad", "slow")} <= set(scripted.asked)


def test_threads_are_tried_in_a_process_of_their_own_and_the_best_is_opened(scripted: type[Scripted]) -> None:
    one = Measurement([Configuration("fast", "fast", "onnx")], WORKLOAD, passes=1, repeats=1, peaks=False)
    one.run()
    (cost,) = one.results()
    assert isinstance(cost, Cost)
    assert scripted.asked[:8] == [
        "fast open", "fast tune", "fast score", "fast tune", "fast score", "fast close", "fast open 4", "fast score",
    ]  # fmt: skip
    assert cost.threads == 4
    assert cost.tried == {"threads 4": 15.0, "threads 2": 9.0}


def test_threads_that_were_asked_for_are_not_searched(scripted: type[Scripted]) -> None:
    one = Measurement(
        [Configuration("fast", "fast", "onnx", {"threads": 1})], WORKLOAD, passes=1, repeats=1, peaks=False
    )
    one.run()
    assert "fast tune" not in scripted.asked


def test_the_peers_batch_size_is_searched_no_further_than_the_pairs_go(scripted: type[Scripted]) -> None:
    workload = natural_workload(pairs=100, top=1)
    peer = Configuration("fast", "fast", "sentence-transformers", peer=True)
    one = Measurement([peer], workload, passes=1, repeats=1, peaks=False)
    one.run()
    (cost,) = one.results()
    assert isinstance(cost, Cost)
    assert list(cost.tried) == ["batch 32", "batch 64", "batch 128"]
    assert cost.batch_size == 128


def test_the_default_stops_ranking_lists_once_they_have_taken_long(
    scripted: type[Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "REPEAT_S", 9.5)
    one = measured("slow", "fast", repeats=None)
    one.run()
    assert [len(one.latency.milliseconds) for one in one.results() if isinstance(one, Cost)] == [5, 10]


@pytest.mark.parametrize(("seconds", "samples"), [(41.0, 20), (150.0, 100)])
def test_samples_go_on_to_a_p99_only_where_the_seconds_hold_all_of_them(
    scripted: type[Scripted], monkeypatch: pytest.MonkeyPatch, seconds: float, samples: int
) -> None:
    monkeypatch.setattr(measuring, "REPEAT_S", seconds)
    one = measured("slow", "fast", repeats=None, tail=True)  # a list takes 2 seconds, and 1
    one.run()
    slow, fast = (result.latency for result in one.results() if isinstance(result, Cost))
    assert (len(slow.milliseconds), len(fast.milliseconds)) == (20, samples)
    assert (slow.p99, fast.p99 is None) == (None, samples < 100)


def test_a_tail_is_of_twenty_samples_however_long_they_take(
    scripted: type[Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "REPEAT_S", 1.5)
    one = measured("slow", "fast", repeats=None, tail=True)
    one.run()
    assert [len(one.latency.milliseconds) for one in one.results() if isinstance(one, Cost)] == [20, 20]


def test_the_share_of_the_peak_is_against_the_best_of_all_libraries(scripted: type[Scripted], ettin: Path) -> None:
    found = Configuration.of(ModelRequest.parse(str(ettin)))
    one = Measurement([found], WORKLOAD, passes=1, repeats=1)
    one.run()
    (cost,) = one.results()
    assert isinstance(cost, Cost)
    assert cost.peak_gflops == 50.0
    assert cost.gflop_per_pair is not None
    assert cost.share_of_peak == pytest.approx(cost.throughput.pairs_per_second * cost.gflop_per_pair / 50)


def test_products_that_do_not_fit_leave_the_peak_unknown_and_the_measurement_whole(
    scripted: type[Scripted], ettin: Path
) -> None:
    scripted.fails = {"gflops": WorkerFailed("OutOfMemoryError: 8192 by 8192 do not fit")}
    network = Configuration.of(ModelRequest.parse(str(ettin))).network
    one = Measurement([Configuration("bad", "bad", "torch", network=network)], WORKLOAD, passes=2, repeats=1)
    one.run()
    (cost,) = one.results()
    assert isinstance(cost, Cost)
    assert (len(cost.throughput.seconds), cost.peak_gflops, cost.share_of_peak) == (2, None, None)
    assert cost.gflop_per_pair is not None


@pytest.mark.parametrize("wrong", [{"passes": 0}, {"repeats": 0}])
def test_a_number_below_one_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(BadOption, match="must be at least 1, got 0"):
        Measurement([], WORKLOAD, **wrong)  # type: ignore[arg-type]


def test_a_cost_is_of_the_users_own_lists_in_a_process_that_holds_the_model_alone(ettin: Path) -> None:
    cost = measure_cost(ModelRequest.parse(f"{ettin},threads=1,dtype=fp32,max_tokens=12"), TASKS, passes=2, repeats=4)
    assert (cost.engine, cost.dtype, cost.threads, cost.max_tokens) == ("onnx", "fp32", 1, 12)
    assert len(cost.throughput.seconds) == 2
    assert len(cost.latency.milliseconds) == 4
    rankings = Reranker.open(ettin, max_tokens=12).rank_many(TASKS)
    readings = [hit.reading for ranking in rankings for hit in ranking if hit.reading is not None]
    assert cost.throughput.tokens == sum(one.query_kept + one.document_kept + 3 for one in readings)
    assert cost.cut == sum(one.truncated for one in readings) > 0
    assert cost.share_of_peak is None
    assert cost.load_s > 0
    mine, source = peak_memory()
    assert cost.memory.source == source
    if source.startswith("VmHWM"):  # this process has torch loaded; the other has not
        assert cost.memory.peak_mb is not None
        assert mine is not None
        assert cost.memory.peak_mb < mine


def test_a_cost_may_be_of_passages(ettin: Path) -> None:
    request = ModelRequest.parse(f"{ettin},threads=1,max_tokens=24")
    long = [("rain", [Document("1", "rain fell on the hill " * 20)])]
    (cost,) = measure_costs([request], long, passes=1, repeats=1, long="passages")
    assert isinstance(cost, Cost)
    assert cost.cut == 0


def test_a_failure_keeps_its_type_and_stands_in_its_place(ettin: Path) -> None:
    good, bad = ModelRequest.parse(f"{ettin},threads=1"), ModelRequest.parse("box,device=cuda")
    found = measure_costs([bad, good], TASKS, passes=1, repeats=1)
    assert isinstance(found[0], Failure)
    assert isinstance(found[0].error, BadOption)
    assert isinstance(found[1], Cost)
    with pytest.raises(BadOption, match="not on cuda"):
        measure_cost(bad, TASKS)
    with pytest.raises(ModelMissing):
        measure_cost(ModelRequest.parse("etin-17m"), TASKS)
    with pytest.raises(BadInput, match="no documents"):
        measure_cost(good, [("why", [])])


@pytest.mark.skipif(not hasattr(os, "kill") or os.name == "nt", reason="signals")
def test_a_process_that_is_killed_is_told_from_a_model_that_fails(ettin: Path) -> None:
    with Process(str(ettin), {"threads": 1}, peer=False) as process:
        process.read(WORKLOAD)
        assert process.ask("score")["seconds"] > 0
        os.kill(process._process.pid, signal.SIGKILL)
        with pytest.raises(WorkerFailed, match="killed by signal 9") as killed:
            process.ask("score")
    assert exit_status(killed.value) == 10
    with (
        Process(str(ettin), {"threads": 1}, peer=False) as process,
        pytest.raises(WorkerFailed, match="AttributeError"),
    ):
        process.ask("score")  # it has no texts yet


def test_the_peak_is_the_machines_however_many_threads_a_model_has(
    ettin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(subject, "usable_cores", lambda: 7)

    def probed(dtype: str, *, width: int, threads: int) -> float:
        asked.append(threads)
        return 1.0

    monkeypatch.setattr(subject, "onnx_gflops", probed)
    subject.RerankerSubject(str(ettin), {"threads": 1}).gflops(64)
    assert asked == [7]


def test_matrix_products_have_a_rate_in_every_number_format() -> None:
    rates = [onnx_gflops(dtype, width=64, threads=1) for dtype in ("fp32", "int8")]
    rates.append(torch_gflops("fp32", width=64, device="cpu", threads=1))
    assert all(np.isfinite(rate) and rate > 0 for rate in rates)


def test_the_memory_that_is_free_is_a_share_or_not_told() -> None:
    free = available_share()
    assert free is None or 0 < free <= 1


def test_processor_time_and_the_share_that_others_use_stand_beside_the_latency() -> None:
    start = Clock(10.0, 1.0, 100.0)
    assert Clock(12.0, 4.0, 105.0).since(start) == {"seconds": 2.0, "processor": 3.0, "others": 2.0}
    assert Clock(12.0, 4.0, None).since(start)["others"] is None
    assert Clock(12.0, 4.0, 102.0).since(start)["others"] == 0.0  # counted in hundredths of a second
    now = Clock.now()
    sum(range(200_000))
    later = Clock.now().since(now)
    assert (later["seconds"] or 0) > 0
    assert (later["processor"] or 0) > 0
