"""A long text in pieces gives the token ids, and the places, of the whole."""

from __future__ import annotations

import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from checkpoints import byte_level_tokenizer, qwen_tokenizer, unigram_tokenizer, word_piece_tokenizer
from rankladder.rerank import Reranker, encoding, segments
from rankladder.rerank.encoding import TextEncoder
from rankladder.rerank.segments import Cutter


def plain(tokenizer: object) -> Tokenizer:
    copy = Tokenizer.from_str(tokenizer._tokenizer.to_str())  # type: ignore[attr-defined]
    copy.no_truncation()
    copy.no_padding()
    return copy


def changed(tokenizer: Tokenizer, **parts: object) -> Tokenizer:
    copy = Tokenizer.from_str(tokenizer.to_str())
    for name, part in parts.items():
        setattr(copy, name, part)
    return copy


def with_added(tokenizer: Tokenizer, *tokens: AddedToken) -> Tokenizer:
    copy = Tokenizer.from_str(tokenizer.to_str())
    copy.add_tokens(list(tokens))
    return copy


PIECE, BYTES, UNIGRAM, QWEN = (
    plain(make(128)) for make in (word_piece_tokenizer, byte_level_tokenizer, unigram_tokenizer, qwen_tokenizer)
)
KNOWN = {
    "wordpiece": PIECE,
    "cased": changed(PIECE, normalizer=normalizers.BertNormalizer(lowercase=False, handle_chinese_chars=False)),
    "short words": changed(PIECE, model=models.WordPiece(PIECE.get_vocab(), unk_token="[UNK]")),
    "strips left": with_added(PIECE, AddedToken("[KEY]", lstrip=True, normalized=False)),
    "bytes": BYTES,
    "blanks are tokens": with_added(BYTES, AddedToken("  ", normalized=True), AddedToken("|||IP|||"), AddedToken("a1")),
    "prefix": changed(BYTES, pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=True)),
    "unigram": UNIGRAM,
    "stripped": changed(UNIGRAM, normalizer=normalizers.Sequence([normalizers.Strip(), normalizers.NFKC()])),
    "qwen": QWEN,
}
UNKNOWN = {
    "another expression": changed(QWEN, pre_tokenizer=pre_tokenizers.Split("a", "isolated")),
    "one word": changed(UNIGRAM, pre_tokenizer=pre_tokenizers.Metaspace(split=False)),
    "prepended": changed(UNIGRAM, normalizer=normalizers.Prepend("_")),
    "a token with a blank": with_added(PIECE, AddedToken("new york")),
    "strips right": with_added(PIECE, AddedToken("key", rstrip=True)),
}
SIGNS = "ab e1 9.,;/+=-'\"|[]()<>\n\t\u00e9\u0301\u4e2d\u6587\uff0c\u3002\u0645\u0e44\ufb01\u2026\u00a0\u200d\ud800"
WORDS = ["rain", " falls", "it's", " [MASK]", "   [KEY] ", "|||IP|||", "  ", "a1", "'ll", "A1b2", "\n\n", "</s>"]
TEXTS = st.lists(st.sampled_from(WORDS) | st.text(alphabet=SIGNS, max_size=12) | st.text(max_size=4), max_size=40).map(
    "".join
)


@pytest.mark.parametrize("name", KNOWN)
def test_pieces_are_read_as_the_whole(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = KNOWN[name]
    monkeypatch.setattr(encoding, "PIECE", 1)
    monkeypatch.setattr(segments, "_LONGEST_WORD", 110)
    whole, parts = TextEncoder(tokenizer), TextEncoder(tokenizer)
    cutter = Cutter(tokenizer)
    assert cutter.places is not None
    monkeypatch.setattr(cutter, "pieces", lambda text, of=cutter.pieces: of(text, length=3))
    parts.__dict__["_cutter"] = cutter
    whole.__dict__["_cutter"] = Cutter(UNKNOWN["one word"])

    @settings(max_examples=120, deadline=None)
    @given(TEXTS)
    def check(text: str) -> None:
        assert parts.ids([text])[0].tolist() == whole.ids([text])[0].tolist()
        assert parts.places(text).tolist() == whole.places(text).tolist()

    check()


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_tokenizer_that_is_not_understood_reads_whole_texts(name: str) -> None:
    text = "rain falls, 1 2 3. " * 5_000
    assert Cutter(UNKNOWN[name]).pieces(text).texts == (text,)


@pytest.mark.parametrize("name", ["wordpiece", "bytes", "unigram", "qwen"])
@pytest.mark.parametrize("unit", ["word ", "rain.", "x1y2z/3+", "Rain falls, why? It's 42.\n"])
def test_ordinary_text_is_cut(name: str, unit: str) -> None:
    text = (unit * 20_000)[:100_000]
    pieces = Cutter(KNOWN[name]).pieces(text).texts
    assert "".join(pieces) == text
    assert name == "unigram" or max(map(len, pieces)) < 3 * segments.PIECE


@pytest.mark.parametrize("unit", [".", "\u4e2d", "word ", "a", "\u00e9", "\n", "0123456789abcdef"])
def test_a_text_without_blanks_is_cut_for_wordpiece(unit: str) -> None:
    text = f"rain {unit * (100_000 // len(unit))} falls"
    pieces = Cutter(PIECE).pieces(text)
    assert max(map(len, pieces.texts)) < 3 * segments.PIECE
    assert TextEncoder(PIECE).ids([text])[0].tolist() == PIECE.encode(text, add_special_tokens=False).ids
    assert (
        TextEncoder(PIECE).places(text).tolist()
        == np.array(PIECE.encode(text, add_special_tokens=False).offsets).tolist()
    )


@pytest.mark.parametrize("model", ["bert", "ettin"])
@pytest.mark.parametrize("long", ["truncate", "passages"])
def test_a_long_document_scores_as_it_does_whole(
    model: str, long: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    reranker = Reranker.open(request.getfixturevalue(model))
    texts = ["Rain falls, why? It's 42.\n" * 900, "short", "x1/" * 9_000]
    in_pieces = reranker.rank("why is rain", texts, long=long)  # type: ignore[arg-type]
    monkeypatch.setattr(Cutter, "pieces", lambda _cutter, text: segments.Pieces((text,), (0,)))
    assert list(reranker.rank("why is rain", texts, long=long)) == list(in_pieces)  # type: ignore[arg-type]


def test_the_tokenizer_is_never_given_much_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []

    class Watched:
        def __getattr__(self, name: str) -> object:
            return getattr(PIECE, name)

        def encode_batch_fast(self, texts: list[str], **options: bool) -> object:
            given.append(sum(map(len, texts)))
            return PIECE.encode_batch_fast(texts, **options)

    TextEncoder(Watched()).ids(["word " * 200_000, "a", *["rain. " * 1_000] * 50])  # type: ignore[arg-type]
    assert sum(given) >= 1_300_000
    assert max(given) <= 18 * segments.PIECE


def test_python_holds_little_more_than_ids() -> None:
    text = "word. " * 200_000
    tracemalloc.start()
    (ids,) = TextEncoder(PIECE).ids([text])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * ids.nbytes + 4 * len(text) + 8_000_000


def test_places_are_found_quickly_where_there_are_none() -> None:
    assert re.compile(Cutter(BYTES).places.pattern).search("." * 1_000_000) is None  # type: ignore[union-attr]
