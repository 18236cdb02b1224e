"""Raw documents are searched through an index that nobody had to ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from rankladder import Reranker
from rankladder.errors import PathMissing
from rankladder.rerank.scorer import TokenScorer
from rankladder.retrieve import cached_index, search
from rankladder.values import Query


@pytest.fixture
def docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RANKLADDER_CACHE", str(tmp_path / "cache"))
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("# One\n\nfirst words\n")
    return tmp_path / "docs"


def test_it_follows_the_files(docs: Path, tmp_path: Path) -> None:
    with cached_index(docs)[0] as index:
        assert index.retrieve(Query("q", "first"), k=3)[0].document.title == "One"
        assert tmp_path / "cache" in index.path.parents
    (docs / "b.md").write_text("second words")
    with cached_index(docs)[0] as index:
        assert len(index) == 2
    assert len(list((tmp_path / "cache" / "indexes").glob("*/*"))) == 1


def test_other_passage_lengths_have_their_own_index(docs: Path, tmp_path: Path) -> None:
    for words in (50, 200):
        with cached_index(docs, passage_words=words)[0] as index:
            assert index.manifest.settings.passage_words == words
    assert len(list((tmp_path / "cache" / "indexes").glob("*/*"))) == 2


def test_every_tokenizer_has_an_index_with_its_token_ids_whatever_searched_before(
    docs: Path, bert: Path, ettin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached_index(docs)[0].close()
    for model in (bert, ettin, bert):
        reranker = Reranker.open(model, threads=1)
        assert isinstance(reranker.scorer, TokenScorer)
        reader = reranker.scorer.reader
        with cached_index(docs, tokens_for=reranker)[0] as index, monkeypatch.context() as patch:
            seen: list[str] = []
            tokenise = reader.tokenise
            patch.setattr(reader, "tokenise", lambda texts, seen=seen, of=tokenise: seen.extend(texts) or of(texts))
            assert len(search("first", index, reranker).ranking) == 1
            assert seen == ["first"]


def test_a_cache_that_cannot_be_written_is_done_without(
    docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RANKLADDER_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.warns(RuntimeWarning, match="RANKLADDER_CACHE"):
        index, report = cached_index(docs)
    assert report.documents == 1
    folder = index.path
    assert folder.exists()
    with index:
        assert len(index.retrieve(Query("q", "words"), k=3)) == 1
    assert not folder.exists()


def test_a_missing_path_is_an_error_and_no_reason_to_fall_back(docs: Path) -> None:
    with pytest.raises(PathMissing):
        cached_index(docs / "nowhere")
