"""Tables fit the terminal, whatever stands in them."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcswidth

from rankladder.cli.tables import shortened, table_text, wrapped

CELL = st.text(alphabet="ab 1.-中文é", max_size=60)
NUMBER = st.integers(0, 10**6).map(str)


@given(st.lists(st.tuples(NUMBER, CELL, NUMBER, CELL), max_size=5), st.integers(20, 120))
def test_no_line_is_wider_than_the_terminal(rows: list[tuple[str, ...]], width: int) -> None:
    headers = ["rank", "document", "box int8 score", "what it says"]
    table = table_text(headers, rows, right=(0, 2), width=width)
    assert all(wcswidth(line) <= width for line in table.splitlines())
    shown = "".join("".join(table.split()))
    for row in rows:
        assert all(number in table for number in (row[0], row[2]))
        assert set("".join(row).replace(" ", "")) <= set(shown)


def test_a_table_that_fits_is_left_as_it_is() -> None:
    rows = [["1", "a text of some words"], ["2", "中文"]]
    assert table_text(["rank", "text"], rows, right=(0,), width=80) == table_text(["rank", "text"], rows, right=(0,))
    assert table_text(["rank", "text"], [], width=80).splitlines()[0].split() == ["rank", "text"]
    assert "None" not in table_text(["a", "b"], [[None, "x"]])


def test_numbers_are_never_parted() -> None:
    rows = [["12345678", "word " * 30, "0.123456"]]
    for width in range(20, 100):
        table = table_text(["a number", "text", "another"], rows, right=(0, 2), width=width)
        assert "12345678" in table
        assert "0.123456" in table


@given(CELL, st.integers(2, 40))
def test_wrapped_and_shortened_texts_fit(text: str, width: int) -> None:
    assert all(wcswidth(line) <= width for line in wrapped(text, width))
    assert "".join("".join(wrapped(text, width)).split()) == "".join(text.split())
    assert wcswidth(shortened(text, width)) <= width


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("verb", ["models", "explain", "index"])
def test_on_a_terminal_the_verbs_fit(columns: int, verb: str, tmp_path: Path) -> None:
    text = "# 雨の話\n\nRain falls when vapour condenses. 雨が降る。"
    for number in range(4):
        (tmp_path / f"a-note-with-a-long-name-{number}.md").write_text(text)
    arguments = {
        "models": ["models"],
        "explain": ["search", "why does rain fall", str(tmp_path), "--explain"],
        "index": ["index", str(tmp_path), "--into", str(tmp_path / "index-with-a-long-name-of-its-own")],
    }[verb]
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "RANKLADDER_CACHE": str(tmp_path / "cache"), "TERM": "dumb"}
    done = subprocess.run(
        [sys.executable, "-m", "rankladder", *arguments, "--table"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=environment,
        check=True,
        timeout=120,
    )
    os.close(theirs)
    os.close(ours)
    lines = done.stdout.decode().splitlines()
    if verb == "explain":  # hits and remarks are prose; their lines are the terminal's to part
        lines = lines[next(place for place, line in enumerate(lines) if "bm25" in line) :]
        lines = lines[: next(place for place, line in enumerate(lines) if line.startswith("box int8:"))]
        assert any("bm25" in line for line in lines)
    for line in lines:
        assert wcswidth(line) <= columns, line
