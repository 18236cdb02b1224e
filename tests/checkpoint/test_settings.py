"""Every setting beside the weights that the two libraries read is read here, refused, or changes nothing.

``TABLE`` lists them, with a value that differs from the default. Where the checkpoint opens, its scores are those of
CrossEncoder; where CrossEncoder would give others, it must not open.
"""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import fields
from itertools import product
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from checkpoints import copied
from rankladder import Reranker
from rankladder.checkpoint import open_checkpoint
from rankladder.checkpoint.config_keys import BERT_HARMLESS, MODERNBERT_HARMLESS
from rankladder.errors import CheckpointRefused

GONE = "(no such key)"

Fate = Literal["read", "refused", "no influence"]

TOKENIZER, SETTINGS, CONFIG = "tokenizer.json", "tokenizer_config.json", "config.json"
SENTENCE, CROSS = "sentence_bert_config.json", "config_sentence_transformers.json"
SPECIALS_MAP, ADDED = "special_tokens_map.json", "added_tokens.json"

LONG = "Rain falls. Why is the sky blue? Bread rises because yeast turns sugar into carbon dioxide. " * 40
PAIRS = [
    ("what causes rain", "Rain falls from clouds."),
    ("why is the sky blue", LONG),
    ("WHAT is the [code] of [MASK]?", "Le pré été naïve ÉTÉ; the [code]x rain \u4e2d\u6587 \u0421\u0442\u0440."),
    (LONG, "[SEP] rain [PAD] İstanbul \u00df \u200b\tx"),
]


class Row(NamedTuple):
    """One setting: where it is, a value, and what becomes of it."""

    base: str
    file: str
    key: str
    value: Any
    fate: Fate


CLEAN_UP_BPE = "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output"
TANH = "torch.nn.modules.activation.Tanh"


def truncation(side: str, strategy: str) -> dict[str, object]:
    return {"direction": side, "max_length": 16, "strategy": strategy, "stride": 2}


def padding(side: str, strategy: object) -> dict[str, object]:
    pad = {"pad_to_multiple_of": 8, "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"}
    return {"strategy": strategy, "direction": side, **pad}


def normalizer(**changes: object) -> dict[str, object]:
    usual = {"clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}
    return {"type": "BertNormalizer", **usual, **changes}


def content(token: str, number: int, **flags: bool) -> dict[str, dict[str, object]]:
    plain = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
    return {str(number): {"content": token, **plain, **flags}}


# The checkpoints: "plain" has a tokenizer that is read as it stands and gives token types; "rebuilt" has BertTokenizer,
# which transformers builds anew from the vocabulary and the settings; "modernbert" and "modular" are ModernBERT.
TABLE = [
    # tokenizer_config.json, of every class
    Row("plain", SETTINGS, "model_max_length", 64, "read"),
    Row("plain", SETTINGS, "model_max_length", 1e30, "read"),
    Row("plain", SETTINGS, "model_max_length", GONE, "read"),
    Row("plain", SETTINGS, "max_len", 64, "no influence"),  # model_max_length is there
    Row("plain", SETTINGS, "padding_side", "left", "refused"),
    Row("plain", SETTINGS, "truncation_side", "left", "refused"),
    Row("plain", SETTINGS, "model_input_names", ["input_ids", "attention_mask"], "read"),
    Row("plain", SETTINGS, "model_input_names", GONE, "read"),
    Row("plain", SETTINGS, "model_input_names", ["input_ids", "token_type_ids"], "refused"),
    Row("plain", SETTINGS, "split_special_tokens", True, "refused"),
    Row("plain", SETTINGS, "add_prefix_space", True, "no influence"),  # no step of this tokenizer asks
    Row("modernbert", SETTINGS, "add_prefix_space", True, "refused"),
    Row("modernbert", SETTINGS, "add_prefix_space", False, "no influence"),
    Row("plain", SETTINGS, "clean_up_tokenization_spaces", True, "no influence"),  # for decoding
    Row("plain", SETTINGS, CLEAN_UP_BPE, True, "no influence"),
    Row("plain", SETTINGS, "add_bos_token", True, "no influence"),  # dropped where there is a tokenizer.json
    Row("plain", SETTINGS, "add_eos_token", True, "no influence"),
    Row("plain", SETTINGS, "chat_template", "{{ messages }}", "refused"),  # a pair would be written by it
    Row("plain", SETTINGS, "chat_template", None, "no influence"),
    Row("plain", SETTINGS, "chat_control_tokens", ["[CLS]"], "no influence"),
    Row("plain", SETTINGS, "response_template", {}, "no influence"),
    Row("plain", SETTINGS, "response_schema", {}, "no influence"),
    Row("plain", SETTINGS, "verbose", True, "no influence"),
    Row("plain", SETTINGS, "backend", "tokenizers", "no influence"),
    Row("plain", SETTINGS, "name_or_path", "elsewhere/model", "no influence"),
    Row("plain", SETTINGS, "vocab", {"rain": 0}, "no influence"),  # tokenizer.json's stands
    Row("plain", SETTINGS, "merges", [], "no influence"),
    Row("plain", SETTINGS, "vocab_file", "/elsewhere/vocab.txt", "no influence"),
    Row("plain", SETTINGS, "merges_file", "/elsewhere/merges.txt", "no influence"),
    Row("plain", SETTINGS, "tokenizer_file", "/elsewhere/tokenizer.json", "no influence"),
    Row("plain", SETTINGS, "unk_id", 5, "no influence"),
    Row("plain", SETTINGS, "max_length", 32, "no influence"),  # kept by transformers, never applied
    Row("plain", SETTINGS, "stride", 4, "no influence"),
    Row("plain", SETTINGS, "truncation_strategy", "only_second", "no influence"),
    Row("plain", SETTINGS, "pad_to_multiple_of", 8, "no influence"),
    Row("plain", SETTINGS, "pad_token_type_id", 1, "no influence"),  # padding is masked
    Row("plain", SETTINGS, "unk_token", "[UNK]", "no influence"),
    Row("plain", SETTINGS, "cls_token", "[code]", "refused"),
    Row("plain", SETTINGS, "bos_token", "[code]", "refused"),
    Row("plain", SETTINGS, "mask_token", {"__type": "AddedToken", "content": "[code]"}, "refused"),
    Row("plain", SETTINGS, "mask_token", GONE, "no influence"),
    Row("plain", SETTINGS, "image_token", "[code]", "refused"),
    Row("plain", SETTINGS, "additional_special_tokens", ["[code]"], "refused"),
    Row("plain", SETTINGS, "additional_special_tokens", ["[MASK]"], "no influence"),
    Row("plain", SETTINGS, "additional_special_tokens", [], "no influence"),
    Row("plain", SETTINGS, "extra_special_tokens", ["rain"], "refused"),
    Row("plain", SETTINGS, "extra_special_tokens", {"code_token": "[code]"}, "refused"),
    Row("plain", SETTINGS, "model_specific_special_tokens", {"code_token": "[code]"}, "refused"),
    Row("plain", SETTINGS, "added_tokens_decoder", content("[code]", 200), "refused"),
    Row("plain", SETTINGS, "added_tokens_decoder", content("[MASK]", 4), "no influence"),
    Row("plain", SETTINGS, "added_tokens_decoder", content("[MASK]", 4, lstrip=True), "refused"),
    Row("plain", SETTINGS, "added_tokens_decoder", content("[MASK]", 7), "refused"),
    Row("plain", SETTINGS, "init_inputs", ["vocab.txt"], "refused"),
    Row("plain", SETTINGS, "init_inputs", [], "no influence"),
    Row("plain", SETTINGS, "fast_tokenizer_files", ["tokenizer.4.0.0.json", "tokenizer.json"], "refused"),
    Row("plain", SETTINGS, "tokenizer_truncation", {"max_length": 16, "direction": "left"}, "refused"),
    Row("plain", SETTINGS, "tokenizer_padding", {"direction": "left"}, "refused"),
    Row("plain", SETTINGS, "_json_truncation", {"max_length": 16, "direction": "left"}, "refused"),
    Row("plain", SETTINGS, "_json_padding", {"direction": "left"}, "refused"),
    Row("plain", SETTINGS, "_spm_precompiled_charsmap", "x", "refused"),
    Row("plain", SETTINGS, "post_processor", "x", "refused"),
    Row("plain", SETTINGS, "tokenizer_object", "x", "refused"),
    Row("plain", SETTINGS, "gguf_file", "x.gguf", "refused"),
    Row("plain", SETTINGS, "from_slow", True, "refused"),
    Row("plain", SETTINGS, "fix_mistral_regex", True, "no influence"),  # of vocabularies above 100,000 of Mistral's
    Row("plain", SETTINGS, "processor_class", "CLIPProcessor", "refused"),
    Row("plain", SETTINGS, "auto_map", {"AutoTokenizer": ["a.B", None]}, "refused"),
    Row("plain", SETTINGS, "tokenizer_class", "BertJapaneseTokenizer", "refused"),
    Row("plain", SETTINGS, "tokenizer_class", "PreTrainedTokenizerFast", "read"),
    Row("plain", SETTINGS, "tokenizer_class", "BertTokenizer", "read"),
    Row("plain", SETTINGS, "tokenizer_class", GONE, "read"),
    Row("plain", CONFIG, "tokenizer_class", "BertJapaneseTokenizer", "no influence"),  # the settings' stands before it
    # of BertTokenizer
    Row("rebuilt", SETTINGS, "do_lower_case", True, "no influence"),
    Row("rebuilt", SETTINGS, "do_lower_case", False, "refused"),
    Row("rebuilt", SETTINGS, "strip_accents", False, "refused"),
    Row("rebuilt", SETTINGS, "strip_accents", True, "refused"),  # tokenizer.json says null
    Row("rebuilt", SETTINGS, "tokenize_chinese_chars", False, "refused"),
    Row("rebuilt", SETTINGS, "vocab", {"rain": 0}, "no influence"),
    Row("rebuilt", SETTINGS, "unk_token", "[MASK]", "refused"),
    Row("rebuilt", SETTINGS, "cls_token", "[MASK]", "refused"),
    Row("rebuilt", SETTINGS, "sep_token", "[MASK]", "refused"),
    Row("rebuilt", SETTINGS, "pad_token", "[MASK]", "no influence"),  # padding is masked
    Row("rebuilt", SETTINGS, "mask_token", GONE, "no influence"),
    Row("rebuilt", SETTINGS, "mask_token", "[PAD]", "no influence"),
    Row("rebuilt", SETTINGS, "model_max_length", GONE, "read"),
    Row("rebuilt", SETTINGS, "model_input_names", ["input_ids", "attention_mask"], "read"),
    Row("rebuilt", SETTINGS, "tokenizer_class", "DistilBertTokenizer", "read"),
    Row("rebuilt", SETTINGS, "tokenizer_class", GONE, "read"),
    Row("rebuilt", SETTINGS, "added_tokens_decoder", content("[MASK]", 4), "no influence"),
    Row("rebuilt", SETTINGS, "do_basic_tokenize", False, "no influence"),  # of the Python tokenizer, which is gone
    Row("rebuilt", SETTINGS, "never_split", ["rain"], "no influence"),
    # tokenizer.json
    Row("plain", TOKENIZER, "truncation", truncation("Left", "LongestFirst"), "refused"),
    Row("plain", TOKENIZER, "truncation", truncation("Right", "OnlySecond"), "no influence"),
    Row("plain", TOKENIZER, "truncation", None, "no influence"),
    Row("plain", TOKENIZER, "padding", padding("Right", {"Fixed": 300}), "no influence"),
    Row("plain", TOKENIZER, "padding", padding("Left", "BatchLongest"), "refused"),
    Row("plain", TOKENIZER, "normalizer", None, "read"),
    Row("plain", TOKENIZER, "normalizer", normalizer(strip_accents=False, lowercase=False), "read"),
    Row("plain", TOKENIZER, "decoder", None, "no influence"),
    Row("rebuilt", TOKENIZER, "normalizer", None, "refused"),
    Row("rebuilt", TOKENIZER, "normalizer", normalizer(lowercase=False), "refused"),
    Row("rebuilt", TOKENIZER, "normalizer", normalizer(clean_text=False), "refused"),
    Row("rebuilt", TOKENIZER, "pre_tokenizer", {"type": "Whitespace"}, "refused"),
    Row("rebuilt", TOKENIZER, "decoder", None, "no influence"),
    # the two older files; read where the settings have no added_tokens_decoder
    Row("plain", SPECIALS_MAP, "mask_token", "[code]", "refused"),
    Row("plain", SPECIALS_MAP, "mask_token", content("[MASK]", 4)["4"], "no influence"),
    Row("plain", SPECIALS_MAP, "additional_special_tokens", ["[code]"], "refused"),
    Row("rebuilt", SPECIALS_MAP, "additional_special_tokens", ["rain"], "refused"),
    Row("plain", ADDED, "[code]", 200, "refused"),
    Row("plain", ADDED, "[MASK]", 4, "no influence"),
    Row("plain", ADDED, "[MASK]", 7, "refused"),
    # config.json
    Row("plain", CONFIG, "sbert_ce_default_activation_function", TANH, "no influence"),
    Row("plain", CONFIG, "sentence_transformers", {"activation_fn": TANH}, "no influence"),
    Row("plain", CONFIG, "problem_type", "regression", "no influence"),  # of a training's loss
    Row("plain", CONFIG, "use_return_dict", False, "refused"),
    Row("plain", CONFIG, "return_dict", False, "no influence"),
    Row("plain", CONFIG, "output_hidden_states", True, "no influence"),
    Row("plain", CONFIG, "output_attentions", True, "no influence"),
    Row("plain", CONFIG, "tie_word_embeddings", False, "no influence"),
    Row("plain", CONFIG, "chunk_size_feed_forward", 8, "no influence"),
    Row("plain", CONFIG, "classifier_dropout", 0.5, "no influence"),
    Row("plain", CONFIG, "pad_token_id", 3, "no influence"),  # padding is masked
    Row("plain", CONFIG, "attn_implementation", "eager", "no influence"),
    Row("plain", CONFIG, "processor_class", "CLIPProcessor", "refused"),
    Row("plain", CONFIG, "quantization_config", {"bits": 4}, "refused"),
    Row("plain", CONFIG, "layer_norm_eps", 0.1, "read"),
    Row("plain", CONFIG, "layer_norm_eps", GONE, "read"),
    Row("plain", CONFIG, "hidden_act", "relu", "read"),
    Row("plain", CONFIG, "classifier_pooling", "mean", "refused"),
    Row("modernbert", CONFIG, "classifier_pooling", "mean", "read"),
    Row("modernbert", CONFIG, "classifier_activation", "relu", "read"),
    Row("modernbert", CONFIG, "tokenizer_class", "BertTokenizer", "no influence"),  # AutoTokenizer overrules it
    Row("modernbert", SETTINGS, "tokenizer_class", "BertTokenizer", "no influence"),
    Row("modernbert", SETTINGS, "model_input_names", ["input_ids", "token_type_ids", "attention_mask"], "no influence"),
    Row("modernbert", SETTINGS, "model_max_length", 64, "read"),
    # sentence_bert_config.json, and the names that it had before
    Row("plain", SENTENCE, "max_seq_length", 32, "no influence"),  # read with a modules.json alone
    Row("modular", SENTENCE, "max_seq_length", 64, "read"),
    Row("modular", SENTENCE, "max_seq_length", 5120, "refused"),
    Row("modular", SENTENCE, "max_seq_length", None, "no influence"),
    Row("modular", SENTENCE, "do_lower_case", True, "refused"),
    Row("modular", SENTENCE, "transformer_task", "fill-mask", "refused"),
    Row("modular", SENTENCE, "processing_kwargs", {"text": {"max_length": 16}}, "refused"),
    Row("modular", SENTENCE, "module_output_name", "other", "refused"),
    Row("modular", SENTENCE, "modality_config", {"text": {"method": "other", "method_output_name": "x"}}, "refused"),
    Row("modular", SENTENCE, "unpad_inputs", False, "no influence"),
    Row("modular", SENTENCE, "query_length", 16, "refused"),
    Row("modular", SENTENCE, "document_length", 16, "refused"),
    Row("modular", SENTENCE, "query_expansion", {"strategy": "fixed", "length": 32}, "refused"),
    Row("modular", SENTENCE, "model_kwargs", {"attn_implementation": "eager"}, "refused"),
    Row("modular", SENTENCE, "processor_kwargs", {"model_max_length": 16}, "refused"),
    Row("modular", SENTENCE, "config_kwargs", {"layer_norm_eps": 0.1}, "refused"),
    Row("modular", SENTENCE, "tokenizer_args", {"model_max_length": 16}, "refused"),
    Row("modular", SENTENCE, "tokenizer_name_or_path", "elsewhere", "refused"),
    Row("modular", SENTENCE, "backend", "onnx", "refused"),
    Row("modular", SETTINGS, "model_max_length", 64, "read"),
    # config_sentence_transformers.json
    Row("modular", CROSS, "default_prompt_name", "query", "refused"),
    Row("modular", CROSS, "prompts", {"query": "search: "}, "no influence"),  # given to a call by name alone
    Row("modular", CROSS, "activation_fn", TANH, "no influence"),  # scores are logits
    Row("modular", CROSS, "keep_in_fp32_modules", ["2.linear"], "no influence"),  # all is fp32
    Row("modular", CROSS, "requirements", ["numpy>=1"], "no influence"),
    Row("modular", CROSS, "model_type", "SentenceTransformer", "refused"),
    Row("modular", CROSS, "model_type", GONE, "refused"),
    Row("modular", CROSS, "truncate_dim", 8, "refused"),
    Row("modular", CROSS, "similarity_fn_name", "dot", "no influence"),  # an embedder's
]  # fmt: skip


@pytest.fixture(scope="module")
def bases(bert: Path, modernbert_cls: Path, ettin: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    rebuilt = copied(bert, tmp_path_factory.mktemp("bases") / "rebuilt")
    edit(rebuilt / SETTINGS, "tokenizer_class", "BertTokenizer")
    edit(rebuilt / SETTINGS, "model_input_names", GONE)
    return {"plain": bert, "rebuilt": rebuilt, "modernbert": modernbert_cls, "modular": ettin}


def edit(path: Path, key: str, value: Any) -> None:
    values = json.loads(path.read_text()) if path.is_file() else {}
    values |= {key: value}
    path.write_text(json.dumps({name: each for name, each in values.items() if each is not GONE}))


def theirs(folder: Path) -> NDArray[np.float32]:
    from sentence_transformers import CrossEncoder

    model = CrossEncoder(
        str(folder), device="cpu", activation_fn=torch.nn.Identity(), model_kwargs={"dtype": "float32"}
    )
    scores: NDArray[np.float32] = model.predict(PAIRS, show_progress_bar=False)
    return scores


@pytest.fixture(scope="module")
def usual(bases: dict[str, Path]) -> dict[str, NDArray[np.float32]]:
    return {base: Reranker.open(folder, dtype="fp32").predict(PAIRS) for base, folder in bases.items()}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.base}-{row.file}-{row.key}-{row.value}"[:90])
@pytest.mark.usefixtures("one_torch_thread")
@pytest.mark.filterwarnings("ignore")
def test_a_setting_is_honoured_or_refused(
    bases: dict[str, Path], usual: dict[str, NDArray[np.float32]], tmp_path: Path, row: Row
) -> None:
    folder = copied(bases[row.base], tmp_path / "copy")
    edit(folder / row.file, row.key, row.value)
    if row.fate == "refused":
        with pytest.raises(CheckpointRefused) as refused:
            open_checkpoint(folder)
        assert str(tmp_path) in str(refused.value)
        assert "hint: " in str(refused.value)
        return
    ours = Reranker.open(folder, dtype="fp32").predict(PAIRS)
    np.testing.assert_allclose(ours, theirs(folder), atol=1e-4)
    if row.fate == "no influence":
        np.testing.assert_allclose(ours, usual[row.base], atol=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_the_older_length_is_read_where_the_newer_is_not_there(bert: Path, tmp_path: Path) -> None:
    folder = copied(bert, tmp_path / "copy")
    edit(folder / SETTINGS, "model_max_length", GONE)
    edit(folder / SETTINGS, "max_len", 64)
    assert open_checkpoint(folder).max_tokens == 64
    np.testing.assert_allclose(Reranker.open(folder, dtype="fp32").predict(PAIRS), theirs(folder), atol=1e-4)


# The lists of the libraries themselves: a version that reads a new setting fails here until it is in the table


def asked_for(source: str, owner: str) -> set[str]:
    """The keys that a piece of source takes out of a dict of settings by a fixed name."""
    return set(re.findall(rf"""\b{owner}\.(?:pop|get|setdefault)\(\s*"(\w+)\"""", source))


def listed(*files: str) -> set[str]:
    return {row.key for row in TABLE if row.file in files}


def test_every_setting_that_a_tokenizer_of_transformers_reads_is_listed() -> None:
    from transformers import BertTokenizer, TokenizersBackend
    from transformers.tokenization_utils_base import PreTrainedTokenizerBase

    read = {*PreTrainedTokenizerBase.SPECIAL_TOKENS_ATTRIBUTES}
    for owner in (TokenizersBackend.__init__, PreTrainedTokenizerBase.__init__):
        read |= asked_for(inspect.getsource(owner), "kwargs")
    for method in (TokenizersBackend.convert_to_native_format, PreTrainedTokenizerBase._from_pretrained):
        source = inspect.getsource(method)
        read |= asked_for(source, "local_kwargs") | asked_for(source, "init_kwargs")
    read |= {*inspect.signature(BertTokenizer.__init__).parameters} - {"self", "kwargs"}
    read -= {"tokenizer", "files_loaded"}  # handed from one method to another
    known = listed(SETTINGS) | {"eos_token"}  # likewise bos_token
    assert read - known == set()


def test_every_setting_that_sentence_transformers_reads_is_listed() -> None:
    from sentence_transformers import CrossEncoder
    from sentence_transformers.base.model import BaseModel
    from sentence_transformers.base.modules import Transformer

    parameters = {*inspect.signature(Transformer.__init__).parameters} - {"self", "model_name_or_path"}
    assert parameters - listed(SENTENCE) == set()
    source = "".join(
        inspect.getsource(method)
        for method in (
            CrossEncoder._parse_model_config,
            BaseModel._parse_model_config,
            BaseModel._load_modules,
            BaseModel._get_model_type,
        )
    )
    read = (
        asked_for(source, "model_config")
        | asked_for(source, "config")
        | set(re.findall(r'model_config\["(\w+)"\]', source))
    )
    assert read - listed(CROSS) == set()


def test_every_key_of_the_two_configs_is_read_or_known_to_change_nothing() -> None:
    """Those that neither list has are what ``read_bert``, ``read_modernbert`` and their callers ask for."""
    from transformers import BertConfig, ModernBertConfig

    shape = {"vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"}
    shape |= {"max_position_embeddings", "is_encoder_decoder"}
    bert = {field.name for field in fields(BertConfig)} - BERT_HARMLESS
    assert bert == shape | {"hidden_act", "type_vocab_size", "layer_norm_eps", "is_decoder", "add_cross_attention"}
    modern = {field.name for field in fields(ModernBertConfig)} - MODERNBERT_HARMLESS
    assert modern == shape | {
        "attention_bias", "classifier_activation", "classifier_bias", "classifier_pooling", "hidden_activation",
        "layer_types", "local_attention", "mlp_bias", "norm_bias", "norm_eps", "rope_parameters",
    }  # fmt: skip


CASES = (True, False)
CLASSES = ("PreTrainedTokenizerFast", "BertTokenizer", "DistilBertTokenizerFast", GONE)
INPUTS = (GONE, ["input_ids", "attention_mask"], ["input_ids", "token_type_ids", "attention_mask"])


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.usefixtures("one_torch_thread")
@pytest.mark.filterwarnings("ignore")
def test_any_mixture_of_case_accents_class_and_inputs_is_equal_or_refused(
    bert: Path, tmp_path: Path, kind: str
) -> None:
    """Each class opens with what it builds or reads, and with token types or without: no other scores are given."""
    folder = copied(bert, tmp_path / "copy")
    edit(folder / SETTINGS, "tokenizer_class", kind)
    opened = 0
    for lower, accents, said, names in product(CASES, (None, False), (GONE, *CASES), INPUTS):
        edit(folder / TOKENIZER, "normalizer", normalizer(lowercase=lower, strip_accents=accents))
        edit(folder / SETTINGS, "do_lower_case", said)
        edit(folder / SETTINGS, "strip_accents", GONE if accents is None else accents)
        edit(folder / SETTINGS, "model_input_names", names)
        try:
            ours = Reranker.open(folder, dtype="fp32").predict(PAIRS)
        except CheckpointRefused:
            continue
        np.testing.assert_allclose(ours, theirs(folder), atol=1e-4)
        opened += 1
    assert opened == {"PreTrainedTokenizerFast": 24}.get(kind, 18)
