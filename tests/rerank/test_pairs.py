"""Framing and truncation are the tokenizer's own, to the token."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from rankladder.checkpoint import open_checkpoint
from rankladder.errors import BadConfig, BadOption
from rankladder.rerank.pairs import Frame, PairReader, longest_first, passage_starts
from rankladder.surrogates import encodable

WORDS = "rain falls when water vapour condenses why is the sky blue git reset soft".split()


def test_longest_first_is_the_tokenizers_rule(bert: Path) -> None:
    tokenizer = open_checkpoint(bert).tokenizer
    one = tokenizer.encode("rain", add_special_tokens=False)
    assert len(one.ids) == 1
    cutter = Tokenizer.from_str(tokenizer.to_str())
    for max_tokens in range(5, 17):
        cutter.enable_truncation(max_tokens, strategy="longest_first")
        for query in range(15):
            for document in range(15):
                ids = cutter.encode(" ".join(["rain"] * query), " ".join(["rain"] * document))
                parts = [
                    sum(s == k and not m for s, m in zip(ids.type_ids, ids.special_tokens_mask, strict=True))
                    for k in (0, 1)
                ]
                assert list(longest_first(query, document, max_tokens - 3)) == parts, (query, document, max_tokens)


@pytest.mark.parametrize("model", ["ettin", "bert", "modernbert_cls"])
def test_a_pair_is_framed_and_cut_as_the_tokenizer_does(model: str, request: pytest.FixtureRequest) -> None:
    tokenizer = open_checkpoint(request.getfixturevalue(model)).tokenizer
    cutter = Tokenizer.from_str(tokenizer.to_str())
    texts = st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join) | st.text(max_size=60)

    @settings(max_examples=200, deadline=None)
    @given(texts, texts, st.integers(5, 64))
    def check(query: str, document: str, max_tokens: int) -> None:
        reader = PairReader(tokenizer, max_tokens=max_tokens)
        pair, reading = reader.cut(*reader.tokenise([query, document]))
        cutter.enable_truncation(max_tokens, strategy="longest_first")
        expected = cutter.encode(encodable(query), encodable(document))
        assert pair.ids.tolist() == expected.ids
        if any(expected.type_ids):  # ModernBERT has no token types
            assert pair.segments.tolist() == expected.type_ids
        whole = tokenizer.encode(encodable(query), encodable(document))
        assert reading.query_dropped + reading.document_dropped == len(whole.ids) - len(expected.ids)
        assert reading.truncated == (len(whole.ids) > max_tokens)

    check()


def test_passages_cover_every_token_once_or_in_an_overlap(bert: Path) -> None:
    reader = PairReader(open_checkpoint(bert).tokenizer, max_tokens=32)
    text = " ".join(f"{word} {number}" for number in range(40) for word in WORDS)
    query, document = reader.tokenise(["why is rain", text])
    offsets = reader.offsets(text)
    pairs = reader.passages(query, document, lambda: offsets)
    assert len(pairs) > 10
    covered = np.zeros(len(text), dtype=bool)
    for number, (pair, reading) in enumerate(pairs):
        assert len(pair.ids) <= 32
        assert reading.passage is not None
        assert (reading.passage.number, reading.passage.count) == (number, len(pairs))
        assert not reading.truncated
        start, end = reading.passage.start, reading.passage.end
        covered[start:end] = True
        inside = [
            token for token, (first, last) in zip(document, offsets, strict=True) if start <= first and last <= end
        ]
        assert pair.ids[pair.document_start : -1].tolist() == inside
    assert all(covered[place] or text[place] == " " for place in range(len(text)))


@pytest.mark.parametrize("max_tokens", [32, 33])
def test_passages_read_every_token_of_a_document_whatever_the_query(bert: Path, max_tokens: int) -> None:
    reader = PairReader(open_checkpoint(bert).tokenizer, max_tokens=max_tokens)
    for query in (1, 14, 15, 16, 40):
        for document in range(1, 60):
            ids = np.arange(document, dtype=np.int32)
            places = np.stack([ids, ids + 1], axis=1)
            pairs = reader.passages(np.full(query, 7, np.int32), ids, lambda places=places: places)
            read = {int(token) for pair, _ in pairs for token in pair.ids[pair.document_start : -1]}
            assert read == set(range(document)), (query, document)
            assert all(reading.document_dropped == 0 for _, reading in pairs)


@given(st.integers(0, 500), st.integers(1, 80), st.integers(0, 79))
def test_passage_starts_leave_no_gap(tokens: int, window: int, overlap: int) -> None:
    if overlap >= window:
        return
    starts = passage_starts(tokens, window, overlap=overlap)
    assert starts[0] == 0
    assert starts[-1] + window >= tokens
    assert starts == sorted(set(starts))
    assert all(later - earlier <= window - overlap for earlier, later in pairwise(starts))


def test_a_short_document_is_one_passage_and_reads_as_cut_reads_it(bert: Path) -> None:
    reader = PairReader(open_checkpoint(bert).tokenizer, max_tokens=64)
    query, document = reader.tokenise(["why", "rain falls"])
    ((pair, reading),) = reader.passages(query, document, lambda: reader.offsets("rain falls"))
    assert pair.ids.tolist() == reader.cut(query, document)[0].ids.tolist()
    assert reading.passage is None


@pytest.mark.parametrize("text", ["a\x00b", "\ud800lone", "שלום עולם", "👩‍👩‍👧 family", "\u202eevil", "", " \n "])
def test_any_python_text_can_be_read(text: str, ettin: Path) -> None:
    reader = PairReader(open_checkpoint(ettin).tokenizer, max_tokens=64)
    (ids,) = reader.tokenise([text])
    assert ids.dtype == np.int32


def test_a_frame_that_is_not_a_frame_is_refused(bert: Path) -> None:
    from tokenizers import processors

    tokenizer = Tokenizer.from_str(open_checkpoint(bert).tokenizer.to_str())
    tokenizer.post_processor = processors.TemplateProcessing(single="$A", pair="$B $A", special_tokens=[])
    with pytest.raises(BadConfig, match="does not frame a pair"):
        Frame.of(tokenizer)


def test_max_tokens_must_leave_room_for_the_pair(bert: Path) -> None:
    with pytest.raises(BadOption, match="max_tokens must be at least 5, got 4"):
        PairReader(open_checkpoint(bert).tokenizer, max_tokens=4)
