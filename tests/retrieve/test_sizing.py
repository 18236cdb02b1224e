"""An index says how long its passages are, and for which model; another length is another index."""

from __future__ import annotations

from pathlib import Path

import pytest

from rankladder import Reranker
from rankladder.errors import BadOption, ModelMissing
from rankladder.rerank import EncodedDocument, open_tokens
from rankladder.retrieve import Sizing, build_index, cached_index, open_index, ruler_of
from rankladder.values import Query


@pytest.fixture
def docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RANKLADDER_CACHE", str(tmp_path / "cache"))
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("# Rain\n\n" + "Rain falls when vapour condenses. " * 200)
    return tmp_path / "docs"


def test_passages_are_made_for_the_box_unless_another_model_is_named(docs: Path, bert: Path, tmp_path: Path) -> None:
    reranker, box = Reranker.open(bert, max_tokens=64), open_tokens()
    assert box is not None
    build_index([docs], tmp_path / "box")
    build_index([docs], tmp_path / "bert", passages_for=reranker)
    build_index([docs], tmp_path / "kept", tokens_for=reranker)
    expected = Sizing(0, box.passage_tokens, box.tokenizer, "box", box.max_tokens)
    with open_index(tmp_path / "box") as index:
        assert index.manifest.sizing == expected
    for name in ("bert", "kept"):
        with open_index(tmp_path / name) as index:
            assert index.manifest.sizing == Sizing(0, 46, reranker.tokenizer, str(bert), 64)
            assert not any(hit.truncated for hit in reranker.rank("why does it rain", index.documents()))


def test_another_length_builds_anew_and_the_same_one_does_not(docs: Path, bert: Path, tmp_path: Path) -> None:
    narrow, wide = Reranker.open(bert, max_tokens=64), Reranker.open(bert)
    into = tmp_path / "ix"
    assert build_index([docs], into, passages_for=narrow).added == 1
    assert build_index([docs], into, passages_for=narrow, passage_tokens=46).unchanged == 1
    assert build_index([docs], into, passages_for=wide).changed == 1
    assert build_index([docs], into, passages_for=wide, passage_tokens=20).changed == 1
    assert build_index([docs], into, passage_words=20).changed == 1


def test_a_length_is_in_words_or_in_tokens(docs: Path, bert: Path, tmp_path: Path) -> None:
    reranker = Reranker.open(bert)
    with pytest.raises(BadOption, match="exclude each other"):
        build_index([docs], tmp_path / "ix", passage_words=50, passage_tokens=50)
    with pytest.raises(BadOption, match="exclude each other"):
        build_index([docs], tmp_path / "ix", passage_words=50, passages_for=reranker)
    with pytest.raises(BadOption, match="at least 16, got 15"):
        build_index([docs], tmp_path / "ix", passage_tokens=15)
    build_index([docs], tmp_path / "ix", passage_words=50, tokens_for=reranker)
    with open_index(tmp_path / "ix") as index:
        assert isinstance(index.documents()[0], EncodedDocument)
        assert index.manifest.sizing == Sizing(50)


def test_without_a_model_the_index_that_was_used_last_is_taken_and_kept_up_to_date(docs: Path, bert: Path) -> None:
    reranker = Reranker.open(bert, max_tokens=64)
    cached_index(docs)[0].close()
    with cached_index(docs, passages_for=reranker, tokens_for=reranker)[0] as index:
        used = index.path
    (docs / "b.md").write_text("Sunlight is scattered. " * 100)
    index, report = cached_index(docs, any_kept=True)
    with index:
        assert index.path == used
        assert (report.added, report.unchanged) == (1, 1)
        found = index.retrieve(Query("q", "sunlight"), k=5).documents
        assert found
        assert all(isinstance(one, EncodedDocument) for one in found)
    with cached_index(docs, passages_for=reranker, tokens_for=reranker)[0] as again:
        assert again.path == used
        assert len(again) == report.documents
    assert len(list(used.parent.iterdir())) == 2


def test_where_nothing_is_kept_the_default_is_built(docs: Path) -> None:
    with cached_index(docs, any_kept=True)[0] as index, cached_index(docs)[0] as again:
        assert index.path == again.path
        assert index.manifest.sizing.model == "box"


def test_an_index_of_a_model_that_is_gone_is_left_alone(docs: Path, bert: Path, tmp_path: Path) -> None:
    import shutil

    moved = tmp_path / "model"
    shutil.copytree(bert, moved)
    reranker = Reranker.open(moved)
    with cached_index(docs, passages_for=reranker)[0] as index:
        used, sizing = index.path, index.manifest.sizing
    shutil.rmtree(moved)
    with cached_index(docs, any_kept=True)[0] as index:
        assert index.path != used
    with pytest.raises(Exception, match="model"):
        ruler_of(sizing)


def test_a_ruler_of_another_tokenizer_is_refused(docs: Path, bert: Path) -> None:
    with pytest.raises(ModelMissing, match="tokenizer has changed since"):
        ruler_of(Sizing(0, 40, "0" * 64, str(bert), 64))
