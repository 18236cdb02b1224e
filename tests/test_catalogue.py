"""The table of known models holds together, and agrees with the shapes that the tests write."""

from __future__ import annotations

import re

import pytest
import torch

from checkpoints import ETTIN, ETTIN_POSITIONS, ETTIN_VOCABULARY, MINILM
from rankladder.catalogue import Model, all_models, find_model
from rankladder.checkpoint import Bert, Checkpoint, ModernBert, open_checkpoint
from rankladder.checkpoint.bert import bert_shapes
from rankladder.checkpoint.families import CAUSAL, ENCODERS, NATIVE
from rankladder.checkpoint.modernbert import modernbert_shapes
from rankladder.errors import ModelMissing


def size(shapes: dict[str, tuple[int, ...]]) -> int:
    return sum(shape[0] * (shape[1] if len(shape) == 2 else 1) for shape in shapes.values())


def native(model: Model) -> bool:
    return model.architecture in {"bert", "modernbert"}


@pytest.mark.parametrize("model", [one for one in all_models() if native(one)], ids=lambda model: model.name)
def test_the_parameters_are_those_of_the_shapes(model: Model) -> None:
    wide = model.width
    if model.architecture == "bert":
        encoder = Bert(model.layers, wide, model.heads, model.inner, 30522, 512, 2, 1e-12, "gelu")
        head = wide * wide + wide + wide + 1
        assert model.parameters == size(bert_shapes(encoder)) + head
    else:
        modern = ModernBert(
            model.layers, wide, model.heads, model.inner, ETTIN_VOCABULARY, ETTIN_POSITIONS, 1e-5, "gelu", 64, (), 1, 1
        )
        norm = 2 * wide if model.name.startswith("ettin") else wide
        assert model.parameters == size(modernbert_shapes(modern)) + wide * wide + norm + wide + 1


VOCABULARY = {"deberta-v2": 128_100, "xlm-roberta": 250_002, "qwen2": 151_936, "qwen3": 151_669}
"""Rows of the embedding in the published configs; the Qwen rerankers tie it to the output matrix."""

KEY_HEADS = {"mxbai-base-v2": 2, "mxbai-large-v2": 2, "qwen3-0.6b": 8, "qwen3-4b": 8}


@pytest.mark.parametrize("model", [one for one in all_models() if not native(one)], ids=lambda model: model.name)
def test_the_parameters_are_those_that_transformers_builds(model: Model) -> None:
    transformers = pytest.importorskip("transformers")
    config = {
        "vocab_size": VOCABULARY[model.architecture],
        "hidden_size": model.width,
        "num_hidden_layers": model.layers,
        "num_attention_heads": model.heads,
        "intermediate_size": model.inner,
        "num_labels": 1,
    }
    with torch.device("meta"):
        if model.architecture == "deberta-v2":
            deberta = {"relative_attention": True, "position_buckets": 256, "norm_rel_ebd": "layer_norm"}
            shared = {"share_att_key": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False}
            more = {**deberta, **shared, "type_vocab_size": 0, "pooler_hidden_size": model.width}
            network = transformers.DebertaV2ForSequenceClassification(transformers.DebertaV2Config(**config, **more))
        elif model.architecture == "xlm-roberta":
            more = {"max_position_embeddings": model.max_tokens + 2, "type_vocab_size": 1}
            network = transformers.XLMRobertaForSequenceClassification(transformers.XLMRobertaConfig(**config, **more))
        else:
            config |= {"num_key_value_heads": KEY_HEADS[model.name], "tie_word_embeddings": True}
            if model.architecture == "qwen2":
                network = transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**config))
            else:
                network = transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**config, head_dim=128))
    head = getattr(network, "lm_head", None)
    assert model.parameters == sum(
        value.numel() for name, value in network.named_parameters() if head is None or not name.startswith("lm_head")
    )


def test_each_model_has_the_engines_of_its_architecture() -> None:
    for model in all_models():
        assert model.engines == (("onnx", "torch") if native(model) else ("sentence-transformers",))
        assert (model.architecture in NATIVE) == native(model)
        assert native(model) or model.architecture in ENCODERS | CAUSAL


def test_the_box_is_what_its_row_says() -> None:
    row, box = find_model("box"), open_checkpoint("box")
    assert isinstance(box, Checkpoint)
    assert isinstance(box.network.encoder, Bert)
    assert (row.layers, row.width, row.heads, row.inner, row.max_tokens) == (
        box.network.encoder.layers,
        box.network.encoder.width,
        box.network.encoder.heads,
        box.network.encoder.inner,
        box.max_tokens,
    )
    assert row.parameters == sum(values.size for values in box.weights.values())


def test_names_are_distinct_and_revisions_are_commits() -> None:
    models = all_models()
    assert len({model.name for model in models}) == len(models)
    for model in models:
        assert (model.hub_id is None) == (model.revision is None) == (model.name == "box")
        assert model.revision is None or re.fullmatch("[0-9a-f]{40}", model.revision)


def test_the_shapes_that_the_tests_write_are_the_tables() -> None:
    for name, shape in (ETTIN | MINILM).items():
        model = find_model(name)
        assert (model.layers, model.width, model.heads, model.inner) == shape


def test_quality_rises_with_the_rung() -> None:
    scores = [model.mteb_ndcg for model in all_models() if model.name.startswith("ettin")]
    assert len(scores) == 6
    assert scores == sorted(scores, key=float)


@pytest.mark.parametrize(
    ("name", "near"), [("ettin-17", "ettin-17m"), ("Ettin-1B", "ettin-1b"), ("granite", "granite-r2"), ("", "known")]
)
def test_an_unknown_name_offers_the_nearest(name: str, near: str) -> None:
    with pytest.raises(ModelMissing, match=near):
        find_model(name)
