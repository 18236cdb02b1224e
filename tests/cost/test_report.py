"""What a comparison shows to others: no path of this machine, and models that can be told apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rankladder.cost import Cost, Failure, Latency, Memory, Throughput, Workload
from rankladder.cost.configuration import Configuration, shown_names
from rankladder.cost.report import failure_row, rows, table_row
from rankladder.errors import BadTensor
from rankladder.values import Document


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("MODEL/model.safetensors: cut short", "final/model.safetensors: cut short"),
        ("MODEL: no config.json", "final: no config.json"),
        ("no place for the graph: '/data/private/cache/graphs': full", "no place for the graph: 'graphs': full"),
        ("HOME/.cache/huggingface/x/config.json: no", "config.json: no"),
        ("https://hub.co/org/model: 500 and/or 502", "https://hub.co/org/model: 500 and/or 502"),
    ],
)  # fmt: skip
def test_a_failure_shows_the_last_part_of_a_path(message: str, shown: str, tmp_path: Path) -> None:
    folder = tmp_path / "secret client" / "final"
    folder.mkdir(parents=True)
    told = message.replace("MODEL", str(folder)).replace("HOME", str(Path.home()))
    row = failure_row(Failure(Configuration("final", str(folder), "onnx"), BadTensor(told)))
    assert row["message"] == shown


def test_a_name_that_is_a_common_word_does_not_garble_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    row = failure_row(Failure(Configuration("mine", ".", "onnx"), BadTensor("config.json: found 0.5. No such key.")))
    assert row["message"] == "config.json: found 0.5. No such key."


def cost(seconds: float, *, peer: bool = False, on: str = "cpu", **options: Any) -> Cost:
    engine = "sentence-transformers" if peer else "torch"
    return Cost(
        Configuration("box", "box", engine, options, peer=peer),
        "box fp32",
        engine,
        "fp32",
        about="",
        device=on,
        device_name="NVIDIA H100" if on.startswith("cuda") else None,
        threads=None,
        batch_size=None,
        token_budget=None,
        max_tokens=options["max_tokens"],
        cut=0,
        throughput=Throughput(1, 10, (seconds,)),
        latency=Latency((1.0,), 1),
        memory=Memory(1.0, "a test"),
        load_s=1.0,
        tried={},
        turn=0,
        gflop_per_pair=None,
        peak_gflops=None,
    )


WORKLOAD = Workload.of("a test", [("why", [Document("1", "so")])])


def test_a_row_is_compared_with_the_peer_of_its_own_request() -> None:
    costs = [
        cost(1.0, peer=True, max_tokens=64),
        cost(0.5, max_tokens=64),
        cost(8.0, peer=True, max_tokens=256),
        cost(2.0, max_tokens=256),
        cost(16.0, peer=True, max_tokens=256, threads=1),
        cost(2.0, max_tokens=256, threads=1),
        cost(0.1, peer=True, max_tokens=256, on="cuda:0", device="cuda"),
        cost(0.05, max_tokens=256, on="cuda:0", device="cuda"),
    ]
    assert [row["ratio"] for row in rows(costs, WORKLOAD)] == [1, 2, 1, 4, 1, 8, 1, 2]


def test_what_a_ratio_is_to_names_a_card_and_another_limit() -> None:
    peer = cost(1.0, peer=True, max_tokens=64, on="cuda:0")
    same, longer = rows([peer, cost(0.5, max_tokens=64), cost(2.0, max_tokens=256)], WORKLOAD)[1:]
    assert same["ratio_to"] == "box, sentence-transformers, fp32, NVIDIA H100"
    assert longer["ratio_to"] == "box, sentence-transformers, fp32, NVIDIA H100, at most 64 tokens"


def test_the_table_names_a_device_that_is_not_the_cpu() -> None:
    listed = rows([cost(1.0, max_tokens=64), cost(1.0, max_tokens=64, on="cuda:0")], WORKLOAD)
    assert [table_row(row)[1] for row in listed] == ["torch", "torch on NVIDIA H100"]


def test_the_table_tells_rows_of_another_attention_apart() -> None:
    listed = rows([cost(1.0, max_tokens=64), cost(1.0, max_tokens=64, attention="flex")], WORKLOAD)
    assert [table_row(row)[1] for row in listed] == ["torch", "torch, flex"]


def test_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for part in ("a/final", "b/final", "other"):
        (tmp_path / part).mkdir(parents=True)
    first, second, other = (str(tmp_path / part) for part in ("a/final", "b/final", "other"))
    assert shown_names([first, second, other, "box", first]) == {
        first: "a/final",
        second: "b/final",
        other: "other",
        "box": "box",
    }
    assert shown_names([first]) == {first: "final"}
