"""A hosted model in a comparison: what it will cost is said first, and no request is sent beyond that."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hosted_server import rerank_server
from rankladder.cli.main import run
from rankladder.cost import Asked, asked_of_service, natural_workload
from rankladder.cost.configuration import Configuration

KEY = "sk-never-to-be-seen-5f2c"


def test_the_requests_that_are_announced_are_those_that_are_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RANKLADDER_API_KEY", KEY)
    out = tmp_path / "bench.json"
    with rerank_server("cohere", key=KEY) as server:
        asked = ["bench", "--model", server.model(), "--pairs", "4", "--top", "3", "--passes", "2", "--repeats", "3"]
        asked += ["--dtype", "int8"]
        assert run([*asked, "--out", str(out), "--json"]) == 0
        sent = len(server.requests)
    printed = capfd.readouterr()
    assert "up to 11 requests with 17 documents in all will be sent, and the service may bill them" in printed.err
    assert printed.err.index("up to 11 requests") < printed.err.index("2 passes over 4 pairs")
    assert sent == 2 * 4 + 3
    (row,) = json.loads(out.read_text())["rows"]
    assert row["pairs_per_second"] > 0
    assert row["p50_ms"] > 0
    assert [row[unknown] for unknown in ("mean_tokens", "tokens_per_second", "share_of_peak", "max_tokens")] == [
        None
    ] * 4
    assert "the service decides on engine and number format" in printed.err
    assert KEY not in printed.out + printed.err + out.read_text()


def test_what_a_service_takes_at_once_decides_the_requests() -> None:
    workload = natural_workload(pairs=5, top=100)
    name = "tei:http://localhost:8080"
    asked = asked_of_service(Configuration(name, name, "hosted"), workload, passes=2, repeats=1)
    assert asked == Asked(2 * 5 + 4, 2 * 5 + 100)  # TEI takes 32 at once
    assert asked_of_service(Configuration(name, name, "hosted"), workload, passes=1).documents == 5 + 20 * 100


def test_a_refused_key_is_a_row_that_does_not_show_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RANKLADDER_API_KEY", KEY)
    out = tmp_path / "bench.json"
    with rerank_server("cohere", key="another") as server:
        assert run(["bench", "--model", server.model(), "--pairs", "1", "--top", "1", "--out", str(out)]) == 6
    printed = capfd.readouterr()
    (row,) = json.loads(out.read_text())["rows"]
    assert row["error"] == "KeyRefused"
    assert KEY not in printed.out + printed.err + out.read_text()
