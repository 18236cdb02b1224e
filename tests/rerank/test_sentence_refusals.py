"""A checkpoint that transformers would load with a random weight, a surprise or somebody's code is refused whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from checkpoints import copied, write_bert, write_causal, write_deberta, write_xlm_roberta
from device_batches import score_in_batches
from rankladder import Reranker
from rankladder.checkpoint import open_checkpoint
from rankladder.checkpoint.hub import lacking
from rankladder.cli.exits import exit_status
from rankladder.errors import (
    BadConfig,
    BadInput,
    BadOption,
    BadTensor,
    CheckpointRefused,
    DeviceMemoryFull,
    MissingExtra,
    UnsafeFile,
)
from rankladder.rerank import engine
from rankladder.rerank.device.scheduling import Fetch, TokenBudget
from rankladder.rerank.pairs import TokenPair
from rankladder.rerank.sentence.batches import padded_tokens, plan_padded

pytest.importorskip("sentence_transformers")

Tensors = dict[str, torch.Tensor]

LEFT = {"direction": "Left", "max_length": 64, "strategy": "LongestFirst", "stride": 0}


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """The tiny networks gain nothing by more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rankladder.rerank.device.held.usable_cores", lambda: 1)
        yield


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("foreign")
    return {
        "deberta-v2": write_deberta(place / "deberta"),
        "xlm-roberta": write_xlm_roberta(place / "xlm-roberta"),
        "qwen2": write_causal(place / "qwen2", "qwen2"),
        "qwen3": write_causal(place / "qwen3", "qwen3"),
    }


def with_tensors(source: Path, into: Path, change: Callable[[Tensors], object]) -> Path:
    folder = copied(source, into)
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def with_config(source: Path, into: Path, file: str = "config.json", **changes: Any) -> Path:
    folder = copied(source, into)
    config = json.loads((folder / file).read_text()) if (folder / file).is_file() else {}
    (folder / file).write_text(json.dumps(config | changes))
    return folder


HEADS = {
    "deberta-v2": ["classifier.weight", "classifier.bias", "pooler.dense.weight"],
    "xlm-roberta": ["classifier.out_proj.weight", "classifier.dense.bias"],
    "qwen2": ["model.embed_tokens.weight", "model.norm.weight"],
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in HEADS.items() for name in names])
def test_a_weight_that_would_be_random_is_refused_by_name(
    models: dict[str, Path], tmp_path: Path, kind: str, name: str
) -> None:
    folder = with_tensors(models[kind], tmp_path / "copy", lambda tensors: tensors.pop(name))
    with pytest.raises(BadTensor, match=rf"{name}: expected .*, found no such tensor\nhint: .*random"):
        Reranker.open(folder)


def spoil(name: str, value: float) -> Callable[[Tensors], object]:
    return lambda tensors: tensors[name].view(-1)[3:4].fill_(value)


DAMAGE: list[tuple[str, str, Callable[[Tensors], object]]] = [
    ("left over", "deberta-v2", lambda t: t.update({"classifier.extra": torch.ones(3)})),
    ("untied head", "qwen2", lambda t: t.update({"lm_head.weight": t["model.embed_tokens.weight"] + 1})),
    ("another shape", "xlm-roberta", lambda t: t.update({"classifier.dense.weight": torch.ones(48, 47)})),
    ("two outputs", "xlm-roberta", lambda t: t.update({"classifier.out_proj.weight": torch.ones(2, 48)})),
    ("not a number", "deberta-v2", spoil("deberta.encoder.layer.1.output.dense.weight", float("nan"))),
    ("infinite", "qwen2", spoil("model.layers.0.mlp.up_proj.weight", float("inf"))),
    ("integers", "xlm-roberta", lambda t: t.update({"classifier.dense.bias": torch.ones(48, dtype=torch.int64)})),
    (
        "not a counter",
        "xlm-roberta",
        lambda t: t.update({"roberta.embeddings.position_ids": torch.ones(1, 130).long()}),
    ),
]


@pytest.mark.parametrize(("kind", "change"), [d[1:] for d in DAMAGE], ids=[d[0] for d in DAMAGE])
def test_a_damaged_tensor_is_refused(
    models: dict[str, Path], tmp_path: Path, kind: str, change: Callable[[Tensors], object]
) -> None:
    with pytest.raises(BadTensor):
        Reranker.open(with_tensors(models[kind], tmp_path / "copy", change))


HARMLESS: list[tuple[str, str, Callable[[Tensors], object]]] = [
    ("tied head", "qwen2", lambda t: t.update({"lm_head.weight": t["model.embed_tokens.weight"].clone()})),
    ("counter", "xlm-roberta", lambda t: t.update({"roberta.embeddings.position_ids": torch.arange(130)[None]})),
    (
        "old names",
        "deberta-v2",
        lambda t: t.update(
            {
                "deberta.embeddings.LayerNorm.gamma": t.pop("deberta.embeddings.LayerNorm.weight"),
                "deberta.embeddings.LayerNorm.beta": t.pop("deberta.embeddings.LayerNorm.bias"),
            }
        ),
    ),
]


@pytest.mark.parametrize(("kind", "change"), [h[1:] for h in HARMLESS], ids=[h[0] for h in HARMLESS])
def test_what_leaves_the_network_alone_is_read(
    models: dict[str, Path], tmp_path: Path, kind: str, change: Callable[[Tensors], object]
) -> None:
    pairs = [("why?", "so it is"), ("rain", "")]
    changed = Reranker.open(with_tensors(models[kind], tmp_path / "copy", change))
    assert np.abs(changed.predict(pairs) - Reranker.open(models[kind]).predict(pairs)).max() < 3e-5


def test_a_file_cut_short_is_refused_and_pickles_are_never_opened(models: dict[str, Path], tmp_path: Path) -> None:
    folder = copied(models["deberta-v2"], tmp_path / "cut")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(BadTensor, match="not a whole safetensors file"):
        Reranker.open(folder)
    weights.rename(folder / "pytorch_model.bin")
    with pytest.raises(UnsafeFile, match=r"pickle \(pytorch_model\.bin\)"):
        Reranker.open(folder)


CONFIGS: list[tuple[str, str, dict[str, Any], type[Exception]]] = [
    ("deberta-v2", "config.json", {"auto_map": {"AutoModel": "code.Model"}}, UnsafeFile),
    ("qwen2", "config.json", {"auto_map": {"AutoModel": "code.Model"}}, UnsafeFile),
    ("xlm-roberta", "tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["code.T", None]}}, UnsafeFile),
    ("deberta-v2", "config.json", {"id2label": {"0": "no", "1": "yes"}}, BadConfig),
    ("deberta-v2", "config.json", {"architectures": ["DebertaV2ForMaskedLM"]}, BadConfig),
    ("deberta-v2", "config.json", {"attn_implementation": "kernels-community/flash-attn"}, BadConfig),
    ("xlm-roberta", "config.json", {"quantization_config": {"bits": 4}}, BadConfig),
    ("xlm-roberta", "config.json", {"is_decoder": True}, BadConfig),
    ("xlm-roberta", "config.json", {"max_position_embeddings": 9}, BadConfig),
    ("xlm-roberta", "config.json", {"vocab_size": 100}, BadConfig),
    ("xlm-roberta", "config.json", {"num_hidden_layers": 3}, BadTensor),
    ("xlm-roberta", "config.json", {"num_hidden_layers": 1}, BadTensor),
    ("xlm-roberta", "config.json", {"num_attention_heads": 7}, CheckpointRefused),
    ("deberta-v2", "config.json", {"model_type": "gpt2"}, BadConfig),
    ("qwen2", "config.json", {"architectures": ["Qwen2ForSequenceClassification"]}, BadConfig),
    ("qwen2", "config.json", {"model_type": "qwen3"}, BadConfig),
    ("deberta-v2", "tokenizer_config.json", {"truncation_side": "left"}, BadConfig),
    ("deberta-v2", "tokenizer_config.json", {"padding_side": "left"}, BadConfig),
    ("deberta-v2", "tokenizer_config.json", {"chat_template": "{{ messages }}"}, BadConfig),
    ("xlm-roberta", "tokenizer_config.json", {"additional_special_tokens": ["rain"]}, BadConfig),
    ("xlm-roberta", "tokenizer_config.json", {"fast_tokenizer_files": ["tokenizer.4.0.0.json"]}, BadConfig),
    ("xlm-roberta", "tokenizer_config.json", {"model_input_names": ["input_ids"]}, BadConfig),
    ("xlm-roberta", "added_tokens.json", {"rain": 7}, BadConfig),
    ("qwen2", "special_tokens_map.json", {"cls_token": "rain"}, BadConfig),
    ("qwen3", "tokenizer_config.json", {"split_special_tokens": True}, BadConfig),
    ("xlm-roberta", "tokenizer.json", {"truncation": LEFT}, BadConfig),
    ("qwen2", "tokenizer.json", {"truncation": LEFT}, BadConfig),
    ("deberta-v2", "config.json", {"num_hidden_layers": 10_000_000}, BadConfig),
    ("deberta-v2", "config.json", {"max_position_embeddings": 1_000_000_000}, BadTensor),
    ("xlm-roberta", "config.json", {"vocab_size": 1_000_000_000}, BadTensor),
    ("xlm-roberta", "config.json", {"pad_token_id": -1_000_000_000}, BadConfig),
    ("qwen2", "config.json", {"intermediate_size": 1_000_000_000}, BadTensor),
    ("qwen3", "config.json", {"num_key_value_heads": 1_000_000_000}, BadTensor),
    ("deberta-v2", "adapter_config.json", {"peft_type": "LORA"}, BadConfig),
    ("deberta-v2", "modules.json", {}, BadConfig),
]


@pytest.mark.parametrize(("kind", "file", "changes", "error"), CONFIGS, ids=lambda value: str(value)[:40])
def test_what_the_files_say_otherwise_is_refused(
    models: dict[str, Path], tmp_path: Path, kind: str, file: str, changes: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        Reranker.open(with_config(models[kind], tmp_path / "copy", file, **changes))


def test_a_tokenizer_that_transformers_builds_otherwise_is_refused(models: dict[str, Path], tmp_path: Path) -> None:
    """Lowered by tokenizer.json; XLM-RoBERTa's class builds the tokenizer anew and does not lower."""
    folder = copied(models["xlm-roberta"], tmp_path / "copy")
    settings = json.loads((folder / "tokenizer_config.json").read_text()) | {"tokenizer_class": "XLMRobertaTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    values = json.loads((folder / "tokenizer.json").read_text())
    values["normalizer"] = {"type": "Sequence", "normalizers": [values["normalizer"], {"type": "Lowercase"}]}
    (folder / "tokenizer.json").write_text(json.dumps(values))
    with pytest.raises(BadConfig, match="the tokenizer that transformers makes of it reads"):
        Reranker.open(folder)


def modular(models: dict[str, Path], into: Path, **answers: Any) -> Path:
    folder = copied(models["qwen3"], into)
    kinds = ("sentence_transformers.base.modules.transformer.Transformer", "sentence_transformers.x.LogitScore")
    entries = [{"idx": n, "name": str(n), "path": ("", "1_LogitScore")[n], "type": kinds[n]} for n in range(2)]
    (folder / "modules.json").write_text(json.dumps(entries))
    (folder / "1_LogitScore").mkdir()
    (folder / "1_LogitScore" / "config.json").write_text(json.dumps(answers))
    return folder


def test_a_language_model_with_other_answers_or_another_prompt_is_refused(
    models: dict[str, Path], tmp_path: Path
) -> None:
    tokenizer = Reranker.open(models["qwen3"]).scorer.checkpoint.tokenizer  # type: ignore[attr-defined]
    answers = {"true_token_id": tokenizer.token_to_id("yes"), "false_token_id": tokenizer.token_to_id("no")}
    whole = modular(models, tmp_path / "whole", **answers)
    assert "Qwen3-Reranker" in Reranker.open(whole).about
    (whole / "chat_template.jinja").write_text("{% if m['role'] == 'document' %}Is {{ m }} about it?{% endif %}")
    with pytest.raises(BadConfig, match="chat template"):
        Reranker.open(whole)
    others: tuple[dict[str, Any], ...] = ({"false_token_id": None}, {"true_token_id": 5})
    for number, changed in enumerate(others):
        with pytest.raises(BadConfig, match="LogitScore"):
            Reranker.open(modular(models, tmp_path / str(number), **(answers | changed)))
    prompted = modular(models, tmp_path / "prompted", **answers)
    settings = {"model_type": "CrossEncoder", "prompts": {"code": "Find code"}, "default_prompt_name": "code"}
    (prompted / "config_sentence_transformers.json").write_text(json.dumps(settings))
    with pytest.raises(BadConfig, match="Find code"):
        Reranker.open(prompted)


def test_a_cached_language_model_is_whole_without_modules_and_lacks_what_its_modules_name(
    models: dict[str, Path], tmp_path: Path
) -> None:
    assert lacking(models["qwen2"]) is None
    assert lacking(models["deberta-v2"]) is None
    folder = modular(models, tmp_path / "modular")
    assert lacking(folder) is None
    (folder / "1_LogitScore" / "config.json").unlink()
    assert lacking(folder) == "1_LogitScore/config.json"


@pytest.mark.parametrize("name", ["onnx", "torch"])
def test_another_engine_refuses_the_architecture_and_names_the_one_that_runs_it(
    models: dict[str, Path], name: Any
) -> None:
    with pytest.raises(BadConfig, match=r"found \"deberta-v2\"\nhint: engine=\"sentence-transformers\""):
        Reranker.open(models["deberta-v2"], engine=name)
    with pytest.raises(BadConfig, match="sentence-transformers"):
        open_checkpoint(models["qwen2"])


def test_auto_takes_sentence_transformers_only_for_what_is_not_ours(models: dict[str, Path], tmp_path: Path) -> None:
    about = Reranker.open(models["xlm-roberta"]).about
    assert "engine sentence-transformers on cpu (no engine of our own runs this architecture)" in about
    ours = write_bert(tmp_path / "bert")
    assert "engine onnx" in Reranker.open(ours).about
    broken = with_tensors(ours, tmp_path / "broken", lambda tensors: tensors.pop("classifier.weight"))
    with pytest.raises(BadTensor, match="the checkpoint holds a different network"):
        Reranker.open(broken)
    with pytest.raises(CheckpointRefused):
        Reranker.open("box", engine="sentence-transformers")


def test_without_the_extra_the_install_line_is_given(models: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def without(module: str) -> object:
        return None if module == "sentence_transformers" else find_spec(module)

    monkeypatch.setattr(engine, "find_spec", without)
    with pytest.raises(MissingExtra, match=r"pip install 'rankladder\[sentence-transformers\]'"):
        Reranker.open(models["deberta-v2"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "int8"}, "dtype must be one of auto, fp32, bf16, fp16"),
        ({"device": "tpu"}, "device must be cpu, mps, cuda"),
        ({"threads": 0}, "threads must be at least 1"),
        ({"max_tokens": 129}, "reads at most 128"),
        ({"max_tokens": 4}, "max_tokens must be at least"),
        ({"engine": "sentence"}, "engine must be one of auto, onnx, torch, sentence-transformers"),
    ],
)
def test_an_option_is_honoured_or_refused(models: dict[str, Path], options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadOption, match=message):
        Reranker.open(models["deberta-v2"], **options)


def test_threads_are_honoured_and_set_back(models: dict[str, Path]) -> None:
    before = torch.get_num_threads()
    reranker = Reranker.open(models["deberta-v2"], threads=1)
    reranker.predict([("a", "b")])
    assert reranker.scorer.engine.threads == 1  # type: ignore[attr-defined]
    assert torch.get_num_threads() == before


def test_a_prompt_that_leaves_no_room_is_refused(models: dict[str, Path]) -> None:
    with pytest.raises(BadOption, match="at least") as refused:
        Reranker.open(models["qwen2"], max_tokens=64)
    least = int(str(refused.value).split("at least ")[1].split(" ")[0])
    with pytest.raises(BadOption):
        Reranker.open(models["qwen2"], max_tokens=least - 1)
    (hit,) = Reranker.open(models["qwen2"], max_tokens=least).rank("why not", ["so it is"])
    assert hit.reading is not None
    assert min(hit.reading.query_kept, hit.reading.document_kept) == 1


def token_pair(length: int) -> TokenPair:
    return TokenPair(np.full(length, length, dtype=np.int32), 1)


def score_on(room: int, lengths: Sequence[int], budget: TokenBudget) -> NDArray[np.float32]:
    """Scores pairs by their length on a device that holds ``room`` tokens."""

    def forward(pairs: Sequence[TokenPair]) -> NDArray[np.float32]:
        if max(len(pair.ids) for pair in pairs) * len(pairs) > room:
            raise torch.OutOfMemoryError("full")
        return np.array([len(pair.ids) for pair in pairs], dtype=np.float32)

    done: list[int] = []

    def launch(pairs: Sequence[TokenPair]) -> Fetch:
        logits = forward(pairs)
        return lambda: logits

    scores = score_in_batches(
        [token_pair(length) for length in lengths],
        budget=budget,
        launch=launch,
        release=lambda: False,
        done=done.append,
        planned=plan_padded,
        cost=padded_tokens,
    )
    assert sum(done) == len(lengths)
    return scores


def test_a_lack_of_memory_halves_the_batch_and_loses_no_score() -> None:
    lengths = [50, *[1, 3, 2] * 90]
    budget = TokenBudget(5000)
    assert score_on(60, lengths, budget).tolist() == lengths
    assert 30 <= budget.tokens <= 60, "half of what the device holds may go unused, no more"
    assert score_on(60, [], budget).tolist() == []
    with pytest.raises(DeviceMemoryFull, match="a sequence of 80 tokens") as full:
        score_on(60, [3, 80], budget)
    assert exit_status(full.value) == 9
    assert not isinstance(full.value, BadInput)


def test_a_padded_batch_stays_within_the_budget() -> None:
    lengths = [3, 50, 7, 7, 20, 1, 33] * 5
    plan = plan_padded(lengths, max_tokens=64)
    assert sorted(row for rows in plan for row in rows) == list(range(len(lengths)))
    assert all(len(rows) == 1 or max(lengths[row] for row in rows) * len(rows) <= 64 for rows in plan)


def test_an_activation_that_the_library_would_replace_is_refused(models: dict[str, Path], tmp_path: Path) -> None:
    folder = copied(models["deberta-v2"], tmp_path / "copy")
    names = ("Transformer", "Pooling", "Dense")
    kinds = [f"sentence_transformers.base.modules.{name.lower()}.{name}" for name in names]
    entries = [
        {"idx": n, "name": str(n), "path": f"{n}_{name}" if n else "", "type": kinds[n]} for n, name in enumerate(names)
    ]
    (folder / "modules.json").write_text(json.dumps(entries))
    (folder / "2_Dense").mkdir()
    config = {"in_features": 32, "out_features": 1, "activation_function": "transformers.activations.GELUActivation"}
    (folder / "2_Dense" / "config.json").write_text(json.dumps(config))
    with pytest.raises(BadConfig, match=r"activation_function: expected one of torch\.nn"):
        Reranker.open(folder)
