"""MS MARCO's tables have no header: read where the guess is safe, said, and otherwise left as they were."""

from __future__ import annotations

import gzip
import warnings
from pathlib import Path

import pytest

from rankladder.errors import BadFile, DuplicateId
from rankladder.retrieve import build_index
from rankladder.textfiles import HeaderMissing, NotText, read_documents
from rankladder.values import Document

PASSAGES = '0\tThe presence of "rain in Spain.\n1\tA second passage, with text.\n2\tshort\n'
DOCS = "D1\thttps://a.org/x\tA title\tthe body of the first page\nD2\thttps://a.org/y\t\tand the second page has one\n"


@pytest.mark.parametrize("name", ["collection.tsv", "collection.tsv.gz", "mine.tsv"])
def test_a_collection_of_passages_is_read_and_said(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(PASSAGES.encode()) if name.endswith(".gz") else PASSAGES.encode())
    with pytest.warns(HeaderMissing, match="no header; its columns are read as id, text"):
        found = list(read_documents(path))
    assert found == [
        Document("0", 'The presence of "rain in Spain.', "", {"file": name, "line": 1}),
        Document("1", "A second passage, with text.", "", {"file": name, "line": 2}),
        Document("2", "short", "", {"file": name, "line": 3}),
    ]


def test_a_collection_of_pages_has_addresses_and_titles(tmp_path: Path) -> None:
    (tmp_path / "msmarco-docs.tsv").write_text(DOCS)
    with pytest.warns(HeaderMissing, match="read as id, url, title, text"):
        first, second = read_documents(tmp_path)
    about = {"file": "msmarco-docs.tsv", "line": 1, "url": "https://a.org/x"}
    assert first == Document("D1", "the body of the first page", "A title", about)
    assert (second.id, second.title, second.text) == ("D2", "", "and the second page has one")


def test_queries_in_the_same_form_are_no_documents_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "collection.tsv").write_text(PASSAGES)
    (tmp_path / "queries.dev.tsv").write_text("7\thow much rain falls in Spain\n")
    found = read_documents(tmp_path)
    with pytest.warns(HeaderMissing, match="collection"):
        ids = [document.id for document in found]
    assert ids == ["0", "1", "2"]
    assert [one.path.name for one in found.skipped] == ["queries.dev.tsv"]


@pytest.mark.parametrize(
    "text",
    [
        "name\tprice\nx1\tone two three four\n",
        "1\ta passage of some words\n1\tanother one with its id\n",
        "1\ta passage of some words\n2\tanother one\tof three\n",
        "1\t12\n2\t13\n",
        "a 1\ta passage of some words\n",
        "1\tno address here\tt\tbut some words of text\n",
        "1\ta passage of\tfour words and more\n",
        "",
    ],
)
def test_what_may_be_something_else_is_never_guessed(tmp_path: Path, text: str) -> None:
    (tmp_path / "collection.tsv").write_text(text)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if text:
            with pytest.raises(NotText, match="no column with the text"):
                list(read_documents(tmp_path / "collection.tsv"))
        else:
            assert list(read_documents(tmp_path / "collection.tsv")) == []


def test_a_header_is_believed(tmp_path: Path) -> None:
    (tmp_path / "collection.tsv").write_text("id1\ttext\n1\ta passage of some words\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (document,) = read_documents(tmp_path / "collection.tsv")
    assert document.text == "a passage of some words"


@pytest.mark.filterwarnings("ignore::rankladder.textfiles.HeaderMissing")
def test_a_later_row_that_differs_is_named(tmp_path: Path) -> None:
    rows = "".join(f"{n}\ta passage of some words\n" for n in range(9_000))
    path = tmp_path / "collection.tsv"
    for bad, said in (("9\tx\ty", "found 3"), (" \tx", "found 2, without an id"), ("words", "found 1")):
        path.write_text(f"{rows}{bad}\n")
        with pytest.raises(BadFile, match=rf"collection\.tsv:9001: expected 2 cells \(id, text\).*{said}"):
            list(read_documents(path))
    path.write_text(f"{rows}7\tx\n")
    with pytest.raises(DuplicateId, match=r"'7': collection\.tsv:8 and collection\.tsv:9001"):
        build_index([path], tmp_path / "index")
