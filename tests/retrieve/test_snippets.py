"""A snippet shows where a query matched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankladder.errors import BadOption
from rankladder.retrieve import snippet


def marked(text: str, query: str, **options: int) -> list[str]:
    found = snippet(text, query, **options)
    return [found.text[a:b] for a, b in found.spans]


def test_the_window_with_the_most_distinct_terms_wins() -> None:
    text = "red red red red. " + "filler " * 40 + "a red planets story. " + "filler " * 40
    found = snippet(text, "red planet", words=8)
    assert [found.text[a:b] for a, b in found.spans] == ["red", "planets"]
    assert "a red planets story." in found.text
    assert len(found.text.split()) <= 8


def test_nothing_matched_gives_the_head() -> None:
    assert snippet("one two three four", "zebra", words=2).text == "one two"
    assert snippet("", "zebra").text == ""
    assert snippet("... !!!", "zebra").text == "... !!!"


def test_a_passage_bounds_the_window() -> None:
    text = "moon here. sun there. moon again."
    found = snippet(text, "moon", start=11, end=21)
    assert (found.text, found.spans, text[found.start : found.end]) == ("sun there.", (), "sun there.")


@pytest.mark.parametrize("options", [{"words": 0}, {"start": -1}, {"end": 99}, {"start": 3, "end": 2}])
def test_bad_options_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(BadOption):
        snippet("some text", "text", **options)


def test_spans_are_right_in_every_script() -> None:
    assert marked("😀 שלום עולם 😀\n\n  naïve İstanbul foxes", "שלום fox NAÏVE") == ["שלום", "naïve", "foxes"]


@given(st.text(max_size=200), st.text(max_size=20), st.integers(1, 10))
def test_any_text_gives_one_line_inside_the_text(text: str, query: str, words: int) -> None:
    found = snippet(text, query, words=words)
    assert 0 <= found.start <= found.end <= len(text)
    assert "\n" not in found.text
    assert " ".join(text[found.start : found.end].split()) == " ".join(found.text.split())
    for a, b in found.spans:
        assert 0 <= a < b <= len(found.text)
        assert found.text[a:b].strip() == found.text[a:b]


def test_stop_words_are_not_marked_but_where_a_query_has_no_others() -> None:
    text = "How do you undo it? The commit is what you undo with the reset."
    assert marked(text, "how do I undo the commit") == ["undo", "commit", "undo"]
    assert marked("To be or not to be.", "to be, or not to be") == ["To", "be", "or", "not", "to", "be"]
