"""Sequence classifiers of transformers with one label, on BERT and on ModernBERT."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from rankladder.checkpoint.bert import bert_shapes, read_bert
from rankladder.checkpoint.config_keys import ACTIVATIONS
from rankladder.checkpoint.jsonfile import Section
from rankladder.checkpoint.layout import Layout, Slot, prefixed
from rankladder.checkpoint.modernbert import modernbert_shapes, read_modernbert
from rankladder.checkpoint.network import Dense, Network, Norm

POOLINGS: dict[str, Literal["cls", "mean"]] = {"cls": "cls", "mean": "mean"}


def read_classifier(folder: Path) -> Layout:
    """The layout of a sequence classifier; BadConfig for another architecture, or more labels than one."""
    config = Section.read(folder / "config.json", elsewhere=True)
    expect_one_label(config)
    architectures = config.value("architectures")
    if architectures == ["BertForSequenceClassification"]:
        return _bert(config)
    if architectures != ["ModernBertForSequenceClassification"]:
        config.refuse(
            "architectures",
            "BertForSequenceClassification or ModernBertForSequenceClassification, or a modules.json beside it",
        )
    return _modernbert(config)


def _bert(config: Section) -> Layout:
    encoder = read_bert(config)
    wide = encoder.width
    head = (Dense(wide, wide, bias=True, activation="tanh"), Dense(wide, 1, bias=True, activation="identity"))
    slots = prefixed(bert_shapes(encoder), "bert.") | {
        "head.0.weight": Slot("", "bert.pooler.dense.weight", (wide, wide)),
        "head.0.bias": Slot("", "bert.pooler.dense.bias", (wide,)),
        "head.1.weight": Slot("", "classifier.weight", (1, wide)),
        "head.1.bias": Slot("", "classifier.bias", (1,)),
    }
    counters = (Slot("", "bert.embeddings.position_ids", (1, encoder.positions)),)
    return Layout(Network(encoder, "cls", head), slots, counters=counters, configs=(config.path,))


def _modernbert(config: Section) -> Layout:
    pooling = config.choice("classifier_pooling", POOLINGS, default="cls")
    bias = config.flag("classifier_bias", default=False)
    activation = config.choice("classifier_activation", ACTIVATIONS, default="gelu")
    encoder = read_modernbert(config)
    wide = encoder.width
    head = (
        Dense(wide, wide, bias=bias, activation=activation),
        Norm(wide, bias=False, eps=encoder.norm_eps),
        Dense(wide, 1, bias=True, activation="identity"),
    )
    slots = prefixed(modernbert_shapes(encoder), "model.")
    slots["head.0.weight"] = Slot("", "head.dense.weight", (wide, wide))
    if bias:
        slots["head.0.bias"] = Slot("", "head.dense.bias", (wide,))
    slots |= {
        "head.1.weight": Slot("", "head.norm.weight", (wide,)),
        "head.2.weight": Slot("", "classifier.weight", (1, wide)),
        "head.2.bias": Slot("", "classifier.bias", (1,)),
    }
    return Layout(Network(encoder, pooling, head), slots, configs=(config.path,))


def expect_one_label(config: Section) -> None:
    """One output, by transformers' rule: as many as id2label has, else num_labels, else two."""
    names = config.value("id2label")
    if names is not None and (not isinstance(names, dict) or len(names) != 1):
        config.refuse("id2label", "one label: a reranker has one output")
    if "num_labels" in config or names is None:
        config.expect("num_labels", 1, why="a reranker has one output; without id2label or num_labels there are two")
        if "num_labels" not in config:
            config.refuse("num_labels", "1: a reranker has one output; without id2label or num_labels there are two")
