"""Batches that a recipe leaves out: whole passes, and as many pairs a step whatever the loss compares."""

from __future__ import annotations

from typing import Any

import pytest

from rankladder.distill.recipe.tables import Train
from rankladder.distill.train.schedule import Plan, plan_training, rows_a_pass
from rankladder.errors import BadOption


def plan(rows: int, *, processes: int = 1, candidates: int = 1, **settings: Any) -> Plan:
    return plan_training(
        Train(start="s", **settings),
        rows=rows,
        held_out=1,
        parameters=17_000_000,
        processes=processes,
        dtype="fp32",
        candidates=candidates,
    )


@pytest.mark.parametrize(("rows", "processes", "batch"), [(997, 1, 992), (997, 3, 960), (5000, 2, 1024), (32, 1, 32)])
def test_a_derived_batch_is_whole_passes_on_every_process(rows: int, processes: int, batch: int) -> None:
    made = plan(rows, processes=processes)
    assert (made.batch_size, made.micro_batch_size) == (batch, 32)


@pytest.mark.parametrize(("candidates", "batch", "micro"), [(64, 16, 1), (8, 128, 4), (5, 204, 6), (2000, 1, 1)])
def test_a_derived_batch_of_queries_has_the_pairs_of_the_published_one(candidates: int, batch: int, micro: int) -> None:
    made = plan(100_000, candidates=candidates)
    assert (made.batch_size, made.micro_batch_size) == (batch, micro)
    assert made.batch_size * candidates <= max(1024, candidates)
    assert made.micro_batch_size == rows_a_pass(Train(start="s"), candidates)


def test_a_batch_that_the_recipe_names_is_taken_as_it_is() -> None:
    assert plan(100_000, candidates=64, batch_size=24).batch_size == 24
    made = plan(10, micro_batch_size=8)
    assert (made.batch_size, made.micro_batch_size) == (8, 8)


@pytest.mark.parametrize(("rows", "processes", "batch", "micro"), [(7, 1, 7, 7), (40, 2, 40, 20), (9, 2, 8, 4)])
def test_a_derived_batch_holds_no_row_twice(rows: int, processes: int, batch: int, micro: int) -> None:
    made = plan(rows, processes=processes)
    assert (made.batch_size, made.micro_batch_size) == (batch, micro)


@pytest.mark.parametrize("batch", [64, 96, 1024])
def test_which_pairs_stand_together_does_not_depend_on_the_processes(batch: int) -> None:
    alone, several = plan(100_000, batch_size=batch), plan(100_000, batch_size=batch, processes=4)
    assert several.like_lengths == alone.like_lengths == alone.micro_batch_size
    assert several.micro_batch_size == min(32, batch // 4)


@pytest.mark.parametrize(
    ("rows", "processes", "settings"),
    [(100, 1, {"batch_size": 1024}), (5, 1, {"micro_batch_size": 8}), (3, 4, {}), (100, 1, {"batch_size": 104})],
)
def test_a_step_of_more_rows_than_there_are_is_refused(rows: int, processes: int, settings: dict[str, int]) -> None:
    with pytest.raises(BadOption, match=f"there are {rows} to train on: it would repeat them"):
        plan(rows, processes=processes, **settings)
