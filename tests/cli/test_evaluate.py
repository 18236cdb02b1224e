"""``rankladder evaluate`` as a person or a script uses it."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest

from evaluate.toy import toy_reranker, write_beir
from rankladder.cli.main import cli, run
from rankladder.cli.output import StdoutFailed
from rankladder.errors import StorageFailed
from rankladder.rerank import ModelRequest


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A BEIR folder, and models that are all toys."""
    monkeypatch.setattr(ModelRequest, "open", lambda self, *, offline=None: toy_reranker(name=self.text)[0])
    return write_beir(tmp_path / "toy")


def test_the_retriever_and_each_model_are_lines_then_each_comparison(
    toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["evaluate", str(toy), "--model", "one", "--model", "two", "--measures", "nDCG@10 RR@10"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["system"] for row in rows if "system" in row] == ["bm25", "bm25 + one", "bm25 + two"]
    assert rows[0]["measures"].keys() == {"nDCG@10", "RR@10"}
    assert {row["tests"] for row in rows if "first" in row} == {3}
    assert len([row for row in rows if "first" in row]) == 6


def test_a_table_shows_systems_comparisons_and_what_changed(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", str(toy), "--model", "one", "--table"]) == 0
    shown = capsys.readouterr().out
    assert "toy: 4 judged queries" in shown
    assert "bm25 + one" in shown
    assert "win/tie/loss" in shown
    assert "Holm's correction over 1 test for each measure" in shown


def test_options_count_on_either_side_of_the_data(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "--queries", "2", str(toy), "--json"]) == 0
    before = capsys.readouterr().out
    assert run(["evaluate", str(toy), "--json", "--queries", "2"]) == 0
    assert capsys.readouterr().out == before
    assert json.loads(before)["dataset"] == "toy (first 2 of 4 queries)"


def test_a_report_is_written_with_the_command_that_made_it(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["evaluate", str(toy), "--model", "one", "--out", str(tmp_path / "out"), "--seed", "3"]
    monkeypatch.setattr(sys, "argv", ["rankladder", *arguments])
    assert run(arguments) == 0
    written = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert written["settings"]["command"] == f"rankladder {' '.join(arguments)}"
    assert (written["settings"]["seed"], written["settings"]["depth"]) == (3, 100)
    assert (tmp_path / "out" / "evaluation.md").read_text().startswith("# toy\n")
    assert sorted(path.name for path in (tmp_path / "out" / "runs").iterdir()) == ["bm25+one.trec", "bm25.trec"]


def test_a_run_and_bm25_are_two_lists_with_rows_each(
    toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "first.trec").write_text("q1 Q0 sun 1 1.0 mine\nq1 Q0 lost 2 0.5 mine\n")
    lists = ["--retriever", "bm25", "--retriever", f"run:{tmp_path / 'first.trec'}"]
    assert run(["evaluate", str(toy), *lists, "--model", "one"]) == 0
    printed = capsys.readouterr()
    rows = [json.loads(line) for line in printed.out.splitlines()]
    assert [row["system"] for row in rows if "system" in row] == ["bm25", "mine", "bm25 + one", "mine + one"]
    assert "note: mine: 1 candidates are not in the collection ('lost')" in printed.err
    assert "note: mine: 3 judged queries have no candidate ('q2', 'q3', 'q4')" in printed.err


def test_judged_queries_and_their_documents(toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.jsonl").write_text('{"query": "rain drops", "relevant": ["drops"]}\n')
    documents = str(toy / "corpus.jsonl")
    assert run(["evaluate", str(tmp_path / "mine.jsonl"), "--documents", documents, "--table"]) == 0
    printed = capsys.readouterr()
    assert "1.0000 [—]" in printed.out
    assert "a single query: no interval can be given and no test made" in printed.err


def test_drop_pairs_and_depth_reach_the_candidates(toy: Path, tmp_path: Path) -> None:
    (tmp_path / "pairs").write_text("q1 drops\n")
    arguments = ["evaluate", str(toy), "--drop-pairs", str(tmp_path / "pairs"), "--out", str(tmp_path / "out")]
    assert run([*arguments, "--top-k", "1", "--depth", "2"]) == 0
    lines = (tmp_path / "out" / "runs" / "bm25.trec").read_text().splitlines()
    assert not any(line.startswith("q1 Q0 drops ") for line in lines)
    assert max(int(line.split()[3]) for line in lines) == 2


def test_a_run_is_read_whole_unless_a_depth_is_given(toy: Path, tmp_path: Path) -> None:
    run_file, runs = tmp_path / "first.trec", tmp_path / "out" / "runs"
    run_file.write_text("".join(f"q1 Q0 {id} 1 {score} mine\n" for score, id in enumerate(("sun", "git", "rain"))))
    arguments = ["evaluate", str(toy), "--retriever", f"run:{run_file}", "--out", str(tmp_path / "out"), "--top-k", "1"]
    for more, lines in (([], 3), (["--depth", "2"], 2)):
        assert run([*arguments, *more]) == 0
        assert len((runs / "mine.trec").read_text().splitlines()) == lines


def test_a_model_that_fails_gives_status_1_after_the_others_are_shown(
    toy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def opened(self: ModelRequest, *, offline: bool | None = None) -> object:
        if self.text == "broken":
            raise RuntimeError("the weights are soup")
        return toy_reranker(name=self.text)[0]

    monkeypatch.setattr(ModelRequest, "open", opened)
    assert run(["evaluate", str(toy), "--model", "broken", "--model", "one", "--table"]) == 1
    printed = capsys.readouterr()
    assert "failed: RuntimeError: the weights are soup" in printed.out
    assert "bm25 + one" in printed.out
    assert "note: bm25 + broken failed: RuntimeError: the weights are soup" in printed.err


def test_ctrl_c_says_that_the_same_command_goes_on(
    toy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(call: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ModelRequest, "open", lambda self, *, offline=None: toy_reranker(before=stop)[0])
    assert run(["evaluate", str(toy), "--model", "one"]) == 130
    assert "the same command resumes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--measures", "nonsense"], 2, "cannot be read"),
        (["--measures", "nDCG@0"], 2, "cutoff"),
        (["--retriever", "bm52"], 2, "retriever must be"),
        (["--retriever", "run:nowhere"], 3, "no file at nowhere"),
        (["--model", "box,oops=1"], 2, "expected OPTION=VALUE"),
        (["--split", "dev"], 2, "the splits are: test"),
        (["--queries", "0"], 2, "--queries"),
        (["--depth", "5"], 2, "--depth 5 retrieves fewer candidates than --top-k 100"),
        (["--documents", "x"], 2, "has its own documents"),
        (["--top", "5", "more"], 2, "Usage"),
    ],
)
def test_what_cannot_be_done_is_refused(
    toy: Path, arguments: list[str], status: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["evaluate", str(toy), *arguments]) == status
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--model", "box", "--model", "box"],
        ["--retriever", "bm25", "--retriever", "bm25"],
        ["--retriever", "telepathy"],
        ["--retriever", "run:nowhere"],
        ["--measures", "AP(rel=0)"],
    ],
    ids=" ".join,
)
def test_what_the_words_show_to_be_wrong_is_refused_before_any_data_is_read(
    tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["evaluate", str(tmp_path / "no-such-data"), *arguments]) in {2, 3}
    assert "no-such-data" not in capsys.readouterr().err


def test_a_grade_that_a_measure_does_not_know_is_refused_before_retrieval(
    toy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rankladder.evaluate.open_lists", lambda *_, **__: pytest.fail("retrieved"))
    (toy / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\train\t5\n")
    assert run(["evaluate", str(toy), "--measures", "ERR@10"]) == 2
    assert "ERR@10 knows the grades up to 4, and the judgements have 5" in capsys.readouterr().err


def test_a_report_path_that_cannot_be_written_is_refused_before_anything_is_scored(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def opened(self: ModelRequest, *, offline: bool | None = None) -> object:
        raise AssertionError("a model was opened")

    monkeypatch.setattr(ModelRequest, "open", opened)
    (tmp_path / "file").write_text("")
    for target in (tmp_path / "file", tmp_path / "file" / "deep"):
        assert run(["evaluate", str(toy), "--model", "one", "--out", str(target)]) == 8
        assert "nothing can be written there" in capsys.readouterr().err


def test_a_report_that_cannot_be_written_does_not_hide_the_result(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path) -> None:
        raise StorageFailed(f"{path}: cannot be written: No space left on device")

    monkeypatch.setattr("rankladder.evaluate.report.whole_file", full)
    assert run(["evaluate", str(toy), "--model", "one", "--out", str(tmp_path / "out"), "--table"]) == 8
    printed = capsys.readouterr()
    assert "bm25 + one" in printed.out
    assert "error: " in printed.err


def test_a_run_that_no_trec_file_can_hold_is_noted(
    toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spaced = (toy / "queries.jsonl").read_text().replace('"q1"', '"q 1"')
    (toy / "queries.jsonl").write_text(spaced)
    judged = (toy / "qrels" / "test.tsv").read_text().replace("q1\t", "q 1\t")
    (toy / "qrels" / "test.tsv").write_text(judged)
    assert run(["evaluate", str(toy), "--model", "one", "--out", str(tmp_path / "out"), "--table"]) == 0
    assert "note: the run of bm25 + one was not written: a query's id" in capsys.readouterr().err


def test_a_reader_that_went_away_does_not_keep_the_report_from_the_disk(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(found: object) -> None:
        raise StdoutFailed(BrokenPipeError(errno.EPIPE, "Broken pipe"))

    monkeypatch.setattr("rankladder.cli.evaluate._print_tables", closed)
    with pytest.raises(StdoutFailed):
        cli.main(["evaluate", str(toy), "--out", str(tmp_path / "out"), "--table"], standalone_mode=False)
    assert (tmp_path / "out" / "evaluation.md").is_file()


def test_no_data_at_all_is_refused_with_the_way_to_say_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "--queries", "3"]) == 2
    assert "--documents corpus.jsonl --topics topics.tsv --qrels qrels.txt" in capsys.readouterr().err


def test_a_verb_below_is_not_taken_for_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "mteb", "--help"]) == 0
    assert "rankladder evaluate mteb" in capsys.readouterr().out
    assert run(["evaluate", "./mteb"]) == 3
    assert run(["evaluate", "--help"]) == 0
    assert "Usage: rankladder evaluate [OPTIONS] [DATA]" in capsys.readouterr().out


def test_it_runs_as_a_process_of_its_own_with_the_model_in_the_box(tmp_path: Path) -> None:
    toy = write_beir(tmp_path / "toy")
    arguments = ["evaluate", str(toy), "--model", "box,dtype=fp32", "--store", str(tmp_path / "scores")]
    done = subprocess.run(
        [sys.executable, "-m", "rankladder", *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[1])["system"] == "bm25 + box fp32"
    assert len(list((tmp_path / "scores").glob("toy.box-fp32.*.sqlite"))) == 1
