"""Which files are read, and what is said of the others."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import pytest

from rankladder.errors import BadFile, BadOption, PathMissing
from rankladder.textfiles import Selection, beir_folder, find_sources, read_documents, read_queries


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(PathMissing, match="nowhere"):
        read_documents(tmp_path / "nowhere")
    with pytest.raises(BadOption):
        find_sources([])


def test_an_empty_folder_gives_no_documents(tmp_path: Path) -> None:
    assert list(read_documents(tmp_path)) == []


def test_what_is_not_text_is_skipped_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "bin.txt").write_bytes(b"PK\x03\x04\0\0")
    (tmp_path / "latin.md").write_bytes("é".encode("latin-1"))
    (tmp_path / "utf16.csv").write_bytes("id,text\n1,rain\n".encode("utf-16-le"))
    (tmp_path / "empty.md").write_bytes(b"\n")
    (tmp_path / "fake.jsonl.gz").write_bytes(b"not gzip")
    (tmp_path / "late.txt").write_bytes(b"a" * 70_000 + b"\xff")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nothing")
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "photo.jpg").write_bytes(b"")
    (tmp_path / "blob").write_text("x")
    (tmp_path / "ok.txt").write_text("fine")
    found = read_documents(tmp_path)
    assert [d.text for d in found] == ["fine"]
    reasons = {one.path.name: one.reason for one in found.skipped}
    assert reasons["bin.txt"] == "a zip archive or an office document, not text"
    assert reasons["latin.md"] == "not UTF-8 (byte 0xe9 at byte 0)"
    assert reasons["utf16.csv"] == "UTF-16 without a byte order mark, or binary"
    assert reasons["empty.md"] == "no text in it"
    assert "gzip" in reasons["fake.jsonl.gz"]
    assert reasons["late.txt"].startswith("not UTF-8 (byte 0xff at byte 70000")
    assert reasons["gone.txt"].startswith("cannot be read")
    assert reasons["pipe.txt"] == "not a regular file"
    assert found.unknown_suffixes == {".jpg": 1, "(none)": 1}
    assert len(found.skipped) == 8
    assert [d.text for d in found] == ["fine"]
    assert len(found.skipped) == 8


def test_a_link_to_a_file_that_is_read_already_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    docs = tmp_path / "docs"
    docs.mkdir()
    (tmp_path / "out" / "far.txt").write_text("far")
    (docs / "m.txt").write_text("near")
    (docs / "a.txt").symlink_to("m.txt")
    (docs / "x.txt").symlink_to("../out/far.txt")
    (docs / "y.txt").symlink_to("x.txt")
    found = find_sources([docs])
    assert [source.name for source in found.sources] == ["m.txt", "x.txt"]
    assert [(one.path.name, one.reason) for one in found.skipped] == [
        ("a.txt", "a link to a file that is read already, as m.txt"),
        ("y.txt", "a link to a file that is read already, as x.txt"),
    ]
    assert [source.name for source in find_sources([docs / "a.txt"]).sources] == ["a.txt"]


def test_a_file_that_was_named_is_never_skipped(tmp_path: Path) -> None:
    (tmp_path / "bin.txt").write_bytes(b"\0")
    (tmp_path / "photo.jpg").write_bytes(b"")
    with pytest.raises(BadFile, match=r"bin\.txt: binary"):
        list(read_documents(tmp_path / "bin.txt"))
    with pytest.raises(BadFile, match=r"\.jpg"):
        read_documents(tmp_path / "photo.jpg")
    for paths in ([tmp_path, tmp_path / "photo.jpg"], [tmp_path / "photo.jpg", tmp_path]):
        with pytest.raises(BadFile, match=r"\.jpg"):
            find_sources(paths)


def test_small_and_capital_letters_of_a_suffix_are_one(tmp_path: Path) -> None:
    (tmp_path / "A.TSV").write_text("id\ttext\n1\train, and snow\n")
    (tmp_path / "B.JSONL.GZ").write_bytes(gzip.compress(b'{"id": "2", "text": "sun"}\n'))
    assert [(d.id, d.text) for d in read_documents(tmp_path)] == [
        ("A.TSV#1", "rain, and snow"),
        ("B.JSONL.GZ#2", "sun"),
    ]
    (tmp_path / "Q.TSV.GZ").write_bytes(gzip.compress(b"q1\twhy rain\n"))
    assert [query.text for query in read_queries(tmp_path / "Q.TSV.GZ")] == ["why rain"]


def test_hidden_and_installed_folders_are_left_out(tmp_path: Path) -> None:
    for folder in (".git", "node_modules", ".venv/lib", "deep/er", "env/lib", "ix"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.md").write_text("x")
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    assert [s.name for s in find_sources([tmp_path], apart_from=tmp_path / "ix").sources] == ["deep/er/a.md"]


def names(*paths: Path, **options: Any) -> list[str]:
    return [source.name for source in find_sources(paths, **options).sources]


def test_names_are_relative_to_the_first_path_and_no_other_path_changes_them(tmp_path: Path) -> None:
    (tmp_path / "docs" / "deep").mkdir(parents=True)
    (tmp_path / "docs" / "a.md").write_text("x")
    (tmp_path / "docs" / "deep" / "c.md").write_text("x")
    (tmp_path / "b.txt").write_text("x")
    alone = names(tmp_path / "docs")
    assert alone == ["a.md", "deep/c.md"]
    assert names(tmp_path / "docs", tmp_path / "b.txt") == ["../b.txt", *alone]
    assert names(tmp_path / "docs", tmp_path / "docs" / "deep") == alone
    assert names(tmp_path / "b.txt", tmp_path / "docs") == ["b.txt", "docs/a.md", "docs/deep/c.md"]
    assert names(tmp_path / "b.txt", tmp_path / "docs", base=tmp_path / "docs") == ["../b.txt", *alone]
    assert names(*[tmp_path / "b.txt"] * 2) == ["b.txt"]


def test_numbers_that_count_the_records_of_a_file_get_its_name(tmp_path: Path) -> None:
    """Which file has which ids depends on no other file."""
    for name in ("a.csv", "b.csv", "corpus.csv"):
        (tmp_path / name).write_text("id,text\n1,rain\nB-7,snow\n,sun\n")

    def ids(path: Path, **chosen: Any) -> list[str]:
        return [document.id for document in read_documents(path, select=Selection(**chosen))]

    own = ["1", "B-7", "corpus.csv:4"]
    assert ids(tmp_path) == ["a.csv#1", "B-7", "a.csv:4", "b.csv#1", "B-7", "b.csv:4", *own]
    assert ids(tmp_path, ids="plain") == ["1", "B-7", "a.csv:4", "1", "B-7", "b.csv:4", *own]
    assert ids(tmp_path, ids="file", include=["a*"]) == ["a.csv#1", "a.csv#B-7", "a.csv:4"]
    assert ids(tmp_path / "a.csv") == ["1", "B-7", "a.csv:4"]
    assert ids(tmp_path / "a.csv", ids="file") == ["a.csv#1", "a.csv#B-7", "a.csv:4"]


@pytest.mark.parametrize("suffix", [".md", ".csv", ".jsonl", ".xml", ".gz", ".txt.gz", ""])
def test_a_pipe_is_never_opened_and_a_loop_never_followed(tmp_path: Path, suffix: str) -> None:
    os.mkfifo(tmp_path / f"pipe{suffix}")
    os.mkfifo(tmp_path / ".gitignore")
    (tmp_path / f"loop{suffix}").symlink_to(tmp_path / f"loop{suffix}")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "up").symlink_to(tmp_path)
    (tmp_path / "ok.md").write_text("fine")
    found = read_documents(tmp_path)
    assert [document.id for document in found] == ["ok.md:1"]
    assert {one.path.name for one in found.skipped} == {f"pipe{suffix}", f"loop{suffix}", ".gitignore"}
    assert found.left_out == {"links to folders": 1}
    with pytest.raises(BadFile, match="not a regular file"):
        read_documents(tmp_path / f"pipe{suffix}")


def test_prose_that_is_too_large_to_be_held_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rankladder.textfiles.sources.LARGEST_WHOLE", 100)
    (tmp_path / "a.md").write_text("rain " * 50)
    (tmp_path / "b.jsonl").write_text('{"_id": "b", "text": "' + "rain " * 50 + '"}')
    found = read_documents(tmp_path)
    assert [document.id for document in found] == ["b"]
    assert [one.reason.partition(" (")[0] for one in found.skipped] == ["too large"]
    with pytest.raises(BadFile, match="too large"):
        read_documents(tmp_path / "a.md")


def test_of_a_beir_folder_only_the_corpus_is_documents(tmp_path: Path) -> None:
    (tmp_path / "set" / "qrels").mkdir(parents=True)
    for name in ("corpus", "queries", "more"):
        (tmp_path / "set" / f"{name}.jsonl").write_text('{"_id": "1", "text": "x"}\n')
    (tmp_path / "set" / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n1\t1\t1\n")
    assert [s.name for s in find_sources([tmp_path]).sources] == ["set/corpus.jsonl"]
    (tmp_path / "set" / "corpus.jsonl.gz").write_bytes(gzip.compress((tmp_path / "set" / "corpus.jsonl").read_bytes()))
    assert [s.name for s in find_sources([tmp_path]).sources] == ["set/corpus.jsonl"]
    assert set(beir_folder(tmp_path / "set").qrels) == {"test"}
    with pytest.raises(BadFile, match=r"corpus\.jsonl"):
        beir_folder(tmp_path)
