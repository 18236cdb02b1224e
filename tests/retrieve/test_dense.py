"""Dense retrieval: vectors as Sentence Transformers makes them, exact search, and embeddings that survive on disk."""

from __future__ import annotations

import json
import mmap
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.util import semantic_search

from embedders import MINILM_PACKAGE, find_minilm, write_embedder, write_static
from rankladder.errors import (
    BadConfig,
    BadInput,
    BadOption,
    BadTensor,
    DuplicateId,
    MissingExtra,
    ModelMissing,
    PathMissing,
    UnsafeFile,
)
from rankladder.retrieve import DenseIndex, EmbeddingsNotKept, TextsCut, all_embedders, open_embedder
from rankladder.retrieve.dense import index as index_module
from rankladder.retrieve.dense.known import known_embedder
from rankladder.retrieve.dense.nearest import nearest
from rankladder.retrieve.dense.store import EmbeddingStore, text_key
from rankladder.values import Document, Query, Ranking
from word_vectors import WordEmbedder

SHARED = Path(__file__).parents[3] / "shared" / "data" / "eval" / "scifact"
WORDS = ["rain", "falls", "stocks", "sky"]
DOCUMENTS = [
    Document("a", "rain falls falls"),
    Document("b", "stocks"),
    Document("c", "sky rain", title="rain"),
    Document("d", "stocks"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    prompts = {"query": "what causes ", "document": "the answer is "}
    return write_embedder(tmp_path_factory.mktemp("embedders") / "tiny", prompts=prompts, dense=24)


@pytest.fixture
def damaged(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def ids(ranking: Ranking) -> str:
    return "".join(hit.document.id for hit in ranking)


def edited(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


# Vectors


def test_vectors_are_those_of_encode_query_and_encode_document(folder: Path) -> None:
    ours, theirs = open_embedder(folder, device="cpu"), SentenceTransformer(str(folder), device="cpu")
    queries, documents = ["why rain falls", "sky"], [Document("x", "rain falls", title="Sky"), Document("y", "")]
    np.testing.assert_allclose(ours.encode_queries(queries), theirs.encode_query(queries), atol=1e-6)
    rows = ours.encode_documents(documents)
    np.testing.assert_allclose(rows, theirs.encode_document(["Sky rain falls", ""]), atol=1e-6)
    assert (rows.dtype, rows.shape) == (np.float32, (2, 24))
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert ours.encode_queries([]).shape == (0, 24)
    assert (ours.query_prompt, ours.document_prompt) == ("what causes ", "the answer is ")


def test_a_model_that_compares_by_dot_product_is_not_normalised(tmp_path: Path) -> None:
    path = write_embedder(tmp_path / "dot", similarity="dot", normalise=False)
    rows = open_embedder(path, device="cpu").encode_queries(["rain"])
    assert abs(float(np.linalg.norm(rows)) - 1) > 0.1
    np.testing.assert_allclose(rows, SentenceTransformer(str(path), device="cpu").encode(["rain"]), atol=1e-5)
    edited(path / "config_sentence_transformers.json", similarity_fn_name="euclidean")
    with pytest.raises(BadConfig, match="euclidean; expected cosine or dot"):
        open_embedder(path, device="cpu")


def test_a_static_model_reads_texts_of_any_length(tmp_path: Path) -> None:
    path = write_static(tmp_path / "static")
    embedder = open_embedder(path, device="cpu")
    theirs = SentenceTransformer(str(path), device="cpu").encode(["rain falls"], normalize_embeddings=True)
    np.testing.assert_allclose(embedder.encode_queries(["rain falls"]), theirs, atol=1e-6)
    assert embedder.max_tokens is None
    assert not embedder.documents_cut([Document("a", "rain " * 1000)]).any()


@pytest.mark.parametrize("name", ["passage", "corpus"])
def test_a_documents_prompt_by_another_name_is_not_dropped(tmp_path: Path, name: str) -> None:
    embedder = open_embedder(
        write_embedder(tmp_path / "e5", prompts={"query": "query: ", name: "text: "}), device="cpu"
    )
    assert (embedder.query_prompt, embedder.document_prompt) == ("query: ", "text: ")


def test_a_default_prompt_that_no_side_would_get_is_refused(damaged: Path) -> None:
    config = damaged / "config_sentence_transformers.json"
    edited(config, prompts={"sts": "compare: "}, default_prompt_name="sts")
    with pytest.raises(BadConfig, match="default prompt is 'sts'"):
        open_embedder(damaged, device="cpu")


def test_a_prompt_given_stands_before_the_checkpoints_own_and_changes_the_digest(folder: Path) -> None:
    own, given = open_embedder(folder, device="cpu"), open_embedder(folder, query_prompt="", device="cpu")
    assert (given.query_prompt, given.document_prompt) == ("", own.document_prompt)
    assert given.digest != own.digest
    assert open_embedder(folder, device="cpu").digest == own.digest


def test_what_is_longer_than_the_model_reads_is_said(folder: Path) -> None:
    embedder = open_embedder(folder, device="cpu")
    prompt = len(embedder._model.tokenizer(embedder.document_prompt)["input_ids"])
    fits = [Document("a", "rain " * (embedder.max_tokens - prompt)), Document("b", "rain " * embedder.max_tokens)]
    assert embedder.documents_cut(fits).tolist() == [False, True]
    index = DenseIndex.of(fits, embedder, cache=None)
    assert index.cut == 1
    assert index.remark == f"1 of 2 documents are longer than {embedder.name} reads (32 tokens): cut"
    assert DenseIndex.of(fits[:1], embedder, cache=None).remark == ""
    with pytest.warns(TextsCut, match="1 of 2 queries"):
        index.retrieve_many([Query("q", "rain"), Query("r", "rain " * 50)], k=1)


def test_settings_that_promise_more_positions_than_there_are_are_not_believed(tmp_path: Path) -> None:
    embedder = open_embedder(write_embedder(tmp_path / "long", max_tokens=500), device="cpu")
    assert embedder.max_tokens == 64
    assert DenseIndex.of([Document("a", "rain " * 100)], embedder, cache=None).cut == 1


# The six


def test_the_six_of_the_release_are_known_by_name_and_by_id() -> None:
    prompts = {one.name: (one.query_prompt, one.document_prompt) for one in all_embedders()}
    assert prompts == {
        "static-retrieval-mrl-en-v1": ("", ""),
        "all-MiniLM-L6-v2": ("", ""),
        "bge-small-en-v1.5": ("Represent this sentence for searching relevant passages: ", ""),
        "nomic-embed-text-v1.5": ("search_query: ", "search_document: "),
        "embeddinggemma-300m": ("task: search result | query: ", "title: none | text: "),
        "jina-embeddings-v5-text-small-retrieval": ("Query: ", "Document: "),
    }
    for one in all_embedders():
        assert len(one.revision) == 40
        assert known_embedder(one.hub_id) is known_embedder(one.name) is one


@pytest.mark.parametrize("written", ["bge-small-en-v1.5", "BAAI/bge-small-en-v1.5"])
def test_a_known_embedder_is_opened_at_its_commit_with_the_prompts_of_its_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    """From the hub's cache; this checkpoint says nothing of prompts, as the published one."""
    known = known_embedder(written)
    assert known is not None
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    storage = tmp_path / f"models--{known.hub_id.replace('/', '--')}"
    write_embedder(storage / "snapshots" / known.revision)
    embedder = open_embedder(written, offline=True, device="cpu")
    assert embedder.name == "bge-small-en-v1.5"
    assert (embedder.query_prompt, embedder.document_prompt) == (known.query_prompt, "")
    assert open_embedder(written, query_prompt="", offline=True, device="cpu").query_prompt == ""


def test_a_static_embedder_is_whole_in_the_cache_without_a_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = all_embedders()[0]
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    write_static(tmp_path / f"models--{known.hub_id.replace('/', '--')}" / "snapshots" / known.revision)
    assert open_embedder(known.name, offline=True, device="cpu").name == "static-retrieval-mrl-en-v1"


@pytest.mark.parametrize("gone", ["1_Pooling/config.json", "model.safetensors", "modules.json", "tokenizer.json"])
def test_a_model_that_is_cached_in_part_is_not_on_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    known = all_embedders()[1]
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / f"models--{known.hub_id.replace('/', '--')}" / "snapshots" / known.revision
    write_embedder(snapshot)
    (snapshot / gone).unlink()
    with pytest.raises(ModelMissing, match=f"hf download {known.hub_id} --revision {known.revision}"):
        open_embedder(known.name, offline=True)


# What is refused


def test_without_the_extra_the_install_line_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rankladder.rerank.engine.find_spec", lambda module: None)
    with pytest.raises(MissingExtra, match=r"pip install 'rankladder\[dense\]'"):
        open_embedder()


def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(ModelMissing, match=r"did you mean bge-small-en-v1\.5"):
        open_embedder("bge-smal-en")
    with pytest.raises(ModelMissing, match="known: static-retrieval-mrl-en-v1"):
        open_embedder("zzz")
    with pytest.raises(BadOption, match="empty"):
        open_embedder("")
    with pytest.raises(PathMissing, match="found nothing"):
        open_embedder("./zzz")


@pytest.mark.parametrize("name", ["ettin-17m", "cross-encoder/ettin-reranker-17m-v1"])
def test_a_rerankers_name_is_sent_to_model(name: str) -> None:
    with pytest.raises(ModelMissing, match=f"{name} is a reranker, not an embedder\nhint: --model {name}"):
        open_embedder(name)


@pytest.mark.parametrize("kind", ["ettin", "bert"])
def test_a_rerankers_folder_is_refused_with_a_hint(kind: str, request: pytest.FixtureRequest) -> None:
    with pytest.raises(BadConfig, match=r"expected an embedder, found a reranker\nhint: .*--model"):
        open_embedder(request.getfixturevalue(kind))


def test_an_encoder_without_modules_is_refused(damaged: Path) -> None:
    (damaged / "modules.json").unlink()
    with pytest.raises(BadConfig, match=r"no modules\.json"):
        open_embedder(damaged)


def test_pickled_weights_are_not_opened(damaged: Path) -> None:
    (damaged / "model.safetensors").rename(damaged / "pytorch_model.bin")
    with pytest.raises(UnsafeFile, match="pickle"):
        open_embedder(damaged)


def test_code_in_the_checkpoint_is_not_run(damaged: Path) -> None:
    modules = json.loads((damaged / "modules.json").read_text())
    (damaged / "modules.json").write_text(json.dumps([{**modules[0], "type": "custom_st.Transformer"}, *modules[1:]]))
    with pytest.raises(UnsafeFile, match="code from outside"):
        open_embedder(damaged)
    (damaged / "modules.json").write_text(json.dumps([{**modules[0], "path": "../other"}, *modules[1:]]))
    with pytest.raises(UnsafeFile, match="outside the checkpoint"):
        open_embedder(damaged)
    (damaged / "modules.json").write_text(json.dumps(modules))
    edited(damaged / "2_Dense" / "config.json", activation_function="os.system")
    with pytest.raises(UnsafeFile, match=r"os\.system"):
        open_embedder(damaged)


def test_an_architecture_that_needs_code_is_refused(damaged: Path) -> None:
    (damaged / "own.py").write_text("raise SystemExit('it ran')\n")
    edited(damaged / "config.json", model_type="own", auto_map={"AutoConfig": "own.Config", "AutoModel": "own.Model"})
    with pytest.raises(BadConfig, match="no code from a checkpoint is run"):
        open_embedder(damaged, device="cpu")


@pytest.mark.parametrize(
    ("file", "key", "value", "error"),
    [
        ("sentence_bert_config.json", "query_length", 8, BadConfig),
        ("sentence_bert_config.json", "document_length", 8, BadConfig),
        ("sentence_bert_config.json", "max_seq_length", "long", BadConfig),
        ("sentence_bert_config.json", "max_seq_length", 10**30, BadConfig),
        ("tokenizer_config.json", "model_max_length", "long", BadConfig),
        ("config_sentence_transformers.json", "default_prompt_name", ["query"], BadConfig),
        ("config_sentence_transformers.json", "prompts", ["query"], BadConfig),
        ("config.json", "num_hidden_layers", 10_000_000, BadConfig),
        ("config.json", "hidden_size", "wide", BadConfig),
        ("config.json", "vocab_size", 1_000_000_000, BadTensor),
        ("config.json", "max_position_embeddings", 1_000_000_000, BadTensor),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_setting_that_would_be_ignored_or_too_large_is_refused(
    damaged: Path, file: str, key: str, value: Any, error: type[Exception]
) -> None:
    edited(damaged / file, **{key: value})
    with pytest.raises(error):
        open_embedder(damaged, device="cpu")


def test_a_tokenizer_of_another_model_is_refused(damaged: Path) -> None:
    values = json.loads((damaged / "tokenizer.json").read_text())
    values["model"]["vocab"]["beyond"] = 512
    (damaged / "tokenizer.json").write_text(json.dumps(values))
    with pytest.raises(BadConfig, match="expected token ids below 512"):
        open_embedder(damaged, device="cpu")


def test_a_panic_of_the_tokenizers_library_is_a_refusal(damaged: Path) -> None:
    """A pattern that never comes to an end makes the library give up in the middle of a text."""
    values = json.loads((damaged / "tokenizer.json").read_text())
    endless = {"type": "Split", "pattern": {"Regex": "(x+x+)+y"}, "behavior": "Isolated", "invert": False}
    values["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [endless, values["pre_tokenizer"]]}
    (damaged / "tokenizer.json").write_text(json.dumps(values))
    embedder = open_embedder(damaged, device="cpu")
    assert embedder.encode_queries(["rain"]).shape == (1, 24)
    for read in (embedder.encode_queries, embedder.queries_cut):
        with pytest.raises(BadInput, match="its tokenizer fails on one of 1 texts, the first is 'xxx"):
            read(["x" * 40])


def test_an_adapter_is_refused(damaged: Path) -> None:
    (damaged / "adapter_config.json").write_text("{}")
    with pytest.raises(BadConfig, match="an adapter beside the weights"):
        open_embedder(damaged)


@pytest.mark.parametrize("which", ["embeddings.word_embeddings.weight", "encoder.layer.1.output.dense.bias"])
def test_a_weight_that_is_not_in_the_files_is_refused(damaged: Path, which: str) -> None:
    """transformers would fill it with random numbers and say so in its log."""
    weights = load_file(damaged / "model.safetensors")
    del weights[which]
    save_file(weights, damaged / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BadTensor, match=f"{which}.*found no such values"):
        open_embedder(damaged, device="cpu")


def test_a_pooler_that_is_not_in_the_files_is_not_missed(damaged: Path) -> None:
    before = open_embedder(damaged, device="cpu").encode_queries(["rain"])
    weights = {
        name: values for name, values in load_file(damaged / "model.safetensors").items() if "pooler" not in name
    }
    save_file(weights, damaged / "model.safetensors", metadata={"format": "pt"})
    np.testing.assert_array_equal(open_embedder(damaged, device="cpu").encode_queries(["rain"]), before)


def test_half_precision_weights_are_read_as_they_are_stored(damaged: Path) -> None:
    weights = {name: values.astype(np.float16) for name, values in load_file(damaged / "model.safetensors").items()}
    save_file(weights, damaged / "model.safetensors", metadata={"format": "pt"})
    assert open_embedder(damaged, device="cpu").encode_queries(["rain"]).dtype == np.float32


def test_weights_that_are_not_numbers_are_refused(damaged: Path) -> None:
    weights = load_file(damaged / "model.safetensors")
    weights["embeddings.LayerNorm.weight"][0] = np.nan
    save_file(weights, damaged / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BadTensor, match="finite"):
        open_embedder(damaged, device="cpu")


def test_a_vector_that_is_not_finite_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = open_embedder(folder, device="cpu")
    monkeypatch.setattr(embedder._model, "encode", lambda texts, **_: np.full((len(texts), 24), np.nan, np.float32))
    with pytest.raises(BadInput, match="gave document 'a' a vector that is not finite"):
        DenseIndex.of(DOCUMENTS, embedder, cache=None)
    with pytest.raises(BadInput, match="the query 'rain'"):
        embedder.encode_queries(["rain"])


def test_a_device_that_is_not_here_is_refused(folder: Path) -> None:
    with pytest.raises(BadOption, match="device must be"):
        open_embedder(folder, device="abacus")
    with pytest.raises(BadOption, match="no revisions"):
        open_embedder(folder, revision="main")


# Search


def test_dense_search_orders_by_dot_product_and_ties_by_the_documents_order() -> None:
    index = DenseIndex.of(DOCUMENTS, WordEmbedder(WORDS), cache=None)
    found = index.retrieve(Query("q", "rain falls"), k=10)
    assert [(hit.document.id, hit.score) for hit in found] == [("a", 3), ("c", 2), ("b", 0), ("d", 0)]
    assert (found.stage, index.name, len(index)) == ("dense", "dense words", 4)
    assert ids(index.retrieve(Query("q", "stocks"), k=1)) == "b"
    assert [hit.index for hit in found] == [0, 2, 1, 3]


def test_search_agrees_with_sentence_transformers() -> None:
    rng = np.random.default_rng(0)
    rows, queries = rng.normal(size=(3000, 24)).astype(np.float32), rng.normal(size=(7, 24)).astype(np.float32)
    theirs = semantic_search(
        torch.from_numpy(queries), torch.from_numpy(rows), top_k=50, score_function=lambda a, b: a @ b.T
    )
    for (places, scores), expected in zip(nearest(Matrix(rows), queries, 50), theirs, strict=True):
        assert places.tolist() == [one["corpus_id"] for one in expected]
        np.testing.assert_allclose(scores, [one["score"] for one in expected], rtol=1e-5)


class Matrix:
    def __init__(self, rows: Any) -> None:
        self.rows, self.shape = rows, rows.shape

    def take(self, places: Any) -> Any:
        return self.rows[places]


def test_equal_rows_tie_wherever_they_lie_and_parts_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    row = rng.normal(size=48).astype(np.float32)
    rows = rng.normal(size=(999, 48)).astype(np.float32) * np.float32(0.1)
    same = [0, 1, 7, 63, 64, 500, 998]
    rows[same] = row
    queries = np.stack([row, *rng.normal(size=(140, 48)).astype(np.float32)])
    whole = nearest(Matrix(rows), queries, 5)
    assert whole[0][0].tolist() == same[:5]
    assert len(set(whole[0][1])) == 1
    monkeypatch.setattr("rankladder.retrieve.dense.nearest._PART_BYTES", 4 * 48 * 100)
    for (places, scores), query, (again, others) in zip(nearest(Matrix(rows), queries, 5), queries, whole, strict=True):
        (alone,) = nearest(Matrix(rows), query[None], 5)
        assert places.tolist() == again.tolist() == alone[0].tolist()
        assert scores.tolist() == others.tolist() == alone[1].tolist()


def test_more_results_than_documents_are_all_of_them() -> None:
    index = DenseIndex.of(DOCUMENTS, WordEmbedder(WORDS), cache=None)
    assert len(index.retrieve(Query("q", "rain"), k=1000)) == 4
    assert index.retrieve_many([], k=5) == []


def test_what_cannot_be_searched_is_refused() -> None:
    embedder = WordEmbedder(WORDS)
    with pytest.raises(BadInput, match="no documents"):
        DenseIndex.of([], embedder, cache=None)
    with pytest.raises(DuplicateId, match="'a'"):
        DenseIndex.of([DOCUMENTS[0], DOCUMENTS[0]], embedder, cache=None)
    with pytest.raises(BadOption, match="k must be at least 1"):
        DenseIndex.of(DOCUMENTS, embedder, cache=None).retrieve(Query("q", "rain"), k=0)


# The cache


def test_only_what_changed_is_embedded_again(tmp_path: Path) -> None:
    embedder = WordEmbedder(WORDS)
    DenseIndex.of(DOCUMENTS, embedder, cache=tmp_path)
    assert embedder.embedded == [["a", "b", "c"]], "d has the text of b"
    changed = [*DOCUMENTS[:2], Document("c", "sky", title="rain"), Document("e", "rain falls falls")]
    index = DenseIndex.of(changed, embedder, cache=tmp_path)
    assert embedder.embedded[1:] == [["c"]], "and e that of a"
    assert ids(index.retrieve(Query("q", "falls"), k=2)) == "ae"
    DenseIndex.of(changed[::-1], WordEmbedder(WORDS), cache=tmp_path)
    other = WordEmbedder(WORDS, max_tokens=2)
    assert DenseIndex.of(changed, other, cache=tmp_path).cut == 2
    assert len(other.embedded) == 1, "another embedder's vectors are others"
    again = DenseIndex.of(changed, WordEmbedder(WORDS, max_tokens=2), cache=tmp_path)
    assert again.cut == 2, "what was cut is remembered"


def test_an_interruption_loses_at_most_the_block_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "BLOCK", 10)
    documents = [Document(str(number), f"rain {number}") for number in range(35)]

    class Interrupted(WordEmbedder):
        def encode_documents(self, block: Any) -> Any:
            if len(self.embedded) == 2:
                raise KeyboardInterrupt
            return super().encode_documents(block)

    with pytest.raises(KeyboardInterrupt):
        DenseIndex.of(documents, Interrupted(WORDS), cache=tmp_path)
    embedder = WordEmbedder(WORDS)
    index = DenseIndex.of(documents, embedder, cache=tmp_path)
    assert [len(block) for block in embedder.embedded] == [10, 5]
    assert len(index.retrieve(Query("q", "rain"), k=35)) == 35
    assert len(list(tmp_path.rglob("*.block"))) == 4


def _cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def _altered(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)


def _emptied(path: Path) -> None:
    path.write_bytes(b"")


def _another(path: Path) -> None:
    path.write_bytes(b"x" * 500)


@pytest.mark.parametrize("damage", [_cut_short, _altered, _emptied, _another])
def test_a_torn_block_is_detected_and_made_again(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    first = DenseIndex.of(DOCUMENTS, WordEmbedder(WORDS), cache=tmp_path).retrieve(Query("q", "rain falls"), k=4)
    (block,) = tmp_path.rglob("*.block")
    damage(block)
    embedder = WordEmbedder(WORDS)
    again = DenseIndex.of(DOCUMENTS, embedder, cache=tmp_path).retrieve(Query("q", "rain falls"), k=4)
    assert again == first
    assert embedder.embedded == [["a", "b", "c"]]
    assert (
        DenseIndex.of(DOCUMENTS, WordEmbedder(WORDS), cache=tmp_path).retrieve(Query("q", "rain falls"), k=4) == first
    )


def test_threads_and_processes_share_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "BLOCK", 5)
    documents = [Document(str(number), f"rain {number}") for number in range(30)]
    embedders = [WordEmbedder(WORDS) for _ in range(3)]
    threads = [
        threading.Thread(target=DenseIndex.of, args=(documents, one), kwargs={"cache": tmp_path}) for one in embedders
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    embedded = sorted(id for one in embedders for block in one.embedded for id in block)
    assert embedded == sorted(document.id for document in documents), "each once, by one of the three"
    script = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from pathlib import Path
from word_vectors import WordEmbedder
from rankladder.retrieve import DenseIndex
from rankladder.values import Document
embedder = WordEmbedder({WORDS!r})
DenseIndex.of([Document(str(n), f"rain {{n}}") for n in range(30)], embedder, cache=Path({str(tmp_path)!r}))
print(embedder.embedded)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]", "another process finds all of them"


def test_a_cache_that_cannot_be_written_is_said_and_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.warns(EmbeddingsNotKept, match="RANKLADDER_CACHE"):
        index = DenseIndex.of(DOCUMENTS, WordEmbedder(WORDS), cache=tmp_path / "file")
    assert ids(index.retrieve(Query("q", "rain falls"), k=2)) == "ac"


def test_a_cache_of_everything_is_only_read(tmp_path: Path) -> None:
    embedder = WordEmbedder(WORDS)
    DenseIndex.of(DOCUMENTS, embedder, cache=tmp_path)
    (folder,) = tmp_path.iterdir()
    (folder / ".lock").unlink(missing_ok=True)
    DenseIndex.of(DOCUMENTS, embedder, cache=tmp_path)
    assert not (folder / ".lock").exists()


def test_rows_on_disk_are_mapped_not_read(tmp_path: Path) -> None:
    store = EmbeddingStore(tmp_path, {text_key("a")})
    with store.turn():
        store.add([text_key("a")], np.ones((1, 3), np.float32), np.array([True]))
    (block,) = EmbeddingStore(tmp_path, {text_key("a")}).blocks
    assert not block.rows.flags.owndata
    assert not block.rows.flags.writeable
    assert EmbeddingStore(tmp_path, {text_key("b")}).blocks == [], "a block that nobody wants is not taken up"


def test_many_blocks_do_not_hold_as_many_files_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rankladder.retrieve.dense.store.MOST_MAPPED", 3)
    keys = [text_key(str(n)) for n in range(8)]
    store = EmbeddingStore(tmp_path, set(keys))
    with store.turn():
        for n, key in enumerate(keys):
            store.add([key], np.full((1, 3), n, np.float32), np.array([False]))
    again = EmbeddingStore(tmp_path, set(keys))
    assert {again.blocks[block].rows[row][0] for block, row in again.where.values()} == set(range(8))
    mapped = [isinstance(_owner(block.rows), mmap.mmap) for block in again.blocks]
    assert mapped == [True] * 3 + [False] * 5


def _owner(rows: object) -> object:
    """What holds an array's memory."""
    while isinstance(rows, np.ndarray | memoryview):
        rows = rows.base if isinstance(rows, np.ndarray) else rows.obj
    return rows


# The real thing


@pytest.fixture(scope="module")
def minilm() -> Path:
    path = find_minilm()
    if path is None or not (path / "modules.json").is_file():
        pytest.skip(f"all-MiniLM-L6-v2 is not here: install {MINILM_PACKAGE} or set RANKLADDER_MINILM")
    return path


def test_all_minilm_finds_what_means_the_same(minilm: Path) -> None:
    embedder = open_embedder(minilm, device="cpu")
    documents = [
        Document("a", "The stock market fell."),
        Document("b", "Automobiles need fuel."),
        Document("c", "Cats."),
    ]
    index = DenseIndex.of(documents, embedder, cache=None)
    assert ids(index.retrieve(Query("q", "cars run on petrol"), k=1)) == "b"
    theirs = SentenceTransformer(str(minilm), device="cpu").encode(["cars run on petrol"])
    np.testing.assert_allclose(embedder.encode_queries(["cars run on petrol"]), theirs, atol=1e-6)
    assert (embedder.max_tokens, embedder.width) == (256, 384)


@pytest.mark.slow
def test_all_minilm_reaches_its_published_figure_on_scifact(minilm: Path, tmp_path: Path) -> None:
    """nDCG@10 .645, as mteb reports it; some minutes on two cores."""
    if not SHARED.is_dir():
        pytest.skip("SciFact is not here")
    import ir_measures

    from rankladder.textfiles import read_documents, read_qrels, read_queries
    from rankladder.values import Run

    qrels = read_qrels(SHARED / "qrels" / "test.tsv").grades
    queries = [query for query in read_queries(SHARED / "queries.jsonl.gz") if query.id in qrels]
    index = DenseIndex.of(read_documents(SHARED / "corpus.jsonl.gz"), open_embedder(minilm), cache=tmp_path)
    run = Run.of(index.name, index.retrieve_many(queries, k=100))
    found = ir_measures.calc_aggregate([ir_measures.nDCG @ 10], qrels, run.scores)
    assert found[ir_measures.nDCG @ 10] == pytest.approx(0.645, abs=0.0015)


def test_a_folder_is_named_by_its_own_name_and_what_is_in_it(tmp_path: Path) -> None:
    first = open_embedder(write_embedder(tmp_path / "home" / "run1" / "final"), device="cpu")
    other = open_embedder(write_embedder(tmp_path / "home" / "run2" / "final", seed=1), device="cpu")
    again = open_embedder(tmp_path / "home" / "run1" / "." / "final", device="cpu")
    assert first.name.startswith("final@")
    assert first.name == again.name != other.name
