"""Rerankers measured over candidate lists of a judged collection."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from itertools import chain, count
from pathlib import Path
from typing import get_args

from rankladder.arguments import checked
from rankladder.errors import BadInput, BadOption, RankladderError, StorageFailed
from rankladder.evaluate.candidates import Candidates
from rankladder.evaluate.comparing import compare_systems, largest_changes
from rankladder.evaluate.dataset import Dataset
from rankladder.evaluate.evaluation import Evaluation, System
from rankladder.evaluate.measures import check_grades, highest_grade, measure_run, parse_measures
from rankladder.evaluate.scoring import open_store, rerank_candidates
from rankladder.evaluate.statistics import Interval, bootstrap_interval
from rankladder.folders import cache_folder
from rankladder.rerank import Long, ModelRequest, Reranker
from rankladder.scores import PairKeys
from rankladder.storage import expect_writable


@checked
def evaluate(
    dataset: Dataset,
    candidates: Sequence[Candidates],
    models: Sequence[ModelRequest | Reranker] = (),
    *,
    measures: Sequence[str] = ("nDCG@10",),
    top_k: int = 100,
    store: Path | None = None,
    long: Long = "truncate",
    most_changed: int = 5,
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
    offline: bool | None = None,
    progress: bool | None = None,
) -> Evaluation:
    """Every model over every candidate list, beside every retriever alone; one model is held at a time.

    Scores are stored as they come: the same call after an interruption resumes. A changed text,
    model or number format is scored again. A model that fails has a row with the reason; the others are finished.
    Every judged query counts, one without candidates as 0.

    Args:
        dataset: The judged collection.
        candidates: What retrievers found for it; each is a row by itself.
        models: Rerankers, open or to be opened in turn.
        measures: As ir-measures writes them; the first decides which queries changed most.
        top_k: How many candidates of each query are reranked; the rest stay below them in the retriever's order.
        store: The folder of the scores; by default ``scores`` in the user's cache.
        long: As in ``Reranker.rank``.
        most_changed: How many queries helped, and how many harmed, are kept for each reranker.
        confidence: Of the bootstrap intervals.
        resamples: Of the bootstrap and of the paired tests.
        seed: Of both.
        offline: True never touches the network, for models that do not say.
        progress: Show bars on stderr; by default only on a terminal.

    Raises:
        BadInput: No candidates, or two lists of one name.
        BadOption: A measure that cannot be computed or does not know a grade, an option out of its range, a model that
            is named twice.
        MissingExtra: ir-measures is not installed.
        StorageFailed: The store cannot be written.
    """
    wanted = parse_measures(measures)
    check_grades(wanted, highest_grade(dataset.qrels))
    _check(candidates, models, top_k, most_changed, long)
    folder = cache_folder("scores") if store is None else Path(store)
    if models:
        expect_writable(folder, "scores cannot be kept there", hint="choose a folder with --store")
    keys = PairKeys()

    def measured(system: System) -> System:
        """The system with its values and intervals."""
        if system.run is None:
            return system
        per_query = measure_run(system.run, dataset.qrels, wanted)
        intervals: Mapping[str, Interval] = {
            measure: bootstrap_interval(
                list(values.values()), within=(0.0, 1.0), confidence=confidence, resamples=resamples, seed=seed
            )
            for measure, values in per_query.items()
        }
        return replace(system, per_query=per_query, intervals=intervals)

    systems = [
        measured(
            System(
                listed.name,
                "retriever",
                listed.name,
                "",
                "",
                listed.run,
                {},
                {},
                _digest(dataset.digest, listed.digest),
            )
        )
        for listed in candidates
    ]
    labels: set[str] = set()
    for model in models:
        for system in _reranked(
            model,
            dataset,
            candidates,
            labels,
            top_k=top_k,
            folder=folder,
            keys=keys,
            long=long,
            offline=offline,
            progress=progress,
        ):
            systems.append(measured(system))
    finished = sum(system.failed is None for system in systems)
    return Evaluation(
        dataset=dataset,
        candidates=tuple(candidates),
        measures=wanted,
        systems=tuple(systems),
        comparisons=compare_systems(systems, wanted, resamples=resamples, seed=seed),
        changes=largest_changes(dataset, systems, wanted[0], count=most_changed),
        remarks=tuple(
            dict.fromkeys(
                [*dataset.remarks, *(remark for listed in candidates for remark in listed.remarks), *_few(dataset)]
            )
        ),
        top_k=top_k,
        tests=finished * (finished - 1) // 2 if len(dataset.qrels.grades) > 1 else 0,
        settings={
            "long": long,
            "confidence": confidence,
            "resamples": resamples,
            "seed": seed,
            "versions": {name: version(name) for name in ("rankladder", "ir-measures", "numpy")},
        },
    )


def _reranked(
    model: ModelRequest | Reranker,
    dataset: Dataset,
    candidates: Sequence[Candidates],
    labels: set[str],
    *,
    top_k: int,
    folder: Path,
    keys: PairKeys,
    long: Long,
    offline: bool | None,
    progress: bool | None,
) -> Iterator[System]:
    """One system for each candidate list. A failure ends the model: the lists that are left are failures too."""
    asked = model.name if isinstance(model, Reranker) else model.text
    try:
        reranker = model if isinstance(model, Reranker) else model.open(offline=offline)
    except Exception as error:  # a model may fail in any way: its row says how, and the others are finished
        yield from (_failure(listed, asked, asked, error) for listed in candidates)
        return
    label = _label(reranker.name, asked, labels)
    labels.add(label)
    for place, listed in enumerate(candidates):
        name = f"{listed.name} + {label}"
        try:
            with open_store(folder, reranker, dataset, listed, top_k=top_k, long=long) as kept:
                found = rerank_candidates(
                    reranker,
                    dataset,
                    listed,
                    name=name,
                    top_k=top_k,
                    store=kept,
                    keys=keys,
                    long=long,
                    progress=progress,
                )
        except StorageFailed:  # no fault of the model's, and the next would meet it too
            raise
        except Exception as error:  # as above
            yield from (_failure(left, label, asked, error) for left in candidates[place:])
            return
        digest = _digest(dataset.digest, listed.digest, reranker.digest, str(top_k), long)
        yield System(
            name,
            "reranker",
            listed.name,
            asked,
            reranker.about,
            found.run,
            {},
            {},
            digest,
            pairs=found.pairs,
            truncated=found.truncated,
            label=label,
        )


def _label(name: str, asked: str, labels: set[str]) -> str:
    """The model's name; where an earlier model has it, with the words that this one was asked for, or a number."""
    more = (f"{name} ({number})" for number in count(2))
    return next(
        label for label in chain((name, f"{name} ({asked})" if asked != name else name), more) if label not in labels
    )


def _failure(candidates: Candidates, label: str, asked: str, error: Exception) -> System:
    reason = str(error) if isinstance(error, RankladderError) else f"{type(error).__name__}: {error}"
    name = f"{candidates.name} + {label}"
    return System(name, "reranker", candidates.name, asked, "", None, {}, {}, "", failed=reason)


def _check(
    candidates: Sequence[Candidates],
    models: Sequence[ModelRequest | Reranker],
    top_k: int,
    most_changed: int,
    long: Long,
) -> None:
    if not candidates:
        raise BadInput("no candidates were given", hint="an evaluation needs at least one retriever's list")
    names = [listed.name for listed in candidates]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadInput(
            f"two candidate lists have the name {twice!r}",
            hint="give one of the files another name; in Python, candidates_from_run(…, name=…)",
        )
    check_once("model", [model.text for model in models if isinstance(model, ModelRequest)])
    if top_k < 1:
        raise BadOption(f"top_k must be at least 1, got {top_k}")
    if most_changed < 0:
        raise BadOption(f"most_changed must be at least 0, got {most_changed}")
    if long not in get_args(Long):
        raise BadOption(f"long must be one of {', '.join(get_args(Long))}, got {long!r}")


def check_once(what: str, names: Sequence[str]) -> None:
    """Raises BadOption for a name that appears twice."""
    if len(set(names)) < len(names):
        raise BadOption(f"{what} {next(name for name in names if names.count(name) > 1)!r} is named twice")


def _few(dataset: Dataset) -> Iterator[str]:
    if len(dataset.qrels.grades) == 1:
        yield "a single query: no interval can be given and no test made"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
