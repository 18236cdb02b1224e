"""Kept token ids are read in place of text, with the same score to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rankladder import Document, Reranker
from rankladder.errors import BadInput
from rankladder.rerank import EncodedDocument
from rankladder.retrieve import build_index, open_index, search
from rankladder.values import Query

TEXTS = ["Rain falls when vapour condenses.", "", "why " * 900, "The sky is blue, שלום 👩‍👩‍👧", "Ünïcode rain"]


@pytest.mark.parametrize("model", ["ettin", "bert"])
@pytest.mark.parametrize("long", ["truncate", "passages"])
def test_ids_score_as_their_text_does(model: str, long: str, request: pytest.FixtureRequest) -> None:
    reranker = Reranker.open(request.getfixturevalue(model))
    documents = [Document(str(i), text, title="Rain" * (i % 2)) for i, text in enumerate(TEXTS)]
    encoded = reranker.encode(documents)
    assert all(one.ids.dtype == np.uint16 for one in encoded)
    for query in ("why is the sky blue", "rain"):
        plain = reranker.rank(query, documents, long=long)  # type: ignore[arg-type]
        kept = reranker.rank(query, encoded, long=long)  # type: ignore[arg-type]
        assert [(h.document.id, h.score, h.reading) for h in plain] == [
            (h.document.id, h.score, h.reading) for h in kept
        ]


def test_nothing_is_tokenised_twice(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reranker = Reranker.open(bert)
    encoded = reranker.encode(TEXTS)
    seen: list[str] = []
    tokenise = reranker.reader.tokenise
    monkeypatch.setattr(reranker.reader, "tokenise", lambda texts: seen.extend(texts) or tokenise(texts))
    reranker.rank("rain", encoded)
    assert seen == ["rain"]


def test_ids_of_another_tokenizer_are_not_read(bert: Path, ettin: Path) -> None:
    ours, theirs = Reranker.open(bert), Reranker.open(ettin)
    scores = [hit.score for hit in ours.rank("rain", theirs.encode(TEXTS))]
    assert scores == [hit.score for hit in ours.rank("rain", TEXTS)]


def test_an_id_out_of_the_vocabulary_is_refused(bert: Path) -> None:
    reranker = Reranker.open(bert)
    wrong = EncodedDocument("a", "rain", ids=np.array([5, 60_000], dtype=np.uint16), tokenizer=reranker.tokenizer)
    with pytest.raises(BadInput, match="'a': token id 60000 is not among"):
        reranker.rank("rain", [wrong])


def test_an_index_keeps_token_ids_and_search_reads_them(
    bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reranker = Reranker.open(bert)
    (tmp_path / "documents.txt").write_text("\n\n".join(f"rain {text}" for text in TEXTS))
    build_index([tmp_path / "documents.txt"], tmp_path / "with", tokens_for=reranker)
    build_index([tmp_path / "documents.txt"], tmp_path / "without")
    with open_index(tmp_path / "with") as kept, open_index(tmp_path / "without") as plain:
        expected = search("rain", plain, reranker)
        monkeypatch.setattr(reranker.reader, "tokenise", _only(reranker, "rain"))
        found = search("rain", kept, reranker)
        assert all(isinstance(one, EncodedDocument) for one in kept.retrieve(Query("q", "rain"), k=5).documents)
    assert [(h.document.id, h.score) for h in found.ranking] == [(h.document.id, h.score) for h in expected.ranking]


def _only(reranker: Reranker, text: str) -> object:
    tokenise = reranker.reader.tokenise

    def watched(texts: list[str]) -> object:
        assert list(texts) == [text]
        return tokenise(texts)

    return watched


def test_an_index_with_and_without_token_ids_is_rebuilt_when_that_changes(bert: Path, tmp_path: Path) -> None:
    (tmp_path / "documents.txt").write_text("rain falls")
    build_index([tmp_path / "documents.txt"], tmp_path / "index")
    build_index([tmp_path / "documents.txt"], tmp_path / "index", tokens_for=Reranker.open(bert))
    with open_index(tmp_path / "index") as index:
        assert index.manifest.settings.tokenizer == Reranker.open(bert).tokenizer
        (document,) = index.retrieve(Query("q", "rain"), k=5).documents
    assert isinstance(document, EncodedDocument)
    assert len(document.ids) > 0
