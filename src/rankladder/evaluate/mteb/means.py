"""Means over tasks and first stages, beside the published figures that were made the same way, and no others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from rankladder.arguments import checked
from rankladder.catalogue import find_model
from rankladder.evaluate.mteb.flow import TOP_K, TaskScore

TEN_TASKS = (
    "ArguAna",
    "CQADupstackGamingRetrieval",
    "CQADupstackUnixRetrieval",
    "ClimateFEVERHardNegatives",
    "FEVERHardNegatives",
    "FiQA2018",
    "HotpotQAHardNegatives",
    "SCIDOCS",
    "TRECCOVID",
    "Touche2020Retrieval.v3",
)
"""The retrieval tasks of MTEB(eng, v2)."""

SIX_EMBEDDERS: Mapping[str, float] = {
    "sentence-transformers/static-retrieval-mrl-en-v1": 0.3495,
    "sentence-transformers/all-MiniLM-L6-v2": 0.4292,
    "BAAI/bge-small-en-v1.5": 0.5149,
    "nomic-ai/nomic-embed-text-v1.5": 0.5226,
    "google/embeddinggemma-300m": 0.5463,
    "jinaai/jina-embeddings-v5-text-small-retrieval": 0.5980,
}
"""The first stages of the published figures, each with its own published mean nDCG@10 over the ten tasks.

Source: huggingface.co/blog/ettin-reranker (2026-05-19).
"""


@dataclass(frozen=True, slots=True)
class MeanScore:
    """A system's mean nDCG@10 over tasks, each task counting once.

    Attributes:
        first_stage: None for the mean over several first stages.
        model: None for the first stage by itself.
        tasks: How many tasks.
        ndcg: Over all of them; None where the model failed on one: a mean over the others compares with nothing.
        zero_shot_tasks: Of how many it is known that the model was not trained on their data.
        zero_shot_ndcg: Over those, None where there are none, or the model failed on any task.
        published: The published mean, where every part of this one is what it was made of: the ten tasks, 100
            candidates, and for a reranker the six embedders.
    """

    first_stage: str | None
    model: str | None
    tasks: int
    ndcg: float | None
    zero_shot_tasks: int
    zero_shot_ndcg: float | None
    published: float | None


@checked
def mean_scores(scores: Sequence[TaskScore], *, top_k: int) -> list[MeanScore]:
    """The means of each first stage and each model over it; with several first stages, also each model's over all."""
    stages = list(dict.fromkeys(score.first_stage for score in scores))
    models = list(dict.fromkeys(score.model for score in scores))
    ten = {score.task for score in scores} == set(TEN_TASKS)

    def mean(stage: str | None, model: str | None) -> MeanScore:
        chosen = [score for score in scores if score.model == model and stage in (None, score.first_stage)]
        clean = [score for score in chosen if score.zero_shot]
        count, whole = len({score.task for score in chosen}), [one.ndcg for one in chosen if one.ndcg is not None]
        if len(whole) < len(chosen):
            return MeanScore(stage, model, count, None, len({score.task for score in clean}), None, None)
        published = None
        if ten and model is None and stage is not None:
            published = SIX_EMBEDDERS.get(stage)
        elif ten and model is not None and stage is None and set(stages) == set(SIX_EMBEDDERS) and top_k == TOP_K:
            published = _published(chosen[0], lambda known: find_model(known).mteb_ndcg)
        return MeanScore(
            stage,
            model,
            count,
            fmean(whole),
            len({score.task for score in clean}),
            fmean(one.ndcg for one in clean if one.ndcg is not None) if clean else None,
            published,
        )

    rows = [mean(stage, model) for stage in stages for model in models]
    return rows + [mean(None, model) for model in models] if len(stages) > 1 else rows


def not_comparable(scores: Sequence[TaskScore], *, top_k: int) -> list[str]:
    """For each model with published figures that do not compare with this run: the figure, and why, in a sentence."""
    tasks = {score.task for score in scores}
    stages = {score.first_stage for score in scores}
    others = stages - set(SIX_EMBEDDERS)
    lines = []
    for score in _first_of_each_model(scores):
        mteb, nano = (
            _published(score, lambda known: find_model(known).mteb_ndcg),
            _published(score, lambda known: find_model(known).nanobeir_ndcg),
        )
        missing = [
            f"{len(tasks & set(TEN_TASKS))} of its 10 tasks" if not tasks >= set(TEN_TASKS) else "",
            f"{len(tasks - set(TEN_TASKS))} tasks that are not its own" if tasks - set(TEN_TASKS) else "",
            f"{len(stages & set(SIX_EMBEDDERS))} of its 6 first stages" if not stages >= set(SIX_EMBEDDERS) else "",
            f"{len(others)} first stages that are not its own" if others else "",
            f"the top {top_k} where it has the top {TOP_K}" if top_k != TOP_K else "",
        ]
        if mteb is not None and any(missing):
            lines.append(
                f"{score.model}: the published {mteb:.4f} is a mean over the ten retrieval tasks of MTEB(eng, v2) and "
                f"six embedders; not comparable with this run: {', '.join(filter(None, missing))}"
            )
        if nano is not None and any(task.startswith("Nano") for task in tasks):
            lines.append(
                f"{score.model}: the published NanoBEIR mean {nano:.4f} is from Sentence Transformers' evaluator, "
                "which has a BM25 of its own and puts every relevant document among the candidates; not comparable "
                "with mteb's Nano tasks"
            )
    return lines


def _first_of_each_model(scores: Sequence[TaskScore]) -> Iterable[TaskScore]:
    return {score.model: score for score in reversed(scores) if score.model is not None}.values()


def _published(score: TaskScore, figure: Callable[[str], float | None]) -> float | None:
    return figure(score.catalogue_name) if score.catalogue_name else None
