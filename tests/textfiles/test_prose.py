"""Prose files: passages on structure, each with its place."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankladder.errors import BadOption
from rankladder.textfiles import hypertext, read_documents
from rankladder.values import Document

MARKDOWN = """---
title: ignored: no
---
# Guide

Intro *text*.

## Install `it`

First.

Second.

```python
code()

more()
```

## Empty

## Use [the](http://x) thing

<!-- a comment -->
<p align="center">Shown</p>

- one
- two
"""
RST = "Guide\n=====\n\nIntro.\n\nPart\n----\n\nSee::\n\n    code\n\n    more\n\n-----\n\nEnd.\n"
HTML = """<!doctype html><html><head><title>A  Guide</title><style>p{}</style></head>
<body><nav>menu</nav><h1>Top</h1>
<p>One &amp; <b>two</b>
three.</p><script>x()</script>
<h2>Part</h2><pre>a
  b</pre><ul><li>item<li>last</ul></body></html>"""


def read(folder: Path, name: str, text: str, **options: int) -> list[Document]:
    (folder / name).write_text(text, encoding="utf-8")
    return list(read_documents(folder / name, **options))


def test_markdown_is_cut_at_headings_and_keeps_its_lines(tmp_path: Path) -> None:
    found = read(tmp_path, "a.md", MARKDOWN.replace("title: ignored: no\n", ""))
    assert [(d.id, d.title, d.metadata["end_line"]) for d in found] == [
        ("a.md:5", "Guide", 5),
        ("a.md:9", "Guide › Install it", 17),
        ("a.md:19", "Guide", 19),
        ("a.md:24", "Guide › Use the thing", 27),
    ]
    assert found[1].text == "First.\n\nSecond.\n\n```python\ncode()\n\nmore()\n```"
    assert found[2].text == "Empty"
    assert found[3].text == "Shown\n\n- one\n- two"


def test_front_matter_gives_the_title(tmp_path: Path) -> None:
    (document,) = read(tmp_path, "a.md", '---\ntitle: "My page"\n---\n## Part\nText.\n')
    assert (document.title, document.id) == ("My page › Part", "a.md:5")


def test_rst_headings_come_from_their_adornment(tmp_path: Path) -> None:
    found = read(tmp_path, "a.rst", RST)
    assert [(d.id, d.title, d.text) for d in found] == [
        ("a.rst:4", "Guide", "Intro."),
        ("a.rst:9", "Guide › Part", "See::\n\n    code\n\n    more\n\nEnd."),
    ]
    over = read(tmp_path, "b.rst", "====\nTop\n====\n\nx\n\nSub\n===\n\ny\n")
    assert [d.title for d in over] == ["Top", "Top › Sub"]


def test_html_gives_text_without_scripts_and_menus(tmp_path: Path) -> None:
    found = read(tmp_path, "a.html", HTML)
    assert [(d.id, d.title, d.text) for d in found] == [
        ("a.html:3", "A Guide › Top", "One & two\nthree."),
        ("a.html:5", "A Guide › Top › Part", "a\n  b\n\nitem\n\nlast"),
    ]


def test_html_that_never_closes_is_still_read(tmp_path: Path) -> None:
    assert [d.text for d in read(tmp_path, "a.htm", "<head><title>t</title><body><p>one<p>two <b>bold")] == [
        "one\n\ntwo bold"
    ]


def test_plain_text_is_cut_between_paragraphs(tmp_path: Path) -> None:
    paragraphs = [f"P{n} " + "word " * 89 for n in range(5)]
    found = read(tmp_path, "a.txt", "\n\n".join(paragraphs))
    assert [(d.id, len(d.text.split())) for d in found] == [("a.txt:1", 180), ("a.txt:5", 180), ("a.txt:9", 90)]


def test_a_long_paragraph_is_cut_at_sentences(tmp_path: Path) -> None:
    sentence = "This sentence has exactly seven words here. "
    found = read(tmp_path, "a.txt", sentence * 100)
    assert len({d.id for d in found}) == len(found) == 4
    assert all(d.text.endswith("here.") and len(d.text.split()) <= 200 for d in found)
    assert sum(len(d.text.split()) for d in found) == 700


def test_a_code_block_is_kept_whole_if_it_can_be(tmp_path: Path) -> None:
    code = "```\n" + "a b c d e f g h\n" * 50 + "```"
    found = read(tmp_path, "a.md", f"Words first.\n\n{code}\n")
    assert [d.text for d in found] == ["Words first.", code]
    long = read(tmp_path, "b.md", "```\n" + "a b c d e f g h\n" * 200 + "```\n")
    assert len(long) > 1
    assert all(len(d.text.split()) <= 208 for d in long)


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.rst", "a.html"])
@pytest.mark.parametrize("text", ["", "\n \n", "\ufeff"])
def test_an_empty_file_gives_nothing(tmp_path: Path, name: str, text: str) -> None:
    assert read(tmp_path, name, text) == []


def test_line_ends_of_any_system_count_the_same(tmp_path: Path) -> None:
    for number, end in enumerate(["\n", "\r\n", "\r"]):
        (tmp_path / f"{number}.md").write_bytes(f"# T{end}{end}one{end}{end}## S{end}two".encode())
    lines = [(d.metadata["line"], d.text) for d in read_documents(tmp_path)]
    assert lines == [(3, "one"), (6, "two")] * 3


@given(st.text(alphabet=" ab.\n!?#-=`<>|\t。字", max_size=400), st.sampled_from(["a.txt", "a.md", "a.rst", "a.html"]))
def test_any_text_gives_unique_ids_and_lines_inside_the_file(
    tmp_path_factory: pytest.TempPathFactory, text: str, name: str
) -> None:
    found = read(tmp_path_factory.mktemp("p"), name, text, passage_words=20)
    assert len({d.id for d in found}) == len(found)
    for document in found:
        assert document.text.strip()
        assert 1 <= document.metadata["line"] <= document.metadata["end_line"] <= text.count("\n") + 1


@given(st.text(alphabet="ab .\n字", max_size=3_000))
def test_cutting_loses_no_word(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    found = read(tmp_path_factory.mktemp("p"), "a.txt", text, passage_words=20)
    assert "".join("".join(d.text.split()) for d in found) == "".join(text.split())


def test_text_without_spaces_is_cut_all_the_same(tmp_path: Path) -> None:
    found = read(tmp_path, "a.txt", "字" * 100_000)
    assert "".join(d.text for d in found) == "字" * 100_000
    assert all(len(d.text) <= 2_400 for d in found)


def test_a_passage_length_below_20_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="19"):
        read_documents(tmp_path, passage_words=19)


HOSTILE = [
    ("a.md", "<!-- "),
    ("a.md", "# [a](\n\n# " + "[" * 40),
    ("a.html", "<a "),
    ("a.html", "<!-- >"),
    ("a.html", '<a b=">" '),
    ("a.html", "<![if "),
    ("a.html", "&#"),
]


@pytest.mark.parametrize(("name", "piece"), HOSTILE, ids=lambda value: value[:12])
def test_what_opens_and_never_closes_takes_no_longer_than_other_text(tmp_path: Path, name: str, piece: str) -> None:
    began = time.perf_counter()
    read(tmp_path, name, piece * 20_000)
    assert time.perf_counter() - began < 10  # about a second at most; the square of it took up to a minute


@pytest.mark.parametrize("heading", ["[" * 100_000, "[a](" * 50_000, "[a](b" * 50_000])
def test_a_heading_of_brackets_takes_no_longer_than_other_text(tmp_path: Path, heading: str) -> None:
    began = time.perf_counter()
    document, *_ = read(tmp_path, "a.md", f"# {heading}\n")
    assert document.text[:2] == heading[:2]
    assert time.perf_counter() - began < 10


def test_blank_lines_in_a_list_take_no_longer_than_other_text(tmp_path: Path) -> None:
    began = time.perf_counter()
    assert len(read(tmp_path, "a.md", "- " + "word " * 300 + "\n" * 100_000 + "- end\n")) > 1
    assert time.perf_counter() - began < 10


def test_a_link_of_a_heading_leaves_its_words(tmp_path: Path) -> None:
    text = "# a [b](http://x/y_(z)) c [![d](e)](f) [g\n\ntext"
    assert [d.title for d in read(tmp_path, "a.md", text)] == ["a b c d [g"]


@pytest.mark.parametrize(
    ("text", "title", "found"),
    [
        ("<head><title>T</title><h1>Hi</h1><p>rain", "T › Hi", ["rain"]),
        ("<head><script>x()</script><style>p{}</style><title>T</title>rain", "T", ["rain"]),
        ("<head><title>T</title><title>U</title><p>rain", "T", ["rain"]),
        ("<title>T<h1>Hi</h1><p>rain", "T › Hi", ["rain"]),
        ("<nav>menu<p>more</nav><p>rain", "", ["rain"]),
        ("<nav>menu<main><p>rain</main>", "", ["rain"]),
        ("<nav>menu<h1>Hi</h1><p>rain", "Hi", ["rain"]),
        ("<nav>menu <h1>Logo</h1></nav><p>rain", "", ["rain"]),
        ("<p>rain<nav>menu", "", ["rain"]),
        ("<nav><p>rain<script>x()</script>", "", ["rain"]),
    ],
)
def test_html_whose_end_tags_are_left_out_is_still_read(
    tmp_path: Path, text: str, title: str, found: list[str]
) -> None:
    assert [(d.title, d.text) for d in read(tmp_path, "a.html", text)] == [(title, one) for one in found]


@pytest.mark.parametrize("element", ["title", "textarea"])
def test_a_parser_that_would_read_to_an_end_tag_is_kept_from_it(element: str) -> None:
    """As newer releases of Python do for these two: without an end tag they lose the rest of the page."""
    parser = hypertext._Reader("", frozenset(), frozenset())
    parser.set_cdata_mode(element, escapable=True)
    assert parser.cdata_elem is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<p>a<!-- b <p>c", "ac"),
        ("<p>a <![x y]>b <![ z]>c", "a b c"),
        ("AT&T", "AT&T"),
        ("1 <2 and x <y z", "1 <2 and x <y z"),
        ('<p>a <b c="d>e', "a e"),
        ("<p>a<!-- b --> c<!-- d", "a c<!-- d"),
    ],
)
def test_html_that_breaks_off_keeps_its_text(tmp_path: Path, text: str, found: str) -> None:
    assert [d.text for d in read(tmp_path, "a.html", text)] == [found]
