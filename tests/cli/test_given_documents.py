"""What rank is given: lines, or the documents of another form, never the lines of another form."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest

from rankladder.cli.given_documents import Form, given_documents
from rankladder.errors import BadFile, BadOption
from rankladder.textfiles import AS_NAMED, OtherForm, ReadAs


def texts(path: Path, content: bytes, form: Form = "auto", read_as: ReadAs = AS_NAMED) -> list[str]:
    path.write_bytes(content)
    return [document.text for document in given_documents(path, form, read_as)]


@pytest.mark.parametrize("name", ["given", "given.txt", "given.json"])
@pytest.mark.parametrize(
    "content",
    [
        b'[\n  {"id": 1, "text": "rain"},\n  {"id": 2, "text": "sun"}\n]\n',
        b'[{"text": "rain"}, {"text": "sun"}]',
        b'["rain", "sun"]',
        b'{"text": "rain"}\n{"text": "sun"}\n',
        b'\xef\xbb\xbf{"page_content": "rain"}\n\n{"page_content": "sun"}\n',
    ],
)
def test_json_is_never_ranked_as_lines(tmp_path: Path, name: str, content: bytes) -> None:
    assert texts(tmp_path / name, content) == ["rain", "sun"]


@pytest.mark.parametrize(
    "content", [b"id,text\n1,rain\n2,sun\n", b"id;Text\n1;rain\n2;sun\n", b"id\tbody\n1\train\n2\tsun\n"]
)
@pytest.mark.parametrize("name", ["given", "given.txt", "given.csv"])
def test_a_table_is_read_as_rows(tmp_path: Path, name: str, content: bytes) -> None:
    assert texts(tmp_path / name, content) == ["rain", "sun"]
    assert len(texts(tmp_path / name, content, "lines")) == 3


@pytest.mark.parametrize(
    "content", [b"[INFO] rain\nsun\n", b"text\nrain\n", b"the text, and rain\nsun\n", b"{rain\nsun\n"]
)
def test_what_only_looks_like_another_form_is_lines(tmp_path: Path, content: bytes) -> None:
    assert texts(tmp_path / "given", content) == content.decode().split("\n")[:2]


def test_other_forms_are_read_by_their_names(tmp_path: Path) -> None:
    assert texts(tmp_path / "a.html", b"<title>T</title><nav>menu</nav><p>rain") == ["rain"]
    assert texts(tmp_path / "a.md", b"---\n\nrain\n\n---\n") == ["rain"]
    assert texts(tmp_path / "a.jsonl.gz", gzip.compress(b'{"text": "rain"}\n')) == ["rain"]
    with pytest.warns(OtherForm, match="a JSON file"):
        assert texts(tmp_path / "a.jsonl", b'[\n{"text": "rain"}\n]') == ["rain"]


def test_packed_lines_are_unpacked(tmp_path: Path) -> None:
    assert texts(tmp_path / "a.txt.gz", gzip.compress(b"rain\nsun\n")) == ["rain", "sun"]
    assert texts(tmp_path / "b.txt.gz", gzip.compress(b'{"text": "rain"}\n')) == ["rain"]


def test_json_among_lines_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert texts(tmp_path / "given", b'log of today\n{"text": "rain"}\n') == ["log of today", '{"text": "rain"}']
    assert "1 of its first lines hold JSON, taken as text" in capsys.readouterr().err


def test_a_line_that_is_no_json_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for content in (b'rain\n{"text": "sun"}\n', b'{"text": "sun"}\nrain\n', b"rain\n"):
        with pytest.raises(BadFile, match="not JSON"):
            texts(tmp_path / "a.jsonl", content)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"text": "sun"}\nrain\n')))
    with pytest.raises(BadFile, match=r"^standard input:2: not JSON"):
        list(given_documents(Path("-"), "auto", AS_NAMED))


def test_utf_16_lines_are_read(tmp_path: Path) -> None:
    assert texts(tmp_path / "a.txt", "rain\nsnö\n".encode("utf-16")) == ["rain", "snö"]


@pytest.mark.parametrize("content", [b"%PDF-1.4\n", b"PK\x03\x04", gzip.compress(b"rain")])
def test_what_is_no_text_is_called_by_its_name(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(BadFile, match="not text"):
        texts(tmp_path / "given", content)


def test_a_key_is_honoured_or_refused(tmp_path: Path) -> None:
    assert texts(tmp_path / "a.jsonl", b'{"a": {"b": "rain"}, "text": "no"}\n', read_as=ReadAs(text_key="a.b")) == [
        "rain"
    ]
    with pytest.raises(BadOption, match="--text-key"):
        texts(tmp_path / "a.txt", b"rain\n", read_as=ReadAs(text_key="a.b"))
