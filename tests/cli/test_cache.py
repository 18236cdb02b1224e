"""``rankladder cache`` shows what is kept, removes what is asked for, and touches nothing else."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from rankladder.catalogue import all_models
from rankladder.cli.main import run


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache after a search, and a file and a folder in it that are somebody else's."""
    monkeypatch.setenv("RANKLADDER_CACHE", str(tmp_path / "cache"))
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.md").write_text("# Rain\n\nRain falls from clouds.\n")
    assert run(["search", "rain", str(docs), "--no-rerank", "--json"]) == 0
    assert run(["rank", "rain", str(docs / "a.md"), "--json"]) == 0
    root = tmp_path / "cache"
    (root / "embeddings" / ("0" * 32)).mkdir(parents=True)
    (root / "embeddings" / ("0" * 32) / "1.block").write_bytes(b"x" * 1000)
    (root / "scores").mkdir(exist_ok=True)
    (root / "scores" / "odd.box-int8.0123456789abcdef.jsonl").write_text("{}\n")
    for name in ("graphs/mine", "indexes/format-1/mine", "scores/mine", "embeddings/mine"):
        (root / name).mkdir(parents=True)
        (root / name / "letter.txt").write_text("mine")
    (root / "scores" / "notes.jsonl").write_text("mine")
    (root / "graphs" / f"{'a' * 24}-fp32-{'b' * 12}").symlink_to(docs)
    return root


def rows(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert run(["cache", *arguments, "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def mine(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if "mine" in path.parts or path.name == "notes.jsonl")


def test_what_is_kept_is_listed_with_its_size(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = rows(capsys)
    assert {"indexes", "graphs", "embeddings", "scores"} <= {row["kind"] for row in found}
    assert not any("mine" in row["path"] or "notes" in row["path"] for row in found)
    blocks = next(row for row in found if row["kind"] == "embeddings")
    assert blocks["bytes"] == 1000
    assert abs(blocks["used"] - time.time()) < 3600
    assert run(["cache", "--table"]) == 0
    assert "last used" in capsys.readouterr().out


def test_nothing_is_removed_unless_it_is_said(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = rows(capsys)
    assert rows(capsys, "clear") == before
    assert rows(capsys) == before


def test_what_is_asked_for_goes_and_the_rest_stays(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    others = mine(cache)
    rows(capsys, "clear", "embeddings", "--yes")
    assert {"indexes", "graphs", "scores"} == {row["kind"] for row in rows(capsys)} - {"verified"}
    rows(capsys, "clear", "--yes")
    assert rows(capsys) == []
    assert mine(cache) == others
    assert (cache.parent / "docs" / "a.md").is_file()
    assert run(["search", "rain", str(cache.parent / "docs"), "--no-rerank", "--json"]) == 0  # it is made again


def test_only_what_is_old_goes(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = cache / "embeddings" / ("0" * 32)
    then = time.time() - 40 * 86_400
    for path in (folder / "1.block", folder):
        os.utime(path, (then, then))
    assert [row["kind"] for row in rows(capsys, "clear", "--older-than", "30d", "--yes")] == ["embeddings"]
    assert not folder.exists()
    assert {"indexes", "graphs"} <= {row["kind"] for row in rows(capsys)}


def test_what_is_being_written_stays(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = cache / "embeddings" / ("0" * 32)
    with FileLock(folder / ".lock"):
        assert run(["cache", "clear", "embeddings", "--yes"]) == 0
    assert "is being written and is kept" in capsys.readouterr().err
    assert (folder / "1.block").is_file()


@pytest.mark.parametrize(
    ("arguments", "said"), [(["nonsense"], "the kinds are"), (["--older-than", "soon"], "an age such as")]
)
def test_a_kind_or_an_age_that_there_is_not_is_refused(
    arguments: list[str], said: str, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["cache", "clear", *arguments]) == 2
    assert said in capsys.readouterr().err


def repository(hub: Path, name: str, content: bytes) -> Path:
    """A download as huggingface_hub lays it out: a blob, a snapshot that links to it, a reference."""
    folder = hub / name
    snapshot = folder / "snapshots" / ("c" * 40)
    for part in (folder / "blobs", folder / "refs", snapshot):
        part.mkdir(parents=True)
    (folder / "blobs" / "1").write_bytes(content)
    (folder / "refs" / "main").write_text("c" * 40)
    (snapshot / "model.safetensors").symlink_to("../../blobs/1")
    return folder


def test_downloaded_models_are_cleared_by_name_alone_and_those_of_others_never(
    cache: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(hub))
    monkeypatch.setattr("huggingface_hub.utils._cache_manager.HF_HUB_CACHE", str(hub), raising=False)
    known = next(model.hub_id for model in all_models() if model.hub_id)
    ours = repository(hub, f"models--{known.replace('/', '--')}", b"x" * 5000)
    others = [
        repository(hub, "models--somebody--else", b"x"),
        repository(hub, f"datasets--{known.replace('/', '--')}", b"x"),
    ]
    (found,) = [row for row in rows(capsys) if row["kind"] == "models"]
    assert (found["path"], found["bytes"]) == (str(ours), 5000)
    rows(capsys, "clear", "--yes")
    rows(capsys, "clear", "models", "--older-than", "1w", "--yes")
    rows(capsys, "clear", "models")
    assert [row["path"] for row in rows(capsys)] == [str(ours)]
    rows(capsys, "clear", "models", "--yes")
    assert rows(capsys) == []
    assert sorted(hub.iterdir()) == sorted(others)
    assert all((folder / "snapshots" / ("c" * 40) / "model.safetensors").read_bytes() == b"x" for folder in others)
