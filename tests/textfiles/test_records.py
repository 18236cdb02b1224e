"""Record files: one record, one document; whatever is wrong is named with its file and line."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankladder.errors import BadFile, BadInput, StorageFailed
from rankladder.textfiles import read_documents, write_documents_jsonl
from rankladder.textfiles.records import parse_record
from rankladder.values import Document


def write(path: Path, *lines: object) -> Path:
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def test_a_record_is_a_document_as_it_stands(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", {"_id": 7, "title": "T", "text": " x\n", "url": "u", "n": [1]}, "", {"contents": "y"})
    first, second = read_documents(tmp_path / "a.jsonl")
    assert first == Document("7", " x\n", "T", {"file": "a.jsonl", "line": 1, "url": "u", "n": [1]})
    assert second == Document("a.jsonl:3", "y", "", {"file": "a.jsonl", "line": 3})


@pytest.mark.parametrize("key", ["text", "contents", "content", "body", "passage"])
@pytest.mark.parametrize("id_key", ["_id", "id", "doc_id", "docid"])
def test_the_usual_keys_are_known(tmp_path: Path, key: str, id_key: str) -> None:
    (document,) = read_documents(write(tmp_path / "a.jsonl", {key: "words", id_key: "d1"}))
    assert (document.id, document.text) == ("d1", "words")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{not json", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[1, 2]", "found a list"),
        ('{"text": "x", "n": 1e999}', "the number 1e999 is not finite"),
        ('{"text": "x", "n": [-1e999]}', "the number -1e999 is not finite"),
        ('{"text": "x", "n": NaN}', "the number NaN is not finite"),
        ('{"text": "x", "n": -Infinity}', "the number -Infinity is not finite"),
        ('{"text": "x", "n": ' + "[" * 100 + "]" * 100 + "}", "more than 100"),
        ('{"text": "\\ud800", "n": ' + "[" * 900 + "]" * 900 + "}", "more than 100"),
        ('{"text": "x", "n": ' + '{"a":' * 5_000 + "1" + "}" * 5_001, "a.jsonl:2:"),
        ({"foo": 1, "bar": 2}, "'foo', 'bar'"),
        ({"text": 3}, "found a number"),
        ({"text": None}, "found null"),
        ({"text": "x", "title": ["t"]}, "'title'"),
        ({"text": "x", "_id": 1.5}, "'_id'"),
        ({"text": "x", "_id": True}, "'_id'"),
        ({"text": "x", "_id": "i" * 10_001}, "10,001 characters"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: object, said: str) -> None:
    path = write(tmp_path / "a.jsonl", {"text": "fine"}, line)
    with pytest.raises(BadFile) as caught:
        list(read_documents(path))
    assert f"{path}:2:" in str(caught.value)
    assert said in str(caught.value)


def test_what_json_can_hold_is_read_as_it_stands(tmp_path: Path) -> None:
    deep = "[" * 99 + "]" * 99
    (document,) = read_documents(write(tmp_path / "a.jsonl", f'{{"text": "{"[" * 200}", "n": -1.5e300, "m": {deep}}}'))
    assert document.metadata["n"] == -1.5e300
    assert json.dumps(document.metadata["m"], separators=(",", ":")) == deep


def test_a_record_is_parsed_with_the_same_refusals_wherever_it_stands() -> None:
    assert parse_record(r'{"text": "a\ud800"}', "standard input:3") == {"text": "a�"}
    for text in ("{", "[]", '{"n": NaN}', '{"n": ' + "[" * 200 + "]" * 200 + "}"):
        with pytest.raises(BadFile, match=r"^standard input:3: "):
            parse_record(text, "standard input:3")


def test_bytes_that_are_not_utf8_are_named_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "x"}\n' * 9_000 + b'{"text": "\xe9"}\n')
    with pytest.raises(BadFile, match=r"a\.jsonl:9001: not UTF-8"):
        list(read_documents(path))


def test_lone_surrogates_are_replaced(tmp_path: Path) -> None:
    (document,) = read_documents(
        write(tmp_path / "a.jsonl", r'{"text": "a\ud800b \ud83d\ude00", "k\udfff": ["\ud800"]}')
    )
    assert document.text == "a�b 😀"
    assert document.metadata["k�"] == ["�"]


def test_a_byte_order_mark_and_gzip_make_no_difference(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress('\ufeff{"text": "x"}\r\n'.encode()))
    assert [d.text for d in read_documents(tmp_path)] == ["x"]


def test_a_cut_gzip_is_refused(tmp_path: Path) -> None:
    lines = b"".join(b'{"text": "%d"}\n' % (n * 7919) for n in range(50_000))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines)[:-2000])
    with pytest.raises(BadFile, match="gzip"):
        list(read_documents(tmp_path / "a.jsonl.gz"))


def test_a_big_file_is_streamed(tmp_path: Path) -> None:
    path = tmp_path / "big.jsonl"
    with path.open("w") as file:
        for n in range(20_000):
            file.write(json.dumps({"_id": str(n), "text": "word " * 100}) + "\n")
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_documents(path)) == 20_000
        assert tracemalloc.get_traced_memory()[1] < 2_000_000  # the file has 10 MB
    finally:
        tracemalloc.stop()


def test_csv_rows_are_documents_with_the_line_they_start_on(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('\ufeffid,title,text,tag\nd1,T,"two\nlines, ""quoted""",x\n\nd2,,plain,y\n', encoding="utf-8")
    first, second = read_documents(path)
    assert first == Document("d1", 'two\nlines, "quoted"', "T", {"file": "a.csv", "line": 2, "tag": "x"})
    assert second == Document("d2", "plain", "", {"file": "a.csv", "line": 5, "tag": "y"})


def test_tsv_semicolons_and_huge_cells_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("id\ttext\n1\tone, two\n")
    (tmp_path / "b.csv").write_text("id;text\n2;" + "x" * 300_000 + "\n")
    assert [(d.id, len(d.text)) for d in read_documents(tmp_path)] == [("a.tsv#1", 8), ("b.csv#2", 300_000)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a,b\n1,2\n", "no column with the text"),
        ("id,text\n1\n", "a.csv:2: expected 2 cells"),
        ("id,text\n1,2,3\n", "a.csv:2: expected 2 cells"),
        ("text,text\n1,2\n", "two columns"),
        ('id,text\n1,"never closed\n2,x\n', "a.csv:2: the row that starts here"),
        ('id,text\n1,"closed" early\n', "a.csv:2"),
    ],
)
def test_a_bad_table_is_refused_and_never_read_on_quietly(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(BadFile, match=said):
        list(read_documents(tmp_path / "a.csv"))


@pytest.mark.parametrize("header", ["name,price", "a,,"])
def test_a_table_of_something_else_is_skipped_in_a_folder_and_refused_by_name(tmp_path: Path, header: str) -> None:
    (tmp_path / "prices.csv").write_text(f"{header}\nx,1,2\n")
    (tmp_path / "a.txt").write_text("rain")
    found = read_documents(tmp_path)
    assert [d.text for d in found] == ["rain"]
    ((path, reason),) = [(one.path.name, one.reason) for one in found.skipped]
    assert path == "prices.csv"
    assert reason.startswith(f"no column with the text; the columns are '{header[:1]}")
    with pytest.raises(BadFile, match="--text-key"):
        list(read_documents(tmp_path / "prices.csv"))


def test_a_table_with_a_text_that_cannot_be_read_is_never_skipped_quietly(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,text\n1,rain\n2\n")
    found = read_documents(tmp_path)
    assert list(found) == []
    assert [one.reason for one in found.skipped] == ["line 3: expected 2 cells, as in the first row, found 1"]
    with pytest.raises(BadFile, match="expected 2 cells"):
        list(read_documents(tmp_path / "a.csv"))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda x: st.lists(x, max_size=3)
)
keys = st.text(min_size=1, max_size=8).filter(lambda key: key not in {"_id", "text", "title", "file", "line"})
documents = st.builds(
    Document,
    id=st.text(min_size=1, max_size=20),
    text=st.text(max_size=80),
    title=st.text(max_size=10),
    metadata=st.dictionaries(keys, values, max_size=3).map(lambda extra: {"file": "f", "line": 1} | extra),
)


@given(st.lists(documents, max_size=5))
def test_documents_read_back_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, given: list[Document]
) -> None:
    path = tmp_path_factory.mktemp("d") / "a.jsonl.gz"
    write_documents_jsonl(given, path)
    assert list(read_documents(path)) == given


def test_what_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write_documents_jsonl([Document("1", "old")], path)
    endless: list[object] = []
    for _ in range(10_000):
        endless = [endless]
    for metadata in ({"text": 1}, {"k": {1}}, {"k": float("nan")}, {"k": endless}, None):
        bad = Document("2", "x", metadata=metadata) if metadata else Document("", "x")
        with pytest.raises(BadInput):
            write_documents_jsonl([Document("1", "new"), bad], path)
    assert [d.text for d in read_documents(path)] == ["old"]
    assert [p.name for p in tmp_path.iterdir()] == ["a.jsonl"]


def test_a_folder_that_cannot_be_written_is_storage_failed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match=r"a\.jsonl"):
        write_documents_jsonl([], tmp_path / "file" / "a.jsonl")
