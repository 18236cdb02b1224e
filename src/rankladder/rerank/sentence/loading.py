"""The network of a foreign checkpoint, built by Sentence Transformers or transformers, and held against its files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from logging import ERROR
from typing import Any, TypeVar, cast

import numpy as np
import torch
from sentence_transformers import CrossEncoder
from torch import Tensor, nn
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
)
from transformers.utils import logging

from rankladder.checkpoint import Foreign
from rankladder.checkpoint.tensorfile import StoredTensor
from rankladder.checkpoint.weights import check_counter, check_tensor, old_name
from rankladder.errors import BadConfig, BadTensor, CheckpointRefused
from rankladder.rerank.sentence.paper import check_on_paper

Made = TypeVar("Made")

COUNTER = "position_ids"
"""Ending of a tensor that older versions stored and that is only 0, 1, 2, …"""

CHUNK = 1 << 24

PROBES = (
    ("what is rain?", "Rain falls."),
    ("WHAT is Été?", "Naïve CAFÉ, Straße 12.50 Ελλάδα Страна İ"),
    ("\u4e2d\u6587 rain", "\u65e5\u672c\u8a9e \ud55c\uad6d\uc5b4 a_b don't"),
)
"""Pairs that tokenizer.json and transformers must read alike: case, accents, scripts, and the added tokens.
transformers 5 rebuilds some tokenizers from their vocabulary; where such a one treats rarer characters otherwise
(of control, of compatibility, several spaces), tokenizer.json is what is read here.
"""

TOKENS_PROBED = 40


def load_classifier(foreign: Foreign, dtype: torch.dtype) -> CrossEncoder:
    """The CrossEncoder of a classifier or a modular checkpoint, on the CPU: features in, ``scores`` (B, 1) out.

    Raises CheckpointRefused where it cannot be built, BadTensor where a parameter is not in the files or a tensor of
    the files is not in the network, BadConfig where a plain pair is other tokens to it than to tokenizer.json.
    """

    def build() -> CrossEncoder:
        model = CrossEncoder(
            os.fspath(foreign.folder),
            device="cpu",
            trust_remote_code=False,
            local_files_only=True,
            model_kwargs={"dtype": dtype, "use_safetensors": True, "ignore_mismatched_sizes": True},
            activation_fn=nn.Identity(),
        )
        return cast(CrossEncoder, model)

    described = AutoModel if len(foreign.modules) > 1 else AutoModelForSequenceClassification
    built(foreign, lambda: check_on_paper(foreign.folder, foreign.tensors[""].values(), described))
    model = built(foreign, build)
    if model.num_labels != 1:
        raise BadConfig(f"{foreign.folder}: expected one output, a reranker's score, found {model.num_labels}")
    network = cast(nn.Module, model[0].model)
    parts: dict[str, nn.Module] = {"": network}
    for place, (kind, part) in enumerate(foreign.modules):
        if kind in {"Dense", "LayerNorm"}:
            parts[part] = model[place].to(dtype)
    for part, module in parts.items():
        check_parameters(module, foreign.tensors[part], where=f"{foreign.folder / part}")
    _check_tokenizer(foreign, model.tokenizer)
    return model


def load_causal(foreign: Foreign, dtype: torch.dtype) -> PreTrainedModel:
    """The language model of a checkpoint, on the CPU. Raises as ``load_classifier``."""

    def build() -> PreTrainedModel:
        model = AutoModelForCausalLM.from_pretrained(
            os.fspath(foreign.folder),
            trust_remote_code=False,
            local_files_only=True,
            use_safetensors=True,
            ignore_mismatched_sizes=True,
            dtype=dtype,
        )
        return cast(PreTrainedModel, model)

    built(foreign, lambda: check_on_paper(foreign.folder, foreign.tensors[""].values(), AutoModelForCausalLM))
    model = built(foreign, build)
    tokenizer = built(foreign, lambda: AutoTokenizer.from_pretrained(os.fspath(foreign.folder), local_files_only=True))
    _check_tokenizer(foreign, tokenizer)
    check_parameters(model, foreign.tensors[""], where=str(foreign.folder))
    head, embedding = (cast(nn.Linear, owner) for owner in (model.lm_head, model.get_input_embeddings()))
    if model.config.tie_word_embeddings and not torch.equal(head.weight, embedding.weight):
        raise BadTensor(
            f"{foreign.folder}: lm_head.weight: expected the embedding, as the config ties them, found other values"
        )
    return model


def _check_tokenizer(foreign: Foreign, theirs: Any) -> None:
    """Refuses a tokenizer that is not, to transformers, what ``tokenizer.json`` says: BadConfig, naming the pair."""
    added = [token.content for token in foreign.tokenizer.get_added_tokens_decoder().values()]
    named = [str(token) for token in theirs.all_special_tokens]
    tokens = list(dict.fromkeys([*added[:TOKENS_PROBED], *named[:TOKENS_PROBED], *added[-TOKENS_PROBED:]]))
    around = [(f"why {token} so", f"it  {token}  is{token}it {token.lower()}") for token in tokens]
    for pair in (*PROBES, *around):
        ids = list(theirs(*pair)["input_ids"])
        if ids != foreign.tokenizer.encode(*pair).ids:
            raise BadConfig(
                f"{foreign.folder}: the tokenizer that transformers makes of it reads {pair} as {ids}, "
                f"tokenizer.json as {foreign.tokenizer.encode(*pair).ids}",
                hint="save the tokenizer again with transformers, so that all of its files agree",
            )


def check_parameters(module: nn.Module, files: Mapping[str, StoredTensor], *, where: str) -> None:
    """Compares every parameter of a module with the files: name, shape and, rounded to its dtype, value.

    A parameter that shares its memory with another (tied embeddings) may be in the files once.

    Raises BadTensor, naming it, for a parameter that the files lack, a tensor that the module lacks, another shape, a
    value that is not finite, or a value that is not the file's.
    """
    left = dict(files)
    held: set[int] = set()
    lacking: list[tuple[str, Tensor]] = []
    for name, value in module.state_dict().items():
        stored = left.pop(name, None)
        if stored is None and (older := old_name(name)) is not None:
            stored = left.pop(older, None)
        if stored is None:
            lacking.append((name, value))
            continue
        check_tensor(stored, tuple(value.shape))
        if not _same(value, stored):
            raise BadTensor(f"{stored.file}: {stored.name}: the network holds other values under {name}")
        held.add(value.data_ptr())
    for name, value in lacking:
        if value.data_ptr() not in held:
            raise BadTensor(
                f"{where}: {name}: expected {list(value.shape)}, found no such tensor",
                hint="a weight that is not in the files would be random: the checkpoint is not a whole reranker",
            )
    for name, stored in left.items():
        if name.endswith(COUNTER) and len(stored.shape) == 2:
            check_counter(stored, stored.shape[1])
        else:
            raise BadTensor(
                f"{stored.file}: {name}: expected no such tensor, found {stored.kind} {list(stored.shape)}",
                hint="a weight that the network does not use means that the config describes another network",
            )


def _same(value: Tensor, stored: StoredTensor) -> bool:
    """Whether a parameter is its stored tensor, rounded to the parameter's dtype."""
    flat, raw = value.detach().reshape(-1), stored.raw.reshape(-1)
    kind = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}[stored.kind]
    for start in range(0, raw.size, CHUNK):
        copied = torch.from_numpy(np.array(raw[start : start + CHUNK]).view(np.uint8)).view(kind)
        if not torch.equal(flat[start : start + CHUNK], copied.to(value.dtype)):
            return False
    return True


def built(foreign: Foreign, build: Callable[[], Made]) -> Made:
    """What ``build`` makes, its messages silenced, its errors turned into a refusal."""
    try:
        with _quiet():
            return build()
    except (MemoryError, torch.OutOfMemoryError, CheckpointRefused):
        raise
    except Exception as error:  # transformers raises OSError, ValueError, KeyError, RuntimeError … for bad files
        first = str(error).strip().partition("\n")[0] or type(error).__name__
        raise CheckpointRefused(f"{foreign.folder}: transformers cannot build the network: {first}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars and no advice from transformers inside: errors are raised here."""
    bars, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity(ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
