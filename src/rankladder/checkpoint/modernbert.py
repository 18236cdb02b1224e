"""The ModernBERT encoder of a config.json, in either of its two dialects, and the shapes of its weights."""

from __future__ import annotations

from rankladder.checkpoint.config_keys import ACTIVATIONS, MODERNBERT_HARMLESS
from rankladder.checkpoint.jsonfile import Section
from rankladder.checkpoint.layout import Shape
from rankladder.checkpoint.network import ModernBert
from rankladder.checkpoint.sizes import read_layers

LAYER_TYPES = {"full_attention": True, "sliding_attention": False}

MOST_POSITIONS = 1 << 17
"""Rotary positions are computed for each place up to the limit, and no tensor of the files bounds it. 16 times what
ModernBERT was published with.
"""

WIDEST_WINDOW = 8192

CLASSIFIER_KEYS = ("classifier_pooling", "classifier_bias", "classifier_activation")
"""Read by the classifier's reader where there is one; without effect elsewhere."""


def read_modernbert(config: Section) -> ModernBert:
    """The encoder that a config describes; BadConfig for what is not implemented.

    transformers 5 writes ``layer_types`` and ``rope_parameters``, earlier ones ``global_attn_every_n_layers``,
    ``global_rope_theta`` and ``local_rope_theta``. Where both are there they must agree.
    """
    layers = read_layers(config, "num_hidden_layers", tensors=5)
    positions = config.integer("max_position_embeddings", most=MOST_POSITIONS)
    window = config.integer("local_attention", least=2, most=max(WIDEST_WINDOW, 2 * positions))
    encoder = ModernBert(
        layers=layers,
        width=config.integer("hidden_size"),
        heads=config.integer("num_attention_heads"),
        inner=config.integer("intermediate_size"),
        vocabulary=config.integer("vocab_size"),
        positions=positions,
        norm_eps=config.number("norm_eps", 1e-5, most=1),
        activation=config.choice("hidden_activation", ACTIVATIONS),
        window_side=min(window // 2, positions),
        global_layers=_global_layers(config, layers),
        global_theta=_theta(config, "full_attention", "global_rope_theta"),
        local_theta=_theta(config, "sliding_attention", "local_rope_theta"),
    )
    if encoder.width % (2 * encoder.heads):
        config.refuse("num_attention_heads", f"heads of an even width that divide hidden_size, {encoder.width}")
    if "head_dim" in config:
        config.expect("head_dim", encoder.width // encoder.heads)
    config.expect("model_type", "modernbert")
    for key in ("attention_bias", "mlp_bias", "norm_bias", "is_decoder", "is_encoder_decoder", "add_cross_attention"):
        config.expect(key, False)
    for key in ("causal_mask", "is_causal"):  # the decoder's, absent or false in an encoder
        config.expect(key, False)
    config.expect("rope_scaling", None, why="stretched rotary positions are not implemented")
    config.expect("pruned_heads", {}, None)
    config.finish(MODERNBERT_HARMLESS.union(CLASSIFIER_KEYS))
    return encoder


def modernbert_shapes(encoder: ModernBert) -> dict[str, Shape]:
    """Canonical name → shape of every weight of the encoder."""
    wide, inner = encoder.width, encoder.inner
    shapes: dict[str, Shape] = {
        "embeddings.tok_embeddings.weight": (encoder.vocabulary, wide),
        "embeddings.norm.weight": (wide,),
    }
    for layer in range(encoder.layers):
        at = f"layers.{layer}."
        if layer > 0:
            shapes[f"{at}attn_norm.weight"] = (wide,)
        shapes[f"{at}attn.Wqkv.weight"] = (3 * wide, wide)
        shapes[f"{at}attn.Wo.weight"] = (wide, wide)
        shapes[f"{at}mlp_norm.weight"] = (wide,)
        shapes[f"{at}mlp.Wi.weight"] = (2 * inner, wide)
        shapes[f"{at}mlp.Wo.weight"] = (wide, inner)
    shapes["final_norm.weight"] = (wide,)
    return shapes


def _global_layers(config: Section, layers: int) -> tuple[bool, ...]:
    by_step: tuple[bool, ...] | None = None
    if "global_attn_every_n_layers" in config:
        step = config.integer("global_attn_every_n_layers")
        by_step = tuple(layer % step == 0 for layer in range(layers))
    named = config.value("layer_types")
    if named is None:
        if by_step is None:
            config.integer("global_attn_every_n_layers")  # refuses: neither dialect says which layers are global
        return by_step or ()
    if not isinstance(named, list) or len(named) != layers:
        config.refuse("layer_types", f"a list of {layers} layer types")
    if not all(isinstance(kind, str) and kind in LAYER_TYPES for kind in named):
        config.refuse("layer_types", " or ".join(LAYER_TYPES))
    by_name = tuple(LAYER_TYPES[kind] for kind in named)
    if by_step is not None and by_step != by_name:
        config.refuse("layer_types", "the layers by global_attn_every_n_layers: versions of transformers differ here")
    return by_name


def _theta(config: Section, kind: str, old_key: str) -> float:
    old = config.number(old_key) if old_key in config else None
    if config.value("rope_parameters") is None:
        return old if old is not None else config.number(old_key)
    rope = config.section("rope_parameters")
    for each in LAYER_TYPES:
        rope.value(each)
    rope.finish()
    part = rope.section(kind)
    part.expect("rope_type", "default", why="stretched rotary positions are not implemented")
    theta = part.number("rope_theta")
    part.finish()
    if old is not None and old != theta:
        config.refuse(old_key, f"{theta}, as in rope_parameters.{kind}")
    return theta
