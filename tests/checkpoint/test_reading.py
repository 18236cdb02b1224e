"""A checkpoint that Sentence Transformers or transformers wrote is read as they read it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from sentence_transformers import CrossEncoder
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

from checkpoints import TEXT, copied, write_bert, write_ettin
from rankladder.checkpoint import Bert, Checkpoint, Dense, ModernBert, Norm, open_checkpoint

FORMATS = ["ettin", "modernbert_cls", "modernbert_mean", "bert"]
PAIRS = [
    ("why is the sky blue", "Sunlight is scattered by the molecules of the air."),
    ("why is the sky blue", "The stock market closed higher on Friday."),
    ("undo", TEXT),
]


@pytest.fixture(params=FORMATS)
def folder(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


def logits_by_steps(checkpoint: Checkpoint, hidden: torch.Tensor) -> float:
    """The score from the encoder's hidden states, by the network's own description of pooling and head."""
    x = hidden[:, 0] if checkpoint.network.pooling == "cls" else hidden.mean(dim=1)
    acts = {"gelu": torch.nn.functional.gelu, "tanh": torch.tanh, "identity": lambda y: y}
    for place, step in enumerate(checkpoint.network.head):
        weight = torch.tensor(checkpoint.weights[f"head.{place}.weight"])
        bias = torch.tensor(checkpoint.weights[f"head.{place}.bias"]) if step.bias else None
        if isinstance(step, Norm):
            x = torch.nn.functional.layer_norm(x, (step.width,), weight, bias, step.eps)
        else:
            assert isinstance(step, Dense)
            x = acts[step.activation](torch.nn.functional.linear(x, weight, bias))
    return float(x.item())


@pytest.mark.parametrize("pair", PAIRS, ids=["short", "other", "long"])
def test_pooling_and_head_give_the_score_of_sentence_transformers(folder: Path, pair: tuple[str, str]) -> None:
    checkpoint = open_checkpoint(folder)
    expected = CrossEncoder(str(folder), device="cpu", activation_fn=torch.nn.Identity()).predict([pair])[0]
    encoder = AutoModel.from_pretrained(folder).eval()
    inputs = AutoTokenizer.from_pretrained(folder)(
        *pair, truncation="longest_first", max_length=checkpoint.max_tokens, return_tensors="pt"
    )
    with torch.no_grad():
        hidden = encoder(**inputs).last_hidden_state
    assert logits_by_steps(checkpoint, hidden) == pytest.approx(float(expected), abs=1e-5)


def test_every_weight_is_the_one_that_torch_reads(folder: Path) -> None:
    checkpoint = open_checkpoint(folder)
    encoder = AutoModel.from_pretrained(folder)
    theirs = {name: tensor for name, tensor in encoder.state_dict().items() if not name.startswith("pooler")}
    ours = {name: values for name, values in checkpoint.weights.items() if not name.startswith("head.")}
    assert ours.keys() == theirs.keys()
    for name, values in ours.items():
        assert values.dtype == np.float32
        assert np.array_equal(values, theirs[name].numpy()), name


def test_the_longest_sequence_is_that_of_sentence_transformers(folder: Path) -> None:
    assert open_checkpoint(folder).max_tokens == CrossEncoder(str(folder), device="cpu").max_seq_length


def test_the_tokenizer_neither_cuts_nor_pads(folder: Path) -> None:
    tokenizer = open_checkpoint(folder).tokenizer
    assert tokenizer.truncation is None
    assert tokenizer.padding is None
    assert len(tokenizer.encode("a", TEXT * 10)) > 512


def test_a_classifier_saved_again_by_sentence_transformers_is_the_same_network(
    bert: Path, modernbert_mean: Path, tmp_path: Path
) -> None:
    for source in (bert, modernbert_mean):
        again = tmp_path / source.name
        CrossEncoder(str(source), device="cpu").save_pretrained(str(again), create_model_card=False)
        assert (again / "modules.json").exists()
        assert open_checkpoint(again).digest == open_checkpoint(source).digest


def test_both_dialects_of_a_modernbert_config_are_one_network(ettin: Path, tmp_path: Path) -> None:
    old, both = copied(ettin, tmp_path / "old"), copied(ettin, tmp_path / "both")
    config = json.loads((ettin / "config.json").read_text())
    thetas = {"global_rope_theta": 160000.0, "local_rope_theta": 10000.0, "global_attn_every_n_layers": 3}
    (both / "config.json").write_text(json.dumps(config | thetas))
    del config["layer_types"], config["rope_parameters"]
    legacy = {"position_embedding_type": "absolute", "reference_compile": None, "layer_norm_eps": 1e-5}
    (old / "config.json").write_text(json.dumps(config | thetas | legacy))
    (old / "1_Pooling" / "config.json").write_text(
        json.dumps(
            {
                "word_embedding_dimension": 64,
                "pooling_mode_cls_token": True,
                "pooling_mode_mean_tokens": False,
                "pooling_mode_max_tokens": False,
                "pooling_mode_mean_sqrt_len_tokens": False,
                "pooling_mode_weightedmean_tokens": False,
                "pooling_mode_lasttoken": False,
                "include_prompt": True,
            }
        )
    )
    (old / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 512, "do_lower_case": False}))
    modules = json.loads((ettin / "modules.json").read_text())
    for module in modules:
        module["type"] = "sentence_transformers.models." + module["type"].rpartition(".")[2]
    (old / "modules.json").write_text(json.dumps(modules))
    assert open_checkpoint(old).network == open_checkpoint(ettin).network == open_checkpoint(both).network
    assert open_checkpoint(old).digest == open_checkpoint(ettin).digest


def test_the_networks_are_described_in_full(ettin: Path, bert: Path) -> None:
    modern, classic = open_checkpoint(ettin).network, open_checkpoint(bert).network
    assert modern.encoder == ModernBert(
        layers=4,
        width=64,
        heads=4,
        inner=96,
        vocabulary=640,
        positions=512,
        norm_eps=1e-5,
        activation="gelu",
        window_side=16,
        global_layers=(True, False, False, True),
        global_theta=160000.0,
        local_theta=10000.0,
    )
    assert modern.head == (
        Dense(64, 64, bias=False, activation="gelu"),
        Norm(64, bias=True, eps=1e-5),
        Dense(64, 1, bias=True, activation="identity"),
    )
    assert classic.encoder == Bert(
        layers=4,
        width=64,
        heads=4,
        inner=96,
        vocabulary=320,
        positions=512,
        types=2,
        norm_eps=1e-12,
        activation="gelu",
    )
    assert classic.head == (Dense(64, 64, bias=True, activation="tanh"), Dense(64, 1, bias=True, activation="identity"))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=["f16", "bf16"])
def test_half_precision_becomes_float32_without_loss(dtype: torch.dtype, tmp_path: Path) -> None:
    folder = write_ettin(tmp_path / "half", layers=2, dtype=dtype)
    checkpoint = open_checkpoint(folder)
    stored = load_file(folder / "model.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {dtype}
    for name, tensor in stored.items():
        assert np.array_equal(checkpoint.weights[name], tensor.float().numpy()), name


def test_float32_weights_are_views_of_the_file(bert: Path) -> None:
    weights = open_checkpoint(bert).weights
    first: NDArray[np.float32] = weights["embeddings.word_embeddings.weight"]
    assert not first.flags.owndata
    assert not first.flags.writeable
    assert np.shares_memory(first, weights["embeddings.word_embeddings.weight"])


def test_shards_are_read_as_one_file(tmp_path: Path) -> None:
    whole = write_bert(tmp_path / "whole")
    shards = copied(whole, tmp_path / "shards")
    (shards / "model.safetensors").unlink()
    model = AutoModelForSequenceClassification.from_pretrained(whole)
    model.save_pretrained(shards, max_shard_size="200KB")
    assert len(list(shards.glob("model-*.safetensors"))) > 1
    assert open_checkpoint(shards).digest == open_checkpoint(whole).digest


def test_position_ids_of_older_files_are_accepted(bert: Path, tmp_path: Path) -> None:
    folder = copied(bert, tmp_path / "old")
    tensors = load_file(folder / "model.safetensors")
    save_file(tensors | {"bert.embeddings.position_ids": torch.arange(512)[None]}, folder / "model.safetensors")
    assert open_checkpoint(folder).digest == open_checkpoint(bert).digest


def test_a_modular_bert_leaves_berts_own_pooler_alone(bert: Path, ettin: Path, tmp_path: Path) -> None:
    folder = copied(ettin, tmp_path / "modular-bert")
    AutoModel.from_pretrained(bert).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((bert / name).read_bytes())
    checkpoint = open_checkpoint(folder)
    assert isinstance(checkpoint.network.encoder, Bert)
    assert checkpoint.network.head == open_checkpoint(ettin).network.head
    pair = PAIRS[0]
    model = CrossEncoder(str(folder), device="cpu", activation_fn=torch.nn.Identity())
    with torch.no_grad():
        hidden = model[0].model(**model.tokenizer(*pair, return_tensors="pt")).last_hidden_state
    assert logits_by_steps(checkpoint, hidden) == pytest.approx(float(model.predict([pair])[0]), abs=1e-5)


def test_max_seq_length_caps_the_sequence_as_in_sentence_transformers(ettin: Path, tmp_path: Path) -> None:
    folder = copied(ettin, tmp_path / "short")
    settings = json.loads((folder / "sentence_bert_config.json").read_text())
    (folder / "sentence_bert_config.json").write_text(json.dumps(settings | {"max_seq_length": 96}))
    model = CrossEncoder(str(folder), device="cpu")
    assert open_checkpoint(folder).max_tokens == model.max_seq_length == 96


@pytest.mark.parametrize("limit", [1000000000000000019884624838656, 40, None])
def test_a_tokenizers_own_limit_counts_where_it_says_something(bert: Path, tmp_path: Path, limit: int | None) -> None:
    folder = copied(bert, tmp_path / "limit")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"model_max_length": limit}))
    assert open_checkpoint(folder).max_tokens == (40 if limit == 40 else 512)


def test_int8_measurements_are_read(bert: Path, tmp_path: Path) -> None:
    folder = copied(bert, tmp_path / "measured")
    (folder / "int8.json").write_text(
        json.dumps({"measurements": [{"dataset": "scifact", "fp32": 0.7, "int8": 0.698}]})
    )
    (gate,) = open_checkpoint(folder).int8_gate
    assert (gate.dataset, gate.loss) == ("scifact", pytest.approx(0.002))
    assert open_checkpoint(bert).int8_gate == ()


def test_the_digest_follows_the_weights_and_the_tokenizer(bert: Path, tmp_path: Path) -> None:
    digest = open_checkpoint(bert).digest
    assert open_checkpoint(copied(bert, tmp_path / "same")).digest == digest
    changed = copied(bert, tmp_path / "bit")
    content = bytearray((changed / "model.safetensors").read_bytes())
    content[-2] ^= 1
    (changed / "model.safetensors").write_bytes(content)
    assert open_checkpoint(changed).digest != digest
    spaced = copied(bert, tmp_path / "tokenizer")
    (spaced / "tokenizer.json").write_text((spaced / "tokenizer.json").read_text() + "\n")
    assert open_checkpoint(spaced).digest != digest
