"""Sample: which of a query's scored candidates the student is trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from rankladder.distill.label.ensemble import ensemble
from rankladder.distill.recipe.tables import Recipe, Sample, Scheme
from rankladder.distill.stage import Made, Stage

if TYPE_CHECKING:
    import pyarrow as pa


_USED: Mapping[Scheme, set[str]] = {
    "quantile-anchored": {"pool", "hardest", "head", "band"},
    "top": {"keep"},
    "random": {"keep"},
    "all": set(),
}
"""What each scheme reads of ``[sample]``: the rest changes nothing."""


def sample(recipe: Recipe, work: Path, labelled: Made, *, say: Callable[[str], object]) -> Made:
    """Rows of query, document, score and whether it is a known positive; a query's rows stand together, best first.

    The facts hold the distribution of scores, of all that was labelled and of what was taken.
    """
    import pyarrow as pa

    def rows(place: int) -> pa.Table:
        table = labelled.table(place)
        scores = ensemble(table, labelled.facts)
        positive = table["way"].to_numpy() == "positive"
        ids = table["query_id"].to_pylist()
        taken = [
            start + chosen(recipe.sample, scores[start:end], positive[start:end], seed=(recipe.seed, ids[start]))
            for start, end in groups(ids)
        ]
        keep = np.concatenate(taken) if taken else np.zeros(0, dtype=np.int64)
        return pa.table(
            {
                "query": table["query"].take(keep),
                "document": table["document"].take(keep),
                "score": scores[keep],
                "positive": positive[keep],
            }
        )

    def facts(made: Made) -> Mapping[str, Any]:
        everything = [ensemble(table, labelled.facts) for table in labelled.tables()]
        return {"labelled": told(everything), "sampled": told([table["score"].to_numpy() for table in made.tables()])}

    settings, inputs = sample_depends(recipe, labelled)
    stage = Stage(work / "sample", settings=settings, inputs=inputs, say=say)
    return stage.run([part.name for part in labelled.parts], rows, facts=facts)


def sample_depends(recipe: Recipe, labelled: Made) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings and the inputs that sampling depends on."""
    used = {"scheme", *_USED[recipe.sample.scheme]}
    settings = {key: value for key, value in msgspec.to_builtins(recipe.sample).items() if key in used}
    settings["seed"] = recipe.seed
    return settings, {"label": labelled.digest, "ensemble": labelled.facts["ensemble"]}


def chosen(
    settings: Sample, scores: NDArray[np.float32], positive: NDArray[np.bool_], *, seed: tuple[int, str]
) -> NDArray[np.int64]:
    """Places (K,) of the candidates to train on, best score first, of one query's scores (N,) and positives (N,).

    ``quantile-anchored``: all positives, the ``hardest`` best-scored others, and the rest at evenly spaced quantiles of
    the score, ``pool`` in all; of those, sorted, the first ``head`` and ``band`` more at even steps further down.
    Source: the Ettin reranker release (2,048 → 256 → 64); it names the steps, not where the band lies: here it is
    everything below the head.
    """
    order = np.argsort(-scores, kind="stable")
    match settings.scheme:
        case "all":
            return order
        case "top":
            return order[: settings.keep]
        case "random":
            chance = np.random.default_rng([seed[0], *seed[1].encode()])
            drawn = chance.permutation(len(scores))[: settings.keep]
            return drawn[np.argsort(-scores[drawn], kind="stable")]
        case "quantile-anchored":
            pool = _pool(order, positive, settings)
            below = pool[settings.head :]
            return np.concatenate([pool[: settings.head], below[_evenly(len(below), settings.band)]])


def _pool(order: NDArray[np.int64], positive: NDArray[np.bool_], settings: Sample) -> NDArray[np.int64]:
    """Places of the pool, best score first."""
    others = order[~positive[order]]
    hardest, rest = others[: settings.hardest], others[settings.hardest :]
    room = max(0, settings.pool - int(positive.sum()) - len(hardest))
    keep = np.zeros(len(order), dtype=bool)
    keep[positive] = True
    keep[hardest] = True
    keep[rest[_evenly(len(rest), room)]] = True
    return order[keep[order]]


def _evenly(count: int, wanted: int) -> NDArray[np.int64]:
    """``wanted`` places among ``count``, evenly spaced from the first to the last; all where there are fewer."""
    if wanted >= count:
        return np.arange(count)
    return np.unique(np.linspace(0, count - 1, wanted).round().astype(np.int64))


def groups(ids: list[str]) -> list[tuple[int, int]]:
    """Start and end of each run of equal ids; none of no ids."""
    if not ids:
        return []
    starts = [place for place, id in enumerate(ids) if place == 0 or id != ids[place - 1]]
    return list(zip(starts, [*starts[1:], len(ids)], strict=True))


def told(blocks: Sequence[NDArray[np.float32]]) -> dict[str, Any]:
    """A distribution for people: count, mean, standard deviation, quantiles and 40 bins, as JSON values."""
    scores = np.concatenate([*blocks, np.zeros(0, np.float32)])
    if not len(scores):
        return {"count": 0}
    counts, edges = np.histogram(scores, bins=40)
    return {
        "count": len(scores),
        "mean": round(float(scores.mean()), 4),
        "sd": round(float(scores.std()), 4),
        "quantiles": {str(at): round(float(np.quantile(scores, at)), 4) for at in (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1)},
        "histogram": {"from": float(edges[0]), "to": float(edges[-1]), "counts": counts.tolist()},
    }
