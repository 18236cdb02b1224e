"""Every known model as one table: what it is, where it is, and what its publisher measured."""

from __future__ import annotations

from difflib import get_close_matches

from rankladder.arguments import checked
from rankladder.catalogue.foreign import FOREIGN
from rankladder.catalogue.model import Model
from rankladder.catalogue.native import BOX, NATIVE
from rankladder.errors import ModelMissing

__all__ = ["BOX", "Model", "all_models", "find_model"]

_TABLE = (*NATIVE, *FOREIGN)

_BY_NAME = {model.name: model for model in _TABLE}


def all_models() -> tuple[Model, ...]:
    """Every known model: the box, the Ettin rungs from small to large, the others; then Sentence Transformers'."""
    return _TABLE


@checked
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
