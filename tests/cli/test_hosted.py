"""A hosted model on the command line: it works where a model is named, and says what it cannot know."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hosted_server import Reply, rerank_server
from rankladder.cli.main import run


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    (tmp_path / "lines.txt").write_text("the sea\nmars is the red planet\n")
    return tmp_path


def test_rank_says_that_nobody_knows_what_was_cut(lines: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with rerank_server("cohere") as server:
        assert run(["rank", "red planet", str(lines / "lines.txt"), "--model", server.model(), "--json"]) == 0
        printed = capsys.readouterr()
    rows = [json.loads(line) for line in printed.out.splitlines()]
    assert [(row["id"], row["truncated"]) for row in rows] == [("2", None), ("1", None)]
    assert "does not report which long documents it cut" in printed.err


def test_search_explains_a_hosted_stage(lines: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with rerank_server("tei") as server:
        search = ["search", "red planet", str(lines), "--model", server.model(), "--explain"]
        assert run([*search, "--table"]) == 0
        table = capsys.readouterr().out
        assert run([*search, "--json"]) == 0
        last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert "unknown" in table
    assert "scores are raw logits" in table
    assert [(stage["tokens"], stage["cut"]) for stage in last["stages"]] == [(0, 0), (None, None)]


@pytest.mark.parametrize(
    ("model", "status", "message"),
    [
        ("cohere:", 2, "expected cohere:MODEL"),
        ("cohere:rerank-v3.5", 6, "export COHERE_API_KEY"),
    ],
)
def test_what_is_wrong_ends_in_a_status_and_a_hint(
    model: str,
    status: int,
    message: str,
    lines: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable in ("COHERE_API_KEY", "CO_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    assert run(["rank", "red", str(lines / "lines.txt"), "--model", model]) == status
    assert message in capsys.readouterr().err


def test_offline_refuses_a_hosted_model(lines: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rank", "red", str(lines / "lines.txt"), "--offline", "--model", "cohere:m@http://localhost"]) == 2
    assert "offline is set" in capsys.readouterr().err


def test_a_refused_query_is_bad_input(lines: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with rerank_server("cohere") as server:
        server.script = [Reply(status=400)]
        assert run(["rank", "red", str(lines / "lines.txt"), "--model", server.model()]) == 2
    assert "status 400: scripted" in capsys.readouterr().err
