"""``rankladder bench``: what it prints, writes, refuses, and says when something fails."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from rankladder.cli.bench import bench
from rankladder.cli.main import run
from rankladder.cost import measuring

QUICK = ["bench", "--pairs", "4", "--top", "3", "--passes", "2", "--repeats", "2", "--no-search"]


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory, ettin: Path, bert: Path) -> tuple[int, dict[str, Any]]:
    """One real comparison: a model beside Sentence Transformers, one in two formats, one that cannot be opened."""
    folder = tmp_path_factory.mktemp("bench")
    shutil.copytree(bert, folder / "broken")
    (folder / "broken" / "model.safetensors").write_bytes(b"no tensors")
    models = [f"{ettin},threads=1", str(folder / "broken")]
    out = folder / "bench.json"
    status = run([*QUICK, "--model", models[0], "--model", models[1], "--out", str(out), "--json"])
    return status, json.loads(out.read_text())


def test_a_comparison_has_every_figure_and_sentence_transformers_beside(
    compared: tuple[int, dict[str, Any]],
) -> None:
    _, written = compared
    rows = {(row["model"], row["peer"]): row for row in written["rows"] if "error" not in row}
    ours, theirs = rows["ettin", False], rows["ettin", True]
    assert (ours["engine"], ours["dtype"], ours["threads"], ours["max_tokens"]) == ("onnx", "fp32", 1, 512)
    assert (theirs["dtype"], theirs["batch_size"], theirs["max_tokens"]) == ("fp32", 32, 512)
    assert ours["mean_tokens"] == theirs["mean_tokens"]
    assert ours["gflop_per_pair"] == theirs["gflop_per_pair"]
    assert theirs["ratio"] == 1.0
    for row in (ours, theirs):
        assert len(row["pass_seconds"]) == len(row["list_milliseconds"]) == 2
        assert row["p50_ms"] > 0
        assert row["p95_ms"] is None
        assert row["peak_memory_mb"] > 0
        assert row["share_of_peak"] > 0


def test_a_model_that_cannot_be_opened_is_a_row_and_the_status_is_its_errors(
    compared: tuple[int, dict[str, Any]],
) -> None:
    status, written = compared
    (failed,) = (row for row in written["rows"] if "error" in row)
    assert failed["model"] == "broken"
    assert status == 4


def test_the_file_says_on_what_and_how_it_was_measured_and_holds_no_path(
    compared: tuple[int, dict[str, Any]], ettin: Path
) -> None:
    _, written = compared
    assert {"processor", "cores", "python"} <= written["machine"].keys()
    assert {"rankladder", "onnxruntime", "sentence-transformers"} <= written["versions"].keys()
    assert written["seed"] == 0
    assert written["command"].startswith("rankladder bench --model ettin,threads=1 --model broken --pairs 4")
    assert "--out bench.json" in written["command"]
    assert str(ettin.parent) not in json.dumps(written)
    assert str(Path.home()) + "/" not in json.dumps(written)


def test_a_table_names_its_baseline_and_its_units(ettin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = run(
        [*QUICK, "--model", f"{ettin},threads=1", "--no-peer", "--dtype", "fp32", "--dtype", "bf16", "--table"]
    )
    assert status == 0
    out, err = capsys.readouterr()
    for word in ("pairs/s", "p99 ms", "peak MB", "% of peak", "ratio: to ettin, onnx, fp32", "threads 1"):
        assert word in out
    assert "the onnx engine has no bf16; left out" in err
    assert "1 configuration, made-up text, natural lengths, seed 0: 2 passes over 4 pairs" in err


def test_fixed_lengths_are_rows_of_exactly_so_many_tokens(ettin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*QUICK, "--model", f"{ettin},threads=1", "--no-peer", "--lengths", "16,40,8000", "--json"]) == 0
    out, err = capsys.readouterr()
    assert "ettin reads at most 512 tokens, not 8000; left out" in err
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["mean_tokens"] for row in rows] == [16, 40]
    assert [row["max_tokens"] for row in rows] == [16, 40]


def test_ctrl_c_prints_and_writes_what_there_is(
    ettin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(self: measuring.Measurement, row: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(measuring.Measurement, "_rank", interrupted)
    out = tmp_path / "bench.json"
    status = run([*QUICK, "--model", f"{ettin},threads=1", "--no-peer", "--out", str(out), "--json"])
    assert status == 130
    row = json.loads(capsys.readouterr().out)
    assert row["pairs_per_second"] > 0
    assert row["p50_ms"] is None
    assert json.loads(out.read_text())["interrupted"] is True


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--model", "etin-17m"], 3, "did you mean"),
        (["--model", "ettin-17m", "--offline"], 3, "not on this machine"),
        (["--model", "./nowhere"], 3, "no checkpoint folder"),
        (["--model", "box,size=2"], 2, "expected OPTION=VALUE"),
        (["--pairs", "0"], 2, "0 is not in the range"),
        (["--repeats", "0"], 2, "0 is not in the range"),
        (["--lengths", "long"], 2, "natural or numbers of tokens"),
        (["--lengths", "4"], 2, "at least 16 tokens"),
        (["--lengths", "8000"], 2, "box reads at most 256 tokens, not 8000"),
        (["--lengths", "64", "--max-tokens", "100"], 2, "leave no room for max_tokens"),
        (["--dtype", "bf16", "--engine", "onnx"], 2, "nothing is left to measure"),
        (["--queries", "q.tsv"], 2, "--queries goes with --data"),
        (["--data", "EMPTY", "--lengths", "64"], 2, "has its own lengths"),
        (["--data", "EMPTY"], 2, "holds no documents"),
        (["--data", "nowhere"], 3, "nowhere"),
        (["--out", "EMPTY"], 2, "is a folder"),
        (["--out", "EMPTY/no/bench.json"], 3, "there is no folder"),
        pytest.param(
            ["--out", "/proc/bench.json"],
            8,
            "cannot be written",
            marks=pytest.mark.skipif(not Path("/proc").is_dir(), reason="wants a folder that nobody may write to"),
        ),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is(
    arguments: list[str], status: int, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if "--model" not in arguments:
        arguments = ["--model", "box", *arguments]
    assert run(["bench", *(one.replace("EMPTY", str(tmp_path)) for one in arguments)]) == status
    out, err = capsys.readouterr()
    assert message in err
    assert "passes over" not in err
    assert out == ""


def test_help_has_an_example_that_the_documents_share() -> None:
    assert "rankladder bench --pairs 8 --top 5 --repeats 5 --no-peer" in (bench.help or "")
