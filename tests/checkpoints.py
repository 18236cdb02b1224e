"""Seeded checkpoints with random weights, written by Sentence Transformers and transformers themselves.

Nothing is fetched: the tokenizers are built here. Weights are scaled by fan-in, so that attention looks at
its input and logits differ between pairs by about one (the libraries' own initialisation, 0.02, gives nearly
constant logits that would hide a wrong layer).
"""

from __future__ import annotations

import math
import re
import shutil
import tempfile
from pathlib import Path
from string import ascii_lowercase, digits, whitespace
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    ModernBertConfig,
    ModernBertForSequenceClassification,
    ModernBertModel,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

TEXT = """
Rain falls when water vapour in clouds condenses into drops heavy enough to fall. Why is the sky blue? Sunlight is
scattered by the molecules of the air, and blue light is scattered more than red light because it travels in shorter
waves. The red planet is Mars; its surface holds iron oxide. How do I undo the last commit? Run git reset with the soft
flag: it moves the branch back one commit and keeps the changes staged. The stock market closed higher on Friday. Apple
was founded in Cupertino, California, in 1976. A cross-encoder reads the query and the document together and returns one
number, the score. What is a reranker? It puts the candidates of a search engine in a better order. Bread rises because
yeast turns sugar into carbon dioxide. Who wrote the first program? Ada Lovelace, in 1843, for a machine never built.
"""


class Shape(NamedTuple):
    """The numbers that decide the size of a network."""

    layers: int
    width: int
    heads: int
    inner: int


ETTIN = {
    "ettin-17m": Shape(7, 256, 4, 384),
    "ettin-32m": Shape(10, 384, 6, 576),
    "ettin-68m": Shape(19, 512, 8, 768),
    "ettin-150m": Shape(22, 768, 12, 1152),
    "ettin-400m": Shape(28, 1024, 16, 2624),
    "ettin-1b": Shape(28, 1792, 28, 3840),
}
ETTIN_VOCABULARY, ETTIN_POSITIONS = 50368, 7999

MINILM = {
    "minilm-l4": Shape(4, 384, 12, 1536),
    "minilm-l6": Shape(6, 384, 12, 1536),
    "minilm-l12": Shape(12, 384, 12, 1536),
}
MINILM_VOCABULARY, MINILM_POSITIONS = 30522, 512

TINY = Shape(4, 64, 4, 96)


def write_ettin(
    folder: Path,
    *,
    layers: int = TINY.layers,
    width: int = TINY.width,
    heads: int = TINY.heads,
    inner: int = TINY.inner,
    seed: int = 0,
    vocabulary: int | None = None,
    positions: int = 512,
    local_attention: int = 32,
    global_every: int = 3,
    pooling: Literal["cls", "mean"] = "cls",
    dtype: torch.dtype = torch.float32,
    tokenizer: PreTrainedTokenizerFast | None = None,
) -> Path:
    """The folder of a modular CrossEncoder in the Ettin rerankers' format, saved by Sentence Transformers."""
    from sentence_transformers import CrossEncoder
    from sentence_transformers.base.modules import Dense, Transformer
    from sentence_transformers.sentence_transformer.modules import LayerNorm, Pooling

    tokenizer = tokenizer or byte_level_tokenizer(positions)
    config = _modernbert_config(
        tokenizer,
        Shape(layers, width, heads, inner),
        vocabulary=vocabulary,
        positions=positions,
        local_attention=local_attention,
        global_every=global_every,
    )
    encoder = ModernBertModel(config)
    scale_weights(encoder, seed)
    with tempfile.TemporaryDirectory() as place:
        encoder.to(dtype).save_pretrained(place)
        del encoder
        tokenizer.save_pretrained(place)
        transformer = Transformer(place, model_kwargs={"dtype": dtype})
    head = [
        Dense(width, width, bias=False, activation_function=torch.nn.GELU()),
        LayerNorm(width),
        Dense(width, 1, bias=True, activation_function=torch.nn.Identity(), module_output_name="scores"),
    ]
    for step, module in enumerate(head):
        scale_weights(module, seed + 1 + step)
    with torch.no_grad():
        head[-1].linear.weight *= 3
    modules = [transformer, Pooling(width, pooling), *[module.to(dtype) for module in head]]
    model = CrossEncoder(modules=modules, activation_fn=torch.nn.Identity(), device="cpu")
    model.save_pretrained(str(folder), create_model_card=False)
    return folder


def write_rung(folder: Path, name: str, *, seed: int = 0, dtype: torch.dtype = torch.float32) -> Path:
    """The folder of a full-size Ettin reranker (``ettin-17m`` … ``ettin-1b``) with random weights."""
    return write_ettin(
        folder,
        **ETTIN[name]._asdict(),
        seed=seed,
        dtype=dtype,
        vocabulary=ETTIN_VOCABULARY,
        positions=ETTIN_POSITIONS,
        local_attention=128,
    )


def write_modernbert_classifier(
    folder: Path,
    *,
    layers: int = TINY.layers,
    width: int = TINY.width,
    heads: int = TINY.heads,
    inner: int = TINY.inner,
    seed: int = 0,
    vocabulary: int | None = None,
    positions: int = 512,
    local_attention: int = 32,
    global_every: int = 3,
    pooling: Literal["cls", "mean"] = "cls",
    classifier_bias: bool = False,
    dtype: torch.dtype = torch.float32,
    tokenizer: PreTrainedTokenizerFast | None = None,
) -> Path:
    """The folder of a ModernBertForSequenceClassification with one label (gte-modernbert's and granite-r2's format)."""
    tokenizer = tokenizer or byte_level_tokenizer(positions)
    config = _modernbert_config(
        tokenizer,
        Shape(layers, width, heads, inner),
        vocabulary=vocabulary,
        positions=positions,
        local_attention=local_attention,
        global_every=global_every,
    )
    config.classifier_pooling = pooling
    config.classifier_bias = classifier_bias
    config.num_labels = 1
    model = ModernBertForSequenceClassification(config)
    scale_weights(model, seed)
    return _save(model, "classifier.weight", tokenizer, folder, dtype)


def write_bert(
    folder: Path,
    *,
    layers: int = TINY.layers,
    width: int = TINY.width,
    heads: int = TINY.heads,
    inner: int = TINY.inner,
    seed: int = 0,
    vocabulary: int | None = None,
    positions: int = 512,
    dtype: torch.dtype = torch.float32,
    tokenizer: PreTrainedTokenizerFast | None = None,
) -> Path:
    """The folder of a BertForSequenceClassification with one label (the MS MARCO MiniLM cross-encoders' format)."""
    tokenizer = tokenizer or word_piece_tokenizer(positions)
    config = BertConfig(
        vocab_size=vocabulary or _rounded(len(tokenizer)),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=inner,
        max_position_embeddings=positions,
        num_labels=1,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = BertForSequenceClassification(config)
    scale_weights(model, seed)
    return _save(model, "classifier.weight", tokenizer, folder, dtype)


def write_minilm(folder: Path, name: str, *, seed: int = 0) -> Path:
    """The folder of a full-size MiniLM cross-encoder (``minilm-l4``, ``-l6``, ``-l12``) with random weights."""
    return write_bert(
        folder, **MINILM[name]._asdict(), seed=seed, vocabulary=MINILM_VOCABULARY, positions=MINILM_POSITIONS
    )


def scale_weights(module: torch.nn.Module, seed: int) -> None:
    """Fills every parameter from one seed: matrices N(0, 1/fan-in), embeddings N(0, 1), norms near 1, biases near 0.

    NumPy draws, since what torch draws depends on the processor's instructions.
    """
    generator = np.random.default_rng(seed)
    with torch.no_grad():
        for name, parameter in sorted(module.named_parameters()):
            parameter.copy_(torch.from_numpy(generator.standard_normal(parameter.shape, dtype=np.float32)))
            if parameter.ndim == 2 and "embeddings" not in name:
                parameter.mul_(1 / math.sqrt(parameter.shape[1]))
            elif "position_embeddings" in name or "token_type_embeddings" in name:
                parameter.mul_(0.3)
            elif parameter.ndim == 1:
                parameter.mul_(0.1)
                if name.endswith("weight"):
                    parameter.add_(1)


def byte_level_tokenizer(positions: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer as ModernBERT's, of some 700 tokens, framing ``[CLS] A [SEP] B [SEP]``."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        TEXT.splitlines(),
        trainers.BpeTrainer(
            vocab_size=704,
            special_tokens=SPECIALS,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        ),
    )
    return _framed(tokenizer, positions, ["input_ids", "attention_mask"])


def word_piece_tokenizer(positions: int) -> PreTrainedTokenizerFast:
    """A lower-casing WordPiece tokenizer as BERT's, framing ``[CLS] A [SEP] B [SEP]`` with token types 0 and 1.

    Its vocabulary is given: the library's trainer makes another one in every process (huggingface/tokenizers#1794).
    """
    signs, words = _signs_and_words(TEXT.lower())
    vocabulary = list(dict.fromkeys([*SPECIALS, *signs, *words, *(f"##{part}" for part in (*signs, *words))]))
    known = {token: place for place, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(known, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return _framed(tokenizer, positions, ["input_ids", "token_type_ids", "attention_mask"])


def _signs_and_words(text: str) -> tuple[list[str], list[str]]:
    """What stands in a text, and letters and digits; sorted."""
    return sorted({*text, *ascii_lowercase, *digits} - {*whitespace}), sorted({*re.findall(r"\w+", text)})


def _framed(tokenizer: Tokenizer, positions: int, inputs: list[str]) -> PreTrainedTokenizerFast:
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=positions,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_input_names=inputs,
    )


def _modernbert_config(
    tokenizer: PreTrainedTokenizerFast,
    shape: Shape,
    *,
    vocabulary: int | None,
    positions: int,
    local_attention: int,
    global_every: int,
) -> ModernBertConfig:
    specials: dict[str, Any] = {
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.cls_token_id,
        "cls_token_id": tokenizer.cls_token_id,
        "eos_token_id": tokenizer.sep_token_id,
        "sep_token_id": tokenizer.sep_token_id,
    }
    return ModernBertConfig(
        vocab_size=vocabulary or _rounded(len(tokenizer)),
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.inner,
        max_position_embeddings=positions,
        local_attention=local_attention,
        global_attn_every_n_layers=global_every,
        **specials,
    )


def _save(
    model: PreTrainedModel, last: str, tokenizer: PreTrainedTokenizerFast, folder: Path, dtype: torch.dtype
) -> Path:
    with torch.no_grad():
        model.get_parameter(last).mul_(3)
    model.to(dtype).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _rounded(tokens: int) -> int:
    return math.ceil(tokens / 64) * 64


def copied(source: Path, into: Path) -> Path:
    """A copy of a checkpoint that a test may damage."""
    shutil.copytree(source, into)
    return into


def write_deberta(folder: Path, *, seed: int = 0, positions: int = 128, dtype: torch.dtype = torch.float32) -> Path:
    """The folder of a DebertaV2ForSequenceClassification with one label (mxbai-rerank-*-v1's format)."""
    from transformers import DebertaV2Config, DebertaV2ForSequenceClassification

    tokenizer = word_piece_tokenizer(positions)
    config = DebertaV2Config(
        vocab_size=_rounded(len(tokenizer)),
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=positions,
        relative_attention=True,
        max_relative_positions=-1,
        position_buckets=32,
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        pos_att_type=["p2c", "c2p"],
        position_biased_input=False,
        type_vocab_size=0,
        pooler_hidden_size=48,
        num_labels=1,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = DebertaV2ForSequenceClassification(config)
    scale_weights(model, seed)
    return _save(model, "classifier.weight", tokenizer, folder, dtype)


def write_xlm_roberta(folder: Path, *, seed: int = 0, positions: int = 128, dtype: torch.dtype = torch.float32) -> Path:
    """The folder of an XLMRobertaForSequenceClassification with one label (bge-reranker's format), framing
    ``<s> A </s></s> B </s>``; it reads two tokens fewer than it has positions.
    """
    from transformers import XLMRobertaConfig, XLMRobertaForSequenceClassification

    tokenizer = unigram_tokenizer(positions)
    config = XLMRobertaConfig(
        vocab_size=_rounded(len(tokenizer)),
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=positions + 2,
        type_vocab_size=1,
        num_labels=1,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    model = XLMRobertaForSequenceClassification(config)
    scale_weights(model, seed)
    return _save(model, "classifier.out_proj.weight", tokenizer, folder, dtype)


def write_causal(
    folder: Path,
    kind: Literal["qwen2", "qwen3"],
    *,
    seed: int = 0,
    positions: int = 1024,
    tied: bool = True,
    dtype: torch.dtype = torch.float32,
) -> Path:
    """The folder of a Qwen2ForCausalLM (mxbai-rerank-v2's format) or a Qwen3ForCausalLM (Qwen3-Reranker's)."""
    from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

    tokenizer = qwen_tokenizer(positions)
    shape: dict[str, Any] = {
        "vocab_size": _rounded(len(tokenizer)),
        "hidden_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": positions,
        "tie_word_embeddings": tied,
        "bos_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    model: PreTrainedModel
    if kind == "qwen2":
        model = Qwen2ForCausalLM(Qwen2Config(**shape))
    else:
        model = Qwen3ForCausalLM(Qwen3Config(**shape, head_dim=16))
    scale_weights(model, seed)
    model.to(dtype).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def unigram_tokenizer(positions: int) -> PreTrainedTokenizerFast:
    """A Unigram tokenizer as XLM-RoBERTa's, without sentencepiece, framing ``<s> A </s></s> B </s>``.

    Its pieces are given, as in ``word_piece_tokenizer``.
    """
    specials = ["<s>", "<pad>", "</s>", "<unk>"]
    signs, words = _signs_and_words(TEXT)
    pieces = [*(f"▁{word}" for word in words), "▁", *signs]
    scored = [(piece, 0.0) for piece in specials] + [(piece, -5.0 - place / 100) for place, piece in enumerate(pieces)]
    tokenizer = Tokenizer(models.Unigram(scored, unk_id=specials.index("<unk>")))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("<s>", "</s>")],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=positions,
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        model_input_names=["input_ids", "attention_mask"],
    )


QWEN_PIECES = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How Qwen's tokenizers split a text before they merge bytes. Source: Qwen2Tokenizer of transformers."""


def qwen_tokenizer(positions: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer with the pieces and chat tokens of Qwen's, and the answers of their rerankers."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN_PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        [*TEXT.splitlines(), *["yes"] * 20, *["no"] * 20, *["query: document: relevant search Instruct Query"] * 5],
        trainers.BpeTrainer(
            vocab_size=640,
            special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        ),
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=positions,
        pad_token="<|endoftext|>",
        eos_token="<|im_end|>",
        model_input_names=["input_ids", "attention_mask"],
    )
