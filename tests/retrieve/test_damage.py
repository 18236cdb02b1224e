"""A damaged index is named and never served, and the next build makes it whole."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from damage import KINDS, damage
from rankladder.errors import IndexCorrupt, IndexMissing
from rankladder.folders import cache_folder
from rankladder.retrieve import build_index, building, cached_index, open_index, verifying
from rankladder.retrieve.manifest import FileState
from rankladder.values import Query

WORDS = ("commit", "branch", "merge", "stash", "rebase", "tag")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``docs``, and ``ix``: an index of them that was updated, so it has two segments and deleted documents."""
    place = tmp_path_factory.mktemp("damage")
    (place / "docs").mkdir()
    for number in range(40):
        words = " ".join(WORDS[(number * step) % len(WORDS)] for step in (1, 2, 5))
        (place / "docs" / f"{number}.txt").write_text(f"{words} of page {number}")
    build_index([place / "docs"], place / "ix", progress=False)
    (place / "docs" / "7.txt").write_text("another text of page 7 on commit")
    (place / "docs" / "8.txt").unlink()
    build_index([place / "docs"], place / "ix", progress=False)
    return place


def seen(folder: Path) -> list[list[tuple[str, str, float]]]:
    """Everything that an index answers."""
    with open_index(folder) as index:
        rankings = [index.retrieve(Query("q", word), k=50) for word in (*WORDS, "page", "another")]
        texts = [(document.id, document.text, 0.0) for document in index.documents()]
    return [texts, *([(hit.document.id, hit.document.text, hit.score) for hit in one.hits] for one in rankings)]


def files(folder: Path) -> list[Path]:
    return sorted(
        path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock" and path.name != ".lock"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_is_damaged_is_found_before_anything_is_read_from_it(place: Path, tmp_path: Path, kind: str) -> None:
    draw = random.Random(kind)
    for _ in range(40):
        folder = tmp_path / "ix"
        shutil.copytree(place / "ix", folder)
        if damage(draw.choice(files(folder)), draw, kind):
            with pytest.raises((IndexCorrupt, IndexMissing), match="\nhint: ") as refused:
                seen(folder)
            assert str(folder) in str(refused.value)
        shutil.rmtree(folder)


@pytest.mark.parametrize("suffix", [".store", ".idx", ".del", "meta.json", ".managed.json", "manifest.json", "CURRENT"])
def test_a_build_finds_the_damage_says_so_and_makes_the_index_whole(place: Path, tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / "ix"
    shutil.copytree(place / "ix", folder)
    whole = seen(folder)[0]
    draw = random.Random(suffix)
    file = next(path for path in files(folder) if path.name.endswith(suffix))
    assert damage(file, draw, "flip a bit")
    report = build_index([place / "docs"], folder, progress=False)
    assert report.damage.startswith(f"{file}: ")
    assert report.unchanged == 0
    assert build_index([place / "docs"], folder, progress=False).damage == ""
    assert seen(folder)[0] == whole


def test_what_is_damaged_during_an_update_keeps_the_digest_that_it_had(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the damage would be taken over by the next generation as if it had been written."""
    shutil.copytree(place / "ix", tmp_path / "ix")
    shutil.copytree(place / "docs", tmp_path / "docs")
    (tmp_path / "docs" / "new.txt").write_text("a new text")
    stores = [path.name for path in files(tmp_path / "ix") if path.suffix == ".store"]
    real = building.index_files

    def damaged(generation: Path, known: Mapping[str, FileState]) -> dict[str, FileState]:
        kept = next(generation / name for name in stores if (generation / name).exists())
        damage(kept, random.Random(0), "flip a bit")
        return real(generation, known)

    monkeypatch.setattr(building, "index_files", damaged)
    build_index([tmp_path / "docs"], tmp_path / "ix", progress=False)
    with pytest.raises(IndexCorrupt, match=r"\.store: altered"):
        open_index(tmp_path / "ix")


def test_a_cached_index_heals_by_itself(place: Path) -> None:
    index, _ = cached_index(place / "docs", progress=False)
    index.close()
    (store, *_) = sorted(index.generation.glob("*.store"))
    damage(store, random.Random(0), "zero a block")
    index, report = cached_index(place / "docs", progress=False)
    assert str(store) in report.damage
    assert len(index) == 39
    index.close()


def test_a_large_index_is_read_again_once_it_was_written_to(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stamp spares reading what nobody has touched, and a time that was set back hides nothing."""
    shutil.copytree(place / "ix", tmp_path / "ix")
    monkeypatch.setattr(verifying, "SMALL", 0)
    monkeypatch.setattr(verifying, "_TICK_S", 0.05)
    read: list[Path] = []
    real = verifying.file_digest

    def counted(path: Path) -> str:
        read.append(path)
        return real(path)

    monkeypatch.setattr(verifying, "file_digest", counted)
    time.sleep(0.1)
    open_index(tmp_path / "ix").close()
    number = len(read)
    assert number > 5
    open_index(tmp_path / "ix").close()
    assert len(read) == number
    open_index(tmp_path / "ix", in_full=True).close()
    assert len(read) == 2 * number
    with monkeypatch.context() as later:
        now = time.time()
        later.setattr(time, "time", lambda: now + verifying.STAMP_LASTS_S)
        open_index(tmp_path / "ix").close()
    assert len(read) == 3 * number
    store = next(path for path in files(tmp_path / "ix") if path.suffix == ".store")
    assert damage(store, random.Random(1), "flip a bit")  # its time is what it was
    with pytest.raises(IndexCorrupt, match=r"\.store: altered"):
        open_index(tmp_path / "ix")


def test_a_damaged_stamp_vouches_for_nothing(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANKLADDER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(verifying, "SMALL", 0)
    monkeypatch.setattr(verifying, "_TICK_S", 0.0)
    shutil.copytree(place / "ix", tmp_path / "ix")
    time.sleep(0.05)
    open_index(tmp_path / "ix").close()
    (stamp,) = cache_folder("verified").iterdir()
    store = next(path for path in files(tmp_path / "ix") if path.suffix == ".store")
    damage(store, random.Random(1), "flip a bit")
    for content in (b"", b"\xff", stamp.read_bytes()[:-30], stamp.read_bytes()[::-1]):
        stamp.write_bytes(content)
        with pytest.raises(IndexCorrupt):
            open_index(tmp_path / "ix")


@pytest.mark.skipif(os.name != "posix", reason="a file that is mapped cannot be written to on Windows")
def test_what_is_damaged_while_the_index_is_open_is_an_error_of_the_index(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "ix", tmp_path / "ix")
    with open_index(tmp_path / "ix") as index:
        for store in index.generation.glob("*.store"):
            store.write_bytes(b"\xff" * store.stat().st_size)
        with pytest.raises(IndexCorrupt, match="damaged since it was opened"):
            index.documents()
