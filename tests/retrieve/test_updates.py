"""An index follows its files, whole steps at a time, whatever interrupts it."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from rankladder.errors import BadFile, StorageFailed
from rankladder.retrieve import IndexReport, build_index, generations, open_index
from rankladder.textfiles import Selection
from rankladder.values import Query


def counts(report: IndexReport) -> tuple[int, int, int, int]:
    return report.added, report.changed, report.removed, report.unchanged


def found(folder: Path, text: str) -> list[str]:
    with open_index(folder) as index:
        return sorted(hit.document.id for hit in index.retrieve(Query("q", text), k=10))


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    for name in "abcde":
        path = tmp_path / "docs" / f"{name}.txt"
        path.write_text(f"common {name * 3}")
        os.utime(path, (1e9, 1e9))
    return tmp_path / "docs"


def test_only_what_changed_is_read_again(docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    into = tmp_path / "ix"
    assert counts(build_index([docs], into)) == (5, 0, 0, 0)
    assert counts(build_index([docs], into)) == (0, 0, 0, 5)
    assert (into / "CURRENT").read_text().startswith("gen-000001 ")
    (docs / "a.txt").write_text("common changed")
    (docs / "b.txt").unlink()
    (docs / "f.txt").write_text("common fff")
    report = build_index([docs], into)
    assert counts(report) == (1, 1, 1, 3)
    assert report.documents == 5
    assert sorted(p.name for p in into.iterdir()) == [".lock", "CURRENT", "gen-000002"]
    assert found(into, "aaa bbb") == []
    assert found(into, "changed fff ccc") == ["a.txt:1", "c.txt:1", "f.txt:1"]
    assert len(found(into, "common")) == 5


def test_a_file_that_was_only_touched_is_unchanged(docs: Path, tmp_path: Path) -> None:
    build_index([docs], tmp_path / "ix")
    os.utime(docs / "a.txt")
    assert counts(build_index([docs], tmp_path / "ix")) == (0, 0, 0, 5)


def test_a_change_of_the_same_size_within_one_tick_is_seen(docs: Path, tmp_path: Path) -> None:
    (docs / "a.txt").write_text("common old")
    before = (docs / "a.txt").stat().st_mtime_ns
    build_index([docs], tmp_path / "ix")
    (docs / "a.txt").write_text("common new")
    os.utime(docs / "a.txt", ns=(before, before))
    assert counts(build_index([docs], tmp_path / "ix")) == (0, 1, 0, 4)
    assert found(tmp_path / "ix", "new") == ["a.txt:1"]


def test_another_folder_with_the_same_names_and_times_is_not_taken_for_this_one(docs: Path, tmp_path: Path) -> None:
    build_index([docs], tmp_path / "ix")
    other = tmp_path / "other"
    other.mkdir()
    for path in docs.iterdir():
        (other / path.name).write_text(path.read_text().replace("common", "commin"))
        os.utime(other / path.name, (1e9, 1e9))
    assert counts(build_index([other], tmp_path / "ix"))[1] == 5
    assert found(tmp_path / "ix", "common") == []


def test_other_settings_build_anew(docs: Path, tmp_path: Path) -> None:
    build_index([docs], tmp_path / "ix")
    assert counts(build_index([docs], tmp_path / "ix", passage_words=50)) == (0, 5, 0, 0)
    with open_index(tmp_path / "ix") as index:
        assert index.manifest.settings.passage_words == 50
        assert index.manifest.dead == 0


def test_files_touched_just_before_a_scan_are_digested_once_more_and_then_trusted(
    docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time_ns()
    for path in docs.iterdir():
        os.utime(path, ns=(now, now))
    digested: list[object] = []
    real = hashlib.file_digest

    def counted(file: BinaryIO, digest: Callable[[], Any]) -> Any:
        if Path(file.name).parent == docs:
            digested.append(file)
        return real(file, digest)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    after: list[int] = []
    for seconds in (1, 10, 20):
        monkeypatch.setattr(time, "time_ns", lambda seconds=seconds: now + seconds * 10**9)
        build_index([docs], tmp_path / "ix", progress=False)
        after.append(len(digested))
    assert after == [0, 5, 5]


def test_a_source_that_can_no_longer_be_read_is_skipped_as_in_a_fresh_build(
    docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_index([docs], tmp_path / "ix", progress=False)
    os.utime(docs / "a.txt", (2e9, 2e9))
    real = Path.open

    def refuse(path: Path, *args: Any, **options: Any) -> Any:
        if path.name == "a.txt":
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, *args, **options)

    monkeypatch.setattr(Path, "open", refuse)
    report = build_index([docs], tmp_path / "ix", progress=False)
    assert report.documents == 4
    assert [(one.path.name, one.reason) for one in report.skipped] == [("a.txt", "cannot be read (Permission denied)")]


def test_a_harmed_index_is_left_until_another_is_whole(docs: Path, tmp_path: Path) -> None:
    into = tmp_path / "ix"
    build_index([docs], into, progress=False)
    manifest = into / "gen-000001" / "manifest.json"
    whole = manifest.read_text()
    manifest.write_text("{")
    (into / "gen-000009").mkdir()  # left behind by a writer that was killed
    (docs / "bad.jsonl").write_text("{")
    with pytest.raises(BadFile):
        build_index([docs, docs / "bad.jsonl"], into, progress=False)
    manifest.write_text(whole)
    assert found(into, "aaa") == ["a.txt:1"]
    manifest.write_text("{")
    (docs / "bad.jsonl").unlink()
    build_index([docs], into, progress=False)
    assert len([path for path in into.iterdir() if path.name.startswith("gen-")]) == 1
    assert found(into, "aaa") == ["a.txt:1"]


def test_a_table_of_something_else_does_not_block_a_folder(docs: Path, tmp_path: Path) -> None:
    (docs / "prices.csv").write_text("name,price\nx,1\n")
    for _ in range(2):
        report = build_index([docs], tmp_path / "ix", progress=False)
        assert report.documents == 5
        assert [one.path.name for one in report.skipped] == ["prices.csv"]


def test_skipped_files_are_reported_every_time(docs: Path, tmp_path: Path) -> None:
    (docs / "x.txt").write_bytes(b"\0")
    (docs / "y.png").write_bytes(b"")
    for _ in range(2):
        report = build_index([docs], tmp_path / "ix")
        assert [(one.path.name, one.reason) for one in report.skipped] == [("x.txt", "binary (a NUL byte at byte 0)")]
        assert report.unknown_suffixes == {".png": 1}


def test_an_index_inside_its_documents_is_not_indexed(docs: Path) -> None:
    build_index([docs], docs / "ix")
    (docs / "ix" / "gen-000001" / "note.txt").write_text("common")
    assert counts(build_index([docs], docs / "ix")) == (0, 0, 0, 5)


def test_an_open_index_does_not_see_an_update_until_it_is_opened_again(docs: Path, tmp_path: Path) -> None:
    build_index([docs], tmp_path / "ix")
    with open_index(tmp_path / "ix") as index:
        (docs / "a.txt").write_text("new")
        build_index([docs], tmp_path / "ix")
        assert index.retrieve(Query("q", "aaa"), k=1)[0].document.text == "common aaa"
    assert found(tmp_path / "ix", "new") == ["a.txt:1"]


def test_many_updates_leave_one_generation_and_the_right_documents(docs: Path, tmp_path: Path) -> None:
    for step in range(12):
        (docs / f"n{step}.txt").write_text(f"common step{step}")
        if step > 2:
            (docs / f"n{step - 3}.txt").unlink()
        report = build_index([docs], tmp_path / "ix")
        assert report.documents == 5 + min(step + 1, 3)
        assert report.unchanged == (5 + min(step, 2) if step else 0)
        assert found(tmp_path / "ix", f"step{step} step{step - 3}") == [f"n{step}.txt:1"]
        with open_index(tmp_path / "ix") as index:
            assert index.manifest.dead <= report.documents
            assert index.document("a.txt:1").text == "common aaa"
    assert len([p for p in (tmp_path / "ix").iterdir() if p.name.startswith("gen-")]) == 1


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
@pytest.mark.parametrize("call", ["mkdir", "link", "fsync", "replace"])
def test_what_the_disk_refuses_leaves_the_last_index(
    docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    into = tmp_path / "ix"
    build_index([docs], into)
    (docs / "a.txt").write_text("common changed")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        if call == "mkdir":
            patch.setattr(Path, "mkdir", refuse)
        elif call == "replace":
            patch.setattr(Path, "replace", refuse)
        elif call == "link":
            patch.setattr(generations, "_link", refuse)
        else:
            patch.setattr(os, "fsync", refuse)
        with pytest.raises(StorageFailed, match="ix"):
            build_index([docs], into)
    assert sorted(p.name for p in into.iterdir()) == [".lock", "CURRENT", "gen-000001"]
    assert found(into, "aaa") == ["a.txt:1"]


def test_files_are_copied_where_they_cannot_be_linked(
    docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "another disk")

    monkeypatch.setattr(os, "link", refuse)
    build_index([docs], tmp_path / "ix")
    (docs / "a.txt").write_text("common changed")
    assert counts(build_index([docs], tmp_path / "ix")) == (0, 1, 0, 4)
    assert len(found(tmp_path / "ix", "common")) == 5


def test_a_full_disk_is_called_by_its_name(docs: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        build_index([docs], small / "ix", progress=False)
        with (docs / "big.jsonl").open("w") as file:
            for n in range(3000):
                file.write(json.dumps({"text": " ".join(f"w{n}x{m}" for m in range(100))}) + "\n")
        with pytest.raises(StorageFailed, match="the disk is full"):
            build_index([docs], small / "ix", progress=False)
        assert sorted(p.name for p in (small / "ix").iterdir()) == [".lock", "CURRENT", "gen-000001"]
        assert len(found(small / "ix", "common")) == 5
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


CRASH = """
import os, shutil, signal, sys
from pathlib import Path
from rankladder.retrieve import build_index
import rankladder.retrieve.index as index
def deadly(where, name):
    real = getattr(where, name)
    def call(*args, **kwargs):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **kwargs)
    setattr(where, name, call)
for where, name in ((os, "link"), (os, "fsync"), (Path, "mkdir"), (Path, "replace"), (shutil, "rmtree"),
                    (shutil, "copyfile"), (index.tantivy, "Document")):
    deadly(where, name)
for line in sys.stdin:
    left = int(line)
    child = os.fork()
    if child == 0:
        build_index([sys.argv[1]], sys.argv[2], progress=False)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture
def killed_build(docs: Path, tmp_path: Path) -> Iterator[Callable[[int], int]]:
    """Builds the index in a process that is killed after so many steps to the disk; gives its exit status."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", CRASH, str(docs), str(tmp_path / "ix")]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as builder:

        def build(steps: int) -> int:
            assert builder.stdin is not None
            assert builder.stdout is not None
            print(steps, file=builder.stdin, flush=True)
            return int(builder.stdout.readline())

        yield build


def test_a_killed_writer_leaves_the_last_complete_index(
    docs: Path, tmp_path: Path, killed_build: Callable[[int], int]
) -> None:
    into = tmp_path / "ix"
    states = set[tuple[bool, bool]]()
    survived = False
    for step in range(0, 60, 4):
        shutil.rmtree(into, ignore_errors=True)
        (docs / "a.txt").write_text("common before")
        build_index([docs], into, progress=False)
        (docs / "a.txt").write_text("common after it")
        code = killed_build(step)
        before, after = found(into, "before") == ["a.txt:1"], found(into, "after") == ["a.txt:1"]
        assert before != after
        assert len(found(into, "common")) == 5
        states.add((before, after))
        build_index([docs], into, progress=False)
        assert found(into, "after") == ["a.txt:1"]
        assert len([p for p in into.iterdir() if p.name.startswith("gen-")]) == 1
        if code == 0:
            survived = True
            break
        assert code == -signal.SIGKILL
    assert survived, "the kills never reached the end of the build"
    assert states == {(True, False), (False, True)}


def test_a_writer_killed_in_its_first_build_can_be_run_again(
    docs: Path, tmp_path: Path, killed_build: Callable[[int], int]
) -> None:
    assert killed_build(5) == -signal.SIGKILL
    assert counts(build_index([docs], tmp_path / "ix")) == (5, 0, 0, 0)
    assert len(found(tmp_path / "ix", "common")) == 5


def test_an_index_keeps_its_selection_until_another_is_said(docs: Path, tmp_path: Path) -> None:
    into = tmp_path / "ix"

    def sources(**chosen: Any) -> list[str]:
        report = build_index([docs], into, progress=False, select=Selection(**chosen))
        with open_index(into) as index:
            assert sum(state.documents for state in index.manifest.sources.values()) == report.documents == len(index)
            return sorted(index.manifest.sources)

    every = sources()
    (docs / "more.log.txt").write_text("more")
    (docs / "exports").mkdir()
    (docs / "exports" / "b.csv").write_text("id,text\n1,bread\n")
    assert sources(exclude=["*.log.txt"]) == sorted([*every, "exports/b.csv"])
    assert sources() == sorted([*every, "exports/b.csv"])
    assert sources(include=["exports/"], ids="plain") == ["exports/b.csv"]
    assert found(into, "bread") == ["1"]
    assert sources(include=[""]) == sorted([*every, "exports/b.csv"])
    assert found(into, "bread") == ["1"]
    assert sources(exclude=[""], ids="auto") == sorted([*every, "exports/b.csv", "more.log.txt"])
    assert found(into, "bread") == ["exports/b.csv#1"]


def test_another_path_changes_no_id(docs: Path, tmp_path: Path) -> None:
    into, other = tmp_path / "ix", tmp_path / "aaa"
    other.mkdir()
    (other / "a.txt").write_text("quark")
    (other / "b.csv").write_text("id,text\n1,quark\n")

    def ids(*paths: Path) -> list[str]:
        build_index(paths, into, progress=False)
        with open_index(into) as index:
            return [document.id for document in index.documents()]

    alone = ids(docs)
    theirs = ["../aaa/a.txt:1", "../aaa/b.csv#1"]
    assert ids(docs, other) == ids(other, docs) == sorted([*alone, *theirs])
    assert ids(other) == theirs  # the index still has the place that it began with
    moved = tmp_path / "moved"
    moved.mkdir()
    (tmp_path / "aaa").rename(moved / "aaa")
    docs.rename(moved / docs.name)
    assert ids(moved / docs.name, moved / "aaa") == sorted([*alone, *theirs])


def test_a_right_to_read_shows_neither_in_size_nor_in_time(
    docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.open

    def refuse(path: Path, *args: Any, **options: Any) -> Any:
        if path.name == "a.txt":
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, *args, **options)

    os.utime(docs / "a.txt", (1, 1))
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", refuse)
        build_index([docs], tmp_path / "ix", progress=False)
    assert found(tmp_path / "ix", "aaa") == []
    build_index([docs], tmp_path / "ix", progress=False)
    assert found(tmp_path / "ix", "aaa") == ["a.txt:1"]


def test_a_file_that_breaks_off_leaves_nothing_in_the_index(docs: Path, tmp_path: Path) -> None:
    whole = build_index([docs], tmp_path / "whole", progress=False)
    (docs / "cut.jsonl").write_text('{"_id": "c1", "text": "quark"}\n{"_id": "c2", "te')
    report = build_index([docs], tmp_path / "ix", progress=False)
    assert report.documents == whole.documents
    assert [(one.path.name, one.reason.partition(":")[0]) for one in report.skipped] == [("cut.jsonl", "line 2")]
    assert found(tmp_path / "ix", "quark") == []
