"""Forms of text by name and by content: each is read as what it is, or named."""

from __future__ import annotations

import gc
import gzip
import json
import time
from contextlib import suppress
from pathlib import Path

import pytest

from rankladder.errors import BadFile, BadOption
from rankladder.retrieve import build_index
from rankladder.textfiles import OtherForm, ReadAs, read_documents


def read(folder: Path, name: str, text: str | bytes, **options: str) -> list[tuple[str, str, str]]:
    """Id, title and text of the documents of a file."""
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    read_as = ReadAs(**options)  # type: ignore[arg-type]
    return [(d.id, d.title, d.text) for d in read_documents(folder / name, read_as=read_as)]


FRONT = {
    "yaml": "---\ntitle: Guide\ntags: [a, b]\n---\n",
    "yaml with dots": "---\ntitle: 'Guide'\n...\n",
    "folded": "---\ntitle: >-\n  Guide\n---\n",
    "not quite yaml": "---\ntitle: Guide\nnote: part 1: the start\n---\n",
    "toml": '+++\ntitle = "Guide"\n+++\n',
    "json": '{\n  "title": "Guide"\n}\n',
    "pandoc": "% Guide\n% An author\n",
    "blank lines before": "\n\n---\ntitle: Guide\n---\n",
    "byte order mark": "\ufeff---\ntitle: Guide\n---\n",
    "windows line ends": "---\r\ntitle: Guide\r\n---\r\n",
}


@pytest.mark.parametrize("front", FRONT.values(), ids=FRONT)
def test_front_matter_of_every_form_gives_the_title(tmp_path: Path, front: str) -> None:
    ((id, title, text),) = read(tmp_path, "a.md", f"{front}\nRain falls.\n")
    assert (title, text) == ("Guide", "Rain falls.")
    assert id == f"a.md:{front.count(chr(10)) + 2}"


@pytest.mark.parametrize(
    "text",
    [
        "---\n\nRain falls.\n\n---\n\nSun.\n",
        "---\nRain falls.\n---\nSun.\n",
        "---\nRain falls, and nothing closes this.\n",
        "+++\nRain falls.\n+++\nSun.\n",
        '{"title": "Rain falls."}\n',
        "{ Rain falls. }\n",
    ],
)
def test_what_is_no_front_matter_is_text(tmp_path: Path, text: str) -> None:
    found = " ".join(f"{title} {body}" for _, title, body in read(tmp_path, "a.md", text))
    assert "Rain falls" in found
    assert ("Sun" in found) == ("Sun" in text)


def test_a_markdown_table_of_contents_is_left_out(tmp_path: Path) -> None:
    links = "- [One](#one)\n- [Two](#two)\n  - [Three](#three)\n"
    text = f"# Guide\n\n## Contents\n\n{links}\n[TOC]\n\n## One {{#one}}\n\nRain.\n"
    assert read(tmp_path, "a.md", text) == [("a.md:13", "Guide › One", "Rain.")]


def test_mdx_leaves_out_code_and_keeps_text(tmp_path: Path) -> None:
    text = (
        "import Tabs from '@theme/Tabs'\nexport const a = {\n  b: 1,\n}\n\n# Guide\n\n<Tabs values={{a: '>'}}>\n\nRain "
        "falls.\n\n</Tabs>\n\n{/* no */}\n\n```js\nimport x from 'y'\n```\n\nimport your data first.\n"
    )
    assert read(tmp_path, "a.mdx", text) == [
        ("a.mdx:10", "Guide", "Rain falls.\n\n```js\nimport x from 'y'\n```\n\nimport your data first.")
    ]


def test_asciidoc_and_org(tmp_path: Path) -> None:
    adoc = "= Guide\n:toc:\n\n// no\nRain falls.\n\n== Part\n\n[source,py]\n----\nx = 1\n\n== y\n----\n"
    assert read(tmp_path, "a.adoc", adoc) == [
        ("a.adoc:5", "Guide", "Rain falls."),
        ("a.adoc:11", "Guide › Part", "x = 1\n\n== y"),
    ]
    org = (
        "#+TITLE: Guide\n\nRain falls.\n* TODO Part :tag:\n:PROPERTIES:\n:a: b\n:END:\n#+begin_src py\n* x\n#+end_src\n"
    )
    assert read(tmp_path, "a.org", org) == [("a.org:3", "Guide", "Rain falls."), ("a.org:9", "Guide › Part", "* x")]


def test_a_manual_page(tmp_path: Path) -> None:
    page = '.TH RAIN 1 "2026"\n.SH NAME\nrain \\- falls\n.SH OPTIONS\n.TP\n\\fB\\-\\-wet\\fR\nGet .\n.br\n.BI a b\n'
    assert read(tmp_path, "rain.1", page) == [
        ("rain.1:3", "rain(1) › NAME", "rain - falls"),
        ("rain.1:6", "rain(1) › OPTIONS", "--wet\nGet .\n\nab"),
    ]
    assert read(tmp_path, "rain.1.gz", gzip.compress(page.encode()))[0][2] == "rain - falls"
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "system.1").write_text("a log")
    assert read_documents(tmp_path / "log").unknown_suffixes == {".1": 1}


def test_a_notebook_without_what_its_code_printed(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": ["# Guide\n", "\n", "Rain falls."]},
        {"cell_type": "code", "outputs": [{"text": '"source": [no'}], "source": ["x = 1\n", "y = 2"]},
        {"cell_type": "code", "outputs": [], "source": []},
    ]
    text = json.dumps({"cells": cells, "nbformat": 4}, indent=1)
    lines = text.split("\n")
    ((id, title, found),) = read(tmp_path, "a.ipynb", text)
    assert (title, found) == ("Guide", "Rain falls.\n\nx = 1\ny = 2")
    assert "Rain falls" in lines[int(id.split(":")[1]) - 1]
    with pytest.raises(BadFile, match="no cells"):
        read(tmp_path, "b.ipynb", "{}")


def test_source_code_by_whole_functions(tmp_path: Path) -> None:
    code = "import a\n\n\n# about one\n@a.b\ndef one():\n    x = 1\n\n    return x\n\n\nclass Two:\n    pass\n"
    for name in ("a.py", "a.js"):
        found = [text for _, _, text in read(tmp_path, name, code)]
        assert "# about one\n@a.b\ndef one():\n    x = 1\n\n    return x" in "\n".join(found)
    long = "class Big:\n" + "".join(f"    def m{n}(self):\n        return {n}\n\n" for n in range(40))
    titles = {title for _, title, _ in read(tmp_path, "b.py", long)}
    assert titles == {"class Big"}
    with pytest.raises(BadFile, match="minified"):
        read(tmp_path, "a.min.js", "a=1;" * 2_000)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("README", "Rain"),
        ("LICENSE", "Rain"),
        ("COPYING.LESSER", "Rain"),
        ("Makefile", "rain:\n\ttouch x"),
        ("Dockerfile", "FROM rain"),
        ("a.log", "Rain"),
        ("a.yaml", "rain: 1"),
        ("a.toml", "rain = 1"),
        ("a.md.gz", gzip.compress(b"Rain")),
    ],
)
def test_names_that_tell_text(tmp_path: Path, name: str, content: str | bytes) -> None:
    ((_, _, text),) = read(tmp_path, name, content)
    assert "rain" in text.lower()


def test_what_no_name_tells_is_read_as_the_caller_says(tmp_path: Path) -> None:
    (tmp_path / "a.xyz").write_text("# Guide\n\nRain falls.\n")
    with pytest.raises(BadFile, match="--as text"):
        read_documents(tmp_path / "a.xyz")
    assert read_documents(tmp_path).unknown_suffixes == {".xyz": 1}
    for path in (tmp_path, tmp_path / "a.xyz"):
        (document,) = read_documents(path, read_as=ReadAs("markdown"))
        assert (document.title, document.text) == ("Guide", "Rain falls.")
    with pytest.raises(BadOption, match="unknown form"):
        ReadAs("pictures")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.ndjson", "a.txt", "a.csv"])
@pytest.mark.parametrize("pretty", [True, False], ids=["pretty", "compact"])
@pytest.mark.filterwarnings("ignore::rankladder.textfiles.OtherForm")
def test_a_list_of_records_is_read_under_any_name(tmp_path: Path, name: str, pretty: bool) -> None:
    text = json.dumps([{"text": "rain"}, {"id": "s", "text": "sun"}], indent=1 if pretty else None)
    assert [(id, text) for id, _, text in read(tmp_path, name, text)] == [
        (f"{name}:{2 if pretty else 1}", "rain"), ("s", "sun")
    ]  # fmt: skip


@pytest.mark.parametrize(
    "value",
    [
        {"docs": [{"text": "rain"}]},
        {"total": 1, "hits": {"hits": [{"_id": "1", "_source": {"body": "rain"}}]}},
        {"tags": [{"n": 1}], "documents": [{"content": "rain"}]},
        {"d1": {"text": "rain"}},
        {"text": "rain"},
        ["rain"],
    ],
)
def test_json_that_wraps_its_records(tmp_path: Path, value: object) -> None:
    assert [text for _, _, text in read(tmp_path, "a.json", json.dumps(value, indent=2))] == ["rain"]


def test_json_lines_in_a_json_file_are_read(tmp_path: Path) -> None:
    found = read(tmp_path, "a.json", '{"id": 1, "text": "rain"}\n{"id": 2, "text": "sun"}\n')
    assert [(id, text) for id, _, text in found] == [("1", "rain"), ("2", "sun")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": [{"n": 1}], "b": [{"n": 2}]}', "'a', 'b'"),
        ('{"name": "x", "version": 1}', "without a list of records; its keys are 'name', 'version'"),
        ("3", "JSON without a list of records"),
        ('[{"text": "x"}, 3]', "a.json:1: expected an object or a text, found a number"),
        ('[{"text": "x"}\n {"text": "y"}]', "a.json:2: not JSON: expected , or ]"),
        ('[\n{"text": "x"}', "a.json:2: not JSON: expected , or ], found the end of the file"),
        ("[" * 100_000, "not JSON"),
        ('{"a":' * 100_000, "not JSON"),
    ],
)
def test_json_that_holds_no_records_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadFile) as caught:
        read(tmp_path, "a.json", text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("record", "id", "title", "text"),
    [
        ({"page_content": "rain", "metadata": {"page": 3}}, "a.jsonl:1", "", "rain"),
        ({"_id": "1", "_source": {"title": "T", "body": "rain", "n": 1}}, "1", "T", "rain"),
        ({"lc": 1, "id": ["Document"], "kwargs": {"page_content": "rain"}}, "a.jsonl:1", "", "rain"),
        ({"ID": 7, "Text": "rain", "Name": "T"}, "7", "T", "rain"),
        ({"pid": "p1", "docid": "d1", "passage": "rain", "headline": "T"}, "p1", "T", "rain"),
        ({"_id": {"$oid": "5f"}, "chunk": "rain"}, "5f", "", "rain"),
        ({"text": "rain", "body": "other"}, "a.jsonl:1", "", "rain"),
        ({"content": "rain", "body": ""}, "a.jsonl:1", "", "rain"),
    ],
)
def test_the_names_that_other_programs_give(
    tmp_path: Path, record: dict[str, object], id: str, title: str, text: str
) -> None:
    assert read(tmp_path, "a.jsonl", json.dumps(record) + "\n") == [(id, title, text)]


def test_two_keys_that_may_hold_the_text_are_refused_by_name(tmp_path: Path) -> None:
    for name, text in (("a.jsonl", '{"body": "x", "content": "y"}\n'), ("a.csv", "body,content\nx,y\n")):
        with pytest.raises(BadFile, match=r"'content', 'body'") as caught:
            read(tmp_path, name, text)
        assert "--text-key content or --text-key body" in str(caught.value)
        assert [found for _, _, found in read(tmp_path, name, text, text_key="body")] == ["x"]


def test_keys_by_option(tmp_path: Path) -> None:
    line = json.dumps({"a": {"words": "rain", "n": 1}, "head": "T", "key": "k"}) + "\n"
    options = {"text_key": "a.words", "title_key": "head", "id_key": "key"}
    assert read(tmp_path, "a.jsonl", line, **options) == [("k", "T", "rain")]
    (document,) = read_documents(tmp_path / "a.jsonl", read_as=ReadAs(**options))  # type: ignore[arg-type]
    assert document.metadata == {"file": "a.jsonl", "line": 1, "a": {"n": 1}}
    for wrong in ({"text_key": "b"}, {"text_key": "a.words", "id_key": "b"}, {"text_key": "a.words", "title_key": "b"}):
        with pytest.raises(BadFile, match="'b'"):
            read(tmp_path, "a.jsonl", line, **wrong)
    with pytest.raises(BadOption, match="text_key"):
        read(tmp_path, "a.md", "x", text_key="a")


def test_an_index_is_built_anew_where_it_is_read_in_another_way(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"body": "x", "content": "y"}\n')
    for key in ("body", "content"):
        report = build_index([tmp_path / "a.jsonl"], tmp_path / "ix", read_as=ReadAs(text_key=key))
        assert report.documents == 1
        assert report.unchanged == 0


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_a_table_is_cut_where_its_header_is(tmp_path: Path, sign: str, end: str) -> None:
    rows = [["id", "text"], ["1", '"rain\nand, snow; both|"']]
    text = "\ufeff" + end.join(sign.join(row) for row in rows) + end
    assert [(id, text) for id, _, text in read(tmp_path, "a.csv", text)] == [("1", "rain\nand, snow; both|")]
    assert read(tmp_path, "a.csv", f"sep={sign}{end}{text[1:]}")[0][0] == "1"
    assert read(tmp_path, "a.csv", text[1:].encode("utf-16"))[0][0] == "1"


def test_a_table_that_breaks_off_is_refused_without_a_second_error(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,text\n1,rain\n2\n3,sun\n")
    assert list(read_documents(tmp_path)) == []
    gc.collect()  # an error while the reader goes would be a warning, and so an error here


CHARSETS = [
    ("a.html", '<meta charset="windows-1252"><p>café', "cp1252"),
    ("a.html", '<META http-equiv=Content-Type content="text/html; charset=ISO-8859-1"><p>café', "latin-1"),
    ("a.html", '<?xml version="1.0" encoding="iso-8859-15"?><html><p>café', "iso-8859-15"),
    ("a.html", '<meta charset="shift_jis"><p>café 雨'.replace("é", "e"), "cp932"),
    ("a.html", '<meta charset="iso-2022-jp"><p>cafe 雨', "iso2022_jp"),
    ("a.html", '<meta charset="utf-16"><p>café', "utf-8"),
    ("a.html", "<p>café", "utf-16"),
    ("a.md", "café", "utf-32"),
    ("a.txt", "café", "utf-8-sig"),
    ("a.py", "# -*- coding: latin-1 -*-\n# café", "latin-1"),
    ("a.jsonl", '{"text": "café"}\n', "utf-16"),
]


@pytest.mark.parametrize(("name", "text", "encoding"), CHARSETS)
def test_the_encoding_that_a_file_declares_is_honoured(tmp_path: Path, name: str, text: str, encoding: str) -> None:
    ((_, _, found),) = read(tmp_path, name, text.encode(encoding))
    assert text.rsplit(">", 1)[-1].removeprefix('{"text": "').removesuffix('"}\n') == found


def test_an_encoding_that_does_not_fit_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="nor euc-jp"):
        read(tmp_path, "a.html", b'<meta charset="euc-jp"><p>\xff\xff')
    with pytest.raises(BadFile, match="declares 'x-odd'"):
        read(tmp_path, "a.html", b'<meta charset="x-odd"><p>\xff')


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("a.txt", "<!DOCTYPE html><title>T</title><nav>menu</nav><p>rain", "HTML"),
        ("a.md", "<html><nav>menu</nav><p>rain</html>", "HTML"),
        ("a.txt", '{"text": "rain"}\n{"text": "rain"}\n', "JSON Lines"),
    ],
)
def test_another_form_than_the_name_says_is_said(tmp_path: Path, name: str, content: str, form: str) -> None:
    with pytest.warns(OtherForm, match=form):
        assert {text for _, _, text in read(tmp_path, name, content)} == {"rain"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"%PDF-1.7\n", "a PDF file"),
        (b"PK\x03\x04", "a zip archive or an office document"),
        (gzip.compress(b"rain"), "gzip data"),
        (b"\xd0\xcf\x11\xe0\0", "an office document of the older kind"),
        (b"{\\rtf1 rain}", "a rich text"),
        ("rain\n".encode("utf-16-le") * 9, "UTF-16 without a byte order mark"),
    ],
)
def test_what_is_no_text_is_called_by_its_name(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    found = read_documents(tmp_path)
    assert list(found) == []
    assert found.skipped[0].reason.startswith(said)


def test_a_page_that_gives_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<div id=root></div><script>x()</script>")
    (tmp_path / "b.md").write_text("rain")
    assert [(one.path.name, one.reason) for one in build_index([tmp_path], tmp_path / "ix").skipped] == [
        ("a.html", "no text in it")
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"id,text\n1," + b"rain " * 300 + b"\n", "a.csv.gz:2: a line of more than"),
        (
            "a.csv",
            b'id,text\n1,"' + b"rain\n" * 300,
            "gz:2: the row that starts here cannot be read: field larger",
        ),
        ("a.csv", b"id " * 500, "a.csv.gz:1: a line of more than"),
        ("a.jsonl", b'{"text": "' + b"rain " * 300, "a.jsonl.gz:1: a line of more than"),
        ("a.trec", b"<DOC>\n<DOCNO>1</DOCNO>\n" + b"rain\n" * 300, "a.trec.gz:1: a <DOC> of more than"),
        ("a.txt", b"rain\n" * 300, "unpacks to more than 1,000 bytes"),
    ],
)
def test_what_never_ends_is_not_held_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes, said: str
) -> None:
    for room in ("bytestream", "tables", "trec_documents"):
        monkeypatch.setattr(f"rankladder.textfiles.{room}.LONGEST_LINE", 1000)
    monkeypatch.setattr("rankladder.textfiles.bytestream.LARGEST_WHOLE", 1000)
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
    with pytest.raises(BadFile, match=said):
        list(read_documents(tmp_path / f"{name}.gz"))


@pytest.mark.parametrize("text", ["[]", " [ ]\n", "[\n]"])
def test_an_empty_list_holds_no_documents(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    assert list(read_documents(tmp_path / "a.json")) == []


def test_a_packed_bomb_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b" " * 200_000_000, 1))
    with pytest.raises(BadFile, match="unpacks to more than"):
        list(read_documents(tmp_path / "a.txt.gz"))


HOSTILE = [
    ("a.mdx", "<A b={"), ("a.mdx", "{/* "), ("a.mdx", "<A>\n"), ("a.adoc", "----\n"), ("a.adoc", "[a\n"),
    ("a.org", "* a :b\n"), ("a.org", ":a:\n"), ("a.1", ".TH a 1\n.SH \"\\f[\n"), ("a.1", ".TH a 1\n" + "\\*(" * 9),
    ("a.html", '<div class="toc"><a href="#a">'), ("a.html", "<header><aside>"), ("a.html", '<p hidden><a href="#">¶'),
    ("a.md", "---\na: b\n"), ("a.md", "- [a](#b)\n"), ("a.py", "def a():\n"), ("a.js", "a\n\n"), ("a.json", "[1,"),
    ("a.csv", '"'), ("a.log", "a\n\n"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "piece"), HOSTILE, ids=lambda value: value[:14])
def test_what_repeats_takes_no_longer_than_other_text(tmp_path: Path, name: str, piece: str) -> None:
    began = time.perf_counter()
    with suppress(BadFile):
        read(tmp_path, name, piece * 20_000)
    assert time.perf_counter() - began < 20  # a second or two; the square of it would take minutes
