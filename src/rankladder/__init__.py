"""rankladder: run, choose, evaluate and distil open rerankers.

>>> from rankladder import Reranker  # doctest: +SKIP
>>> Reranker.open().rank("what causes rain", ["Rain falls from clouds.", "The market closed."])  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rankladder.errors import RankladderError
    from rankladder.rerank import Reranker, probability
    from rankladder.values import Document, Hit, Query, Ranking

__version__ = version("rankladder")

_WHERE = {
    "Document": "rankladder.values",
    "Hit": "rankladder.values",
    "Query": "rankladder.values",
    "Ranking": "rankladder.values",
    "RankladderError": "rankladder.errors",
    "Reranker": "rankladder.rerank",
    "probability": "rankladder.rerank",
}

__all__ = ["Document", "Hit", "Query", "Ranking", "RankladderError", "Reranker", "__version__", "probability"]


def __getattr__(name: str) -> Any:
    """Public names are imported on first use, so that ``import rankladder`` loads nothing heavy."""
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    from rankladder.other_names import CLASSES

    hint = "; hint: from rankladder import Reranker, then Reranker.open(name)" if name in CLASSES else ""
    raise AttributeError(f"module 'rankladder' has no attribute {name!r}{hint}")


def __dir__() -> list[str]:
    return sorted(__all__)
