"""Files that are kept: whole or not at all, and no more open than the folder that they lie in."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

import pytest

from rankladder.errors import StorageFailed
from rankladder.storage import (
    expect_writable,
    file_digest,
    held,
    make_folder,
    path_digest,
    private_folder,
    storage_errors,
    whole_bytes,
    whole_file,
)

posix = pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def fail_half_way(file: BinaryIO) -> None:
    file.write(b"hal")
    raise StorageFailed("half way")


def test_a_file_that_fails_half_way_leaves_the_one_before_and_nothing_beside_it(tmp_path: Path) -> None:
    with whole_file(tmp_path / "a") as file:
        file.write("before")
    with pytest.raises(StorageFailed, match="half way"), whole_bytes(tmp_path / "a") as half:
        fail_half_way(half)
    assert (tmp_path / "a").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_the_disk_refuses_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(StorageFailed, match=r"/a: cannot be written: "), whole_bytes(tmp_path / "a") as file:
        file.write(b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_full_disk_gets_a_hint(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="hint: free some space"), storage_errors(tmp_path):
        raise OSError(28, "No space left on device")


@posix
@pytest.mark.parametrize(
    ("private", "mask", "expected"),
    [(False, 0o022, 0o644), (True, 0o022, 0o600), (False, 0o002, 0o664), (False, 0o077, 0o600)],
)
def test_a_file_is_as_open_as_the_mask_has_it_and_no_more_in_a_private_folder(
    tmp_path: Path, private: bool, mask: int, expected: int
) -> None:
    inside = tmp_path / "inside"
    if private:
        private_folder(inside)
    make_folder(inside / "deep")
    before = os.umask(mask)
    try:
        with whole_file(inside / "deep" / "a") as file:
            file.write("x")
        with held(inside / "deep" / "lock"):
            pass
    finally:
        os.umask(before)
    assert {path.name: mode(path) for path in (inside / "deep").iterdir()} == {"a": expected, "lock": expected}


@posix
def test_folders_in_a_private_folder_are_private_and_one_that_was_open_is_closed(tmp_path: Path) -> None:
    private = tmp_path / "cache" / "indexes"
    private.mkdir(parents=True)
    private.chmod(0o755)
    private_folder(private)
    make_folder(private / "one" / "two")
    assert [mode(path) for path in (private, private / "one", private / "one" / "two")] == [0o700] * 3


def test_one_writer_holds_a_lock_at_a_time(tmp_path: Path) -> None:
    busy = StorageFailed("somebody else")
    with (
        held(tmp_path / "new" / "lock", busy=busy),
        pytest.raises(StorageFailed, match="somebody else"),
        held(tmp_path / "new" / "lock", busy=busy),
    ):
        pass
    with held(tmp_path / "new" / "lock", busy=busy):
        pass


def test_a_folder_that_takes_no_files_is_found_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageFailed, match=r"/file/deep: nothing can be written there: .*\nhint: elsewhere"):
        expect_writable(tmp_path / "file" / "deep", hint="elsewhere")
    expect_writable(tmp_path / "new" / "deep")
    assert list((tmp_path / "new" / "deep").iterdir()) == []


def test_a_digest_of_a_folder_notes_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a" / "deep").mkdir(parents=True)
    (tmp_path / "a" / "deep" / "file").write_text("one")
    first = path_digest(tmp_path / "a")
    (tmp_path / "a" / "deep" / "file").rename(tmp_path / "a" / "deep" / "name")
    second = path_digest(tmp_path / "a")
    (tmp_path / "a" / "deep" / "name").write_text("two")
    assert len({first, second, path_digest(tmp_path / "a")}) == 3
    with pytest.raises(StorageFailed, match=r"/gone: cannot be read"):
        file_digest(tmp_path / "gone")
