"""The student before its first step: an encoder with a new head, or a reranker to tune, all layers or some."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rankladder.checkpoint import find_checkpoint, write_expanded
from rankladder.checkpoint.hub import Needs, fetch, lacking
from rankladder.distill.recipe.tables import Train
from rankladder.errors import BadConfig, BadOption, CheckpointRefused
from rankladder.paths import expanded, is_folder
from rankladder.temporary import temporary_folder

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

_MODULES = "modules.json"
_FLASH = "flash_attention_2"


def start_folder(settings: Train, *, offline: bool | None = None) -> Path:
    """The folder that the student starts from, fetched where need be; ``offline`` as in ``find_checkpoint``.

    Raises what ``find_checkpoint`` raises, and BadOption for a folder that holds neither an encoder nor a reranker.
    """
    name = settings.start
    if name.count("/") == 1 and not is_folder(expanded(name)) and not name.startswith((".", "/", "~")):
        hub_id, _, revision = name.partition("@")
        return fetch(hub_id, settings.revision or revision or None, offline=offline, needs=_ENCODER).folder
    return find_checkpoint(name, revision=settings.revision, offline=offline).folder


def check_start(settings: Train) -> Path:
    """The folder that the student starts from, its configuration held against the settings; no weight is read.

    Raises what ``start_folder`` raises, CheckpointRefused for what is no encoder, and BadOption for layers that there
    are not and for more tokens than it has positions.
    """
    folder = start_folder(settings)
    config = _config(folder)
    most = _positions(config)
    if most is not None and settings.max_tokens > most:
        raise BadOption(
            f"train.max_tokens is {settings.max_tokens}, but {settings.start} reads at most {most}",
            hint=f"max_tokens = {most}, or another start",
        )
    if settings.layers is not None:
        kind = str(config.get("model_type"))
        if "num_hidden_layers" not in config:
            raise _no_layers(kind)
        layers_kept(settings.layers, config["num_hidden_layers"], first=kind == "modernbert")
    return folder


def _positions(config: dict[str, Any]) -> int | None:
    """The most tokens that a configuration has positions for; None where it does not say, or positions are relative."""
    most = config.get("max_position_embeddings")
    if not isinstance(most, int) or config.get("position_biased_input") is False:
        return None
    if "roberta" not in str(config.get("model_type")):
        return most
    padding = config.get("pad_token_id")
    return most - (1 if padding is None else padding) - 1  # positions are counted from behind the padding token's


def open_student(settings: Train, *, seed: int, dtype: str = "fp32") -> CrossEncoder:
    """The student, its weights in fp32, ready to be trained in ``dtype``; new weights are drawn by ``seed``.

    A reranker is taken as it is; a ModernBERT encoder gets the Ettin rerankers' head (CLS → Dense, GELU → LayerNorm →
    Dense), any other encoder the classification head of its family. An encoder may lie in a bi-encoder's folder.

    Raises CheckpointRefused for what is neither, and BadOption for layers that there are not and for more tokens than
    it reads.
    """
    import torch
    from transformers import set_seed

    folder = check_start(settings)
    options = attention_for(dtype)
    set_seed(seed)
    with temporary_folder() as temporary:
        config = _config(folder)
        modernbert = config.get("model_type") == "modernbert"
        if _is_reranker(folder, config):
            model: CrossEncoder = _reranker(folder, temporary, options if modernbert else {})
        elif modernbert:
            model = _with_ettin_head(_encoder(folder), options)
        else:
            model = _with_classifier(_encoder(folder))
    if model.num_labels != 1:
        raise BadConfig(f"{folder}: expected a reranker with one score, found {model.num_labels} labels")
    keep_layers(model, settings.layers)
    if settings.dropout is not None:
        _set_dropout(model, settings.dropout)
    model.max_seq_length = settings.max_tokens
    model.activation_fn = torch.nn.Identity()
    return model


def attention_for(dtype: str) -> dict[str, str]:
    """What a ModernBERT is opened with: FlashAttention 2 where it is installed and the GPU computes in bf16.

    Elsewhere nothing, which leaves the choice to transformers.
    """
    import torch
    from transformers.utils.import_utils import is_flash_attn_2_available

    there = dtype == "bf16" and torch.cuda.is_available() and is_flash_attn_2_available()
    return {"attn_implementation": _FLASH} if there else {}


def needs_bf16(model: CrossEncoder) -> bool:
    """Whether a student's attention takes half precision alone."""
    return bool(_network(model).config._attn_implementation == _FLASH)


def scores_by_itself(folder: Path) -> Literal["reranker", "embedder", "encoder"]:
    """What a start can do before it is trained: score pairs, compare vectors, or neither."""
    if _is_reranker(folder, _config(folder)):
        return "reranker"
    return "embedder" if (folder / _MODULES).is_file() else "encoder"


def keep_layers(model: CrossEncoder, wanted: int | Sequence[int] | None) -> None:
    """Drops the layers that are not wanted: a number keeps as many, spread evenly, the first and the last among them.

    Raises BadOption for more layers than there are, for one twice, for a ModernBERT without its first layer, which has
    no norm of its own, and for a network whose layers lie elsewhere than BERT's and ModernBERT's. Source of even
    spacing: Sanh et al., DistilBERT, 2019; the choice of the last is ours.
    """
    import torch

    if wanted is None:
        return
    network = _network(model)
    config = network.config
    holder, name = (network, "layers") if hasattr(network, "layers") else (getattr(network, "encoder", None), "layer")
    if not hasattr(holder, name):
        raise _no_layers(config.model_type)
    layers = getattr(holder, name)
    keep = layers_kept(wanted, len(layers), first=name == "layers")
    if name == "layers":
        config.layer_types = [config.layer_types[place] for place in keep]
        if hasattr(config, "global_attn_every_n_layers"):  # older configs say the types so: it fits no longer
            del config.global_attn_every_n_layers
    setattr(holder, name, torch.nn.ModuleList([layers[place] for place in keep]))
    config.num_hidden_layers = len(keep)


def _no_layers(kind: str) -> BadOption:
    return BadOption(
        f"train.layers: no layers of a {kind} can be dropped here",
        hint="leave train.layers out, or start from a BERT or a ModernBERT",
    )


def layers_kept(wanted: int | Sequence[int], count: int, *, first: bool = False) -> list[int]:
    """The places that are kept among ``count`` layers, the first among them where it must be.

    Raises BadOption for a layer that there is not, for one twice, and where the first is missing.

    >>> layers_kept(3, 6), layers_kept((0, 1), 6)
    ([0, 2, 5], [0, 1])
    """
    keep = spread(wanted, count) if isinstance(wanted, int) else list(wanted)
    if not keep or len(set(keep)) < len(keep) or sorted(keep) != keep or keep[-1] >= count:
        raise BadOption(f"train.layers: expected places among {count} layers, rising, each once, got {list(keep)}")
    if first and keep[0] != 0:
        raise BadOption("train.layers: a ModernBERT keeps its first layer", hint="begin with 0")
    return keep


def spread(wanted: int, count: int) -> list[int]:
    """``wanted`` places among ``count``, evenly, the first and the last among them.

    >>> spread(3, 6), spread(4, 6), spread(1, 6)
    ([0, 2, 5], [0, 2, 3, 5], [0])
    """
    if wanted > count:
        raise BadOption(f"train.layers: {wanted} layers requested, the start has {count}")
    return [round(place * (count - 1) / max(1, wanted - 1)) for place in range(wanted)]


def head_pattern(model: CrossEncoder) -> str:
    """A regular expression that finds, among the names of a student's weights, those above the encoder's layers."""
    inner: Any = model[0].model
    base = inner.base_model_prefix if hasattr(inner, inner.base_model_prefix) else ""
    inside = rf"0\.model\.{base}\.(?!pooler)" if base else r"0\."
    return rf"^(?!(?:model\.)?(?:module\.)?{inside})"


def _set_dropout(model: CrossEncoder, share: float) -> None:
    """The same share for every dropout of the network, those of attention among them.

    ModernBERT has none behind its attention where the start's configuration says 0: there one is put in.
    """
    import torch

    module: Any
    for module in list(model.modules()):
        if isinstance(getattr(module, "out_drop", None), torch.nn.Identity):
            module.out_drop = torch.nn.Dropout(share)
        if isinstance(module, torch.nn.Dropout):
            module.p = share
        elif isinstance(getattr(module, "attention_dropout", None), float):  # ModernBERT keeps a number beside it
            module.attention_dropout = share


def _network(model: CrossEncoder) -> Any:
    """The transformer inside: with ``layers`` (ModernBERT) or ``encoder.layer`` (BERT and its kin)."""
    inner: Any = model[0].model
    return getattr(inner, inner.base_model_prefix, inner) if hasattr(inner, "base_model_prefix") else inner


def _is_reranker(folder: Path, config: dict[str, Any]) -> bool:
    names = [str(name) for name in config.get("architectures") or ()]
    if any(name.endswith("ForSequenceClassification") for name in names):
        return True
    settings = folder / "config_sentence_transformers.json"
    return settings.is_file() and json.loads(settings.read_bytes()).get("model_type") == "CrossEncoder"


def _reranker(folder: Path, temporary: Path, options: dict[str, str]) -> Any:
    """A reranker that our own loader has understood in full, handed over in float32."""
    from sentence_transformers import CrossEncoder

    write_expanded(folder, temporary / "start")
    return CrossEncoder(str(temporary / "start"), device="cpu", local_files_only=True, model_kwargs=options)


def _encoder(folder: Path) -> Path:
    """The folder of the network itself: a bi-encoder may keep it one level down. Raises CheckpointRefused."""
    places = [folder]
    if (folder / _MODULES).is_file():
        entries = json.loads((folder / _MODULES).read_bytes())
        places = [folder / entry["path"] for entry in entries if str(entry["type"]).endswith("Transformer")]
    if not places or not (places[0] / "config.json").is_file() or not list(places[0].glob("*.safetensors")):
        raise CheckpointRefused(
            f"{folder}: expected an encoder: config.json and safetensors weights", hint="pickle weights are not read"
        )
    return places[0]


def _with_classifier(folder: Path) -> Any:
    from sentence_transformers import CrossEncoder

    return CrossEncoder(str(folder), num_labels=1, device="cpu", local_files_only=True)


def _with_ettin_head(folder: Path, options: dict[str, str]) -> Any:
    import torch
    from sentence_transformers import CrossEncoder
    from sentence_transformers.base.modules import Dense, Transformer
    from sentence_transformers.sentence_transformer.modules import LayerNorm, Pooling

    transformer = Transformer(str(folder), model_kwargs={"dtype": torch.float32, "local_files_only": True, **options})
    width = int(transformer.get_embedding_dimension())
    modules = [
        transformer,
        Pooling(width, "cls"),
        Dense(width, width, bias=False, activation_function=torch.nn.GELU()),
        LayerNorm(width),
        Dense(width, 1, bias=True, activation_function=torch.nn.Identity(), module_output_name="scores"),
    ]
    return CrossEncoder(modules=modules, activation_fn=torch.nn.Identity(), device="cpu")


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file() and (folder / _MODULES).is_file():
        path = _encoder(folder) / "config.json"
    if not path.is_file():
        raise CheckpointRefused(f"{folder}: no config.json: expected an encoder or a reranker")
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def _encoder_lacks(folder: Path) -> str | None:
    """What an encoder's folder lacks, or a reranker's where it is one."""
    if (folder / _MODULES).is_file():
        return lacking(folder)
    wanted = ("config.json", "tokenizer.json", "model.safetensors")
    return next((name for name in wanted if not (folder / name).is_file()), None)


_ENCODER = Needs("config.json", _encoder_lacks, lambda folder: [])
