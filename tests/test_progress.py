"""Work that takes hours says how far it is, on a terminal and in a log."""

from __future__ import annotations

import pytest

from rankladder import progress
from rankladder.progress import Progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_without_a_terminal_a_line_a_minute_says_what_is_done_and_left(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with Progress("bm25 + box", 1_200, "pairs", done=200) as bar:
        for _ in range(5):
            clock[0] += 30
            bar.add(100)
    assert capsys.readouterr().err.splitlines() == [
        "bm25 + box: 400 of 1,200 pairs, 04:00 left",
        "bm25 + box: 600 of 1,200 pairs, 03:00 left",
    ]


@pytest.mark.parametrize(("wanted", "seconds"), [(False, 600.0), (None, 59.0)])
def test_short_work_and_unwanted_progress_are_silent(
    clock: list[float], capsys: pytest.CaptureFixture[str], wanted: bool | None, seconds: float
) -> None:
    with Progress("work", 10, "things", wanted=wanted) as bar:
        clock[0] += seconds
        bar.add(9)
    assert capsys.readouterr().err == ""


def test_a_program_without_a_stderr_works_in_silence(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)  # as under pythonw, or with 2>&-
    with Progress("work", 10, "things") as bar:
        clock[0] += 600
        bar.add(9)
