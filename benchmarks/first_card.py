"""Claim: none yet. Asks a first GPU, within eight minutes, all that the torch engine could not be asked on a CPU.

Questions, in this order, so that a run that ends early has the weightiest answers:

- ``agreement``: how far fp16 and bf16 are from fp32, and fp32 on the card from the CPU engine, with each attention.
- ``speed``: pairs a second of each rung beside Sentence Transformers' best form (bf16, FlashAttention 2 without padding
  where it is installed), in turns.
- ``latency``: milliseconds for a list of 100 documents, p50 and p95.
- ``graphs``: the same with CUDA graphs and without.
- ``memory``: with little memory left, whether every score comes and is the same, and what became of the token budget.
- ``budget``: pairs a second by tokens a batch and by batches in flight.
- ``host``: how long Python takes for a pair before the card has it, and what blocks of several sizes give.

Weights are random, pairs of natural length (pairs.py). Whatever fails is an answer too: its error stands in its place.
Answers are written after each question. ``--rehearse`` asks the same of a tiny network on the CPU.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pairs import Pairs, natural_pairs
from rankladder import Reranker
from rankladder.checkpoint import open_checkpoint
from rankladder.rerank.blocks import score_blocks
from rankladder.rerank.device import scheduling
from rankladder.rerank.scorer import TokenScorer
from rankladder.rerank.torch.engine import TorchEngine
from record import HERE, write_results

sys.path.insert(0, str(HERE.parent / "tests"))
import checkpoints

Score = Callable[[Pairs], NDArray[np.float32]]
Answer = dict[str, Any]

DTYPES = ("fp16", "bf16")
ATTENTIONS = ("sdpa", "varlen", "flash-attn", "flex")
LIST = 100
PASS_SECONDS, ROUNDS, LISTS = 1.0, 3, 20
MOST_PAIRS, PROBE = 16_384, 256
BUDGETS, FLIGHTS, BLOCKS = (4_096, 16_384, 65_536, 262_144), (1, 2, 3, 5), (256, 1_024, 4_096)
TINY = "tiny"


class Card:
    """What is asked: a device, the rungs in order, and how long there is.

    Args:
        device: ``cuda``, or ``cpu`` for the rehearsal.
        shapes: Rungs from the smallest to the largest.
        folder: Where models are written.
        seconds: For everything together.
        pairs: Most pairs of a pass.
    """

    def __init__(self, device: str, shapes: Sequence[str], folder: Path, *, seconds: float, pairs: int) -> None:
        self.device, self.shapes, self.pairs = device, shapes, pairs
        self.threads = 1 if device == "cpu" else None  # a tiny network gains nothing by more
        self._folder, self._ends = folder, time.monotonic() + seconds
        self._drawn: Pairs = []

    def left(self) -> float:
        """Seconds."""
        return self._ends - time.monotonic()

    def model(self, shape: str) -> Path:
        """The folder of a rung; written when it is first asked for, in 16 bits from 400m on."""
        folder = self._folder / shape
        if not folder.exists():
            if shape == TINY:
                checkpoints.write_ettin(folder)
            else:
                large = checkpoints.ETTIN[shape].width >= 1024
                checkpoints.write_rung(folder, shape, dtype=torch.bfloat16 if large else torch.float32)
        return folder

    def drawn(self, count: int) -> Pairs:
        """The first pairs of a list that is the same for every model: all share one tokenizer."""
        if not self._drawn:
            tokenizer = open_checkpoint(self.model(self.shapes[0])).tokenizer
            self._drawn, _ = natural_pairs(tokenizer, self.pairs, checkpoints.TEXT.split(), seed=0)
        return self._drawn[:count]

    def ours(self, shape: str, **options: Any) -> Reranker:
        """A reranker on the torch engine."""
        return Reranker.open(self.model(shape), engine="torch", device=self.device, threads=self.threads, **options)

    def theirs(self, shape: str) -> tuple[str, Score]:
        """Sentence Transformers' best form here, and its name."""
        from sentence_transformers import CrossEncoder

        flash = self.device == "cuda" and find_spec("flash_attn") is not None
        inner = {"dtype": "bfloat16", **({"attn_implementation": "flash_attention_2"} if flash else {})}
        model = CrossEncoder(str(self.model(shape)), device=self.device, model_kwargs=inner)

        def score(pairs: Pairs) -> NDArray[np.float32]:
            scores: NDArray[np.float32] = model.predict(pairs, batch_size=128, show_progress_bar=False)
            return scores

        return f"Sentence Transformers, bf16{', FlashAttention 2' if flash else ''}", score


def answered(ask: Callable[[], Any]) -> Any:
    """The answer, or in its place the error: kernels and other libraries may fail in any way, and that is an answer."""
    try:
        return ask()
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:300]}


def agreement(card: Card) -> Answer:
    """Largest and root-mean-square difference of logits from fp32 on the same card, by attention and number format."""
    shape = card.shapes[0]
    pairs = card.drawn(min(64, card.pairs))
    exact = card.ours(shape, dtype="fp32", attention="sdpa").predict(pairs)
    cpu = Reranker.open(card.model(shape), engine="onnx", dtype="fp32").predict(pairs)
    rows: Answer = {"spread of logits": float(exact.std()), "fp32, CPU engine": _difference(cpu, exact)}
    for attention in ATTENTIONS:
        for dtype in DTYPES:
            rows[f"{dtype}, {attention}"] = answered(partial(_agreement_of, card, exact, dtype, attention))
    return {"shape": shape, "pairs": len(pairs), "rows": rows}


def _agreement_of(card: Card, exact: NDArray[np.float32], dtype: str, attention: str) -> dict[str, float]:
    reranker = card.ours(card.shapes[0], dtype=dtype, attention=attention)
    return _difference(reranker.predict(card.drawn(len(exact))), exact)


def _difference(scores: NDArray[np.float32], exact: NDArray[np.float32]) -> dict[str, float]:
    gap = np.abs(scores - exact)
    return {"largest": round(float(gap.max()), 6), "rms": round(float(np.sqrt((gap**2).mean())), 6)}


def speed(card: Card) -> Answer:
    """Pairs a second of each rung, ours and the peer in turns; a ratio is the median over the rounds."""
    return {shape: answered(partial(_speed_of, card, shape)) for shape in _while_time(card, card.shapes)}


def _speed_of(card: Card, shape: str) -> Answer:
    name, peer = card.theirs(shape)
    ways: dict[str, Score] = {name: peer}
    for dtype in (*DTYPES, "fp32"):
        ways[f"rankladder, {dtype}"] = card.ours(shape, dtype=dtype).predict
    count = {way: _pairs_for(card, score) for way, score in ways.items()}
    rates: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, score in ways.items():
            rates[way].append(_rate(score, card.drawn(count[way])))
    return {
        way: {
            "pairs_per_second": round(statistics.median(of_way), 1),
            "ratio": round(statistics.median(a / b for a, b in zip(of_way, rates[name], strict=True)), 2),
            "pairs": count[way],
        }
        for way, of_way in rates.items()
    }


def _pairs_for(card: Card, score: Score) -> int:
    """Pairs that take about PASS_SECONDS; asking warms the way up."""
    probe = card.drawn(min(PROBE, card.pairs // 4))
    score(probe)
    return max(len(probe), min(card.pairs, int(_rate(score, probe) * PASS_SECONDS)))


def _rate(score: Score, pairs: Pairs) -> float:
    start = time.perf_counter()
    score(pairs)
    return len(pairs) / (time.perf_counter() - start)


def latency(card: Card) -> Answer:
    """Milliseconds for a list of 100 documents, by rung, in fp16."""
    return {shape: answered(partial(_fp16_latency, card, shape)) for shape in _while_time(card, card.shapes)}


def _fp16_latency(card: Card, shape: str) -> dict[str, float]:
    return _latency_of(card, card.ours(shape, dtype="fp16").predict)


def _latency_of(card: Card, score: Score) -> dict[str, float]:
    lists = [card.drawn(card.pairs)[start : start + LIST] for start in range(0, min(card.pairs, LISTS * LIST), LIST)]
    for pairs in lists:
        score(pairs)
    times = []
    for pairs in lists:
        start = time.perf_counter()
        score(pairs)
        times.append(1000 * (time.perf_counter() - start))
    return {"p50_ms": round(statistics.median(times), 2), "p95_ms": round(float(np.percentile(times, 95)), 2)}


def graphs(card: Card) -> Answer:
    """Speed and latency with CUDA graphs and without, on the two smallest rungs, in fp16."""
    rows: Answer = {}
    for shape in _while_time(card, card.shapes[:2]):
        for wanted in (False, True):
            rows[f"{shape}, {'graphs' if wanted else 'none'}"] = answered(
                partial(_graphs_of, card, shape, wanted=wanted)
            )
    return rows


def _graphs_of(card: Card, shape: str, *, wanted: bool) -> Answer:
    reranker = card.ours(shape, dtype="fp16", cuda_graphs=wanted)
    rate = _rate(reranker.predict, card.drawn(_pairs_for(card, reranker.predict)))
    return {"pairs_per_second": round(rate, 1), **_latency_of(card, reranker.predict)}


def memory(card: Card) -> Answer:
    """What a batch that does not fit does: the scores must all come, and be the same within rounding."""
    if card.device != "cuda":
        return {"left out": "the CPU does not report a lack of memory by a type"}
    shape = card.shapes[-1]
    pairs = card.drawn(min(2_048, card.pairs))
    before = card.ours(shape, dtype="fp16").predict(pairs)
    engine = _engine(card, shape, token_budget=1 << 22)
    reranker = card.ours(shape, dtype="fp16")
    assert isinstance(reranker.scorer, TokenScorer)
    reranker.scorer.engine = engine
    held, whole = torch.cuda.memory_allocated(), torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, (held + (1 << 30)) / whole))
    try:
        after = reranker.predict(pairs)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    return {"shape": shape, "token_budget": [1 << 22, engine.token_budget], **_difference(after, before)}


def _engine(card: Card, shape: str, *, token_budget: int) -> TorchEngine:
    checkpoint = open_checkpoint(card.model(shape))
    return TorchEngine(checkpoint, dtype="fp16", device=card.device, token_budget=token_budget, threads=card.threads)


def budget(card: Card) -> Answer:
    """Pairs a second of the smallest rung in fp16, by tokens a batch, and by batches in flight."""
    reranker = card.ours(card.shapes[0], dtype="fp16")
    assert isinstance(reranker.scorer, TokenScorer)
    rows: Answer = {}
    for tokens in BUDGETS:
        reranker.scorer.engine = _engine(card, card.shapes[0], token_budget=tokens)
        pairs = card.drawn(_pairs_for(card, reranker.predict))
        rows[f"{tokens} tokens"] = round(_rate(reranker.predict, pairs), 1)
    usual = scheduling.IN_FLIGHT
    try:
        for flying in FLIGHTS:
            scheduling.IN_FLIGHT = flying
            rows[f"{flying} in flight"] = round(_rate(reranker.predict, pairs), 1)
    finally:
        scheduling.IN_FLIGHT = usual
    return rows


def host(card: Card) -> Answer:
    """Microseconds a pair of reading (text to sequence), of the whole, and pairs a second by pairs a block."""
    reranker = card.ours(card.shapes[0], dtype="fp16")
    scorer = reranker.scorer
    assert isinstance(scorer, TokenScorer)
    pairs = card.drawn(_pairs_for(card, reranker.predict))
    start = time.perf_counter()
    scorer.read(pairs, long="truncate")
    reading = (time.perf_counter() - start) / len(pairs)
    rows: Answer = {
        "reading, µs a pair": round(1e6 * reading, 1),
        "all, µs a pair": round(1e6 / _rate(reranker.predict, pairs), 1),
    }

    def in_blocks(size: int) -> Score:
        def score(given: Pairs) -> NDArray[np.float32]:
            blocks: Iterator[Pairs] = (given[start : start + size] for start in range(0, len(given), size))
            found = score_blocks(scorer, blocks, long="truncate", done=lambda count: None)
            return np.array([one.score for one in found], dtype=np.float32)

        return score

    for size in BLOCKS:
        rows[f"blocks of {size}, pairs a second"] = round(_rate(in_blocks(size), pairs), 1)
    return rows


QUESTIONS: tuple[Callable[[Card], Answer], ...] = (agreement, speed, latency, graphs, memory, budget, host)
LEAST_SECONDS = 20
"""No question, and no further rung, is begun with less time left."""


def _while_time(card: Card, shapes: Sequence[str]) -> Iterator[str]:
    for shape in shapes:
        if card.left() < LEAST_SECONDS:
            return
        yield shape
        if card.device == "cuda":
            torch.cuda.empty_cache()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--shapes", nargs="+", default=[*checkpoints.ETTIN], choices=[*checkpoints.ETTIN])
    parser.add_argument("--rehearse", action="store_true", help="a tiny network on the CPU; nothing is claimed of it")
    parser.add_argument("--results", type=Path, help="folder of the results file  [default: benchmarks/results]")
    options = parser.parse_args()
    if not options.rehearse and not torch.cuda.is_available():
        parser.error("no CUDA device is here; --rehearse asks the same of a tiny network on the CPU")
    device, shapes = ("cpu", [TINY]) if options.rehearse else ("cuda", options.shapes)
    name = "first_card_rehearsal" if options.rehearse else "first_card"
    answers: Answer = {"device": "cpu" if device == "cpu" else torch.cuda.get_device_name(), "torch": torch.__version__}
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["RANKLADDER_CACHE"] = str(Path(temporary) / "cache")
        pairs = LIST if options.rehearse else MOST_PAIRS
        torch.set_num_threads(1 if options.rehearse else torch.get_num_threads())
        card = Card(device, shapes, Path(temporary), seconds=60 * options.minutes, pairs=pairs)
        for question in QUESTIONS:
            if card.left() < LEAST_SECONDS:
                answers[question.__name__] = {"left out": "no time was left"}
                continue
            start = time.monotonic()
            answers[question.__name__] = answered(partial(question, card))
            print(f"{question.__name__}: {time.monotonic() - start:.0f} s  {answers[question.__name__]}", flush=True)
            path = write_results(name, answers, folder=options.results)
    print(path)


if __name__ == "__main__":
    main()
