"""Modular cross-encoders of Sentence Transformers: Transformer, Pooling, then Dense and LayerNorm steps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Literal

from rankladder.checkpoint.bert import bert_shapes, read_bert
from rankladder.checkpoint.classifier import POOLINGS, read_classifier
from rankladder.checkpoint.config_keys import TORCH_ACTIVATIONS
from rankladder.checkpoint.jsonfile import Section, read_json, shown
from rankladder.checkpoint.layout import Layout, Slot, prefixed
from rankladder.checkpoint.modernbert import modernbert_shapes, read_modernbert
from rankladder.checkpoint.network import Dense, Network, Norm
from rankladder.errors import BadConfig, UnsafeFile

MODULES = "modules.json"
TRANSFORMER_SETTINGS = "sentence_bert_config.json"
TRANSFORMER_SETTINGS_NAMES = (
    TRANSFORMER_SETTINGS,
    *(
        f"sentence_{kind}_config.json"
        for kind in ("roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
    ),
)
"""What Sentence Transformers looks for, in this order: the first that is there and is not empty is read."""

CROSS_ENCODER = "config_sentence_transformers.json"
HARMLESS_OF_CROSS_ENCODER = (
    "__version__",
    "activation_fn",  # of what is shown: a score here is the raw logit
    "keep_in_fp32_modules",
    "prompts",  # given to a call by name
    "requirements",  # of the author's own environment
    "similarity_fn_name",
)
LAYER_NORM_EPS = 1e-5
"""torch.nn.LayerNorm's default, which Sentence Transformers' LayerNorm module leaves alone."""

LEGACY_POOLING = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}


def read_modular(folder: Path) -> Layout:
    """The layout of a folder with a modules.json; BadConfig for a module, or an order, that is unknown."""
    modules = read_modules(folder / MODULES)
    (first, first_path), steps = modules[0], modules[1:]
    if first != "Transformer" or first_path:
        raise BadConfig(f"{folder / MODULES}: expected a Transformer in the folder itself first, found {first}")
    extra = read_cross_encoder_config(folder)
    if not steps:
        layout = read_classifier(folder)
        cap, files = read_transformer_settings(folder, "sequence-classification", "logits", "scores")
        return replace(layout, token_cap=cap, configs=(*layout.configs, folder / MODULES, *extra, *files))
    if steps[0][0] != "Pooling":
        raise BadConfig(f"{folder / MODULES}: expected Pooling after the Transformer, found {steps[0][0]}")
    cap, files = read_transformer_settings(folder, "feature-extraction", "last_hidden_state", "token_embeddings")
    encoder = _read_encoder(folder)
    width = encoder.network.encoder.width
    pooling = _read_pooling(folder / steps[0][1], width)
    head: list[Dense | Norm] = []
    slots = dict(encoder.slots)
    for place, (kind, part) in enumerate(steps[1:]):
        last = place == len(steps) - 2
        if kind == "Dense":
            step = _read_dense(folder / part, width, last=last)
            head.append(step)
            slots[f"head.{place}.weight"] = Slot(part, "linear.weight", (step.outputs, step.inputs))
            if step.bias:
                slots[f"head.{place}.bias"] = Slot(part, "linear.bias", (step.outputs,))
            width = step.outputs
        elif kind == "LayerNorm" and not last:
            head.append(_read_norm(folder / part, width))
            slots[f"head.{place}.weight"] = Slot(part, "norm.weight", (width,))
            slots[f"head.{place}.bias"] = Slot(part, "norm.bias", (width,))
        else:
            raise BadConfig(
                f"{folder / MODULES}: expected Dense and LayerNorm, a Dense last, found {kind} at {place + 2}"
            )
    if not head:
        raise BadConfig(f"{folder / MODULES}: expected a Dense step to the score after Pooling, found none")
    configs = (*encoder.configs, folder / MODULES, *extra, *files)
    configs += tuple(folder / part / "config.json" for _, part in steps)
    return replace(
        encoder,
        network=Network(encoder.network.encoder, pooling, tuple(head)),
        slots=slots,
        token_cap=cap,
        configs=configs,
    )


def read_modules(path: Path) -> list[tuple[str, str]]:
    """Class name and sub-folder of each module; the module paths before the class name moved between versions."""
    entries = read_json(path)
    if not isinstance(entries, list) or not entries:
        raise BadConfig(f"{path}: expected a list of modules")
    modules: list[tuple[str, str]] = []
    for place, values in enumerate(entries):
        if not isinstance(values, dict):
            raise BadConfig(f"{path}: expected an object for module {place}, found {shown(values)}")
        entry = Section(path, values, within=f"[{place}]")
        entry.expect("idx", place)
        entry.expect("kwargs", [], None)
        kind, part = entry.value("type"), entry.value("path")
        entry.finish(("name",))
        if not isinstance(kind, str) or not isinstance(part, str):
            raise BadConfig(f"{path}: expected a type and a path for module {place}, found {shown(values)}")
        if not kind.startswith("sentence_transformers."):
            raise UnsafeFile(
                f"{path}: module {place} is {kind}, code from outside Sentence Transformers",
                hint="rankladder runs no code from a checkpoint",
            )
        if PurePosixPath(part).is_absolute() or ".." in PurePosixPath(part).parts or "\\" in part:
            raise UnsafeFile(f"{path}: module {place} lies outside the checkpoint: {part!r}")
        if part in (earlier for _, earlier in modules):
            raise BadConfig(f"{path}: two modules in the folder {part!r}")
        modules.append((kind.rpartition(".")[2], part))
    return modules


def _read_encoder(folder: Path) -> Layout:
    config = Section.read(folder / "config.json", elsewhere=True)
    kind = config.value("model_type")
    if kind == "modernbert":
        encoder = read_modernbert(config)
        return Layout(Network(encoder, "cls", ()), prefixed(modernbert_shapes(encoder), ""), configs=(config.path,))
    if kind != "bert":
        config.refuse("model_type", "'bert' or 'modernbert'")
    bert = read_bert(config)
    wide = bert.width
    return Layout(
        Network(bert, "cls", ()),
        prefixed(bert_shapes(bert), ""),
        # BertModel stores a pooler of its own; Sentence Transformers' Pooling reads the last hidden state instead
        unread=(Slot("", "pooler.dense.weight", (wide, wide)), Slot("", "pooler.dense.bias", (wide,))),
        counters=(Slot("", "embeddings.position_ids", (1, bert.positions)),),
        configs=(config.path,),
    )


def read_cross_encoder_config(folder: Path) -> tuple[Path, ...]:
    """The config of a CrossEncoder, read; BadConfig for an embedding model, or a prompt."""
    config = read_cross_encoder(folder)
    config.expect("default_prompt_name", None, why="a prompt before each query is not implemented")
    config.finish(HARMLESS_OF_CROSS_ENCODER)
    return (config.path,)


def read_cross_encoder(folder: Path) -> Section:
    """The config of a CrossEncoder; BadConfig where it is an embedding model's, as one without a ``model_type`` is."""
    config = Section.read(folder / CROSS_ENCODER)
    if config.value("model_type") != "CrossEncoder":
        config.refuse(
            "model_type",
            "'CrossEncoder'; without it Sentence Transformers reads the folder as an embedding model",
            hint="an embedding model gives no score: distil it into a reranker, or choose a reranker",
        )
    return config


def read_transformer_settings(
    folder: Path, task: str, output: str, feature: str
) -> tuple[int | None, tuple[Path, ...]]:
    """``max_seq_length`` of the Transformer module, and the file, where there is one; BadConfig for another task."""
    found = (folder / name for name in TRANSFORMER_SETTINGS_NAMES)
    configs = [Section.read(path) for path in found if path.is_file()]
    config = next((config for config in configs if config.keys()), None)
    if config is None:
        return None, ()
    config.expect("transformer_task", task)
    if "modality_config" in config:  # other modalities may be there: only text is ever given
        modalities = config.value("modality_config")
        expected = {"method": "forward", "method_output_name": output}
        if not isinstance(modalities, dict) or modalities.get("text") != expected:
            config.refuse("modality_config", f"text read by {expected}")
    config.expect("module_output_name", feature, None)
    config.expect("do_lower_case", False, why="lower the text in tokenizer.json's normalizer instead")
    config.expect("processing_kwargs", {}, None)
    for key in ("query_length", "document_length", "query_expansion"):
        config.expect(key, None)
    cap = config.integer("max_seq_length") if config.value("max_seq_length") is not None else None
    config.finish(("unpad_inputs",))
    return cap, (config.path,)


def _read_pooling(folder: Path, width: int) -> Literal["cls", "mean"]:
    config = Section.read(folder / "config.json")
    new, old = "embedding_dimension", "word_embedding_dimension"
    if new not in config and old not in config:
        config.integer(new)
    config.expect(new, width)
    config.expect(old, width)
    config.flag("include_prompt", default=True)  # there is never a prompt
    legacy = [mode for key, mode in LEGACY_POOLING.items() if config.flag(key, default=False)]
    mode = config.value("pooling_mode")
    config.finish()
    modes = legacy if mode is None else mode if isinstance(mode, list) else [mode]
    if mode is not None and legacy and modes != legacy:
        config.refuse("pooling_mode", f"{legacy}, as in the older keys")
    if len(modes) != 1 or not isinstance(modes[0], str) or modes[0] not in POOLINGS:
        raise BadConfig(f"{config.path}: expected one pooling mode, cls or mean, found {shown(modes)}")
    return POOLINGS[modes[0]]


def _read_dense(folder: Path, width: int, *, last: bool) -> Dense:
    config = Section.read(folder / "config.json", elsewhere=True)
    inputs, outputs = config.integer("in_features"), config.integer("out_features")
    if inputs != width:
        config.refuse("in_features", f"{width}, the width of the step before")
    if last and outputs != 1:
        config.refuse("out_features", "1: a reranker has one output")
    config.expect("module_input_name", "sentence_embedding")
    if last:
        config.choice("module_output_name", {"scores": None})
    else:
        config.expect("module_output_name", "sentence_embedding", None)
    config.expect("use_residual", False)
    bias, activation = config.flag("bias", default=True), config.choice("activation_function", TORCH_ACTIVATIONS)
    config.finish()
    return Dense(inputs, outputs, bias=bias, activation=activation)


def _read_norm(folder: Path, width: int) -> Norm:
    config = Section.read(folder / "config.json")
    if config.integer("dimension") != width:
        config.refuse("dimension", f"{width}, the width of the step before")
    config.finish()
    return Norm(width, bias=True, eps=LAYER_NORM_EPS)
