"""What a first GPU is asked is rehearsed here, end to end, with a tiny network on the CPU."""

from __future__ import annotations

import importlib
import json
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.usefixtures("one_torch_thread")
def test_every_question_is_asked_and_the_answers_make_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    first_card = importlib.import_module("first_card")
    for name, value in {
        "LIST": 8,
        "PASS_SECONDS": 0.01,
        "ROUNDS": 1,
        "LEAST_SECONDS": 0,
        "BUDGETS": (512, 4096),
    }.items():
        monkeypatch.setattr(first_card, name, value)
    monkeypatch.setattr(sys, "argv", ["first_card.py", "--rehearse", "--results", str(tmp_path)])
    first_card.main()
    answers = json.loads((tmp_path / "first_card_rehearsal.json").read_text())
    asked = [question.__name__ for question in first_card.QUESTIONS]
    assert [key for key in answers if key in asked] == asked
    assert [key for key, answer in answers.items() if isinstance(answer, dict) and "error" in answer] == []
    assert answers["agreement"]["rows"]["fp32, CPU engine"]["largest"] < 1e-4
    assert answers["agreement"]["rows"]["fp16, sdpa"]["largest"] < 2e-2
    assert "runs on CUDA" in answers["agreement"]["rows"]["fp16, varlen"]["error"]
    assert set(answers["host"]) > {"reading, µs a pair"}
    tables = runpy.run_path(str(ROOT / "docs" / "tables.py"))
    tables["first_card"].__globals__["RESULTS"] = tmp_path
    assert [
        line for line in tables["first_card"]("first_card_rehearsal") if line.startswith("| tiny | rankladder, fp16")
    ]
    assert tables["first_card"]("nothing") == []
    capsys.readouterr()
