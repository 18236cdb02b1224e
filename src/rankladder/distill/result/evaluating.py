"""Evaluate: the student on held-out judged sets, beside its teachers, its start and BM25."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from rankladder.checkpoint import foreign_family
from rankladder.distill.data.overlap import Overlap
from rankladder.distill.label.ensemble import join_scores
from rankladder.distill.label.teachers import Teacher, open_teacher
from rankladder.distill.manifests import expect_ours, plain, read_json, write_json
from rankladder.distill.recipe.names import FREE, VECTORS, bare_name
from rankladder.distill.recipe.tables import Recipe
from rankladder.distill.step import MARKS, Depends
from rankladder.distill.train.during import read_judged
from rankladder.distill.train.run_folder import Trained
from rankladder.distill.train.student import scores_by_itself, start_folder
from rankladder.errors import BadOption, RankladderError
from rankladder.evaluate import Candidates, Dataset, System, bm25_candidates, evaluate
from rankladder.evaluate.report import write_report
from rankladder.rerank import EncodedDocument, Facts, ModelRequest, Reranker
from rankladder.rerank.engine import Stop
from rankladder.rerank.scorer import Long, Scored
from rankladder.storage import file_digest, path_digest
from rankladder.values import Document, Run

FORMAT = 2
_MARK = MARKS["evaluate"]
"""Empty of figures until the evaluation is finished."""
MEASURE = "nDCG@10"
Role = Literal["student", "student int8", "start", "teacher", "retriever"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One system on one set: nDCG@10 with its 95 % interval over queries, or why there is none."""

    dataset: str
    role: Role
    system: str
    queries: int
    mean: float | None
    low: float | None
    high: float | None
    failed: str | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """What an evaluation found, and the key of what it depends on."""

    folder: Path
    key: str
    figures: tuple[Figure, ...]
    trained_on: Mapping[str, int]
    """By judged set, how many of its queries were trained on; sets without any are not in it."""
    depends: Mapping[str, Any] | None = None


class TeacherScorer:
    """A teacher that is no cross-encoder, as a scorer of pairs."""

    usage = None

    def __init__(self, name: str, teacher: Teacher) -> None:
        self.facts = Facts(
            model=name,
            dtype="",
            engine="teacher",
            device="cpu",
            threads=None,
            reads=None,
            tokenizer="",
            digest=teacher.digest,
            note="compares vectors",
        )
        self._teacher = teacher

    def score(
        self, pairs: Sequence[tuple[str, str | EncodedDocument]], *, long: Long, done: Callable[[float], object]
    ) -> list[Scored]:
        """One Scored a pair. Raises BadOption for passages."""
        if long != "truncate":
            raise BadOption(f"{self.facts.model} cuts long documents", hint="leave long out")
        documents = [one if isinstance(one, str) else one.full_text for _, one in pairs]
        scores = self._teacher.score({"query": [query for query, _ in pairs], "document": documents})
        done(len(pairs))
        return [Scored(float(score), None) for score in scores]

    def stream(
        self, pairs: Sequence[tuple[str, str | EncodedDocument]], *, long: Long, stop: Stop | None = None
    ) -> Generator[tuple[int, Scored], None, None]:
        """All pairs at once; nothing where ``stop`` is set. Raises as ``score``."""
        if stop is None or not stop.is_set():
            yield from enumerate(self.score(pairs, long=long, done=lambda count: None))

    def encode(self, documents: Sequence[Document]) -> list[EncodedDocument]:
        """Refused: it takes texts."""
        raise BadOption(f"{self.facts.model} takes texts, not token ids")


def measure(
    recipe: Recipe,
    work: Path,
    trained: Trained,
    joined: Mapping[str, Any] | None,
    overlaps: Callable[[], Sequence[Overlap]],
    *,
    say: Callable[[str], object],
) -> Measured:
    """nDCG@10 of every system on every set of ``evaluate.sets``, over BM25's candidates.

    Teachers that are models are measured one by one, and those of an ensemble together, joined as the labels were
    (``joined``); ``labels`` know nothing of other queries and are left out, and BM25 alone is the retriever's row. A
    start that cannot rank without training has no row. Scores are kept as they come. ``overlaps`` finds the judged
    queries that were trained on, and is asked before anything is measured. Raises what it raises, what reading the sets
    raises, what opening or running the student raises, and BadInput where somebody else's files lie in the folder.
    """
    folder = work / "evaluate"
    depends = measure_depends(recipe, trained)
    done = open_measured(folder)
    if done is not None and done.key == depends.key and not any(one.failed for one in done.figures):
        say(f"evaluate: complete, {len(done.figures)} figures")
        return done
    expect_ours(folder, _MARK)
    known = Counter(one.dataset for one in overlaps())
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / _MARK, {})
    figures: list[Figure] = []
    systems = _systems(recipe, trained, say) if recipe.evaluate.sets else []
    for path in recipe.evaluate.sets:
        dataset = read_judged(path, recipe.evaluate.queries)
        candidates = bm25_candidates(dataset, depth=recipe.evaluate.top_k)
        models = [model for _, _, model in systems]
        found = evaluate(
            dataset, [candidates], models, measures=[MEASURE], top_k=recipe.evaluate.top_k, store=folder / "scores"
        )
        for remark in write_report(found, folder / dataset.name):
            say(f"evaluate: {remark}")
        roles: list[tuple[Role, str]] = [("retriever", "BM25")]
        roles += [(role, name) for role, name, _ in systems]
        rows = list(zip(roles, found.systems, strict=True))
        if joined is not None:
            runs = [system.run for (role, _), system in rows if role == "teacher"]
            if (together := _together(recipe, candidates, runs, joined)) is not None:
                (alone,) = evaluate(dataset, [together], measures=[MEASURE]).systems
                rows.append((("teacher", together.name), alone))
        figures += [_figure(dataset, role, name, system) for (role, name), system in rows]
    if not figures:
        say("evaluate: the recipe names no sets: nothing is known about the student's quality")
    shown = [asdict(one) for one in figures]
    write_json(folder / _MARK, {"key": depends.key, "trained_on": known, "figures": shown, "depends": depends.values})
    return Measured(folder, depends.key, tuple(figures), known, depends.values)


def measure_depends(recipe: Recipe, trained: Trained) -> Depends:
    """What an evaluation depends on: the student's weights, the sets, the systems beside it.

    The files of start and teachers stand behind the training run: by name they are compared here, wherever they lie.
    """
    parts = {
        "format": FORMAT,
        "run": trained.key,
        "names": [recipe.name, *(Path(path).name for path in recipe.evaluate.sets)],  # which the figures carry
        "student": {path.name: file_digest(path) for path in sorted(trained.folder.rglob("*.safetensors"))},
        "sets": [path_digest(path) for path in recipe.evaluate.sets],
        "settings": [
            recipe.evaluate.queries,
            recipe.evaluate.top_k,
            recipe.evaluate.overlap,
            recipe.train.max_tokens,
        ],
        "teachers": [[bare_name(one.model), one.weight] for one in recipe.label.teachers] if recipe.label else [],
    }
    return Depends(plain(parts), hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest())


def open_measured(folder: Path) -> Measured | None:
    """A finished evaluation as its manifest has it, or None."""
    found = read_json(folder / _MARK)
    if found is None or "trained_on" not in found:  # it is not finished, or of format 1, which looked for no overlaps
        return None
    figures = tuple(Figure(**row) for row in found["figures"])
    return Measured(folder, found["key"], figures, found["trained_on"], found.get("depends"))


def _figure(dataset: Dataset, role: Role, name: str, system: System) -> Figure:
    """A system's figure. Raises RankladderError where the student failed: there is nothing to export."""
    if system.failed is not None and role == "student":
        raise RankladderError(f"evaluate: {dataset.name}: the student failed: {system.failed}")
    interval = system.intervals.get(MEASURE)
    return Figure(
        dataset.name,
        role,
        name,
        len(dataset.qrels.grades),
        interval.mean if interval is not None else None,
        interval.low if interval is not None else None,
        interval.high if interval is not None else None,
        system.failed,
    )


def _systems(
    recipe: Recipe, trained: Trained, say: Callable[[str], object]
) -> list[tuple[Role, str, ModelRequest | Reranker]]:
    """Each system's role, its name in a table, and its model."""
    student, before = trained.folder, f"{Path(recipe.train.start).name} before training"
    systems: list[tuple[Role, str, ModelRequest | Reranker]] = [
        ("student", f"{recipe.name} fp32", ModelRequest("student fp32", str(student), {"dtype": "fp32"}))
    ]
    if foreign_family(student) is None:
        int8 = ModelRequest("student int8", str(student), {"dtype": "int8"})
        systems.append(("student int8", f"{recipe.name} int8", int8))
    start = start_folder(recipe.train)
    kind = scores_by_itself(start)
    if kind == "reranker":
        systems.append(("start", before, ModelRequest("start", str(start), {"dtype": "fp32"})))
    elif kind == "embedder":
        systems.append(("start", f"{before}, cosine", _reranker(f"cosine:{start}", "start, cosine")))
    else:
        say("evaluate: the start is an encoder without a head: it cannot rank before it is trained")
    for teacher in recipe.label.teachers if recipe.label else ():
        text = teacher.model
        if text.partition(":")[0] in VECTORS:
            systems.append(("teacher", text, _reranker(text, f"teacher {text}")))
        elif text not in FREE:
            systems.append(("teacher", text, ModelRequest.parse(text)))
    return systems


def _together(
    recipe: Recipe, candidates: Candidates, runs: Sequence[Run | None], joined: Mapping[str, Any]
) -> Candidates | None:
    """The candidates in the order of the ensemble: its teachers' scores joined as the labels are, without ``labels``.

    ``runs`` are those of the teachers that are models, in the recipe's order. None where there is one teacher alone, or
    one failed.
    """
    assert recipe.label is not None
    names = [teacher.model for teacher in recipe.label.teachers]
    places = [place for place, name in enumerate(names) if name != "labels"]
    models = iter([run for run in runs if run is not None])
    if len(places) < 2 or None in runs:
        return None
    found = [candidates.run if names[place] == "bm25" else next(models) for place in places]
    how = {**joined, **{key: [joined[key][place] for place in places] for key in ("weight", "mean", "sd")}}
    scores: dict[str, dict[str, float]] = {}
    for query, row in candidates.run.scores.items():
        columns = []
        for place, run in zip(places, found, strict=True):
            column = np.array([run.scores[query][document] for document in row])
            columns.append(column / max(column.max(initial=0), 1e-9) if names[place] == "bm25" else column)
        scores[query] = dict(zip(row, join_scores(columns, how).tolist(), strict=True))
    name = "teachers together"
    return Candidates(name, Run(name, scores), candidates.digest)


def _reranker(teacher: str, name: str) -> Reranker:
    return Reranker(TeacherScorer(name, open_teacher(teacher)))
