"""One rule for lone surrogates: U+FFFD, place by place."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rankladder.retrieve.analysis import analysis_of
from rankladder.surrogates import encodable
from rankladder.textfiles.records import parse_record

signs = st.sampled_from(["a", "é", "😀", "\ud83d", "\ude00", "\udce9"])


@given(st.lists(signs).map("".join))
def test_every_surrogate_becomes_one_sign_and_nothing_else_changes(text: str) -> None:
    clean = encodable(text)
    assert clean == "".join("\ufffd" if "\ud800" <= sign <= "\udfff" else sign for sign in text)
    assert clean.encode().decode() == clean


def test_every_room_follows_the_rule() -> None:
    text = "rain\ud800 falls"
    assert parse_record(r'{"text": "rain\ud800 falls"}', "a:1") == {"text": encodable(text)}
    english = analysis_of("en")
    assert english.query_terms(text) == english.query_terms(encodable(text))
    assert [text[word.start : word.end] for word in english.words_of(text)] == ["rain", "falls"]
