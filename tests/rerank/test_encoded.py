"""Kept token ids are read in place of text, with the same score to the bit."""

from __future__ import annotations

from dataclasses import replace
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
    tokenise = reranker.scorer.reader.tokenise
    monkeypatch.setattr(reranker.scorer.reader, "tokenise", lambda texts: seen.extend(texts) or tokenise(texts))
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


@pytest.mark.parametrize("changed", ["text", "ids"])
def test_passages_of_ids_that_are_not_the_texts_are_refused(bert: Path, changed: str) -> None:
    reranker = Reranker.open(bert)
    (encoded,) = reranker.encode([Document("a", "why " * 2000)])
    wrong = replace(encoded, text="short") if changed == "text" else replace(encoded, ids=encoded.ids[:-7])
    with pytest.raises(BadInput, match=r"'a': it carries \d+ token ids, and its text has \d+ tokens\nhint: encode"):
        reranker.rank("rain", [wrong], long="passages")


@pytest.mark.parametrize("kept", [True, False])
def test_a_long_document_is_tokenised_for_its_passages_once_for_all_its_queries(
    kept: bool, bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reranker = Reranker.open(bert)
    documents = [Document(str(place), text) for place, text in enumerate(TEXTS)]
    tasks = [(query, reranker.encode(documents) if kept else documents) for query in ("rain", "sky", "why")]
    alone = [reranker.rank(*task, long="passages") for task in tasks]
    seen: list[str] = []
    offsets = reranker.scorer.reader.offsets
    monkeypatch.setattr(reranker.scorer.reader, "offsets", lambda text: seen.append(text) or offsets(text))
    together = reranker.rank_many(tasks, long="passages")
    assert seen == [TEXTS[2]]
    assert [list(ranking) for ranking in together] == [list(ranking) for ranking in alone]


def test_an_index_keeps_token_ids_and_search_reads_them(
    bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reranker = Reranker.open(bert)
    (tmp_path / "documents.txt").write_text("\n\n".join(f"rain {text}" for text in TEXTS))
    build_index([tmp_path / "documents.txt"], tmp_path / "with", tokens_for=reranker)
    build_index([tmp_path / "documents.txt"], tmp_path / "without", passages_for=reranker)
    with open_index(tmp_path / "with") as kept, open_index(tmp_path / "without") as plain:
        expected = search("rain", plain, reranker)
        monkeypatch.setattr(reranker.scorer.reader, "tokenise", _only(reranker, "rain"))
        found = search("rain", kept, reranker)
        assert all(isinstance(one, EncodedDocument) for one in kept.retrieve(Query("q", "rain"), k=5).documents)
    assert [(h.document.id, h.score) for h in found.ranking] == [(h.document.id, h.score) for h in expected.ranking]


def _only(reranker: Reranker, text: str) -> object:
    tokenise = reranker.scorer.reader.tokenise

    def watched(texts: list[str]) -> object:
        assert list(texts) in ([text], [])
        return tokenise(texts)

    return watched


def test_token_ids_are_stored_with_what_is_read_and_the_rest_is_read_as_text(bert: Path, tmp_path: Path) -> None:
    reranker = Reranker.open(bert)
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "a.txt").write_text("rain falls")
    build_index([folder], tmp_path / "index", passages_for=reranker)
    (folder / "b.txt").write_text("rain condenses")
    build_index([folder], tmp_path / "index", tokens_for=reranker)
    with open_index(tmp_path / "index") as index:
        found = index.retrieve(Query("q", "rain"), k=5)
        result = search("rain", index, reranker)
    kinds = {document.metadata["file"]: type(document) for document in found.documents}
    assert kinds == {"a.txt": Document, "b.txt": EncodedDocument}
    assert {h.document.id: h.score for h in result.ranking} == {
        h.document.id: h.score
        for h in reranker.rank("rain", [Document(d.id, d.text, d.title) for d in found.documents])
    }
