"""How long passages are, on the command line; what it says of those that were cut."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rankladder.cli.main import run


@pytest.fixture
def docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RANKLADDER_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "docs"
    folder.mkdir()
    for number in range(6):
        text = f"Rain number {number} falls when vapour condenses, and so does snow. " * 40
        (folder / f"{number}.md").write_text(f"# Rain\n\n{text}")
    return folder


def kept(tmp_path: Path) -> list[str]:
    return sorted(one.name for one in (tmp_path / "cache" / "indexes").glob("*/*"))


def test_the_passages_of_a_search_are_read_whole(docs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "why does rain fall", str(docs), "--json"]) == 0
    captured = capsys.readouterr()
    assert "cut" not in captured.err
    assert not any(json.loads(line)["truncated"] for line in captured.out.splitlines())


def test_every_candidate_that_was_cut_is_counted(docs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    search = ["search", "why does rain fall", str(docs), "--passage-words", "400", "--top-k", "2", "--json"]
    assert run(search) == 0
    said = capsys.readouterr().err
    assert "12 of 12 documents were longer than the model's limit and were cut, 2 of the 2 shown among them" in said
    (docs / "lines.txt").write_text("rain " * 2_000 + "\n" + "rain " * 2_000 + "\nshort\n")
    assert run(["rank", "short", str(docs / "lines.txt"), "--top-k", "1", "--json"]) == 0
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 1
    assert "2 of 3 documents were longer" in captured.err


def test_without_reranking_the_index_that_is_there_is_searched(
    docs: Path, tmp_path: Path, bert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["search", "rain", str(docs), "--model", str(bert), "--max-tokens", "64", "--json"]) == 0
    there = kept(tmp_path)
    assert len(there) == 1
    capsys.readouterr()
    assert run(["search", "rain", str(docs), "--no-rerank", "--json"]) == 0
    assert kept(tmp_path) == there
    first = json.loads(capsys.readouterr().out.splitlines()[0])
    assert len(first["text"].split()) < 64
    assert run(["search", "rain", str(docs), "--no-rerank", "--passage-words", "100"]) == 0
    assert len(kept(tmp_path)) == 2


def test_a_model_that_reads_less_than_an_index_was_made_for_is_named(
    docs: Path, tmp_path: Path, bert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index = str(tmp_path / "ix")
    assert run(["index", str(docs), "--into", index]) == 0
    for options, expected in (
        ([], False),
        (["--max-tokens", "64"], True),
        (["--max-tokens", "64", "--long", "passages"], False),
    ):
        assert run(["search", "rain", index, *options]) == 0
        assert ("tokens of box; box reads 64 with the query" in capsys.readouterr().err) is expected
    assert run(["index", str(docs), "--into", index, "--max-tokens", "64"]) == 0
    assert run(["search", "rain", index, "--max-tokens", "64"]) == 0
    assert "cut" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("verb", "options", "said"),
    [
        ("search", ["--passage-words", "50", "--passage-tokens", "50"], "exclude each other"),
        ("index", ["--passage-words", "50", "--passage-tokens", "50"], "exclude each other"),
        ("index", ["--passage-words", "50", "--model", "box"], "--model would be ignored"),
        ("index", ["--passage-tokens", "50", "--model", "cohere:rerank-v3.5"], "its tokens are not known"),
        ("index", ["--tokens-for", "cohere:rerank-v3.5"], "no token ids to keep"),
    ],
)
def test_lengths_that_cannot_be_honoured_are_refused(
    verb: str, options: list[str], said: str, docs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["search", "rain", str(docs)] if verb == "search" else ["index", str(docs), "--into", str(tmp_path / "ix")]
    assert run([*words, *options]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "ix").exists()


def test_lengths_are_refused_for_an_index_that_is_made(
    docs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["index", str(docs), "--into", str(tmp_path / "ix")]) == 0
    assert run(["search", "rain", str(tmp_path / "ix"), "--passage-words", "50"]) == 2
    assert "its passages are already made" in capsys.readouterr().err
