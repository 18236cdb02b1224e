"""The commands as a person or a script uses them: what goes where, and what the exit status says."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rankladder.cli.main import cli, run
from rankladder.cli.search import _snippet
from rankladder.values import Document, Hit, Passage, Query, Reading

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "rain.md").write_text("# Rain\n\nRain falls when water vapour in clouds condenses into heavy drops.\n")
    (folder / "git.md").write_text("# Git\n\ngit reset --soft HEAD~1 undoes the last commit and keeps the changes.\n")
    (folder / "rainbow.txt").write_text("A rainbow appears when the sun shines on rain.\n")
    return folder


def command(*arguments: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    """The command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "rankladder", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **options,  # type: ignore[call-overload]
    )


def rows(output: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in output.splitlines()]


def test_search_gives_json_lines_in_a_pipe(notes: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "what causes rain", str(notes)]) == 0
    captured = capfd.readouterr()
    found = rows(captured.out)
    assert [row["rank"] for row in found] == [1, 2]
    assert found[0]["metadata"]["file"] == "rain.md"  # type: ignore[index]
    assert found[0]["score"] > found[1]["score"]  # type: ignore[operator]
    assert captured.err == ""


def test_search_sees_files_that_changed_since(notes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "undo commit", str(notes), "--json"]) == 0
    assert rows(capsys.readouterr().out)[0]["id"] == "git.md:3"
    (notes / "git.md").unlink()
    (notes / "new.md").write_text("# New\n\nTo undo a commit, ask a colleague.\n")
    assert run(["search", "undo commit", str(notes), "--json"]) == 0
    assert [row["id"] for row in rows(capsys.readouterr().out)] == ["new.md:3"]


def test_search_opens_an_index_that_was_built(notes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["index", str(notes), "--into", str(tmp_path / "index"), "--json"]) == 0
    (report,) = rows(capsys.readouterr().out)
    assert (report["documents"], report["files_added"], report["files_skipped"]) == (3, 3, 0)
    assert run(["search", "rain", str(tmp_path / "index"), "--no-rerank", "--json"]) == 0
    assert {row["id"] for row in rows(capsys.readouterr().out)} == {"rain.md:3", "rainbow.txt:1"}


def test_the_table_names_files_as_an_editor_opens_them(notes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "what causes rain", str(notes), "--table"]) == 0
    out = capsys.readouterr().out
    assert f"{notes}/rain.md:3" in out
    assert "\x1b[" not in out


def test_explain_shows_every_stage(notes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "what causes rain", str(notes), "--json", "--explain"]) == 0
    *hits, last = rows(capsys.readouterr().out)
    stages = last["stages"]
    assert [stage["stage"].split()[0] for stage in stages] == ["bm25", "box"]  # type: ignore[attr-defined]
    assert all({"first_stage", "tokens"} <= hit.keys() for hit in hits)
    assert run(["search", "what causes rain", str(notes), "--table", "--explain", "--top-k", "1"]) == 0
    table = capsys.readouterr().out
    for word in ("bm25 rank", "tokens read", "tokens cut", "ms", "at most 256 tokens"):
        assert word in table


def test_explain_names_what_the_reranker_pushed_out(capsys: pytest.CaptureFixture[str]) -> None:
    query = ["search", "is my model downloaded from the internet", str(DOCS), "--candidates", "30"]
    assert run([*query, "--table", "--explain", "--top-k", "1"]) == 0
    table = capsys.readouterr().out
    assert re.search(r"no longer in the top 1: \S+\.md:\d+ \(1 → \d+\)", table)
    assert re.search(r"\(up \d+\)", table)


def test_rank_reads_lines_and_json_lines_from_a_pipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = command("rank", "what causes rain", input="The market closed.\n\nRain falls from clouds.\n")
    assert [row["id"] for row in rows(lines.stdout)] == ["3", "1"]
    objects = '{"id": "a", "text": "The market closed."}\n{"id": "b", "text": "Rain falls.", "url": "u"}\n'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(objects.encode())))
    assert run(["rank", "what causes rain", "--top-k", "1"]) == 0
    ranked = rows(capsys.readouterr().out)
    assert [(row["id"], row["index"]) for row in ranked] == [("b", 1)]
    assert ranked[0]["metadata"]["url"] == "u"  # type: ignore[index]


def test_a_cut_is_said_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "long.txt").write_text("rain " * 2000 + "\nshort\n")
    assert run(["rank", "what causes rain", str(tmp_path / "long.txt")]) == 0
    captured = capsys.readouterr()
    assert "1 of 2 documents were longer than the model's limit and were cut" in captured.err
    assert sum(bool(row["truncated"]) for row in rows(captured.out)) == 1


def test_models_lists_the_catalogue(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "--json"]) == 0
    listed = {row["name"]: row for row in rows(capsys.readouterr().out)}
    assert listed["box"]["local"] is True
    assert listed["ettin-17m"]["mteb_ndcg_at_10"] == 0.5576
    assert run(["models", "--table"]) == 0
    assert "cross-encoder/ettin-reranker-1b-v1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["search", "", "DOCS"], 2, "query 'query' is empty"),
        (["search", "  ", "DOCS"], 2, "is blank"),
        (["search", "rain", "DOCS", "--top-k", "0"], 2, "0 is not in the range"),
        (["search", "rain", "DOCS", "--candidates", "3"], 2, "below top_k"),
        (["search", "rain", "nowhere"], 3, "nowhere"),
        (["search", "rain", "DOCS", "--model", "etin-17m"], 3, "ettin-17m"),
        (["search", "rain", "DOCS", "--model", "./nowhere"], 3, "no checkpoint folder"),
        (["search", "rain", "DOCS", "--model", "ettin-17m", "--offline"], 3, "is not on this machine"),
        (["rank", "rain", "nowhere.txt"], 3, "no file at nowhere.txt"),
        (["rank", "rain", "DOCS"], 3, "found a folder"),
        (["index", "nowhere", "--into", "TMP/i"], 3, "nowhere"),
        (["search", "rain", "DOCS", "--no-rerank", "--dtype", "int8"], 2, "--dtype would be ignored"),
        (["models", "--json", "--table"], 2, "exclude each other"),
        (["search", "rain"], 2, "Missing argument"),
        (["serch"], 2, "No such command"),
    ],
)
def test_a_mistake_is_named_with_its_status(
    arguments: list[str], status: int, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"DOCS": str(DOCS), "TMP/i": str(tmp_path / "i")}
    assert run([places.get(word, word) for word in arguments]) == status
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    ("content", "layout", "message"),
    [
        (b'{"text": "a"}\nnot json\n', "auto", ":2: not JSON"),
        (b'{"title": "no text"}\n', "auto", ":1"),
        (b"caf\xe9\n", "auto", ":1: not UTF-8"),
        (b"plain\n", "jsonl", ":1: not JSON"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(
    content: bytes, layout: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "documents").write_bytes(content)
    assert run(["rank", "rain", str(tmp_path / "documents"), "--format", layout]) == 2
    assert f"documents{message}" in capsys.readouterr().err


def test_an_empty_file_and_an_empty_folder_give_nothing_and_say_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.txt").write_text("")
    assert run(["rank", "rain", str(tmp_path / "empty.txt"), "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "holds no documents" in captured.err


def test_a_reader_that_goes_away_is_no_error_of_ours(tmp_path: Path) -> None:
    # The results are more than a pipe holds: they cannot all be written before the reader goes away.
    (tmp_path / "many.txt").write_text("\n".join(f"rain {number} " + "drop " * 40 for number in range(1000)))
    script = (
        f"{sys.executable} -m rankladder search rain {tmp_path}/many.txt --no-rerank --top-k 1000 --json | head -c 1"
        ' >/dev/null; echo "${PIPESTATUS[0]}"'
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("141", "")


def test_a_stdout_that_is_not_utf_8_still_gets_every_result(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("rain — falls\n")
    latin = {**os.environ, "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "rankladder", "rank", "rain", str(tmp_path / "notes.txt")],
        capture_output=True,
        env=latin,
        check=False,
    )
    assert done.returncode == 0
    assert b"rain \\u2014 falls" in done.stdout


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="no /proc here")
def test_a_file_that_cannot_be_read_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rank", "rain", "/proc/self/mem"]) == 8
    assert "/proc/self/mem" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_behind_stdout_is_named(notes: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "rankladder", "search", "rain", str(notes), "--json"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 8
    assert done.stderr.strip() == "error: cannot write to standard output: No space left on device"


def wait_until_it_scores(process: subprocess.Popen[str]) -> None:
    """Returns once a process has ONNX Runtime and then starts threads, or after a while: /proc may not be there."""
    maps, threads = Path(f"/proc/{process.pid}/maps"), Path(f"/proc/{process.pid}/task")
    if maps.exists():
        while process.poll() is None and "onnxruntime" not in maps.read_text():
            time.sleep(0.02)
    before, latest = count(threads), time.monotonic() + 4
    while count(threads) == before and time.monotonic() < latest:
        time.sleep(0.02)
    time.sleep(0.5)


def count(folder: Path) -> int:
    return len(list(folder.iterdir())) if folder.exists() else 0


def test_ctrl_c_ends_the_command_at_once(tmp_path: Path) -> None:
    (tmp_path / "many.txt").write_text(("rain falls on the plain and the sun shines on the sea " * 30 + "\n") * 3000)
    process = subprocess.Popen(
        [sys.executable, "-m", "rankladder", "rank", "rain", str(tmp_path / "many.txt")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until_it_scores(process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert out == ""
    assert err.strip().endswith("interrupted")
    assert "Traceback" not in err


def on_a_terminal(arguments: list[str], environment: dict[str, str]) -> str:
    """What a command prints on a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "rankladder", *arguments],
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    os.close(theirs)
    output = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux says so when the other end closes
            break
        if not part:
            break
        output += part
    os.close(ours)
    assert process.wait() == 0
    return output.decode()


def test_a_terminal_gets_text_with_matched_words_in_bold_unless_no_color(notes: Path) -> None:
    colours = on_a_terminal(["search", "what causes rain", str(notes)], {"NO_COLOR": ""})
    assert "\x1b[1mRain\x1b[0m falls" in colours
    assert "\x1b" not in on_a_terminal(["search", "what causes rain", str(notes)], {"NO_COLOR": "1"})


def test_version_and_completion(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("rankladder 0.")
    for shell in ("bash", "zsh", "fish"):
        assert run(["completion", shell]) == 0
        assert "_RANKLADDER_COMPLETE" in capsys.readouterr().out
    asked = {
        "_RANKLADDER_COMPLETE": "bash_complete",
        "COMP_WORDS": "rankladder search q d --model ettin-1",
        "COMP_CWORD": "5",
    }
    completed = command(env={**os.environ, **asked})
    assert [line.partition(",")[2] for line in completed.stdout.splitlines()] == ["ettin-17m", "ettin-150m", "ettin-1b"]


@pytest.mark.parametrize("verb", sorted(cli.commands))
def test_every_verb_explains_itself_with_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([verb, "--help"]) == 0
    help_text = capsys.readouterr().out
    assert "\b" not in help_text
    assert "\\b" not in help_text
    assert re.search(rf"^  +(\S.*\| |eval \"\$\()?rankladder {verb}\b", help_text.split("\n", 1)[1], re.MULTILINE)


def test_the_telemetry_of_the_runtime_is_off(tmp_path: Path) -> None:
    script = "from rankladder import Reranker; Reranker.open().rank('rain', ['rain falls'])"
    home = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    home.pop("ORT_DISABLE_TELEMETRY", None)
    subprocess.run([sys.executable, "-c", script], env=home, check=True, timeout=60)
    assert [path for path in tmp_path.rglob("*") if "onnxruntime" in path.name or "Microsoft" in path.name] == []


def test_what_a_document_holds_cannot_steer_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "evil.txt").write_text("mango \x1b[31m red \x07 bell \u202e turned\n")
    assert run(["search", "mango", str(tmp_path), "--table", "--no-rerank"]) == 0
    assert run(["rank", "mango", str(tmp_path / "evil.txt"), "--table"]) == 0
    (tmp_path / "evil.jsonl").write_text(json.dumps({"id": "\x1b]0;mango\x07", "text": "mango"}) + "\n")
    assert run(["rank", "mango", str(tmp_path / "evil.jsonl"), "--table"]) == 0
    out = capsys.readouterr().out
    assert "mango" in out
    assert not set(out) & {"\x1b", "\x07", "\u202e"}


def test_rank_reads_a_process_substitution() -> None:
    script = f"{sys.executable} -m rankladder rank rain <(echo 'rain falls') --json"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert [row["text"] for row in rows(done.stdout)] == ["rain falls"]


def test_a_program_without_standard_input_is_told_so() -> None:
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m rankladder rank rain - <&-"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: standard input is closed\nhint: ")


def test_the_winning_passage_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "long.txt").write_text("the sun shines " * 400 + "what causes rain: vapour. " + "the sun shines " * 400)
    assert run(["rank", "what causes rain", str(tmp_path / "long.txt"), "--long", "passages", "--json"]) == 0
    (row,) = rows(capsys.readouterr().out)
    passage = row["passage"]
    assert "what causes rain" in str(row["text"])[passage["start"] : passage["end"]]  # type: ignore[index]


@pytest.mark.parametrize("title", ["Weather", "Sun shines.", ""])
def test_a_snippet_is_of_the_passage_that_won_whatever_stands_around_the_text(title: str) -> None:
    document = Document("d", "Rain falls. Sun shines.  ", title)
    start = document.full_text.rindex("Sun")
    reading = Reading(1, 0, 3, 0, Passage(1, 2, start, start + len("Sun shines.")))
    assert _snippet(Hit(document, 1.0, 0, reading), Query("q", "sun")) == "… Sun shines."


def test_globs_and_language_choose_and_an_index_has_them_settled(
    notes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (notes / "haus.md").write_text("Die Häuser stehen im Regen.\n", encoding="utf-8")
    plain = ["search", str(notes), "--no-rerank", "--json"]
    assert run([plain[0], "haus", *plain[1:]]) == 0
    assert "endings and accents as in English" in capsys.readouterr().err
    assert run([plain[0], "haus", *plain[1:], "--language", "de"]) == 0
    assert [row["id"] for row in rows(capsys.readouterr().out)] == ["haus.md:1"]
    assert run([plain[0], "rain", *plain[1:], "--exclude", "rainbow*"]) == 0
    captured = capsys.readouterr()
    assert {row["id"] for row in rows(captured.out)} == {"rain.md:3"}
    assert "1 by exclude" in captured.err
    into = str(tmp_path / "index")
    assert run(["index", str(notes), "--into", into, "--language", "de", "--include", "*.md"]) == 0
    capsys.readouterr()
    assert run(["index", str(notes), "--into", into]) == 0
    assert "as when the index was built: --include '*.md' --language de" in capsys.readouterr().err
    for option in (["--exclude", "x"], ["--language", "fr"], ["--no-ignore"], ["--ids", "file"]):
        assert run(["search", "rain", into, "--no-rerank", *option]) == 2
        assert "fixed" in capsys.readouterr().err


def test_a_library_that_is_interrupted_as_it_loads_shows_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def load(**_: object) -> None:
        raise ImportError("initialization failed") from KeyboardInterrupt()

    monkeypatch.setattr("rankladder.cli.rank.open_model", load)
    assert run(["rank", "rain", "-"]) == 130
    assert capsys.readouterr().err == "interrupted\n"
