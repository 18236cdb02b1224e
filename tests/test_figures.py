"""The figures that the documents show: what a table may set side by side, and whose figures a benchmark writes."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("tokens", "shown"), [(119.0, "–"), (121.0, "267.4"), (179.0, "267.4"), (279.5, "–"), (None, "–")]
)
def test_a_published_speed_stands_only_beside_pairs_of_about_its_length(tokens: float | None, shown: str) -> None:
    row: dict[str, Any] = {"model": "ettin-17m", "engine": "onnx", "peer": False, "dtype": "fp32", "ratio": 2.0}
    row |= {"pairs_per_second": 120.0, "p50_ms": 900.0, "p95_ms": None, "peak_memory_mb": 190, "share_of_peak": 0.5}
    row |= {"mean_tokens": tokens, "list_documents": 100.0, "published": {"i7_13700k_fp32": 267.4}}
    result = {"command": "rankladder bench", "machine": {"cores": 2, "processor": "one"}, "rows": [row]}
    *_, header, _, line = runpy.run_path(str(ROOT / "docs" / "tables.py"))["_compared"](result)
    cells = dict(zip(header.split(" | "), line.split(" | "), strict=True))
    assert cells["published i7 |"] == f"{shown} |"
    assert cells["tokens"] == ("–" if tokens is None else f"{tokens:.0f}")


def test_the_boxs_int8_gate_is_written_from_no_other_model(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.setattr(sys, "argv", ["box_quality.py", "--model", "ettin-17m", "--gate"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "benchmarks" / "box_quality.py"), run_name="__main__")
    assert ended.value.code == 2
    assert "--gate writes the figures of the model in the box, not of ettin-17m" in capsys.readouterr().err
