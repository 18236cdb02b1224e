"""Claim: labelling and training run faster here than in a plain Sentence Transformers script, with the same loss curve.

Pairs of questions and passages of natural lengths (SQuAD, FeedbackQA, tldr; each question with its own passage and one
of another question). Labelling: the model in the box scores them in fp32 as a teacher, and ``CrossEncoder.predict``
with its defaults does. Training: the box is tuned to an embedder's cosine (standardised, times 3) by `rankladder
distill`'s trainer (batches of like length), and by CrossEncoderTrainer as its documentation shows it (random batches,
padded to their longest), with the same batch, rate, schedule and dropout, and as many checkpoints. (A new head on an
encoder learns next to nothing in so few steps.) Their curves are the mean loss of each fifth of the epoch, and the loss
of both students and of their start on pairs that neither has seen. Each in turns, in one run; ratios are what counts.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from rankladder.box import __path__ as box_path
from rankladder.checkpoint import write_expanded
from rankladder.distill.data.training_rows import as_pairs, training_rows
from rankladder.distill.label.teachers import open_teacher
from rankladder.distill.recipe.tables import Data, Recipe, Train
from rankladder.distill.train.training import train
from record import SHARED, embedder, write_results

FILES = ("squad_v1.1", "feedbackqa", "tldr_commands")
BATCH, MICRO, RATE, WARMUP, TOKENS, SEED, CHECKS = 16, 16, 6e-5, 0.03, 256, 12, 0.2
UNSEEN = 256
"""Pairs, of those that are labelled, that nobody is trained on."""


def pairs(count: int) -> list[tuple[str, str]]:
    """As many pairs, shuffled, a third from each file, a half of them a question with its own passage."""
    found: list[tuple[str, str]] = []
    chance = np.random.default_rng(SEED)
    for name in FILES:
        path = SHARED / "data" / "train" / f"{name}.jsonl.gz"
        if not path.is_file():
            sys.exit(f"{path.name} is not in {path.parent}")
        with gzip.open(path, "rt") as lines:
            rows = [json.loads(line) for line in islice(lines, 4000)]
        for place in chance.permutation(len(rows))[: math.ceil(count / len(FILES) / 2)]:
            other = rows[int(chance.integers(len(rows)))]
            found += [(rows[place]["query"], rows[place]["positive"]), (rows[place]["query"], other["positive"])]
    return [found[place] for place in chance.permutation(len(found))[:count]]


def as_rows(texts: list[tuple[str, str]]) -> dict[str, list[str]]:
    """What a teacher reads."""
    return {"query": [query for query, _ in texts], "document": [text for _, text in texts]}


def label_in_turns(texts: list[tuple[str, str]], box: Path, rounds: int) -> dict[str, Any]:
    """Pairs a second of both, and the largest difference of their scores."""
    from sentence_transformers import CrossEncoder

    plain, rows = CrossEncoder(str(box), device="cpu", max_length=256), as_rows(texts)
    fp32, int8 = open_teacher("box,dtype=fp32"), open_teacher("box,dtype=int8")
    ways: dict[str, Callable[[], Any]] = {
        "CrossEncoder.predict": lambda: plain.predict(texts, show_progress_bar=False),
        "rankladder fp32": lambda: fp32.score(rows),
        "rankladder int8": lambda: int8.score(rows),
    }
    few = as_rows(texts[:MICRO])
    warm_up = (lambda: plain.predict(texts[:MICRO]), lambda: fp32.score(few), lambda: int8.score(few))
    taken: dict[str, list[float]] = {name: [] for name in ways}
    scores: dict[str, np.ndarray] = {}
    for way in warm_up:
        way()
    for round_ in range(rounds):
        for name, way in list(ways.items())[:: -1 if round_ % 2 else 1]:
            start = time.perf_counter()
            scores[name] = np.asarray(way()).reshape(-1)
            taken[name].append(time.perf_counter() - start)
            print(f"label, {name}: {len(texts) / taken[name][-1]:.1f} pairs/s", flush=True)
    speed = {name: round(len(texts) / median(seconds), 1) for name, seconds in taken.items()}
    return {
        "pairs_per_second": speed,
        "ratio": {name: round(value / speed["CrossEncoder.predict"], 2) for name, value in speed.items()},
        "largest_difference_fp32": float(np.abs(scores["rankladder fp32"] - scores["CrossEncoder.predict"]).max()),
    }


def train_plain(recipe: Recipe, work: Path) -> tuple[Path, list[float]]:
    """The documented script on the same rows: the student's folder, and the loss of every step."""
    from sentence_transformers import CrossEncoder
    from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments
    from sentence_transformers.cross_encoder.losses import MSELoss
    from transformers import set_seed

    rows, apart = (as_pairs(one, scores_only=True) for one in training_rows(recipe, work, None))
    steps = math.ceil(len(rows) / BATCH)
    set_seed(SEED)
    model = CrossEncoder(recipe.train.start, num_labels=1, device="cpu", max_length=TOKENS)
    arguments = CrossEncoderTrainingArguments(
        output_dir=str(work / "plain"),
        num_train_epochs=1,
        per_device_train_batch_size=MICRO,
        per_device_eval_batch_size=MICRO,
        gradient_accumulation_steps=BATCH // MICRO,
        learning_rate=RATE,
        warmup_steps=math.ceil(WARMUP * steps),
        seed=SEED,
        eval_strategy="steps",
        eval_steps=max(1, round(CHECKS * steps)),
        save_strategy="steps",
        save_steps=max(1, round(CHECKS * steps)),
        save_total_limit=1,
        logging_steps=1,
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
    )
    trainer = CrossEncoderTrainer(
        model=model, args=arguments, train_dataset=rows, eval_dataset=apart, loss=MSELoss(model)
    )
    trainer.train()
    model.save_pretrained(str(work / "student"))
    return work / "student", [row["loss"] for row in trainer.state.log_history if "loss" in row]


def train_ours(recipe: Recipe, work: Path) -> tuple[Path, list[float]]:
    """The stage ``train`` on the same rows: the student's folder, and the loss of every step."""
    trained = train(recipe, work, None, say=lambda line: None)
    return trained.folder, [row["loss"] for row in trained.history if "loss" in row]


def loss_of(student: Path, texts: list[tuple[str, str]], scores: np.ndarray) -> float:
    """A student's mean squared error."""
    from sentence_transformers import CrossEncoder

    model = CrossEncoder(str(student), device="cpu", max_length=TOKENS)
    return float(np.mean((model.predict(texts, show_progress_bar=False) - scores) ** 2))


def train_in_turns(
    recipe: Recipe, folder: Path, count: int, rounds: int, *, unseen: tuple[list[tuple[str, str]], np.ndarray]
) -> dict[str, Any]:
    taken: dict[str, list[float]] = {"CrossEncoderTrainer": [], "rankladder": []}
    curves: dict[str, list[float]] = {}
    apart = {"the box before": round(loss_of(Path(recipe.train.start), *unseen), 3)}
    for turn in range(rounds):
        for name, way in (("CrossEncoderTrainer", train_plain), ("rankladder", train_ours)):
            start = time.perf_counter()
            student, losses = way(recipe, folder / f"{name}-{turn}")
            taken[name].append(time.perf_counter() - start)
            curves[name] = [round(float(part.mean()), 3) for part in np.array_split(np.array(losses), 5)]
            apart[name] = round(loss_of(student, *unseen), 3)
            print(f"train, {name}: {count / taken[name][-1]:.1f} pairs/s, {curves[name]}, {apart[name]}", flush=True)
    speed = {name: round(count / median(seconds), 2) for name, seconds in taken.items()}
    ratio = round(speed["rankladder"] / speed["CrossEncoderTrainer"], 2)
    variance = round(float(unseen[1].var()), 3)
    return {
        "pairs_per_second": speed,
        "ratio": ratio,
        "loss_by_fifths": curves,
        "unseen": {"pairs": len(unseen[1]), "variance": variance, "loss": apart},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1920, help="to train on; all and 256 others are labelled")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--embedder", help="its folder  [default: all-MiniLM-L6-v2 from its package]")
    options = parser.parse_args()
    teacher = embedder(options.embedder)
    texts = pairs(options.pairs + UNSEEN)
    words = [len(query.split()) + len(text.split()) for query, text in texts]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        box = folder / "box"
        write_expanded(Path(box_path[0]), box)
        labelling = label_in_turns(texts, box, options.rounds)
        cosine = open_teacher(f"cosine:{teacher}").score(as_rows(texts))
        scores = 3 * (cosine - cosine.mean()) / cosine.std()
        scored = folder / "scored.jsonl"
        with scored.open("w") as file:
            for (query, text), score in zip(texts[UNSEEN:], scores[UNSEEN:].tolist(), strict=True):
                file.write(json.dumps({"query": query, "document": text, "score": score}) + "\n")
        recipe = Recipe(
            name="benchmark",
            data=(Data(name="pairs", scored=str(scored)),),
            seed=SEED,
            train=Train(
                start=str(box),
                learning_rate=RATE,
                batch_size=BATCH,
                micro_batch_size=MICRO,
                warmup=WARMUP,
                max_tokens=TOKENS,
                evaluate_every=CHECKS,
                keep=1,
                checkpoint="last",
            ),
        )
        unseen = (texts[:UNSEEN], scores[:UNSEEN])
        training = train_in_turns(recipe, folder, options.pairs, options.rounds, unseen=unseen)
    figures = {
        "pairs": options.pairs,
        "words": {"mean": round(float(np.mean(words)), 1), "p95": float(np.quantile(words, 0.95))},
        "rounds": options.rounds,
        "labelling": labelling,
        "training": training,
    }
    print(write_results("distilling", figures), flush=True)


if __name__ == "__main__":
    main()
