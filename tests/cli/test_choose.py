"""``rankladder choose`` as a person or a script uses it."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from choose.pages import Read
from choose.places import write_collection
from hosted_server import rerank_server
from rankladder.cli import exits
from rankladder.cli.choose import BEST_BET, FAILED, NOTHING, PROBABLE, parse_memory
from rankladder.cli.main import cli, run
from rankladder.cost.measuring import REPEAT_S, REPEATS, TAIL_REPEATS
from rankladder.errors import BadOption, StorageFailed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_collection(tmp_path / "weather")


def choose(*arguments: object) -> int:
    return run(["choose", *map(str, arguments)])


def test_one_contender_a_line_and_then_the_choice(
    folder: Path, tmp_path: Path, ettin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, report = tmp_path / "out", tmp_path / "report.html"
    options = ["--only", "--model", ettin, "--samples", 2, "--price", "0.36/h", "--out", out, "--report", report]
    assert choose(folder, *options, "--csv", tmp_path / "table.csv", "--json") == exits.OK
    captured = capsys.readouterr()
    *rows, last = map(json.loads, captured.out.splitlines())
    assert [row["name"] for row in rows] == ["no reranker", str(ettin)]
    assert all({"overall", "spent", "reason", "sentence"} <= row.keys() for row in rows)
    assert last["choice"]["headline"]
    assert (tmp_path / "table.csv").read_text() == (out / "contenders.csv").read_text()
    assert "timing 1 model" in captured.err
    saved = json.loads((out / "choice.json").read_text())
    assert saved["choice"] == last["choice"]
    assert saved["reproduce"]["command"].startswith("rankladder")
    assert report.read_text() == (out / "report.html").read_text()
    assert Read(report.read_text()).outcome == saved


def test_the_table_says_what_to_take_and_why_not_the_others(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert choose(folder, "--only", "--model", "no-such-model", "--table") == 1
    captured = capsys.readouterr()
    assert "no reranker" in captured.out
    assert "p95" in captured.out
    assert "no-such-model: failed; no model is called" in captured.out
    assert "Take no reranker: it is the only contender that ran." in captured.out
    assert "Nothing is known about no-such-model" in captured.out


def test_a_reference_is_named_wherever_figures_stand(
    folder: Path, ettin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--only", "--model", ettin, "--reference", ettin, "--queries", 3, "--samples", 1]
    assert choose(folder, *options, "--table") in {exits.OK, PROBABLE, BEST_BET, NOTHING}
    table = capsys.readouterr().out
    assert f"agreement with {ettin}, not quality" in table
    assert "nDCG@10" not in table


@pytest.mark.parametrize("place", ["missing/report.html", "."])
def test_a_report_that_cannot_be_written_is_refused_before_the_data_is_read(
    tmp_path: Path, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert choose(tmp_path / "no-such-data", "--report", tmp_path / place) == 8
    assert "the report cannot be written" in capsys.readouterr().err


def test_a_report_that_the_disk_refuses_does_not_hide_the_result(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(told: object, path: Path) -> None:
        raise StorageFailed(f"{path}: No space left on device")

    monkeypatch.setattr("rankladder.choose.report.write_report", refused)
    options = ["--only", "--model", "no-such-model", "--out", tmp_path / "out", "--table"]
    assert choose(folder, *options) == 8
    printed = capsys.readouterr()
    assert "Take no reranker: it is the only contender that ran." in printed.out
    assert "No space left on device" in printed.err
    assert (tmp_path / "out" / "choice.json").is_file()


def test_the_report_is_written_where_the_json_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(told: object, path: Path) -> None:
        raise StorageFailed(f"{path}: No space left on device")

    monkeypatch.setattr("rankladder.cli.choice_output._write_json", refused)
    options = ["--only", "--model", "no-such-model", "--out", tmp_path / "out", "--report", tmp_path / "report.html"]
    assert choose(folder, *options, "--table") == 8
    assert "choice.json: No space left on device" in capsys.readouterr().err
    assert (tmp_path / "out" / "report.html").read_text() == (tmp_path / "report.html").read_text()


def test_a_key_is_written_nowhere(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = "sk-4f1d9a7c2b8e6035"
    monkeypatch.setenv("RANKLADDER_API_KEY", secret)
    out = tmp_path / "out"
    with rerank_server("cohere", key=secret) as server:
        common = [folder, "--model", server.model(), "--store", tmp_path / "store", "--out", out, "--json"]
        assert choose(*common, "--only", "--samples", 1) in {exits.OK, PROBABLE, BEST_BET}
        assert run(["evaluate", *map(str, common)]) == exits.OK
        assert {request.headers["authorization"] for request in server.reranks} == {f"Bearer {secret}"}
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"choice.json", "report.html", "evaluation.json"} <= {path.name for path in written}
    assert any(path.is_relative_to(tmp_path / "store") and path.stat().st_size > 100 for path in written)
    assert [path for path in written if secret.encode() in path.read_bytes()] == []
    assert secret not in "".join(capsys.readouterr())


def test_pairs_can_be_dropped_and_passages_asked_for(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "pairs.tsv").write_text("q1\td1\n")
    options = ["--only", "--model", "no-such-model", "--out", tmp_path / "out"]
    assert choose(folder, *options, "--drop-pairs", tmp_path / "pairs.tsv", "--long", "passages", "--json") == 1
    saved = json.loads((tmp_path / "out" / "choice.json").read_text())
    assert saved["contenders"][0]["values"]["q1"] == 0.0
    assert any("never candidates" in remark for remark in saved["remarks"])
    assert saved["reproduce"]["long"] == "passages"


def test_models_that_cannot_be_run_here_are_named_and_not_failures(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rankladder.choose.contenders.is_local", lambda model: model.name == "mxbai-xsmall-v1")
    monkeypatch.setattr("rankladder.choose.contenders.find_spec", lambda module: None)
    assert choose(folder, "--out", tmp_path / "out", "--json") == exits.OK
    saved = json.loads((tmp_path / "out" / "choice.json").read_text())
    assert [row["name"] for row in saved["contenders"]] == ["no reranker"]
    assert any(remark.endswith(": mxbai-xsmall-v1") for remark in saved["remarks"])


def test_the_help_names_the_seconds_and_samples_that_are_measured_by_default() -> None:
    said = {name: option.help or "" for name in ("choose", "bench") for option in cli.commands[name].params
            if isinstance(option, click.Option) and option.name in {"samples", "repeats"}}  # fmt: skip
    assert said.keys() == {"choose", "bench"}
    for text in said.values():
        assert f"{REPEAT_S:g} seconds" in text
        assert str(REPEATS) in text
        assert str(TAIL_REPEATS) in text


def test_a_folder_that_cannot_be_made_is_refused_before_the_data_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert choose(tmp_path / "no-such-data", "--out", tmp_path / "file" / "below") == 8


def test_an_empty_data_set_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = write_collection(tmp_path / "empty", queries=0)
    assert choose(empty, "--only", "--model", "box") == exits.USAGE
    assert "error: " in capsys.readouterr().err


def test_a_reference_that_is_not_here_ends_the_command(folder: Path) -> None:
    assert choose(folder, "--reference", "no-such-model") == 3


@pytest.mark.parametrize(
    "options",
    [
        ["--only"],
        ["--target", "0.9", "--target-ndcg", "0.5"],
        ["--target", "1.5"],
        ["--confidence", "0.3"],
        ["--confidence", "1"],
        ["--confirm", "later.jsonl", "--topics", "topics.tsv"],
        ["--budget-ms", "0"],
        ["--memory", "much"],
        ["--price", "0.3"],
        ["--price", "nobody=1/h"],
        ["--price", "box=1/Mtok"],
        ["--price", "box=0.002/request"],
        ["--only", "--model", "box", "--price", "0.02/Mtok"],
        ["--reference", "box", "--measure", "ERR@10"],
        ["--measure", "AP(rel=0)"],
        ["--reference", "box", "--drop-pairs", "pairs.tsv"],
        ["--model", "box,colour=red"],
        ["--measure", "quality"],
        ["--measure", "nDCG@10 RR@10"],
        ["--reference", "box", "--qrels", "qrels.txt"],
        ["--retriever", "telepathy"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_honoured_is_refused_before_any_data_is_read(tmp_path: Path, options: list[str]) -> None:
    assert choose(tmp_path / "no-such-data", *options) == exits.USAGE


def test_the_exit_status_says_how_well_the_choice_is_known(folder: Path, tmp_path: Path) -> None:
    many = write_collection(tmp_path / "many", queries=200)
    only = ["--only", "--model", "box", "--samples", 1, "--json"]
    assert choose(many, *only, "--target-ndcg", "0.3") == exits.OK
    assert choose(folder, *only, "--queries", 1) == NOTHING
    assert choose(folder, *only, "--queries", 2) in {BEST_BET, PROBABLE}
    assert choose(folder, *only, "--model", "no-such-model") == FAILED


def test_later_queries_are_read_in_the_form_of_the_data(folder: Path, tmp_path: Path) -> None:
    later = write_collection(tmp_path / "later", queries=5)
    options = ["--only", "--model", "box", "--samples", 1, "--out", tmp_path / "out", "--json"]
    assert choose(folder, *options, "--confirm", later) in {exits.OK, PROBABLE, BEST_BET}
    saved = json.loads((tmp_path / "out" / "choice.json").read_text())
    assert saved["choice"]["confirmation"]["queries"] == 5
    assert choose(folder, *options, "--confirm", tmp_path / "nothing") == 3


@pytest.mark.parametrize("text", ["", "2", "GB", "-1GB", "1TB", "1e9MB"])
def test_a_size_without_its_unit_is_refused(text: str) -> None:
    with pytest.raises(BadOption):
        parse_memory(text)
