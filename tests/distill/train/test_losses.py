"""Each loss is what its formula says, worked out here query by query."""

from __future__ import annotations

import math
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch

from rankladder.distill.recipe.tables import Train, is_pointwise
from rankladder.distill.train.buckets import ordered
from rankladder.distill.train.losses import LOSSES, make_objective
from rankladder.distill.train.student import open_student

LOGITS, SCORES, SIZES = [0.5, -1.0, 2.0, 0.0, 1.5], [3.0, 1.0, 2.5, -1.0, 0.0], [3, 2]
POSITIVE = [1.0, 0.0, 0.0, 0.0, 1.0]


def loss(name: str) -> float:
    rows = (torch.tensor(values) for values in (LOGITS, SCORES, POSITIVE))
    return float(LOSSES[name](*rows, SIZES))


def by_query() -> list[tuple[list[float], list[float]]]:
    return [(LOGITS[:3], SCORES[:3]), (LOGITS[3:], SCORES[3:])]


def softmax(values: list[float]) -> list[float]:
    return [math.exp(value) / sum(map(math.exp, values)) for value in values]


def test_mse() -> None:
    assert loss("mse") == pytest.approx(np.mean([(a - b) ** 2 for a, b in zip(LOGITS, SCORES, strict=True)]))


def test_bce() -> None:
    terms = [math.log1p(math.exp(-a if known else a)) for a, known in zip(LOGITS, POSITIVE, strict=True)]
    assert loss("bce") == pytest.approx(np.mean(terms))


def test_margin_mse_compares_each_candidate_with_the_teachers_best() -> None:
    margins = [
        ((own[best] - own[other]) - (teacher[best] - teacher[other])) ** 2
        for own, teacher in by_query()
        for best in [teacher.index(max(teacher))]
        for other in range(len(own))
        if other != best
    ]
    assert loss("margin-mse") == pytest.approx(np.mean(margins))


def test_kl_is_the_divergence_from_the_teachers_softmax() -> None:
    divergences = [
        sum(p * math.log(p / q) for p, q in zip(softmax(teacher), softmax(own), strict=True))
        for own, teacher in by_query()
    ]
    assert loss("kl") == pytest.approx(np.mean(divergences))


def test_ranknet_weighs_pairs_by_how_far_the_teacher_puts_them_apart() -> None:
    total, weights = 0.0, 0.0
    for own, teacher in by_query():
        for one, other in combinations(range(len(own)), 2):
            better, worse = (one, other) if teacher[one] > teacher[other] else (other, one)
            weight = min(1.0, teacher[better] - teacher[worse])
            total += weight * math.log1p(math.exp(-(own[better] - own[worse])))
            weights += weight
    assert loss("ranknet") == pytest.approx(total / weights)


def test_losses_of_a_query_with_one_candidate_are_0() -> None:
    for name in ("margin-mse", "ranknet", "kl"):
        one = LOSSES[name](torch.tensor([2.0]), torch.tensor([1.0]), torch.tensor([1.0]), [1])
        assert float(one) == 0


def test_pointwise_losses_are_told_from_those_of_lists() -> None:
    assert is_pointwise("mse")
    assert is_pointwise({"mse": 1.0, "bce": 0.5})
    assert not is_pointwise({"mse": 1.0, "kl": 0.5})


def test_mse_in_a_table_is_mse_with_its_weight(ettin: Path) -> None:
    """A table has rows of two labels, the score and what is known; ``mse`` by name has the score alone."""
    model = open_student(Train(start=str(ettin), dropout=0.0), seed=1)
    texts = [["why rain", "git"], ["drops fall", "undo a commit"]]
    alone = make_objective(model, "mse")(texts, torch.tensor([1.0, 2.0]))
    table = make_objective(model, {"mse": 3.0})(texts, torch.tensor([[1.0, 0.0], [2.0, 1.0]]))
    assert table.item() == pytest.approx(3 * alone.item(), rel=1e-5)


@pytest.mark.parametrize("run", [4, 8, 16])
def test_every_pair_comes_once_among_pairs_of_like_length(run: int) -> None:
    lengths = np.random.default_rng(0).integers(1, 500, 1003)
    order = ordered(lengths, step=16, run=run, seed=7)
    assert sorted(order.tolist()) == list(range(1003))
    spread = [np.ptp(lengths[order[start : start + run]]) for start in range(0, 992, run)]
    assert np.mean(spread) < 0.25 * np.ptp(lengths)
