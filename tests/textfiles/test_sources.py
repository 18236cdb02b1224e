"""Which files are read, and what is said of the others."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from rankladder.errors import BadFile, BadOption, PathMissing
from rankladder.textfiles import beir_folder, find_sources, read_documents, read_queries


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
    (tmp_path / "utf16.csv").write_bytes("id,text".encode("utf-16"))
    (tmp_path / "fake.jsonl.gz").write_bytes(b"not gzip")
    (tmp_path / "late.txt").write_bytes(b"a" * 70_000 + b"\xff")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nothing")
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "photo.jpg").write_bytes(b"")
    (tmp_path / "LICENSE").write_text("x")
    (tmp_path / "ok.txt").write_text("fine")
    found = read_documents(tmp_path)
    assert [d.text for d in found] == ["fine"]
    reasons = {one.path.name: one.reason for one in found.skipped}
    assert reasons["bin.txt"] == "binary (a NUL byte at byte 4)"
    assert reasons["latin.md"] == "not UTF-8 (byte 0xe9 at byte 0)"
    assert reasons["utf16.csv"] == "UTF-16 text, not UTF-8"
    assert "gzip" in reasons["fake.jsonl.gz"]
    assert reasons["late.txt"].startswith("not UTF-8 (byte 0xff at byte 70000")
    assert reasons["gone.txt"].startswith("cannot be read")
    assert reasons["pipe.txt"] == "not a regular file"
    assert found.unknown_suffixes == {".jpg": 1, "(none)": 1}
    assert len(found.skipped) == 7
    assert [d.text for d in found] == ["fine"]
    assert len(found.skipped) == 7


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
    assert [(d.id, d.text) for d in read_documents(tmp_path)] == [("1", "rain, and snow"), ("2", "sun")]
    (tmp_path / "Q.TSV.GZ").write_bytes(gzip.compress(b"q1\twhy rain\n"))
    assert [query.text for query in read_queries(tmp_path / "Q.TSV.GZ")] == ["why rain"]


def test_hidden_and_installed_folders_are_left_out(tmp_path: Path) -> None:
    for folder in (".git", "node_modules", ".venv/lib", "deep/er", "env/lib", "ix"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.md").write_text("x")
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    assert [s.name for s in find_sources([tmp_path], exclude=tmp_path / "ix").sources] == ["deep/er/a.md"]


def test_names_are_relative_to_what_the_paths_share(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("x")
    (tmp_path / "b.txt").write_text("x")
    assert [s.name for s in find_sources([tmp_path / "docs"]).sources] == ["a.md"]
    assert [s.name for s in find_sources([tmp_path / "docs", tmp_path / "b.txt"]).sources] == ["b.txt", "docs/a.md"]
    assert [s.name for s in find_sources([tmp_path / "b.txt"] * 2).sources] == ["b.txt"]


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
