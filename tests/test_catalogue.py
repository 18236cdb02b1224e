"""The table of known models holds together, and agrees with the shapes that the tests write."""

from __future__ import annotations

import re

import pytest

from checkpoints import ETTIN, ETTIN_POSITIONS, ETTIN_VOCABULARY, MINILM
from rankladder.catalogue import Model, all_models, find_model
from rankladder.checkpoint import Bert, Checkpoint, ModernBert, open_checkpoint
from rankladder.checkpoint.bert import bert_shapes
from rankladder.checkpoint.modernbert import modernbert_shapes
from rankladder.errors import ModelMissing


def size(shapes: dict[str, tuple[int, ...]]) -> int:
    return sum(shape[0] * (shape[1] if len(shape) == 2 else 1) for shape in shapes.values())


@pytest.mark.parametrize("model", all_models(), ids=lambda model: model.name)
def test_the_parameters_are_those_of_the_shapes(model: Model) -> None:
    wide = model.width
    if model.architecture == "bert":
        encoder = Bert(model.layers, wide, model.heads, model.inner, 30522, 512, 2, 1e-12, "gelu")
        head = wide * wide + wide + wide + 1
        assert model.parameters == size(bert_shapes(encoder)) + head
    else:
        modern = ModernBert(
            model.layers, wide, model.heads, model.inner, ETTIN_VOCABULARY, ETTIN_POSITIONS, 1e-5, "gelu", 64, (), 1, 1
        )
        norm = 2 * wide if model.name.startswith("ettin") else wide
        assert model.parameters == size(modernbert_shapes(modern)) + wide * wide + norm + wide + 1


def test_the_box_is_what_its_row_says() -> None:
    row, box = find_model("box"), open_checkpoint("box")
    assert isinstance(box, Checkpoint)
    assert isinstance(box.network.encoder, Bert)
    assert (row.layers, row.width, row.heads, row.inner, row.max_tokens) == (
        box.network.encoder.layers,
        box.network.encoder.width,
        box.network.encoder.heads,
        box.network.encoder.inner,
        box.max_tokens,
    )
    assert row.parameters == sum(values.size for values in box.weights.values())


def test_names_are_distinct_and_revisions_are_commits() -> None:
    models = all_models()
    assert len({model.name for model in models}) == len(models)
    for model in models:
        assert (model.hub_id is None) == (model.revision is None) == (model.name == "box")
        assert model.revision is None or re.fullmatch("[0-9a-f]{40}", model.revision)


def test_the_shapes_that_the_tests_write_are_the_tables() -> None:
    for name, shape in (ETTIN | MINILM).items():
        model = find_model(name)
        assert (model.layers, model.width, model.heads, model.inner) == shape


def test_quality_rises_with_the_rung() -> None:
    scores = [model.mteb_ndcg for model in all_models() if model.name.startswith("ettin")]
    assert len(scores) == 6
    assert scores == sorted(scores, key=float)


@pytest.mark.parametrize(
    ("name", "near"), [("ettin-17", "ettin-17m"), ("Ettin-1B", "ettin-1b"), ("granite", "granite-r2"), ("", "known")]
)
def test_an_unknown_name_offers_the_nearest(name: str, near: str) -> None:
    with pytest.raises(ModelMissing, match=near):
        find_model(name)
