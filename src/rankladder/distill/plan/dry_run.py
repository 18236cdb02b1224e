"""What a distillation will take, before it is begun: rows, steps, hours and memory."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from rankladder.distill.data.corpus import LONGEST, texts_of
from rankladder.distill.data.prescored import first_pairs, unreadable
from rankladder.distill.data.questions import Question, questions_of
from rankladder.distill.data.training_rows import HELD_OUT, HELD_OUT_MOST
from rankladder.distill.plan.needed_models import start_is_here
from rankladder.distill.recipe.tables import MOST_CANDIDATES, Recipe, Sample, Train, is_pointwise
from rankladder.distill.train.log import without_library_bars
from rankladder.distill.train.schedule import Plan, plan_training, rows_a_pass
from rankladder.distill.train.training import choose_train_dtype
from rankladder.errors import ModelMissing, NotFound, Unavailable
from rankladder.memory import peak_memory
from rankladder.rerank.engine import need

_PASSES = 3
_PAIRS = 64
_MADE_UP = ("why does it rain", "drops grow heavy and fall " * 30)


@dataclass(frozen=True, slots=True)
class Outlook:
    """A plan, and its basis. None for an unknown value.

    Attributes:
        queries: Asked by the recipe's own data.
        candidates: Pairs to be scored by each teacher, at most.
        rows: Rows to train on, at most, data that was scored already included.
        plan: The training run over them.
        parameters: Of the student.
        hours: Of training alone, in one process on this machine, from timed passes.
        memory_mib: The most that a process will hold, from those passes.
        remarks: What the figures rest on, in sentences.
    """

    queries: int
    candidates: int
    rows: int | None
    plan: Plan | None
    parameters: int | None
    hours: float | None
    memory_mib: float | None
    remarks: tuple[str, ...]


def outlook(recipe: Recipe, *, processes: int = 1) -> Outlook:
    """What the recipe (its paths resolved) will take. Nothing is made; the student's start is opened where it is here.

    Raises what reading the data raises, BadOption for a batch that does not divide, and MissingExtra.
    """
    for module in ("torch", "sentence_transformers", "datasets", "accelerate"):
        need(module, extra="train")
    remarks: list[str] = []
    asked = questions_of(recipe)
    questions = [one for row in asked.values() for one in row]
    candidates = sum(_candidates(recipe, question) for question in questions)
    rows: int | None = sum(_sampled(recipe.sample, _candidates(recipe, question)) for question in questions)
    each = 1 if is_pointwise(recipe.train.loss) or not rows else max(1, round(rows / len(questions)))
    for one in recipe.data:
        if one.scored:
            scored = scored_rows(one.scored)
            if scored is None:
                remarks.append(f"data {one.name}: {one.scored} cannot be queried for its number of rows")
            rows = None if scored is None or rows is None else rows + scored
    if questions:
        remarks.append("rows and candidates are at most so many: duplicates and small corpora leave fewer")
    elif not is_pointwise(recipe.train.loss):
        remarks.append("the loss compares the candidates of a query, which scored rows are counted as: one a query")
    pairs = some_pairs(recipe, asked)
    try:
        if not start_is_here(recipe.train):
            raise ModelMissing(f"{recipe.train.start} is not on this machine, and a dry run fetches nothing")
        parameters, seconds, peak = time_passes(recipe, pairs or [_MADE_UP], candidates=each)
        what = "pairs of this data" if pairs else "a made-up pair, as no text of this data could be read"
        remarks.append(f"hours and memory: of training alone, from a few passes over {what}, in one process")
    except (NotFound, Unavailable) as error:
        parameters, seconds, peak = None, None, None
        remarks.append(f"neither hours nor memory: {str(error).splitlines()[0]}")
    plan = None
    if rows is not None and parameters is not None:
        share = rows // each
        plan = plan_training(
            recipe.train,
            rows=share,
            held_out=round(share * min(HELD_OUT, HELD_OUT_MOST / max(1, rows))),
            parameters=parameters,
            processes=processes,
            dtype=_dtype(recipe.train),
            candidates=each,
        )
        if plan.dtype != "fp32" and not _has_gpu():
            remarks.append(f"{plan.dtype} needs a GPU, and there is none here: the passes were timed in fp32")
    hours = None if seconds is None or rows is None else seconds * rows * recipe.train.epochs / 3600
    return Outlook(len(questions), candidates, rows, plan, parameters, hours, peak, tuple(remarks))


def _dtype(settings: Train) -> str:
    """What training would compute in, on a machine that can."""
    return choose_train_dtype(settings) if settings.dtype == "auto" else settings.dtype


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def _candidates(recipe: Recipe, question: Question) -> int:
    mine = recipe.mine
    return min(MOST_CANDIDATES, len(question.positives) + mine.bm25 + mine.dense + mine.random)


def _sampled(settings: Sample, candidates: int) -> int:
    """How many of a query's candidates are trained on, at most."""
    match settings.scheme:
        case "all":
            return candidates
        case "top" | "random":
            return min(settings.keep, candidates)
        case "quantile-anchored":
            return min(settings.head + settings.band, candidates)


def scored_rows(path: str) -> int | None:
    """How many rows somebody else scored: from the files, or from what the hub says of a data set; None where it does
    not answer.
    """
    if path.startswith("hf:"):
        from datasets import load_dataset_builder

        name, _, revision = path.removeprefix("hf:").partition("@")
        try:
            splits = load_dataset_builder(name, revision=revision or None).info.splits
        except unreadable():
            return None  # the plan goes on without
        return sum(split.num_examples for split in splits.values()) if splits else None
    return sum(_lines_or_rows(file) for file in _files(Path(path)))


def _files(path: Path) -> Iterator[Path]:
    yield from sorted(path.glob("*.parquet")) if path.is_dir() else [path]


def _lines_or_rows(file: Path) -> int:
    if file.suffix == ".parquet":
        import pyarrow.parquet as pq

        return int(pq.read_metadata(file).num_rows)
    with gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb") as lines:
        return sum(1 for line in lines if line.strip())


def some_pairs(recipe: Recipe, asked: Mapping[str, Sequence[Question]]) -> list[tuple[str, str]]:
    """Queries of each data table beside texts that may be mined for them, or pairs of its scored rows; none where these
    lie on the hub, and it does not answer.

    Raises what reading the data raises.
    """
    found: list[tuple[str, str]] = []
    for one in recipe.data:
        if one.scored:
            found += first_pairs(one, _PAIRS)
        else:
            texts = islice(texts_of(one, asked[one.name]), _PAIRS)
            found += [(question.text, text[:LONGEST]) for question, text in zip(cycle(asked[one.name]), texts)]
    return found


def time_passes(
    recipe: Recipe, pairs: Sequence[tuple[str, str]], *, candidates: int = 1
) -> tuple[int, float, float | None]:
    """Parameters of the student, seconds a pair takes forth and back, and MiB with the optimiser's state.

    A pass has as many pairs as one in training, where it holds whole queries with so many ``candidates``.

    Raises what opening the start raises.
    """
    import torch
    from sentence_transformers.util import batch_to_device

    from rankladder.distill.train.student import open_student

    half = _dtype(recipe.train) if _has_gpu() else "fp32"
    with without_library_bars():
        model = open_student(recipe.train, seed=recipe.seed, dtype=half)
    if _has_gpu():
        model.to("cuda")
    parameters = sum(weight.numel() for weight in model.parameters())
    most = rows_a_pass(recipe.train, candidates)
    size = min(most, recipe.train.batch_size or most) * candidates
    pairs = [*pairs] * size
    spent = 0.0
    for turn in range(_PASSES + 1):
        start = time.perf_counter()
        batch = pairs[turn * size % len(pairs) :][:size]
        features = batch_to_device(model.preprocess(batch), model.device)
        with torch.autocast(model.device.type, torch.float16 if half == "fp16" else torch.bfloat16, half != "fp32"):
            loss = model(features)["scores"].float().square().mean()
        loss.backward()
        if model.device.type == "cuda":
            torch.cuda.synchronize()
        spent += (time.perf_counter() - start) * (turn > 0)  # the first warms up
    optimiser = 8 * parameters / 2**20  # AdamW keeps two float32 a weight
    if model.device.type == "cuda":
        peak: float | None = torch.cuda.max_memory_allocated() / 2**20
    else:
        peak, _ = peak_memory()
    return parameters, spent / (_PASSES * size), None if peak is None else peak + optimiser
