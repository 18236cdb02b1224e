"""Where the engine computes elsewhere, the next block of pairs is tokenised meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rankladder import Reranker
from rankladder.errors import BadInput
from rankladder.rerank.blocks import score_blocks
from rankladder.rerank.pairs import TokenPair
from rankladder.rerank.scorer import TokenScorer

BLOCKS = [[("rain", f"drop {block} {place}") for place in range(5)] for block in range(4)]


class Watched:
    """An engine that scores by length, and waits in each block until the next one has been read."""

    name, about, device, threads = "watched", "watched", "cpu", 1

    def __init__(self, *, reads_ahead: bool) -> None:
        self.reads_ahead = reads_ahead
        self.read: list[int] = []  # the thread that read each block
        self.has_read = threading.Condition()
        self.scored = 0

    def score(
        self, pairs: Sequence[TokenPair], *, done: Callable[[int], object] = lambda count: None
    ) -> NDArray[np.float32]:
        self.scored += 1
        if self.reads_ahead:
            with self.has_read:
                wanted = min(len(BLOCKS), self.scored + 1)
                assert self.has_read.wait_for(lambda: len(self.read) >= wanted, timeout=20), (
                    "nothing was read meanwhile"
                )
        done(len(pairs))
        return np.array([pair.ids.sum() for pair in pairs], dtype=np.float32)


def watched(bert: Path, *, reads_ahead: bool, monkeypatch: pytest.MonkeyPatch) -> tuple[TokenScorer, Watched]:
    scorer = Reranker.open(bert).scorer
    assert isinstance(scorer, TokenScorer)
    engine = Watched(reads_ahead=reads_ahead)
    whole = scorer.read

    def read(*args: Any, **options: Any) -> Any:
        with engine.has_read:
            engine.read.append(threading.get_ident())
            engine.has_read.notify_all()
        return whole(*args, **options)

    monkeypatch.setattr(scorer, "engine", engine)
    monkeypatch.setattr(scorer, "read", read)
    return scorer, engine


@pytest.mark.parametrize("reads_ahead", [True, False])
def test_scores_are_those_of_each_block_in_order(
    bert: Path, reads_ahead: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer, engine = watched(bert, reads_ahead=reads_ahead, monkeypatch=monkeypatch)
    counted: list[float] = []
    found = list(score_blocks(scorer, iter(BLOCKS), long="truncate", done=counted.append))
    elsewhere = [thread != threading.get_ident() for thread in engine.read]
    assert elsewhere == [False, reads_ahead, reads_ahead, reads_ahead]
    assert sum(counted) == 20
    engine.reads_ahead = False
    assert found == [one for block in BLOCKS for one in scorer.score(block, long="truncate", done=counted.append)]


def test_one_block_alone_needs_no_other_thread(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scorer, engine = watched(bert, reads_ahead=True, monkeypatch=monkeypatch)
    monkeypatch.setattr(threading.Thread, "start", lambda thread: pytest.fail(f"{thread.name} started"))
    engine.scored = len(BLOCKS)  # so that it waits for no further block
    engine.read = [0] * len(BLOCKS)
    assert len(list(score_blocks(scorer, BLOCKS[:1], long="truncate", done=lambda count: None))) == 5


def test_an_error_while_reading_ahead_reaches_the_caller(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scorer, _ = watched(bert, reads_ahead=True, monkeypatch=monkeypatch)
    whole = scorer.read

    def fails_late(pairs: Any, **options: Any) -> Any:
        read = whole(pairs, **options)
        if pairs is BLOCKS[2]:
            raise BadInput("unreadable")
        return read

    monkeypatch.setattr(scorer, "read", fails_late)
    with pytest.raises(BadInput, match="unreadable"):
        list(score_blocks(scorer, BLOCKS, long="truncate", done=lambda count: None))


def test_a_caller_who_stops_early_leaves_no_thread(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scorer, _ = watched(bert, reads_ahead=True, monkeypatch=monkeypatch)
    scores = score_blocks(scorer, BLOCKS, long="truncate", done=lambda count: None)
    next(scores)
    scores.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("tokenise")]
