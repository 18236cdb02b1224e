"""Passages that a model reads whole, whatever the text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rankladder import Reranker
from rankladder.errors import BadOption
from rankladder.rerank import ModelTokens, open_tokens
from rankladder.textfiles import read_documents

WORDS = "rain falls when Sunlight is scattered; e-mail x1y2z http://a.b/c?d=e 中文 ไทย é́ 👩‍👩‍👧".split()
LONG = ["中" * 30, "a1+" * 40, "word " * 60, "    x = 1\n"]
PROSE = st.lists(
    st.sampled_from(
        [*WORDS, ". ", "\n", "\n\n", "\n- ", "\n| a | b |", "。", "中" * 30, "a1+" * 40, "word " * 60, "    x = 1\n"]
    ),
    max_size=60,
).map(" ".join)


@pytest.fixture(params=["bert", "ettin"])
def tokens(request: pytest.FixtureRequest) -> ModelTokens:
    found = open_tokens(request.getfixturevalue(request.param), max_tokens=64)
    assert found is not None
    return found


def test_they_are_those_of_the_opened_model(bert: Path) -> None:
    opened, light = Reranker.open(bert, max_tokens=64).tokens, open_tokens(bert, max_tokens=64)
    assert opened is not None
    assert light is not None
    for name in ("model", "tokenizer", "max_tokens", "passage_tokens", "room"):
        assert getattr(opened, name) == getattr(light, name)


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.rst", "a.html"])
def test_no_passage_is_longer_than_the_ruler_and_no_word_is_lost(
    name: str, tokens: ModelTokens, tmp_path_factory: pytest.TempPathFactory
) -> None:
    ruler, fresh = tokens.ruler(tokens.passage_tokens), open_tokens(tokens.model)
    assert fresh is not None

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(PROSE)
    def check(text: str) -> None:
        file = tmp_path_factory.mktemp("p") / name
        file.write_text(f"Top\n===\n\n{text}", encoding="utf-8")
        found = list(read_documents(file, ruler=ruler))
        assert all(size <= ruler.most for size in ruler.sizes([one.full_text for one in found]))
        assert len({one.id for one in found}) == len(found)
        for kept, one in zip(tokens.encode(found), found, strict=True):  # made of the ids that were measured
            assert kept.ids.tolist() == fresh.encode([one])[0].ids.tolist()
        if name == "a.txt":
            assert "".join("".join(one.text.split()) for one in found) == f"Top==={''.join(text.split())}"

    check()


def test_an_ordinary_query_leaves_every_passage_whole(bert: Path, tmp_path: Path) -> None:
    reranker = Reranker.open(bert, max_tokens=96)
    assert reranker.tokens is not None
    (tmp_path / "a.md").write_text("# Rain\n\n" + "\n\n".join("It falls. " * count for count in range(1, 60)))
    found = list(read_documents(tmp_path, ruler=reranker.tokens.ruler(reranker.tokens.passage_tokens)))
    ranking = reranker.rank("why is " * 11, found)
    assert not any(hit.truncated for hit in ranking)
    assert max(hit.reading.document_kept for hit in ranking if hit.reading) > 50


def test_words_are_never_cut_but_where_one_alone_is_too_long(bert: Path, tmp_path: Path) -> None:
    tokens = open_tokens(bert, max_tokens=32)
    assert tokens is not None
    text = " ".join(f"unbreakable{number} and-more-of-it" for number in range(200))
    (tmp_path / "a.txt").write_text(text)
    found = list(read_documents(tmp_path, ruler=tokens.ruler(20)))
    assert [word for one in found for word in one.text.split()] == text.split()
    (tmp_path / "a.txt").write_text("rain " + "a1+" * 500)
    assert "".join(one.text for one in read_documents(tmp_path, ruler=tokens.ruler(20))) == "rain" + "a1+" * 500


def test_chinese_is_cut_after_its_signs_and_never_before_them(bert: Path, tmp_path: Path) -> None:
    tokens = open_tokens(bert, max_tokens=32)
    assert tokens is not None
    (tmp_path / "a.txt").write_text("中文資料，" * 100, encoding="utf-8")
    found = list(read_documents(tmp_path, ruler=tokens.ruler(20)))
    assert "".join(one.text for one in found) == "中文資料，" * 100
    assert not any(one.text.startswith("，") for one in found)


def test_a_title_is_counted_and_one_that_is_too_long_is_shortened_and_kept(bert: Path, tmp_path: Path) -> None:
    tokens = open_tokens(bert, max_tokens=64)
    assert tokens is not None
    ruler = tokens.ruler(40)
    heading = " ".join(f"word{number}" for number in range(30))
    (tmp_path / "a.md").write_text(f"# T\n\n## {heading}\n\n" + "Rain falls. " * 30)
    found = list(read_documents(tmp_path, ruler=ruler))
    assert max(ruler.sizes([one.full_text for one in found])) <= 40
    named = [one for one in found if one.title.endswith("…")]
    assert named
    assert {one.metadata["line"] for one in named} == {5}
    assert set(heading.split()) <= {word for one in found for word in one.text.split()}


def test_a_model_that_reads_much_still_gets_passages_of_one_thought(ettin: Path) -> None:
    tokens = open_tokens(ettin)
    assert tokens is not None
    assert tokens.passage_tokens <= 256


@pytest.mark.parametrize("tokens_read", [8, 9, 12, 40, 512])
def test_there_is_room_for_a_query_at_every_limit(bert: Path, tokens_read: int) -> None:
    tokens = open_tokens(bert, max_tokens=min(tokens_read, open_tokens(bert).max_tokens))  # type: ignore[union-attr]
    assert tokens is not None
    assert 0 < tokens.passage_tokens < tokens.max_tokens - 3


def test_ids_are_those_of_the_reranker(bert: Path) -> None:
    from rankladder import Document

    documents = [Document("a", "rain falls", title="Why"), Document("b", "")]
    light, opened = open_tokens(bert), Reranker.open(bert)
    assert light is not None
    for one, other in zip(light.encode(documents), opened.encode(documents), strict=True):
        assert one == other
        assert np.array_equal(one.ids, other.ids)
        assert one.tokenizer == other.tokenizer


def test_a_ruler_and_words_exclude_each_other(bert: Path, tmp_path: Path) -> None:
    tokens = open_tokens(bert)
    assert tokens is not None
    with pytest.raises(BadOption, match="exclude"):
        read_documents(tmp_path, passage_words=50, ruler=tokens.ruler(50))


def test_the_places_of_tokens_are_searched_without_a_copy(bert: Path) -> None:
    """numpy copies an array of another type, or with gaps, at each search: a long text then took quadratic time."""
    tokens = open_tokens(bert)
    assert tokens is not None
    laid = tokens.ruler(64).lay("rain falls from clouds " * 50)
    assert laid._starts.flags.c_contiguous
    assert laid._starts.dtype == np.intp
    assert laid.size(0, 1150) == len(laid._starts)
