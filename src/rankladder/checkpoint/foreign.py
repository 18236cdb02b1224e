"""Checkpoints of architectures that are not read here in full: their files are checked, transformers builds the rest.

What is checked here: configs that would run code or change the computation, one output, safetensors only, the
tokenizer. That every weight of the network comes from the files is checked where it is built (``rerank.sentence``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from rankladder.checkpoint.added_tokens import SETTINGS, TOKENIZER
from rankladder.checkpoint.beside import check_beside
from rankladder.checkpoint.classifier import expect_one_label
from rankladder.checkpoint.digests import check_digests
from rankladder.checkpoint.families import CAUSAL, CAUSAL_TOKENS, ENCODERS, OFFSET_POSITIONS, Family
from rankladder.checkpoint.jsonfile import Section, read_json
from rankladder.checkpoint.modular import (
    CROSS_ENCODER,
    MODULES,
    TRANSFORMER_SETTINGS,
    read_cross_encoder,
    read_cross_encoder_config,
    read_modules,
    read_transformer_settings,
)
from rankladder.checkpoint.opening import Found
from rankladder.checkpoint.sizes import read_layers
from rankladder.checkpoint.tensorfile import INDEX, StoredTensor, most_rows, open_part
from rankladder.checkpoint.tokenizer_settings import LEAST, read_foreign_settings
from rankladder.checkpoint.tokens import load_tokenizer
from rankladder.errors import BadConfig

LAYERS = {"num_hidden_layers": 5, "n_layers": 5, "num_hidden_groups": 5, "inner_group_num": 5}
"""Keys that say how often a part of the network is built, and the fewest tensors that it has each time. The layers of
ALBERT share theirs.
"""


@dataclass(frozen=True, slots=True)
class Foreign:
    """A model's files, checked as far as they can be without building its network."""

    name: str
    """As the user named it: a catalogue name, a hub id, or a folder."""
    folder: Path
    revision: str | None
    family: Family
    model_type: str
    modules: tuple[tuple[str, str], ...]
    """Class name and sub-folder of each module of Sentence Transformers; empty for a plain transformers folder."""
    tensors: Mapping[str, Mapping[str, StoredTensor]]
    """Sub-folder ("" for the checkpoint itself) → name → tensor."""
    tokenizer: Tokenizer
    """With truncation and padding off."""
    max_tokens: int
    vocabulary: int
    tokenizer_digest: str
    """SHA-256 (hex) of tokenizer.json."""
    configs: tuple[Path, ...]
    answers: tuple[int, int | None] | None = None
    """Token ids of LogitScore, the true one first, where the checkpoint says."""
    instruction: str | None = None
    """The prompt that Sentence Transformers would hand the chat template, where the checkpoint says."""
    chat_template: str | None = None
    """The text of the chat template of a causal model, where there is one. It is read, never run."""

    def digest(self) -> str:
        """SHA-256 (hex) over configs, tokenizer and every tensor. Reads all weights."""
        total = hashlib.sha256()
        for path in (*self.configs, self.folder / TOKENIZER):
            content = path.read_bytes()
            total.update(f"{path.relative_to(self.folder).as_posix()} {len(content)}\n".encode() + content)
        for part, tensors in sorted(self.tensors.items()):
            for name, stored in sorted(tensors.items()):
                total.update(f"{part} {name} {stored.kind} {list(stored.shape)}\n".encode())
                total.update(stored.raw.reshape(-1).view("u1").data)
        return total.hexdigest()


def read_foreign(found: Found) -> Foreign:
    """The checkpoint in a folder, its files checked.

    Raises CheckpointRefused (BadConfig, BadTensor, UnsafeFile) for what is unknown, unsafe or damaged.
    """
    folder = found.folder
    check_beside(folder)
    config = Section.read(folder / "config.json")
    _expect_plain(config)
    kind = config.value("model_type")
    if not isinstance(kind, str) or kind not in ENCODERS | CAUSAL:
        config.refuse("model_type", " or ".join(sorted(ENCODERS | CAUSAL)))
    for key, least in LAYERS.items():
        if key in config:
            read_layers(config, key, tensors=0 if key == "num_hidden_layers" and kind == "albert" else least)
    modules = tuple(read_modules(folder / MODULES)) if (folder / MODULES).is_file() else ()
    configs = [config.path, *([folder / MODULES] if modules else [])]
    configs += [folder / part / "config.json" for _, part in modules[1:]]
    answers, instruction, cap = None, None, None
    if kind in CAUSAL:
        _expect_causal(config, kind, modules)
        if modules:
            answers = _read_answers(folder / modules[1][1])
            instruction, cap, read = _read_causal_settings(folder)
            configs += read
        positions = min(config.integer("max_position_embeddings"), CAUSAL_TOKENS)
    else:
        cap, files = _expect_classifier(config, modules)
        configs += files
        positions = config.integer("max_position_embeddings")
        if kind in OFFSET_POSITIONS:
            positions -= 1 + config.integer("pad_token_id", least=0, default=1)
    parts = ["", *(part for name, part in modules[1:] if name in {"Dense", "LayerNorm"})]
    tensors = {part: open_part(folder / part) for part in parts}
    tokenizer, content, parsed = _read_tokenizer(folder / TOKENIZER, config, tensors[""].values())
    settings = read_foreign_settings(folder, parsed, config, causal=kind in CAUSAL)
    configs += settings.files
    limit = settings.limit if cap is None else cap
    max_tokens = positions if limit is None else min(limit, positions)
    if max_tokens < LEAST:
        raise BadConfig(f"{folder}: expected sequences of at least {LEAST} tokens, found a limit of {max_tokens}")
    weights = {stored.file for one in tensors.values() for stored in one.values()}
    indexes = [path for part in parts if (path := folder / part / INDEX).is_file()]
    check_digests(folder, sorted({*configs, folder / TOKENIZER, *weights, *indexes}))
    return Foreign(
        name=found.name,
        folder=folder,
        revision=found.revision,
        family="causal" if kind in CAUSAL else "classifier",
        model_type=kind,
        modules=modules,
        tensors=tensors,
        tokenizer=tokenizer,
        max_tokens=max_tokens,
        vocabulary=config.integer("vocab_size"),
        tokenizer_digest=hashlib.sha256(content).hexdigest(),
        configs=tuple(dict.fromkeys(configs)),
        answers=answers,
        instruction=instruction,
        chat_template=_chat_template(folder) if modules and kind in CAUSAL else None,
    )


def _expect_plain(config: Section) -> None:
    """Refuses what makes transformers fetch or run more than the network that its own code describes."""
    config.expect("quantization_config", None, why="quantised weights are not read here")
    for key in ("attn_implementation", "_attn_implementation", "_attn_implementation_internal"):
        config.expect(key, None, "eager", "sdpa", why="a kernel from the hub would be unchecked code")
    config.expect("use_kernels", False, None)
    config.expect("is_decoder", False)
    config.expect("add_cross_attention", False)


def _expect_causal(config: Section, kind: str, modules: tuple[tuple[str, str], ...]) -> None:
    wanted = f"{kind.capitalize()}ForCausalLM"
    if config.value("architectures") != [wanted]:
        config.refuse(
            "architectures",
            f"{wanted}, as the reranker was published",
            hint="a classifier made from a language model does not say its prompt; open the original model",
        )
    if modules and [name for name, _ in modules] != ["Transformer", "LogitScore"]:
        names = [name for name, _ in modules]
        raise BadConfig(f"{config.path.parent / MODULES}: expected Transformer and LogitScore, found {names}")


def _expect_classifier(config: Section, modules: tuple[tuple[str, str], ...]) -> tuple[int | None, tuple[Path, ...]]:
    """``max_seq_length`` where it is given, and the settings that were read."""
    folder = config.path.parent
    if not modules or len(modules) == 1:
        expect_one_label(config)
        names = config.value("architectures")
        if not isinstance(names, list) or len(names) != 1 or not str(names[0]).endswith("ForSequenceClassification"):
            config.refuse("architectures", "one ForSequenceClassification, or a modules.json beside it")
    if not modules:
        return None, ()
    names = [name for name, _ in modules]
    alone = names == ["Transformer"]
    if not alone and (
        names[:2] != ["Transformer", "Pooling"] or set(names[2:]) - {"Dense", "LayerNorm"} or len(names) < 3
    ):
        raise BadConfig(f"{folder / MODULES}: expected Transformer, Pooling, then Dense and LayerNorm, found {names}")
    for name, part in modules[2:]:
        if name == "Dense":
            _expect_known_activation(folder / part / "config.json")
    extra = read_cross_encoder_config(folder)
    wanted = ("sequence-classification", "logits", "scores")
    if not alone:
        wanted = ("feature-extraction", "last_hidden_state", "token_embeddings")
    cap, files = read_transformer_settings(folder, *wanted)
    return cap, (*extra, *files)


def _expect_known_activation(path: Path) -> None:
    """Refuses what Sentence Transformers would replace by a tanh, with no more than a line in a log."""
    config = Section.read(path)
    if not str(config.value("activation_function", "torch.nn.Tanh")).startswith("torch.nn."):
        config.refuse("activation_function", "one of torch.nn")


def _read_answers(folder: Path) -> tuple[int, int | None]:
    config = Section.read(folder / "config.json")
    true, false = config.integer("true_token_id", least=0), config.value("false_token_id")
    config.expect("module_input_name", "causal_logits")
    config.finish()
    if false is not None and not isinstance(false, int):
        config.refuse("false_token_id", "a token id or null")
    return true, false


def _read_causal_settings(folder: Path) -> tuple[str | None, int | None, list[Path]]:
    """The default prompt and ``max_seq_length``, where they are given, and the files that were read."""
    instruction, cap, files = None, None, []
    if (folder / CROSS_ENCODER).is_file():
        config = read_cross_encoder(folder)
        prompts, default = config.value("prompts", {}), config.value("default_prompt_name")
        if default is not None:
            instruction = prompts.get(default) if isinstance(prompts, dict) and isinstance(default, str) else None
            if not isinstance(instruction, str):
                config.refuse("default_prompt_name", "the name of one of the prompts")
        files.append(config.path)
    if (folder / TRANSFORMER_SETTINGS).is_file():
        config = Section.read(folder / TRANSFORMER_SETTINGS)
        config.expect("transformer_task", "text-generation")
        config.expect("module_output_name", "causal_logits")
        config.expect("do_lower_case", False)
        for key in ("query_length", "document_length", "query_expansion"):
            config.expect(key, None)
        cap = config.integer("max_seq_length") if config.value("max_seq_length") is not None else None
        config.finish(("unpad_inputs", "modality_config", "processing_kwargs"))  # the prompt is checked, not rendered
        files.append(config.path)
    return instruction, cap, files


def _chat_template(folder: Path) -> str | None:
    """The chat template, from its own file or the tokenizer's settings."""
    path = folder / "chat_template.jinja"
    if path.is_file():
        return path.read_text(encoding="utf-8", errors="replace")
    settings = read_json(folder / SETTINGS) if (folder / SETTINGS).is_file() else {}
    template = settings.get("chat_template") if isinstance(settings, dict) else None
    return template if isinstance(template, str) else None


def _read_tokenizer(path: Path, config: Section, tensors: Iterable[StoredTensor]) -> tuple[Tokenizer, bytes, object]:
    tokenizer, content, parsed = load_tokenizer(path, rows=most_rows(tensors))
    last = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)
    if not 0 <= last < config.integer("vocab_size"):
        raise BadConfig(
            f"{path}: expected token ids below {config.value('vocab_size')}, the rows of the embedding, found {last}",
            hint="the tokenizer belongs to another model",
        )
    return tokenizer, content, parsed
