"""TREC's own form of a collection: one <DOC>, one document; what is malformed is named with its file and line."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import pytest

from rankladder.errors import BadFile, DuplicateId
from rankladder.retrieve import build_index, cached_index, open_index
from rankladder.storage import checked_json, read_checked_json
from rankladder.textfiles import find_sources, read_documents
from rankladder.textfiles.documents import READERS
from rankladder.values import Document, Query

FT = """
<DOC>
<DOCNO> FT911-3 </DOCNO>
<PROFILE>_AN-BEOA7AAIFT</PROFILE>
<HEADLINE>
FT  14 MAY 91 / Rain
   in Spain
</HEADLINE>
<TEXT>
<P>Rain &amp; clouds, p < .05 and
</P><P>a   sun.</P> mail <j@x.com>

<!-- PJG STAG -->
</TEXT>
<PUB>The Financial Times</PUB>
</DOC>
<DOC><DOCNO>FT911-4</DOCNO><TEXT>one</TEXT><text>two</text></DOC><DOC>
<DOCNO>FT911-5</DOCNO><DOCID>5</DOCID>
No text element, <B>but</B> words.
</DOC>
"""
DOCUMENTS = [
    Document(
        "FT911-3",
        "Rain & clouds, p < .05 and\na sun. mail <j@x.com>",
        "FT 14 MAY 91 / Rain in Spain",
        {"file": "ft", "line": 2},
    ),
    Document("FT911-4", "one two", "", {"file": "ft", "line": 17}),
    Document("FT911-5", "No text element, but words.", "", {"file": "ft", "line": 17}),
]


@pytest.mark.parametrize("suffix", [".trec", ".sgml", ".sgm", ".xml", ".txt", ".txt.gz", ".gz", ".trec.gz", ".SGM"])
def test_each_doc_is_a_document_under_its_docno(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"ft{suffix}"
    path.write_bytes(gzip.compress(FT.encode()) if suffix.endswith("gz") else FT.encode())
    for below in (path, tmp_path):
        found = [Document(d.id, d.text, d.title, {**d.metadata, "file": "ft"}) for d in read_documents(below)]
        assert found == DOCUMENTS


def test_an_xml_declaration_and_a_root_element_may_stand_around_them(tmp_path: Path) -> None:
    (tmp_path / "cran.xml").write_text(
        '\ufeff<?xml version="1.0"?>\n<!DOCTYPE root>\n<root>\n<doc>\n<docno>1</docno>\n<title>a wing</title>\n'
        "<author>b</author>\n<text>lift</text>\n</doc>\n<doc><docno>2</docno><title/><text></text></doc>\n</root>\n",
        encoding="utf-8",
    )
    found = [(d.id, d.title, d.text) for d in read_documents(tmp_path)]
    assert found == [("1", "a wing", "lift"), ("2", "", "")]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("net.xml", '<?xml version="1.0"?>\n<doc>\n<assembly>x</assembly></doc>'),
        ("solr.xml", "<add><doc><field>x</field></doc></add>"),
        ("bm25.trec", "q1 Q0 d1 1 2.5 bm25\n"),
        ("page.sgml", "<html>"),
    ],
)
def test_sgml_that_is_no_collection_is_counted_in_a_folder_and_refused_by_name(
    tmp_path: Path, name: str, text: str
) -> None:
    (tmp_path / name).write_text(text)
    found = read_documents(tmp_path)
    assert (list(found), found.skipped, found.unknown_suffixes) == ([], (), {Path(name).suffix: 1})
    with pytest.raises(BadFile, match="which begin with <DOC>"):
        read_documents(tmp_path / name)


def test_prose_that_only_mentions_a_doc_stays_prose(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("A <DOC> is closed by </DOC>.\n")
    assert [d.id for d in read_documents(tmp_path)] == ["a.txt:1"]


GOOD = "<DOC>\n<DOCNO>d1</DOCNO>\n<TEXT>x</TEXT>\n</DOC>\n"


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("<DOC>\n<TEXT>y</TEXT>\n</DOC>\n", ":5: a <DOC> has one <DOCNO>, this one has 0"),
        ("<DOC>\n<DOCNO> </DOCNO>\n</DOC>\n", ":5: .* has an empty one"),
        ("<DOC>\n<DOCNO>d2\n<TEXT>y</TEXT>\n</DOC>\n", ":5: .* has one that is not closed"),
        ("<DOC>\n<DOCNO>d2</DOCNO>\n<DOCNO>d3</DOCNO>\n</DOC>\n", ":5: .* has 2"),
        ("<DOC>\n<DOCNO>d2</DOCNO>\n\n<DOC>\n", ":5: <DOC> is not closed before the next, on line 8"),
        ("<DOC>\n<DOCNO>d2</DOCNO>\ny\n", ":5: <DOC> is not closed before the end of the file"),
        ("</DOC>\n", ":5: </DOC> without a <DOC>"),
        ("lost words\n" + GOOD, ":5: text between two documents: 'lost words'"),
    ],
)
@pytest.mark.parametrize("name", ["a.txt", "a.sgml"])
def test_what_is_malformed_is_named_with_its_line(tmp_path: Path, name: str, rest: str, said: str) -> None:
    (tmp_path / name).write_text(GOOD + rest)
    with pytest.raises(BadFile, match=f"{name}{said}"):
        list(read_documents(tmp_path / name))
    found = read_documents(tmp_path)
    assert (list(found), [one.path.name for one in found.skipped]) == ([], [name])


def test_bytes_that_are_not_utf8_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.sgml").write_bytes(GOOD.encode() + b"<DOC>\n<DOCNO>d2</DOCNO>\xe9</DOC>")
    with pytest.raises(BadFile, match=r"not UTF-8 \(byte 0xe9"):
        list(read_documents(tmp_path / "a.sgml"))
    found = read_documents(tmp_path)
    assert list(found) == []
    assert found.skipped[0].reason.startswith("not UTF-8")


def test_two_documents_of_one_docno_are_named_with_both_places(tmp_path: Path) -> None:
    (tmp_path / "a.trec").write_text(GOOD * 2)
    with pytest.raises(DuplicateId, match=r"'d1': a\.trec:1 and a\.trec:5"):
        build_index([tmp_path / "a.trec"], tmp_path / "index")


def test_a_collection_is_indexed_and_found_by_its_docnos(tmp_path: Path) -> None:
    (tmp_path / "ft.txt").write_text(FT)
    index, report = cached_index(tmp_path / "ft.txt")
    assert report.documents == 3
    assert [hit.document.id for hit in index.retrieve(Query("q", "rain"), k=5)] == ["FT911-3"]


def test_an_index_from_before_the_readers_changed_is_built_anew(tmp_path: Path) -> None:
    (tmp_path / "ft.txt").write_text(FT)
    build_index([tmp_path / "ft.txt"], tmp_path / "index")
    (manifest,) = (tmp_path / "index").rglob("manifest.json")
    content = read_checked_json(manifest.read_bytes())
    assert content["settings"]["readers"] == READERS
    content["settings"]["readers"] = READERS - 1
    manifest.write_text(checked_json(content))
    assert build_index([tmp_path / "ft.txt"], tmp_path / "index").changed == 1
    with open_index(tmp_path / "index") as index:
        assert len(index) == 3


def test_a_big_collection_is_streamed(tmp_path: Path) -> None:
    path = tmp_path / "big.txt"
    with path.open("w") as file:
        for n in range(4_000):
            file.write(f"<DOC>\n<DOCNO>d{n}</DOCNO>\n<TEXT>\n{'word ' * 100}\n</TEXT>\n</DOC>\n")
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_documents(path)) == 4_000
        assert tracemalloc.get_traced_memory()[1] < 500_000  # the file has 2 MB
    finally:
        tracemalloc.stop()


def test_only_what_begins_with_doc_is_a_source(tmp_path: Path) -> None:
    (tmp_path / "other.xml").write_text("<html>")
    (tmp_path / "other.gz").write_bytes(gzip.compress(b"a log"))
    found = find_sources([tmp_path])
    assert (found.sources, found.unknown_suffixes) == ([], {".gz": 1, ".xml": 1})


def test_a_collection_that_cannot_be_read_is_called_by_its_trouble(tmp_path: Path) -> None:
    (tmp_path / "docs.trec.gz").write_bytes(b"<html>not found</html>")
    found = read_documents(tmp_path)
    assert list(found) == []
    (skipped,) = found.skipped
    assert "gzip" in skipped.reason
    with pytest.raises(BadFile, match="gzip"):
        list(read_documents(tmp_path / "docs.trec.gz"))
