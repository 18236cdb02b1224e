"""What Sentence Transformers runs for us scores as it does there, and as the publishers' own code does."""

from __future__ import annotations

import random
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from checkpoints import (
    TEXT,
    copied,
    write_bert,
    write_causal,
    write_deberta,
    write_ettin,
    write_modernbert_classifier,
    write_xlm_roberta,
)
from rankladder import Document, Reranker
from rankladder.rerank import PairsTruncated
from rankladder.rerank.sentence.prompts import MXBAI, QWEN3

sentence_transformers = pytest.importorskip("sentence_transformers")

WORDS = TEXT.split()
PAIR = ("What is a reranker?", "A cross-encoder reads the query and the document together.")


def texts(seed: int, count: int, longest: int) -> list[tuple[str, str]]:
    """Pairs of every length from an empty document on, some ending where a tokenizer could join them to a prompt."""
    rng = random.Random(seed)
    return [
        (
            " ".join(rng.choices(WORDS, k=rng.randint(1, 12))) + rng.choice(["", "?", "!\n", " "]),
            rng.choice(["", " ", "\n"]) + " ".join(rng.choices(WORDS, k=rng.randint(0, longest))),
        )
        for _ in range(count)
    ]


def scores(reranker: Reranker, pairs: list[tuple[str, str]]) -> NDArray[np.float32]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PairsTruncated)
        return reranker.predict(pairs)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """The tiny networks gain nothing by more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def opened(folder: Path, **options: Any) -> Reranker:
    return Reranker.open(folder, device="cpu", threads=1, **options)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("foreign")
    return {
        "deberta-v2": write_deberta(place / "deberta"),
        "xlm-roberta": write_xlm_roberta(place / "xlm-roberta"),
        "qwen2": write_causal(place / "qwen2", "qwen2"),
        "qwen3": write_causal(place / "qwen3", "qwen3", tied=False),
    }


@pytest.mark.parametrize("kind", ["deberta-v2", "xlm-roberta"])
def test_classifiers_equal_cross_encoder_over_random_lengths(models: dict[str, Path], kind: str) -> None:
    pairs = texts(1, 24, 160)
    reranker = opened(models[kind])
    model = sentence_transformers.CrossEncoder(str(models[kind]), activation_fn=torch.nn.Identity(), device="cpu")
    ours = scores(reranker, pairs)
    assert np.abs(ours - model.predict(pairs)).max() < 1e-4
    assert ours.dtype == np.float32
    assert ours.std() > 0.1
    cuts = [hit.truncated for hit in reranker.rank("q", [document for _, document in pairs])]
    assert any(cuts)
    assert not all(cuts)


@pytest.mark.parametrize("kind", ["bert", "modernbert", "ettin"])
def test_what_is_loaded_natively_may_be_run_there_too(tmp_path: Path, kind: str) -> None:
    write = {"bert": write_bert, "modernbert": write_modernbert_classifier, "ettin": write_ettin}[kind]
    folder = write(tmp_path / kind)
    pairs = texts(2, 12, 60)
    theirs = scores(opened(folder, engine="sentence-transformers"), pairs)
    native = opened(folder, dtype="fp32")
    assert np.abs(scores(native, pairs) - theirs).max() < 1e-4
    assert "engine onnx" in native.about


def by_mxbai(model: Any, tokenizer: Tokenizer, query: str, document: str, *, longest: int) -> float:
    """The score as mxbai-rerank 0.1.6 computes it (MxbaiRerankV2.prepare_inputs and forward), written again: left
    padding to a multiple of 8, no positions given, the difference of two of all logits.
    """

    def ids(text: str) -> list[int]:
        found: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
        return found

    prefix = ids(
        "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n"
        "<|im_start|>user\n"
    )
    task = ids(
        "You are a search relevance expert who evaluates how well documents match search queries. For each "
        "query-document pair, carefully analyze the semantic relationship between them, then provide your binary "
        "relevance judgment (0 for not relevant, 1 for relevant).\nRelevance:"
    )
    suffix, sep = ids("<|im_end|>\n<|im_start|>assistant\n"), ids("\n")
    longest -= len(prefix) + len(task) + len(suffix) + len(sep)
    first = ids(f"query: {query}")[: longest * 3 // 4]
    second = [*sep, *ids(f"document: {document}")]
    row = [*prefix, *first, *second[: longest - len(first)], *sep, *task, *suffix]
    padding = -len(row) % 8
    with torch.inference_mode():
        logits = model(
            input_ids=torch.tensor([[0] * padding + row]), attention_mask=torch.tensor([[0] * padding + [1] * len(row)])
        ).logits[0, -1]
    return float(logits[ids("1")[0]] - logits[ids("0")[0]])


@pytest.mark.parametrize("longest", [1024, 300])
def test_qwen2_scores_as_mxbai_rerank_v2_does(models: dict[str, Path], longest: int) -> None:
    reranker = opened(models["qwen2"], max_tokens=longest)
    network = reranker.scorer.checkpoint  # type: ignore[attr-defined]
    model = transformers_model(models["qwen2"])
    pairs = [*texts(3, 10, 150), (" ".join(WORDS * 3), PAIR[1])]
    expected = [by_mxbai(model, network.tokenizer, *pair, longest=longest) for pair in pairs]
    ours = scores(reranker, pairs)
    assert np.abs(ours - np.array(expected)).max() < 1e-4
    assert ours.std() > 0.1


@pytest.mark.parametrize("longest", [1024, 300])
def test_qwen2_scores_as_the_publishers_package_does(
    models: dict[str, Path], monkeypatch: pytest.MonkeyPatch, longest: int
) -> None:
    package = pytest.importorskip("mxbai_rerank", reason="mxbai-rerank is not installed")
    theirs = package.MxbaiRerankV2(str(models["qwen2"]), device="cpu")
    if longest < theirs.model_max_length:
        theirs.max_length = longest - theirs.predefined_length  # theirs counts query and document alone
    if not hasattr(theirs.tokenizer, "prepare_for_model"):  # transformers 5 left it to the tokenizers in Python

        def joined(ids: list[int], pair_ids: list[int], *, max_length: int, **options: Any) -> dict[str, list[int]]:
            assert options["truncation"] == "only_second"
            return {"input_ids": [*ids, *pair_ids[: max_length - len(ids)]]}

        monkeypatch.setattr(theirs.tokenizer, "prepare_for_model", joined, raising=False)
    pairs = [*texts(3, 10, 150), (" ".join(WORDS * 3), PAIR[1])]
    ours = scores(opened(models["qwen2"], max_tokens=longest), pairs)
    expected = theirs.predict(*map(list, zip(*pairs, strict=True)))
    assert np.abs(ours - expected.numpy()).max() < 1e-4
    assert ours.std() > 0.1


def by_qwen3(model: Any, tokenizer: Tokenizer, query: str, document: str) -> float:
    """The score as the model card of Qwen3-Reranker computes it, written again: query and document as one text."""
    text = (
        "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct "
        'provided. Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n'
    )
    body = (
        "<Instruct>: Given a web search query, retrieve relevant passages that answer the query\n"
        f"<Query>: {query}\n<Document>: {document}"
    )
    end = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
    row = [token for part in (text, body, end) for token in tokenizer.encode(part, add_special_tokens=False).ids]
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([row])).logits[0, -1]
    return float(logits[tokenizer.token_to_id("yes")] - logits[tokenizer.token_to_id("no")])


def test_qwen3_scores_as_its_model_card_says(models: dict[str, Path]) -> None:
    reranker = opened(models["qwen3"])
    model = transformers_model(models["qwen3"])
    tokenizer = reranker.scorer.checkpoint.tokenizer  # type: ignore[attr-defined]
    pairs = texts(4, 10, 150)
    expected = [by_qwen3(model, tokenizer, *pair) for pair in pairs]
    assert np.abs(scores(reranker, pairs) - np.array(expected)).max() < 1e-4


@pytest.mark.parametrize("kind", ["qwen2", "qwen3"])
def test_causal_models_equal_cross_encoder_with_the_prompt_as_its_chat_template(
    models: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    prompt = {"qwen2": MXBAI, "qwen3": QWEN3}[kind]
    modules = chat_modules(models[kind], tmp_path / "chat", prompt.text("{{ Q }}", "{{ D }}"), prompt)
    pairs = texts(5, 12, 100)
    if kind == "qwen2":  # a template is tokenised as one text, where the end of a document may join what follows
        pairs = [(f"{query} why", f"{document} so") for query, document in pairs]
    theirs = modules.predict(pairs)
    assert np.abs(scores(opened(models[kind]), pairs) - theirs).max() < 1e-4
    modules.save_pretrained(str(tmp_path / "saved"), create_model_card=False)
    saved = opened(tmp_path / "saved")
    assert np.abs(scores(saved, pairs) - theirs).max() < 1e-4
    assert f"prompt of {prompt.name}" in saved.about


def transformers_model(folder: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def chat_modules(source: Path, into: Path, text: str, prompt: Any) -> Any:
    """A CrossEncoder of Transformer and LogitScore whose chat template writes ``text``."""
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.cross_encoder.modules import LogitScore

    shutil.copytree(source, into)
    template = text.replace("{{ Q }}", "{{ messages[0]['content'] }}").replace(
        "{{ D }}", "{{ (messages | selectattr('role', 'eq', 'document') | first)['content'] }}"
    )
    (into / "chat_template.jinja").write_text(template + "{{ '' }}")
    transformer = Transformer(str(into), transformer_task="text-generation")
    ids = [transformer.tokenizer.convert_tokens_to_ids(word) for word in (prompt.positive, prompt.negative)]
    return sentence_transformers.CrossEncoder(
        modules=[transformer, LogitScore(*ids)], activation_fn=torch.nn.Identity(), device="cpu"
    )


@pytest.mark.parametrize("kind", ["deberta-v2", "xlm-roberta", "qwen2", "qwen3"])
def test_scores_do_not_depend_on_batch_mates_beyond_rounding(models: dict[str, Path], kind: str) -> None:
    reranker = opened(models[kind])
    pairs = texts(6, 14, 90)
    together = scores(reranker, pairs)
    alone = np.array([scores(reranker, [pair])[0] for pair in pairs])
    backwards = scores(reranker, pairs[::-1])[::-1]
    assert np.abs(together - alone).max() < 3e-5
    assert np.abs(together - backwards).max() < 3e-5


@pytest.mark.parametrize("kind", ["deberta-v2", "xlm-roberta", "qwen2", "qwen3"])
def test_every_cut_is_reported_and_passages_read_everything(models: dict[str, Path], kind: str) -> None:
    least = {"qwen2": 300, "qwen3": 240}.get(kind, 40)
    reranker = opened(models[kind], max_tokens=least)
    document = Document("d", " ".join(WORDS))
    (cut,) = reranker.rank("why?", [document])
    (uncut,) = opened(models[kind]).rank("why?", ["Rain falls."])
    assert cut.reading is not None
    assert cut.truncated
    assert not uncut.truncated
    encoded = reranker.encode([document])[0]
    assert cut.reading.document_kept + cut.reading.document_dropped == len(encoded.ids)
    (best,) = reranker.rank("why?", [document], long="passages")
    assert not best.truncated
    assert best.reading is not None
    passage = best.reading.passage
    assert passage is not None
    assert 0 <= passage.start < passage.end <= len(document.text)
    part = scores(reranker, [("why?", document.text[passage.start : passage.end])])[0]
    assert abs(part - best.score) < (0.5 if kind == "xlm-roberta" else 0.05) or passage.number > 0


@pytest.mark.parametrize("kind", ["deberta-v2", "xlm-roberta", "qwen2", "qwen3"])
def test_encoded_documents_are_read_with_the_same_scores(models: dict[str, Path], kind: str) -> None:
    reranker = opened(models[kind])
    documents = [Document(str(n), text, title="A title") for n, (_, text) in enumerate(texts(7, 10, 60))]
    encoded = reranker.encode(documents)
    assert encoded[0].ids.dtype == np.uint16
    assert {one.tokenizer for one in encoded} == {reranker.tokenizer}
    plain = reranker.rank("what?", documents)
    assert [hit.score for hit in reranker.rank("what?", encoded)] == [hit.score for hit in plain]


def test_a_digest_says_which_scores_these_are(models: dict[str, Path], tmp_path: Path) -> None:
    one = opened(models["deberta-v2"])
    assert one.digest == opened(copied(models["deberta-v2"], tmp_path / "copy")).digest
    others = [
        opened(models["deberta-v2"], max_tokens=64),
        opened(models["deberta-v2"], dtype="bf16"),
        opened(write_deberta(tmp_path / "other", seed=1)),
    ]
    assert len({one.digest, *(other.digest for other in others)}) == 4


@pytest.mark.parametrize("kind", ["deberta-v2", "xlm-roberta", "qwen2"])
@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_sixteen_bits_stay_near_fp32(models: dict[str, Path], kind: str, dtype: Any) -> None:
    pairs = texts(8, 12, 40)
    exact = scores(opened(models[kind]), pairs)
    reranker = opened(models[kind], dtype=dtype)
    assert reranker.name.endswith(f" {dtype}")
    assert 0 < np.abs(scores(reranker, pairs) - exact).max() < (0.3 if dtype == "bf16" else 0.05)


def test_a_network_stored_in_half_is_read_exactly(tmp_path: Path) -> None:
    folder = write_xlm_roberta(tmp_path / "half", dtype=torch.float16)
    pairs = texts(9, 8, 40)
    model = sentence_transformers.CrossEncoder(
        str(folder), activation_fn=torch.nn.Identity(), device="cpu", model_kwargs={"dtype": torch.float32}
    )
    assert np.abs(scores(opened(folder), pairs) - model.predict(pairs)).max() < 1e-4
