"""A config that says something we do not implement is refused, and the message names the file and the key."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from checkpoints import copied
from rankladder.checkpoint import open_checkpoint
from rankladder.errors import BadConfig, CheckpointRefused, UnsafeFile

GONE = "(no such key)"  # text, so that a test's name is the same in every run


def edited(source: Path, into: Path, file: str, **changes: Any) -> Path:
    """A copy of a checkpoint with keys of one config changed, or removed (GONE)."""
    folder = copied(source, into)
    config = json.loads((folder / file).read_text()) | changes
    (folder / file).write_text(json.dumps({key: value for key, value in config.items() if value is not GONE}))
    return folder


MODERNBERT = [
    ("hidden_activation", "gelu_10"),
    ("attention_bias", True),
    ("mlp_bias", True),
    ("norm_bias", True),
    ("is_decoder", True),
    ("causal_mask", True),
    ("rope_scaling", {"rope_type": "yarn", "factor": 4.0}),
    ("layer_types", ["full_attention", "sliding_attention", "sliding_attention", "chunked_attention"]),
    ("layer_types", ["full_attention"]),
    ("layer_types", ["full_attention", "full_attention", "sliding_attention", "full_attention"]),
    ("global_attn_every_n_layers", 2),
    ("global_rope_theta", 10000.0),
    ("local_rope_theta", None),
    ("num_attention_heads", 5),
    ("head_dim", 32),
    ("hidden_size", "64"),
    ("hidden_size", True),
    ("num_hidden_layers", 0),
    ("norm_eps", 0),
    ("num_hidden_layers", GONE),
    ("hidden_size", GONE),
    ("model_type", "modernbert-decoder"),
    ("quantization_config", {"bits": 4}),
    ("a_key_of_the_future", 1),
]
BERT = [
    ("hidden_act", "quick_gelu"),
    ("position_embedding_type", "relative_key"),
    ("is_decoder", True),
    ("add_cross_attention", True),
    ("pruned_heads", {"0": [1]}),
    ("num_attention_heads", 7),
    ("embedding_size", 32),
    ("id2label", {"0": "no", "1": "yes"}),
    ("id2label", GONE),
    ("num_labels", 2),
    ("architectures", ["BertForMaskedLM"]),
    ("architectures", ["RobertaForSequenceClassification"]),
    ("architectures", GONE),
    ("model_type", "roberta"),
    ("layer_norm_eps", "1e-12"),
    ("vocab_size", GONE),
]


@pytest.mark.parametrize(("key", "value"), MODERNBERT, ids=lambda value: str(value)[:30])
def test_an_unknown_modernbert_is_refused(ettin: Path, tmp_path: Path, key: str, value: Any) -> None:
    with pytest.raises(BadConfig, match=r"config\.json: .*: expected .*, found ") as refused:
        open_checkpoint(edited(ettin, tmp_path / "copy", "config.json", **{key: value}))
    assert key in str(refused.value) or key == "global_attn_every_n_layers"
    assert "hint: " in str(refused.value)


@pytest.mark.parametrize(("key", "value"), BERT, ids=lambda value: str(value)[:30])
def test_an_unknown_bert_is_refused(bert: Path, tmp_path: Path, key: str, value: Any) -> None:
    with pytest.raises(BadConfig, match=r"config\.json: .*: expected .*, found "):
        open_checkpoint(edited(bert, tmp_path / "copy", "config.json", **{key: value}))


@pytest.mark.parametrize(
    ("key", "value"), [("classifier_pooling", "max"), ("classifier_activation", "mish"), ("classifier_bias", 1)]
)
def test_an_unknown_classifier_is_refused(modernbert_cls: Path, tmp_path: Path, key: str, value: Any) -> None:
    with pytest.raises(BadConfig, match=key):
        open_checkpoint(edited(modernbert_cls, tmp_path / "copy", "config.json", **{key: value}))


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("full_attention", {"rope_theta": 160000.0, "rope_type": "yarn", "factor": 4.0}),
        ("sliding_attention", {"rope_theta": 10000.0, "rope_type": "default", "partial_rotary_factor": 0.5}),
        ("full_attention", {"rope_type": "default"}),
        ("chunked_attention", {"rope_theta": 1.0, "rope_type": "default"}),
    ],
)
def test_stretched_rotary_positions_are_refused(ettin: Path, tmp_path: Path, kind: str, part: dict[str, Any]) -> None:
    rope = json.loads((ettin / "config.json").read_text())["rope_parameters"] | {kind: part}
    with pytest.raises(BadConfig, match="rope_parameters"):
        open_checkpoint(edited(ettin, tmp_path / "copy", "config.json", rope_parameters=rope))


STEPS: list[tuple[str, str, Any]] = [
    ("1_Pooling/config.json", "pooling_mode", "max"),
    ("1_Pooling/config.json", "pooling_mode", ["cls", "mean"]),
    ("1_Pooling/config.json", "pooling_mode_mean_tokens", True),
    ("1_Pooling/config.json", "pooling_mode", GONE),
    ("1_Pooling/config.json", "embedding_dimension", 32),
    ("1_Pooling/config.json", "embedding_dimension", GONE),
    ("1_Pooling/config.json", "unheard_of", 1),
    ("2_Dense/config.json", "activation_function", "torch.nn.modules.activation.Mish"),
    ("2_Dense/config.json", "activation_function", "my_code.Activation"),
    ("2_Dense/config.json", "activation_function", GONE),
    ("2_Dense/config.json", "use_residual", True),
    ("2_Dense/config.json", "in_features", 32),
    ("2_Dense/config.json", "out_features", 32),
    ("2_Dense/config.json", "module_input_name", "token_embeddings"),
    ("2_Dense/config.json", "module_output_name", "scores"),
    ("3_LayerNorm/config.json", "dimension", 32),
    ("3_LayerNorm/config.json", "eps", 1e-12),
    ("4_Dense/config.json", "out_features", 2),
    ("4_Dense/config.json", "module_output_name", "sentence_embedding"),
    ("4_Dense/config.json", "bias", "yes"),
    ("config_sentence_transformers.json", "model_type", "SentenceTransformer"),
    ("config_sentence_transformers.json", "default_prompt_name", "query"),
    ("config_sentence_transformers.json", "truncate_dim", 32),
    ("sentence_bert_config.json", "do_lower_case", True),
    ("sentence_bert_config.json", "transformer_task", "text-generation"),
    ("sentence_bert_config.json", "query_length", 32),
    ("sentence_bert_config.json", "modality_config", {"image": {}}),
    ("sentence_bert_config.json", "max_seq_length", 0),
    ("sentence_bert_config.json", "max_seq_length", 3),
    ("tokenizer_config.json", "truncation_side", "left"),
    ("tokenizer_config.json", "model_max_length", "long"),
]


@pytest.mark.parametrize(("file", "key", "value"), STEPS, ids=lambda value: str(value)[:40])
def test_an_unknown_step_is_refused(ettin: Path, tmp_path: Path, file: str, key: str, value: Any) -> None:
    with pytest.raises(BadConfig):
        open_checkpoint(edited(ettin, tmp_path / "copy", file, **{key: value}))


def with_modules(change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]], source: Path, into: Path) -> Path:
    folder = copied(source, into)
    modules = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(json.dumps(change(modules)))
    return folder


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda m: [*m[:2], m[2] | {"type": "sentence_transformers.models.Normalize"}, *m[3:]], BadConfig),
        (lambda m: [m[0] | {"type": "custom_st.Transformer"}, *m[1:]], UnsafeFile),
        (lambda m: [*m[:4], m[4] | {"path": "../elsewhere"}], UnsafeFile),
        (lambda m: [*m[:4], m[4] | {"path": "2_Dense"}], BadConfig),
        (lambda m: [*m[:4], m[4] | {"path": "9_Dense"}], BadConfig),
        (lambda m: [*m[:4], m[4] | {"kwargs": ["task"]}], BadConfig),
        (lambda m: m[:2], BadConfig),
        (lambda m: m[:4], BadConfig),
        (lambda m: m[:1], BadConfig),
        (lambda m: m[1:], BadConfig),
        (lambda m: [m[0], m[2] | {"idx": 1}], BadConfig),
        (lambda m: [], BadConfig),
        (lambda m: ["Transformer"], BadConfig),
    ],
    ids=[
        "unknown",
        "code",
        "outside",
        "twice",
        "absent",
        "kwargs",
        "headless",
        "normlast",
        "bare",
        "tail",
        "poolless",
        "empty",
        "text",
    ],
)
def test_an_unknown_chain_of_modules_is_refused(
    ettin: Path, tmp_path: Path, change: Callable[..., Any], error: type[CheckpointRefused]
) -> None:
    with pytest.raises(error, match=r"modules\.json|config\.json"):
        open_checkpoint(with_modules(change, ettin, tmp_path / "copy"))


def test_no_hint_leads_to_a_page_that_does_not_exist(bert: Path, tmp_path: Path) -> None:
    with pytest.raises(BadConfig) as refused:
        open_checkpoint(edited(bert, tmp_path / "copy", "config.json", hidden_act="quick_gelu"))
    assert "docs/" not in str(refused.value.hint)
    assert "the guide, Checkpoints and safety" in str(refused.value.hint)
    assert "--engine sentence-transformers" in str(refused.value.hint)


def test_code_in_the_repository_is_refused(bert: Path, ettin: Path, tmp_path: Path) -> None:
    auto_map = {"AutoModelForSequenceClassification": "modeling.Model"}
    for number, (source, file) in enumerate(
        [(bert, "config.json"), (ettin, "config.json"), (bert, "tokenizer_config.json")]
    ):
        with pytest.raises(UnsafeFile, match="auto_map"):
            open_checkpoint(edited(source, tmp_path / str(number), file, auto_map=auto_map))


@pytest.mark.parametrize("file", ["config.json", "modules.json", "2_Dense/config.json", "tokenizer.json"])
def test_a_missing_or_broken_file_is_refused(ettin: Path, tmp_path: Path, file: str) -> None:
    for number, content in enumerate([None, b"", b"{", b'"text"', b"\xff\xfe"]):
        folder = copied(ettin, tmp_path / str(number))
        (folder / file).unlink()
        if content is not None:
            (folder / file).write_bytes(content)
        with pytest.raises(BadConfig):
            open_checkpoint(folder)


@pytest.mark.parametrize("file", ["config.json", "2_Dense/config.json", "tokenizer_config.json", "tokenizer.json"])
def test_a_key_that_is_there_twice_is_refused(ettin: Path, tmp_path: Path, file: str) -> None:
    folder = copied(ettin, tmp_path / "copy")
    text = (folder / file).read_text().strip()
    key = next(iter(json.loads(text)))
    (folder / file).write_text(f'{text[:-1].rstrip()}, "{key}": {json.dumps(json.loads(text)[key])}}}')
    with pytest.raises(BadConfig, match="twice"):
        open_checkpoint(folder)


def test_a_tokenizer_of_another_model_is_refused(bert: Path, ettin: Path, tmp_path: Path) -> None:
    folder = copied(bert, tmp_path / "copy")
    (folder / "tokenizer.json").write_bytes((ettin / "tokenizer.json").read_bytes())
    with pytest.raises(BadConfig, match="below 320"):
        open_checkpoint(folder)


@pytest.mark.parametrize(
    "frame",
    [
        "[CLS]:0 $A:0 [SEP]:0 [SEP]:0 $B:1 [SEP]:1",
        "$A:0 [SEP]:0 $B:1 [SEP]:1",
        "[CLS]:0 $A:0 [SEP]:0 $B:2 [SEP]:2",
        "[CLS]:0 $A:0 [SEP]:0 $B:0 [SEP]:0",
        "[CLS]:0 $A:0 [SEP]:1 $B:1 [SEP]:1",
        "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:0",
    ],
)
def test_another_frame_around_a_pair_is_refused(bert: Path, tmp_path: Path, frame: str) -> None:
    from tokenizers import Tokenizer, processors

    folder = copied(bert, tmp_path / "copy")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    ids = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair=frame, special_tokens=ids)
    tokenizer.save(str(folder / "tokenizer.json"))
    with pytest.raises(BadConfig, match=r"tokenizer\.json"):
        open_checkpoint(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("do_lower_case", False),
        ("split_special_tokens", True),
        ("split_special_tokens", "yes"),
        ("model_input_names", None),
        ("model_input_names", ["input_ids"]),
    ],
)
def test_settings_that_transformers_would_tokenise_otherwise_by_are_refused(
    bert: Path, tmp_path: Path, key: str, value: Any
) -> None:
    with pytest.raises(BadConfig, match=key):
        open_checkpoint(edited(bert, tmp_path / "copy", "tokenizer_config.json", **{key: value}))


def test_settings_that_change_nothing_are_accepted(bert: Path, ettin: Path, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"split_special_tokens": False, "model_input_names": GONE}
    open_checkpoint(edited(bert, tmp_path / "bert", "tokenizer_config.json", **settings))
    names = ["input_ids", "attention_mask"]  # ModernBERT has no token types
    open_checkpoint(edited(ettin, tmp_path / "ettin", "tokenizer_config.json", model_input_names=names))


@pytest.mark.parametrize(
    "content",
    [[], {"measurements": {}}, {"measurements": [{"dataset": "x", "fp32": 1}]}, {"measurements": [], "unheard_of": 1}],
)
def test_measurements_that_are_not_understood_are_refused(bert: Path, tmp_path: Path, content: Any) -> None:
    folder = copied(bert, tmp_path / "copy")
    (folder / "int8.json").write_text(json.dumps(content))
    with pytest.raises(BadConfig, match=r"int8\.json"):
        open_checkpoint(folder)
