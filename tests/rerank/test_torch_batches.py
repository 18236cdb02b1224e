"""Batches hold every row once and within the budget; a lack of memory costs no score and repeats none."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from device_batches import score_in_batches
from rankladder.errors import BadInput, DeviceMemoryFull
from rankladder.rerank.device.scheduling import Fetch, TokenBudget
from rankladder.rerank.pairs import TokenPair
from rankladder.rerank.torch.batches import HostBatch, Layout, plan_batches

LENGTHS = st.lists(st.integers(1, 50), max_size=40)


@given(LENGTHS, st.integers(1, 100))
def test_a_plan_holds_every_row_once_within_the_budget_longest_first(lengths: list[int], budget: int) -> None:
    plan = plan_batches(lengths, max_tokens=budget)
    assert sorted(row for batch in plan for row in batch) == list(range(len(lengths)))
    assert all(len(batch) == 1 or sum(lengths[row] for row in batch) <= budget for batch in plan)
    order = [lengths[row] for batch in plan for row in batch]
    assert order == sorted(order, reverse=True)
    assert plan == plan_batches(lengths, max_tokens=budget)


def pair(number: int, length: int) -> TokenPair:
    """A sequence whose ids are its number."""
    return TokenPair(np.full(length, number, dtype=np.int32), length // 2)


class Device:
    """Scores a pair by its number and length, in batches of at most ``room`` tokens; notes what it was given."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.started: list[int] = []
        self.released = 0
        self.flying = 0

    def launch(self, pairs: Sequence[TokenPair]) -> Fetch:
        if sum(len(one.ids) for one in pairs) + self.flying > self.room:
            raise torch.OutOfMemoryError("full")
        self.started += [int(one.ids[0]) for one in pairs]
        scores = np.array([one.ids[0] + len(one.ids) / 100 for one in pairs], dtype=np.float32)
        return lambda: scores

    def release(self) -> bool:
        self.released += 1
        return False


def run(device: Device, pairs: list[TokenPair], budget: TokenBudget) -> tuple[NDArray[np.float32], int]:
    done: list[int] = []
    scores = score_in_batches(pairs, budget=budget, launch=device.launch, release=device.release, done=done.append)
    return scores, sum(done)


@given(LENGTHS, st.integers(1, 3000), st.integers(50, 400))
def test_a_lack_of_memory_loses_no_score_and_repeats_none(lengths: list[int], budget: int, room: int) -> None:
    pairs = [pair(number, length) for number, length in enumerate(lengths)]
    device, tokens = Device(room), TokenBudget(budget)
    scores, done = run(device, pairs, tokens)
    np.testing.assert_array_equal(scores, np.array([n + x / 100 for n, x in enumerate(lengths)], dtype=np.float32))
    assert done == len(pairs)
    assert sorted(device.started) == list(range(len(pairs)))
    assert 1 <= tokens.tokens <= budget


def test_the_smaller_budget_stays() -> None:
    device, tokens = Device(100), TokenBudget(1000)
    run(device, [pair(n, 10) for n in range(60)], tokens)
    assert device.released == 3
    assert tokens.tokens == 75  # 600 tokens did not fit, nor 300, nor 150
    run(device, [pair(n, 10) for n in range(60)], tokens)
    assert device.released == 3


def test_a_sequence_that_does_not_fit_by_itself_is_named() -> None:
    with pytest.raises(DeviceMemoryFull, match=r"a sequence of 80 tokens does not fit.*\nhint: "):
        run(Device(50), [pair(0, 10), pair(1, 80), pair(2, 20)], TokenBudget(64))


def test_a_long_sequence_waits_for_the_batches_before_it() -> None:
    """Where it fits alone but not beside what is still computed, it is tried again once that is over."""
    device = Device(100)
    tries: list[int] = []

    def launch(pairs: Sequence[TokenPair]) -> Fetch:
        tokens = sum(len(one.ids) for one in pairs)
        tries.append(tokens)
        fetch = device.launch(pairs)
        device.flying += tokens

        def landed() -> NDArray[np.float32]:
            device.flying -= tokens
            return fetch()

        return landed

    scores = score_in_batches(
        [pair(0, 60), pair(1, 50), pair(2, 40)],
        budget=TokenBudget(60),
        launch=launch,
        release=device.release,
        done=lambda count: None,
    )
    assert scores.tolist() == pytest.approx([0.6, 1.5, 2.4])
    assert tries == [60, 50, 50, 40]


def test_a_batch_is_tried_again_as_it_is_once_graphs_have_given_their_memory_back() -> None:
    device, tokens = Device(50), TokenBudget(80)

    def release() -> bool:
        had_graphs, device.room = device.room < 80, 80
        device.released += 1
        return had_graphs

    scores = score_in_batches(
        [pair(0, 80), pair(1, 40), pair(2, 40)],
        budget=tokens,
        launch=device.launch,
        release=release,
        done=lambda count: None,
    )
    assert scores.tolist() == pytest.approx([0.8, 1.4, 2.4])
    assert (device.released, tokens.tokens) == (1, 80)


def test_any_other_error_goes_through() -> None:
    def launch(pairs: Sequence[TokenPair]) -> Callable[[], NDArray[np.float32]]:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    with pytest.raises(RuntimeError, match="illegal"):
        score_in_batches(
            [pair(0, 1)], budget=TokenBudget(9), launch=launch, release=lambda: False, done=lambda count: None
        )


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8))
def test_a_batch_on_the_device_is_what_was_given(lengths: list[int]) -> None:
    pairs = [pair(number, length) for number, length in enumerate(lengths)]
    batch = HostBatch.of(pairs, vocabulary=8).to(torch.device("cpu"))
    at = Layout(batch)
    assert batch.ids.tolist() == at.owner.tolist() == [n for n, length in enumerate(lengths) for _ in range(length)]
    assert at.positions.tolist() == [place for length in lengths for place in range(length)]
    assert batch.document_starts.tolist() == [length // 2 for length in lengths]
    assert (batch.longest, batch.lengths) == (max(lengths), tuple(lengths))
    assert [at.positions[row] for row in at.first] == [0] * len(lengths)


@pytest.mark.parametrize("wrong", [-1, 8, 2**31 - 1])
def test_an_id_outside_the_vocabulary_never_reaches_the_device(wrong: int) -> None:
    with pytest.raises(BadInput, match=f"token id {wrong} is outside the vocabulary of 8"):
        HostBatch.of([pair(1, 3), pair(wrong, 2)], vocabulary=8)
