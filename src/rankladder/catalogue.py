"""Every known model as one table: what it is, where it is, and what its publisher measured."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from rankladder.errors import ModelMissing


@dataclass(frozen=True, slots=True)
class Model:
    """One known model. Scores are the publisher's mean nDCG@10, None where none is published."""

    name: str
    hub_id: str | None
    """None for the model in the box."""
    revision: str | None
    """The hub commit that the name stands for."""
    architecture: Literal["modernbert", "bert"]
    layers: int
    width: int
    heads: int
    inner: int
    parameters: int
    """Counted from the shapes of the weights, head included."""
    max_tokens: int
    licence: str
    mteb_ndcg: float | None
    """MTEB(eng, v2) Retrieval, top 100 reranked, mean over six embedders."""
    nanobeir_ndcg: float | None

    @property
    def engines(self) -> tuple[str, ...]:
        """The engines that run it."""
        return ("onnx", "torch")


BOX = "box"

# Scores: huggingface.co/blog/ettin-reranker (2026-05-19), the tables of all rerankers. FEVER, FiQA, HotpotQA, MSMARCO
# and NQ are among the Ettin rerankers' training data. Revisions: Ettin's as published there; the others are what
# public code pins for these ids, several repositories agreeing on each (looked up 2026-11).
_TABLE = (
    Model(
        name=BOX,
        hub_id=None,
        revision=None,
        architecture="bert",
        layers=6,
        width=384,
        heads=12,
        inner=1536,
        parameters=22_713_601,
        max_tokens=256,
        licence="Apache-2.0",
        mteb_ndcg=None,
        nanobeir_ndcg=None,
    ),
    Model(
        name="ettin-17m",
        hub_id="cross-encoder/ettin-reranker-17m-v1",
        revision="9e4aa35321a6dd1a43ca313f500c4b4f7cfb5cc6",
        architecture="modernbert",
        layers=7,
        width=256,
        heads=4,
        inner=384,
        parameters=16_863_745,
        max_tokens=7999,
        licence="Apache-2.0",
        mteb_ndcg=0.5576,
        nanobeir_ndcg=0.6746,
    ),
    Model(
        name="ettin-32m",
        hub_id="cross-encoder/ettin-reranker-32m-v1",
        revision="b33e5ceb5110773ea9cf5e00c9bedc83a8c2afdd",
        architecture="modernbert",
        layers=10,
        width=384,
        heads=6,
        inner=576,
        parameters=32_031_745,
        max_tokens=7999,
        licence="Apache-2.0",
        mteb_ndcg=0.5779,
        nanobeir_ndcg=0.6825,
    ),
    Model(
        name="ettin-68m",
        hub_id="cross-encoder/ettin-reranker-68m-v1",
        revision="d166fa88ddde3c42bc3ee92f7df476d941c8204a",
        architecture="modernbert",
        layers=19,
        width=512,
        heads=8,
        inner=768,
        parameters=68_408_321,
        max_tokens=7999,
        licence="Apache-2.0",
        mteb_ndcg=0.5915,
        nanobeir_ndcg=0.6915,
    ),
    Model(
        name="ettin-150m",
        hub_id="cross-encoder/ettin-reranker-150m-v1",
        revision="025501c4e0f9bbeb4c5b198318e0089ff061cc14",
        architecture="modernbert",
        layers=22,
        width=768,
        heads=12,
        inner=1152,
        parameters=149_606_401,
        max_tokens=7999,
        licence="Apache-2.0",
        mteb_ndcg=0.5994,
        nanobeir_ndcg=0.7086,
    ),
    Model(
        name="ettin-400m",
        hub_id="cross-encoder/ettin-reranker-400m-v1",
        revision="5dca36282a5d85f368d2544002513a29159b4c9e",
        architecture="modernbert",
        layers=28,
        width=1024,
        heads=16,
        inner=2624,
        parameters=395_833_345,
        max_tokens=7999,
        licence="Apache-2.0",
        mteb_ndcg=0.6091,
        nanobeir_ndcg=0.7193,
    ),
    Model(
        name="ettin-1b",
        hub_id="cross-encoder/ettin-reranker-1b-v1",
        revision="7d20e9baad17016fdf5549c08f69a2d7ca3e60c3",
        architecture="modernbert",
        layers=28,
        width=1792,
        heads=28,
        inner=3840,
        parameters=1_031_267_329,
        max_tokens=7999,
        licence="Apache-2.0",
        mteb_ndcg=0.6114,
        nanobeir_ndcg=0.7237,
    ),
    Model(
        name="minilm-l4",
        hub_id="cross-encoder/ms-marco-MiniLM-L4-v2",
        revision="777b2f369bc1c2f850df8bd367ed1654bda4497b",
        architecture="bert",
        layers=4,
        width=384,
        heads=12,
        inner=1536,
        parameters=19_164_673,
        max_tokens=512,
        licence="Apache-2.0",
        mteb_ndcg=0.4979,
        nanobeir_ndcg=0.6298,
    ),
    Model(
        name="minilm-l6",
        hub_id="cross-encoder/ms-marco-MiniLM-L6-v2",
        revision="c5ee24cb16019beea0893ab7796b1df96625c6b8",
        architecture="bert",
        layers=6,
        width=384,
        heads=12,
        inner=1536,
        parameters=22_713_601,
        max_tokens=512,
        licence="Apache-2.0",
        mteb_ndcg=0.5082,
        nanobeir_ndcg=0.6312,
    ),
    Model(
        name="minilm-l12",
        hub_id="cross-encoder/ms-marco-MiniLM-L12-v2",
        revision="7b0235231ca2674cb8ca8f022859a6eba2b1c968",
        architecture="bert",
        layers=12,
        width=384,
        heads=12,
        inner=1536,
        parameters=33_360_385,
        max_tokens=512,
        licence="Apache-2.0",
        mteb_ndcg=0.5066,
        nanobeir_ndcg=0.6369,
    ),
    Model(
        name="gte-modernbert",
        hub_id="Alibaba-NLP/gte-reranker-modernbert-base",
        revision="f7481e6055501a30fb19d090657df9ec1f79ab2c",
        architecture="modernbert",
        layers=22,
        width=768,
        heads=12,
        inner=1152,
        parameters=149_605_633,
        max_tokens=8192,
        licence="Apache-2.0",
        mteb_ndcg=0.5843,
        nanobeir_ndcg=0.7017,
    ),
    Model(
        name="granite-r2",
        hub_id="ibm-granite/granite-embedding-reranker-english-r2",
        revision="d09d3d6971b689bf9c23839e45a470874d46e13a",
        architecture="modernbert",
        layers=22,
        width=768,
        heads=12,
        inner=1152,
        parameters=149_605_633,
        max_tokens=8192,
        licence="Apache-2.0",
        mteb_ndcg=0.5656,
        nanobeir_ndcg=0.6909,
    ),
)

_BY_NAME = {model.name: model for model in _TABLE}


def all_models() -> tuple[Model, ...]:
    """Every known model: the one in the box, the Ettin rungs from small to large, then the others."""
    return _TABLE


def find_model(name: str) -> Model:
    """The known model of a name; ModelMissing, with the nearest names, for any other.

    >>> find_model("ettin-17m").layers
    7
    """
    if name in _BY_NAME:
        return _BY_NAME[name]
    near = get_close_matches(name.lower(), _BY_NAME, n=3, cutoff=0.5)
    raise ModelMissing(
        f"no model is called {name!r}",
        hint=f"did you mean {' or '.join(near)}?" if near else f"known models: {', '.join(_BY_NAME)}",
    )
