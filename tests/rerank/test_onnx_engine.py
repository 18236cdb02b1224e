"""The CPU engine among several callers, who all get a turn, and after long documents, whose memory it gives back."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from checkpoints import write_ettin
from rankladder.checkpoint import open_checkpoint
from rankladder.rerank.onnx import engine as engines
from rankladder.rerank.onnx.engine import OnnxEngine
from rankladder.rerank.pairs import TokenPair

SHRINKS = "memory.enable_memory_arena_shrinkage"


def sequence(length: int) -> TokenPair:
    return TokenPair(np.random.default_rng(length).integers(0, 300, length).astype(np.int32), 2)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_short_call_ends_before_a_long_one_that_began_earlier(
    threads: int, ettin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = OnnxEngine(open_checkpoint(ettin), precision="fp32", threads=threads)
    short_comes, begun, ended = threading.Event(), threading.Event(), []

    def computed(pair: TokenPair) -> np.float32:
        begun.set()
        assert short_comes.wait(20)
        if not ended:
            time.sleep(0.001)  # lets others run, as the runtime does
        return np.float32(len(pair.ids))

    def call(name: str, sequences: list[TokenPair]) -> None:
        if name == "short":
            short_comes.set()
        engine.score(sequences)
        ended.append(name)

    monkeypatch.setattr(engine, "_logit", computed)
    long = threading.Thread(target=call, args=("long", [sequence(9)] * 20_000))
    long.start()
    assert begun.wait(20)
    short = threading.Thread(target=call, args=("short", [sequence(9)]))
    short.start()
    for thread in (short, long):
        thread.join()
    assert ended == ["short", "long"]


def test_long_sequences_give_their_memory_back_and_score_the_same_to_the_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_ettin(tmp_path / "long", positions=1200)
    engine = OnnxEngine(open_checkpoint(folder), precision="fp32", threads=1)
    sequences = [sequence(length) for length in (1025, 20, 1200, 1024)]
    seen: dict[int, str] = {}

    class Watched:
        def run(self, outputs: None, feed: dict[str, np.ndarray], options: Any = None) -> Any:
            seen[feed["ids"].shape[1]] = options.get_run_config_entry(SHRINKS) if options else "keeps"
            return session.run(outputs, feed, options)

    session = engine._session
    monkeypatch.setattr(engine, "_session", Watched())
    given_back = engine.score(sequences)
    assert seen == {1200: "cpu:0", 1025: "cpu:0", 1024: "keeps", 20: "keeps"}
    monkeypatch.setattr(engines, "LONG", 10_000)
    assert engine.score(sequences).tobytes() == given_back.tobytes()
    assert set(seen.values()) == {"keeps"}
