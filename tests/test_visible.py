"""What is shown cannot steer a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoints import copied
from rankladder.cli.main import run
from rankladder.errors import BadFile
from rankladder.visible import visible, visible_in_json, visible_in_place

STEERING = [
    *map(chr, range(0x20)),
    *map(chr, range(0x7F, 0xA0)),
    *"\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ud800\udfff",
]
EVIL = "z\x1b]0;pwned\x07\x1b[31mred\r\u202etxt\x9b1m"


@pytest.mark.parametrize("sign", sorted(set(STEERING) - {"\n", "\t"}))
def test_a_sign_that_steers_is_escaped(sign: str) -> None:
    assert visible(f"a{sign}b").isprintable()
    assert len(visible_in_place(f"a{sign}b")) == 3
    assert visible_in_place(f"a{sign}b").isprintable()


@given(st.text())
def test_json_says_the_same_and_text_is_escaped_once(text: str) -> None:
    assert json.loads(visible_in_json(json.dumps(text, ensure_ascii=False))) == text
    assert visible(visible(text)) == visible(text)
    assert visible("Straße, 日本語, 👩‍👩‍👧, naïve\tx\n") == "Straße, 日本語, 👩‍👩‍👧, naïve\tx\n"


def test_an_error_is_safe_wherever_it_is_printed() -> None:
    error = BadFile(f"{EVIL}: expected a line", hint=f"look at {EVIL}")
    assert not set(str(error)) & (set(STEERING) - {"\n"})


@pytest.mark.parametrize("form", ["--table", "--json"])
def test_what_a_document_holds_does_not_reach_the_terminal(
    form: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    row = {"id": f"id {EVIL}", "text": f"red {EVIL} planet", "title": f"title {EVIL}"}
    (tmp_path / "lines.jsonl").write_text(json.dumps(row) + "\n")
    for verb in (["rank", "red planet", str(tmp_path / "lines.jsonl")], ["search", "red planet", str(tmp_path)]):
        assert run([*verb, form]) == 0
        printed = capfd.readouterr()
        assert not set(printed.out + printed.err) & (set(STEERING) - {"\n", "\t"})
        if form == "--json":
            found = json.loads(printed.out.splitlines()[0])
            assert (found["id"], found["text"], found["title"]) == (row["id"], row["text"], row["title"])


def test_names_from_files_and_the_command_line_do_not_either(
    tmp_path: Path, bert: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = copied(bert, tmp_path / f"model{EVIL.replace('/', '')}")
    config = json.loads((folder / "config.json").read_text()) | {EVIL: 1}
    (folder / "config.json").write_text(json.dumps(config))
    (tmp_path / "one.txt").write_text("red\n")
    name = tmp_path / f"{EVIL}.jsonl"
    name.write_text('{"text": 5}\n')
    for arguments in (
        ["rank", "q", str(tmp_path / "one.txt"), "--model", str(folder)],
        ["rank", "q", str(name)],
        ["rank", "q", str(tmp_path / f"no{EVIL}")],
        ["rank", "q", str(tmp_path / "one.txt"), "--model", EVIL],
        ["rank", "q", str(tmp_path / "one.txt"), "--dtype", EVIL],
        ["rank", "q", "one.txt", EVIL],
        [f"verb{EVIL}"],
        ["search", "q", str(tmp_path / "one.txt"), f"--{EVIL}"],
    ):
        assert run(arguments) != 0
        printed = capfd.readouterr()
        assert "\\x1b]0;pwned" in printed.err, arguments  # click drops colours itself
        assert not set(printed.out + printed.err) & (set(STEERING) - {"\n", "\t"}), arguments


LONG = "a text given by mistake " * 20


@pytest.mark.parametrize(
    "arguments",
    [
        ["rank", "q", LONG],
        ["search", "q", LONG],
        ["index", LONG, "--into", "x"],
        ["index", ".", "--into", LONG],
        ["evaluate", LONG],
        ["evaluate", "--topics", LONG, "--qrels", "x", "--documents", "x"],
        ["choose", LONG],
        ["distill", LONG],
        ["bench", "--data", LONG],
        ["bench", "--out", LONG],
        ["rank", "q", __file__, "--model", LONG],
        ["rank", "q", __file__, "--model", f"./{LONG}"],
        ["evaluate", "mteb", "--task", LONG],
        ["rank", "q", "x" * 5000],
        ["rank", "q", "/".join(["y"] * 5000)],
        ["rank", "q", ""],
    ],
    ids=lambda arguments: " ".join(arguments)[:30],
)
def test_a_text_in_place_of_a_path_ends_in_a_message(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) in {2, 3}
    assert "rror: " in capfd.readouterr().err
