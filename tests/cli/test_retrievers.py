"""``rankladder search --retriever``: dense and hybrid as a person or a script uses them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from embedders import write_embedder
from rankladder.cli.main import run


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_embedder(tmp_path_factory.mktemp("embedders") / "tiny", max_tokens=16)


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "rain.md").write_text("# Rain\n\nRain falls when water vapour condenses.\n")
    (folder / "git.md").write_text("# Git\n\ngit reset undoes the last commit.\n")
    (folder / "long.txt").write_text("A rainbow appears when the sun shines on rain. " * 4)
    return folder


def rows(output: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in output.splitlines()]


def test_dense_compares_every_passage(notes: Path, embedder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    query = ["search", "wettest weather", str(notes), "--retriever", "dense", "--embedder", str(embedder), "--json"]
    assert run([*query, "--no-rerank", "--offline"]) == 0
    out = capsys.readouterr()
    found = rows(out.out)
    assert {row["id"] for row in found} == {"rain.md:3", "git.md:3", "long.txt:1"}
    assert {row["stage"] for row in found} == {"dense"}
    assert re.search(r"1 of 3 documents are longer than tiny@[0-9a-f]{8} reads \(16 tokens\): cut", out.err)
    assert run(query) == 0
    assert {str(row["stage"]).split()[0] for row in rows(capsys.readouterr().out)} == {"box"}


def test_a_file_that_changed_is_embedded_anew(notes: Path, embedder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    query = ["search", "rain", str(notes), "--retriever", "dense", "--embedder", str(embedder), "--json", "--no-rerank"]
    assert run(query) == 0
    before = {row["id"]: row["score"] for row in rows(capsys.readouterr().out)}
    (notes / "git.md").write_text("# Git\n\nRain falls.\n")
    assert run(query) == 0
    after = {row["id"]: row["score"] for row in rows(capsys.readouterr().out)}
    assert after["git.md:3"] != before["git.md:3"]
    assert after["rain.md:3"] == before["rain.md:3"]


def test_explain_shows_every_stage_of_a_hybrid(notes: Path, embedder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    query = ["search", "what causes rain", str(notes), "--retriever", "hybrid", "--embedder", str(embedder)]
    assert run([*query, "--json", "--explain"]) == 0
    *hits, last = rows(capsys.readouterr().out)
    stages = [(stage["stage"].split()[0], stage["documents"]) for stage in last["stages"]]  # type: ignore[attr-defined]
    assert stages == [("bm25", 2), ("dense", 3), ("fused", 3), ("box", 3)]
    assert sorted(hit["first_stage"]["rank"] for hit in hits) == [1, 2, 3]  # type: ignore[index]
    assert run([*query, "--table", "--explain"]) == 0
    table = capsys.readouterr().out
    for word in ("bm25 rank", "dense score", "fused rank", "tokens read", "moved"):
        assert word in table
    assert run([*query, "--table", "--explain", "--no-rerank"]) == 0
    assert "fused score" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--embedder", "all-MiniLM-L6-v2"], "--retriever bm25 uses no embedder"),
        (["--no-rerank", "--offline"], "--no-rerank uses no reranker, so --offline would be ignored"),
        (["--no-rerank", "--retriever", "dense", "--dtype", "fp32"], "--dtype would be ignored"),
        (["--retriever", "splade"], "splade"),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(
    notes: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert run(["search", "rain", str(notes), *options]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("embedder_name", "status", "message"),
    [
        ("all-MiniLM-L6-v3", 3, "did you mean all-MiniLM-L6-v2"),
        ("ettin-17m", 3, "--model ettin-17m"),
        ("./nowhere", 3, "found nothing"),
    ],
)
def test_an_embedder_that_is_not_there_is_said(
    notes: Path, capsys: pytest.CaptureFixture[str], embedder_name: str, status: int, message: str
) -> None:
    assert run(["search", "rain", str(notes), "--retriever", "hybrid", "--embedder", embedder_name]) == status
    assert message in capsys.readouterr().err


def test_without_the_extra_the_install_line_is_given(
    notes: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rankladder.rerank.engine.find_spec", lambda module: None)
    assert run(["search", "rain", str(notes), "--retriever", "dense"]) == 7
    assert "pip install 'rankladder[dense]'" in capsys.readouterr().err
