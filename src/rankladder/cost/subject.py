"""What a worker process measures: a Reranker of ours. (``peer`` has Sentence Transformers.)"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Any, Protocol

from rankladder.cost.peak import onnx_gflops, torch_gflops
from rankladder.rerank import Long, Reranker
from rankladder.rerank.processor import usable_cores


class Subject(Protocol):
    """A model that a worker process holds."""

    def describe(self) -> dict[str, Any]:
        """What it turned out to be: name, dtype, engine, about, device, threads on a CPU, batch_size or token_budget
        where it has one, max_tokens.
        """
        ...

    def lengths(self, pairs: Sequence[tuple[str, str]]) -> tuple[list[int], int]:
        """Scores every pair once, which warms the model up; tokens read of each, and how many pairs were cut."""
        ...

    def score(self, pairs: Sequence[tuple[str, str]]) -> object:
        """Scores every pair."""
        ...

    def rank(self, query: str, texts: Sequence[str]) -> object:
        """Ranks a query's list."""
        ...

    def tune(self, setting: int) -> None:
        """Takes another setting of the one knob that it has."""
        ...

    def gflops(self, width: int) -> float:
        """What this machine reaches in matrix products alone, with the same library and number format, on all cores."""
        ...


class RerankerSubject:
    """A Reranker, opened with the options of ``Reranker.open``, and ``long`` of ``Reranker.rank``. Its knob is
    ``threads``.
    """

    def __init__(self, name: str, options: dict[str, Any]) -> None:
        self._long: Long = options.get("long", "truncate")
        self._name, self._options = name, {option: value for option, value in options.items() if option != "long"}
        self._reranker = Reranker.open(name, **self._options)

    def describe(self) -> dict[str, Any]:
        """See Subject."""
        facts = self._reranker.facts
        return {
            "name": facts.stage,
            "dtype": facts.dtype,
            "engine": facts.engine,
            "about": facts.note,
            "device": facts.device,
            "threads": facts.threads,
            "batch_size": None,
            "token_budget": facts.token_budget,
            "max_tokens": facts.reads,
        }

    def lengths(self, pairs: Sequence[tuple[str, str]]) -> tuple[list[int], int]:
        """See Subject. A hosted model is asked nothing for this, as it may cost money: 0 tokens, none cut."""
        if self._reranker.facts.hosted:
            return [0] * len(pairs), 0
        frame = self._reranker.facts.frame
        rankings = self._reranker.rank_many([(query, [text]) for query, text in pairs], long=self._long, progress=False)
        readings = [hit.reading for ranking in rankings for hit in ranking]
        tokens = [0 if reading is None else frame + reading.query_kept + reading.document_kept for reading in readings]
        return tokens, sum(reading is not None and reading.truncated for reading in readings)

    def score(self, pairs: Sequence[tuple[str, str]]) -> object:
        """See Subject."""
        return self._reranker.predict(list(pairs), long=self._long, progress=False)

    def rank(self, query: str, texts: Sequence[str]) -> object:
        """See Subject."""
        return self._reranker.rank(query, texts, long=self._long, progress=False)

    def tune(self, setting: int) -> None:
        """Opens the model again with so many threads."""
        del self._reranker
        gc.collect()
        self._reranker = Reranker.open(self._name, **{**self._options, "threads": setting})

    def gflops(self, width: int) -> float:
        """See Subject."""
        described = self.describe()
        if described["engine"] == "onnx":
            return onnx_gflops(described["dtype"], width=width, threads=usable_cores())
        return torch_gflops(described["dtype"], width=width, device=described["device"], threads=usable_cores())
