"""The models that a recipe names: what is a name that everybody knows, and what is a folder beside the data."""

from __future__ import annotations

import os
from pathlib import Path

from rankladder.catalogue import all_models
from rankladder.paths import expanded, is_folder
from rankladder.rerank import ModelRequest
from rankladder.retrieve import all_embedders

FREE = frozenset({"bm25", "labels"})
"""Teachers that read what mining found: nothing is opened, and no score is kept."""
VECTORS = frozenset({"cosine", "maxsim"})
"""Teachers that compare an embedder's vectors: the prefix of its name."""


def model_of(teacher: str) -> str:
    """The name of the model in a teacher's text, without its prefix and options.

    >>> model_of("cosine:all-MiniLM-L6-v2"), model_of("box,dtype=fp32"), model_of("cohere:rerank-v3.5")
    ('all-MiniLM-L6-v2', 'box', 'cohere:rerank-v3.5')
    """
    kind, colon, name = teacher.partition(":")
    return name if colon and kind in VECTORS else teacher.partition(",")[0].strip()


def is_known(name: str) -> bool:
    """Whether a name stands for one thing wherever it is written: a service's model, one of the catalogue, ``bm25``.

    >>> is_known("box"), is_known("all-MiniLM-L6-v2"), is_known("cohere:rerank-v3.5"), is_known("our-teacher")
    (True, True, True, False)
    """
    models, embedders = {one.name for one in all_models()}, {one.name for one in all_embedders()}
    return ModelRequest(name, name).hosted or name in FREE | models | embedders


def bare_name(text: str) -> str:
    """A teacher's, an embedder's or a start's text without the folder that it lies in, which says nothing about it.

    >>> bare_name("/data/models/big,dtype=fp32"), bare_name("cosine:data/near"), bare_name("cohere:rerank-v3.5")
    ('big,dtype=fp32', 'cosine:near', 'cohere:rerank-v3.5')
    """
    name = model_of(text)
    return text if is_known(name) else text.replace(name, Path(name).name or name, 1)


def beside_data(text: str, folder: str | Path) -> str:
    """A teacher's, an embedder's or a start's text, its relative folder looked for in the data folder first."""
    name = model_of(text)
    place = expanded(os.path.expandvars(name))
    if is_known(name) or place.is_absolute() or not is_folder(Path(folder) / place):
        return text
    kind, colon, _ = text.partition(":")
    found = str(Path(folder) / place)
    return f"{kind}:{found}" if colon and kind in VECTORS else text.replace(name, found, 1)
