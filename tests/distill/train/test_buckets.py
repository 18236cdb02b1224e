"""Every row comes once an epoch, also where several processes go on inside one."""

from __future__ import annotations

from typing import Any

import pytest
from accelerate.data_loader import BatchSamplerShard, SkipBatchSampler

from rankladder.distill.train.buckets import bucket_sampler

STEPS, BATCH, PROCESSES = 12, 4, 2


def batches(epoch: int, process: int, *, skip: int, count: int = STEPS * BATCH * PROCESSES) -> list[list[int]]:
    """The batches of one process, wrapped as the trainer wraps them where it goes on after ``skip`` of them.

    The trainer tells two layers of samplers which epoch it is, as it does here.
    """
    from datasets import Dataset

    texts = [f"{'rain ' * (n % 9)}{n}" for n in range(count)]
    rows = Dataset.from_dict({"query": texts, "document": texts})
    step = BATCH * PROCESSES
    buckets = bucket_sampler(rows, batch=BATCH, step=step, run=BATCH, whole=True, seed=1, epoch=lambda: epoch)
    wrapped: Any = BatchSamplerShard(buckets, PROCESSES, process)
    if skip:
        wrapped = SkipBatchSampler(wrapped, skip)
    for sampler in (wrapped, wrapped.batch_sampler):
        if hasattr(sampler, "set_epoch"):
            sampler.set_epoch(epoch)
    return list(wrapped)


@pytest.mark.parametrize("process", range(PROCESSES))
def test_a_process_that_goes_on_in_a_later_epoch_has_the_batches_it_would_have_had(process: int) -> None:
    whole = batches(1, process, skip=0)
    assert whole != batches(0, process, skip=0)
    assert batches(1, process, skip=5) == whole[5:]


@pytest.mark.parametrize("count", [3, 8, 90, 95, 97])
def test_every_step_is_whole_and_every_row_comes_once_but_those_that_fill_the_last(count: int) -> None:
    shares = [batches(1, process, skip=0, count=count) for process in range(PROCESSES)]
    steps = [[place for share in step for place in share] for step in zip(*shares, strict=True)]
    assert {len(step) for step in steps} == {BATCH * PROCESSES}
    assert len(steps) == -(-count // (BATCH * PROCESSES))
    places = [place for step in steps for place in step]
    assert set(places) == set(range(count))
    assert len(set(places[:count])) == count
    assert places[count:] == (places[:count] * BATCH * PROCESSES)[: len(places) - count]
