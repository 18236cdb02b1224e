"""The cache is its user's alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from rankladder import Reranker
from rankladder.folders import cache_folder
from rankladder.retrieve import build_index, cached_index

pytestmark = pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")


def modes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}


def test_what_lies_in_the_cache_is_for_this_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANKLADDER_CACHE", str(tmp_path / "cache"))
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("what only I may read")
    before = os.umask(0o022)
    try:
        reranker = Reranker.open()
        cached_index(tmp_path / "docs", progress=False, tokens_for=reranker)[0].close()
        (tmp_path / "docs" / "b.txt").write_text("an update")
        cached_index(tmp_path / "docs", progress=False, tokens_for=reranker)[0].close()
        build_index([tmp_path / "docs"], tmp_path / "ix", progress=False)
    finally:
        os.umask(before)
    cached = modes(tmp_path)
    wrong = {name: oct(mode) for name, mode in cached.items() if name.startswith("cache") and mode & 0o077}
    assert wrong == {}
    assert {Path(name).parts[1] for name in cached if name.startswith("cache/")} == {"graphs", "indexes"}
    named = {oct(mode) for name, mode in cached.items() if name.startswith("ix")}
    assert named == {"0o755", "0o644"}, "an index that is named is as open as the umask has it"


def test_a_cache_from_before_is_closed_and_a_root_that_was_named_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANKLADDER_CACHE", str(tmp_path))
    tmp_path.chmod(0o755)
    (tmp_path / "indexes").mkdir()
    (tmp_path / "indexes").chmod(0o755)
    cache_folder("indexes", "deep")
    assert modes(tmp_path) == {"indexes": 0o700}
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
