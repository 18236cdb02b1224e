"""The BERT encoder of a config.json, and the shapes of its weights."""

from __future__ import annotations

from rankladder.checkpoint.config_keys import ACTIVATIONS, BERT_HARMLESS
from rankladder.checkpoint.jsonfile import Section
from rankladder.checkpoint.layout import Shape
from rankladder.checkpoint.network import Bert
from rankladder.checkpoint.sizes import read_layers

TYPE_EMBEDDINGS = "embeddings.token_type_embeddings.weight"


def read_bert(config: Section) -> Bert:
    """The encoder that a config describes; BadConfig for what is not implemented.

    Configs of 2019 leave out what every version of BertConfig has by default since.
    """
    bert = Bert(
        layers=read_layers(config, "num_hidden_layers", tensors=16),
        width=config.integer("hidden_size"),
        heads=config.integer("num_attention_heads"),
        inner=config.integer("intermediate_size"),
        vocabulary=config.integer("vocab_size"),
        positions=config.integer("max_position_embeddings"),
        types=config.integer("type_vocab_size", default=2),
        norm_eps=config.number("layer_norm_eps", 1e-12, most=1),
        activation=config.choice("hidden_act", ACTIVATIONS, default="gelu"),
    )
    if bert.width % bert.heads:
        config.refuse("num_attention_heads", f"a divisor of hidden_size, {bert.width}")
    if "embedding_size" in config:  # ELECTRA's narrower embeddings
        config.expect("embedding_size", bert.width)
    config.expect("model_type", "bert")
    config.expect("position_embedding_type", "absolute")
    config.expect("is_decoder", False)
    config.expect("is_encoder_decoder", False)
    config.expect("add_cross_attention", False)
    config.expect("pruned_heads", {}, None)
    config.finish(BERT_HARMLESS)
    return bert


def bert_shapes(bert: Bert) -> dict[str, Shape]:
    """Canonical name → shape of every weight of the encoder."""
    wide, inner = bert.width, bert.inner
    shapes: dict[str, Shape] = {
        "embeddings.word_embeddings.weight": (bert.vocabulary, wide),
        "embeddings.position_embeddings.weight": (bert.positions, wide),
        TYPE_EMBEDDINGS: (bert.types, wide),
        "embeddings.LayerNorm.weight": (wide,),
        "embeddings.LayerNorm.bias": (wide,),
    }
    for layer in range(bert.layers):
        at = f"encoder.layer.{layer}."
        for name, outputs, inputs in (
            ("attention.self.query", wide, wide),
            ("attention.self.key", wide, wide),
            ("attention.self.value", wide, wide),
            ("attention.output.dense", wide, wide),
            ("intermediate.dense", inner, wide),
            ("output.dense", wide, inner),
        ):
            shapes[f"{at}{name}.weight"] = (outputs, inputs)
            shapes[f"{at}{name}.bias"] = (outputs,)
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes[f"{at}{name}.weight"] = shapes[f"{at}{name}.bias"] = (wide,)
    return shapes
