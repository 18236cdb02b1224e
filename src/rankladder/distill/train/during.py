"""How good the student is so far: judged sets that it reranks while it is trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rankladder.distill.label import teachers
from rankladder.distill.recipe.tables import NANO_BEIR, Evaluate
from rankladder.distill.train.nano_beir import NanoBeir
from rankladder.distill.train.student import needs_bf16
from rankladder.errors import BadInput
from rankladder.evaluate import Candidates, Dataset, bm25_candidates, measure_run, read_dataset
from rankladder.folders import caching_in
from rankladder.rerank import Reranker
from rankladder.temporary import temporary_folder
from rankladder.values import Run

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

MEAN = "mean_ndcg@10"


def read_judged(path: str, queries: int | None) -> Dataset:
    """A judged set, or so many of its queries, at even steps. Raises what reading it raises."""
    dataset = read_dataset(path)
    return dataset if queries is None else dataset.spread(queries)


class Judged:
    """The sets of ``evaluate.during``, with BM25's candidates: what every checkpoint is compared on.

    Raises what reading them raises, BadInput for two of one name, whose figures could not be distinguished, and
    Unavailable where NanoBEIR is named and cannot be fetched.
    """

    def __init__(self, settings: Evaluate) -> None:
        self.sets: list[tuple[Dataset, Candidates]] = []
        self.nano_beir = NanoBeir(top_k=settings.top_k) if NANO_BEIR in settings.during else None
        for path in settings.during:
            if path == NANO_BEIR:
                continue
            dataset = read_judged(path, settings.queries_during)
            if any(dataset.name == one.name for one, _ in self.sets):
                raise BadInput(f"two sets of evaluate.during are called {dataset.name}: rename the folder of one")
            self.sets.append((dataset, bm25_candidates(dataset, depth=settings.top_k, progress=False)))
        if not self.sets and self.nano_beir is None:
            raise BadInput("no set to compare checkpoints on")

    def measure(self, model: CrossEncoder) -> dict[str, float]:
        """nDCG@10 of every set, and the mean over what ``evaluate.during`` names; NanoBEIR counts there as one."""
        values = {f"{dataset.name}_ndcg@10": self._one(model, dataset, found) for dataset, found in self.sets}
        means = list(values.values())
        if self.nano_beir is not None:
            with _half_where_needed(model):
                values |= self.nano_beir.measure(model)
            means.append(values[self.nano_beir.mean])
        return values | {MEAN: float(np.mean(means))}

    def _one(self, model: CrossEncoder, dataset: Dataset, found: Candidates) -> float:
        ids = [(query, document) for query, row in found.run.scores.items() for document in row]
        ids = [
            (query, document) for query, document in ids if query in dataset.queries and document in dataset.documents
        ]
        pairs = [(dataset.queries[query].text, dataset.documents[document].full_text) for query, document in ids]
        scores: dict[str, dict[str, float]] = {}
        for (query, document), score in zip(ids, predict(model, pairs), strict=True):
            scores.setdefault(query, {})[document] = float(score)
        per_query = measure_run(Run("student", scores), dataset.qrels, ["nDCG@10"])["nDCG@10"]
        return float(np.mean(list(per_query.values())))


def predict(model: CrossEncoder, pairs: Sequence[tuple[str, str]]) -> Any:
    """Raw scores (N,) of the student at this moment: on a CPU by our own engine, which is faster there.

    Its graph is thrown away with it: the next check's weights are other ones.
    """
    if model.device.type != "cpu":
        with _half_where_needed(model):
            return model.predict(list(pairs), show_progress_bar=False, batch_size=128)
    with temporary_folder() as folder, caching_in(folder):
        save_student(model, folder / "student")
        return teachers.predict(Reranker.open(folder / "student", dtype="fp32"), pairs)


@contextmanager
def _half_where_needed(model: CrossEncoder) -> Iterator[None]:
    """Scores in bf16 where the student's attention computes in nothing else."""
    import torch

    with torch.autocast(model.device.type, torch.bfloat16, needs_bf16(model)):
        yield


def save_student(model: CrossEncoder, folder: Path) -> None:
    """Writes the student as Sentence Transformers does: safetensors, loadable there and here."""
    model.save_pretrained(str(folder), create_model_card=False, safe_serialization=True)
