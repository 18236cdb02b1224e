"""Outcomes made of drawn values: what a choice would have found, without a model being run."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from rankladder.choose import NO_RERANKER, Outcome, Wishes
from rankladder.choose.contenders import Contender, Spent
from rankladder.choose.examples import changed_most
from rankladder.choose.judging import Question, judge
from rankladder.choose.outcome import Example, ShownDocument, ShownList

HOSTILE = '</script><img src=x onerror="alert(1)">\x1b[31m\u202e <b>&amp;'
"""A text that would break a page that does not escape."""


def spent(
    times: Sequence[float], *, memory: float | None = 150.0, price: float | None = None, busy: float = 0.03
) -> Spent:
    """The costs of passes that took so long."""
    ordered = sorted(times)
    if not ordered:
        return Spent(p50_ms=0.0, p95_ms=0.0, p99_ms=0.0, worst_ms=0.0, latencies_ms=(), pairs_per_second=None,
                     tokens_per_second=None, memory_mb=None, per_1000_queries=price, price=None)  # fmt: skip
    return Spent(
        p50_ms=ordered[len(times) // 2],
        p95_ms=ordered[int(len(times) * 0.95)] if len(times) >= 20 else None,
        p99_ms=ordered[int(len(times) * 0.99)] if len(times) >= 100 else None,
        worst_ms=ordered[-1],
        latencies_ms=tuple(times),
        processor_ms=1.8 * ordered[len(times) // 2],
        busy=busy,
        pairs_per_second=100_000 / ordered[len(times) // 2],
        tokens_per_second=1.5e7 / ordered[len(times) // 2],
        memory_mb=memory,
        per_1000_queries=price,
        price=None if price is None else "0.34/h",
    )


def drawn(
    quality: Mapping[str, float],
    times: Mapping[str, float],
    *,
    queries: int = 120,
    current: str = NO_RERANKER,
    reference: str | None = None,
    wishes: Wishes | None = None,
    failed: Mapping[str, str] | None = None,
    untimed: Mapping[str, str] | None = None,
    samples: int = 100,
    seed: int = 0,
    words: str = "what causes rain",
) -> Outcome:
    """An outcome whose contenders have about these means and typical times; per-query values go together."""
    draw = random.Random(seed)
    ids = [f"q/{number}~" if number == 0 else f"q{number}" for number in range(queries)]
    hardness = {id: draw.random() for id in ids}
    rows = []
    for name, mean in quality.items():
        if failed and name in failed:
            rows.append(Contender(name=name, failed=failed[name], current=name == current))
            continue
        values = {
            id: round(min(1.0, max(0.0, mean + 0.6 * (hardness[id] - 0.5) + draw.gauss(0, 0.09))), 6) for id in ids
        }
        if name == reference:
            values = dict.fromkeys(ids, 1.0)
        passes = [times[name] * draw.lognormvariate(0, 0.12) for _ in range(samples)] if times[name] else []
        cost: Spent | None = spent(
            passes, memory=100 + 3 * times[name] if times[name] else None, price=times[name] / 2000
        )
        if untimed and name in untimed:
            cost = None
        rows.append(
            Contender(
                name=name,
                model=f"{name} int8" if times[name] else "bm25 alone",
                about="engine onnx, at most 256 tokens" if times[name] else "",
                digest=f"{name}-digest",
                current=name == current,
                values=values,
                spent=cost,
                cost_failed=(untimed or {}).get(name),
                pairs=100 * queries if times[name] else 0,
                truncated=7 if times[name] else 0,
                reranks=bool(times[name]),
                near_top=round(mean * queries),
            )
        )
    wishes = wishes or Wishes()
    found = judge(rows, Question(wishes=wishes, measure="nDCG@10", current=current, reference=reference))
    by_name = {row.name: row for row in rows}
    examples: list[Example] = []
    if found.compared is not None:
        for query in changed_most(by_name[current].values, by_name[found.compared].values, 4):
            sides = [_side(name, by_name[name].values[query], words, draw) for name in (current, found.compared)]
            examples.append(Example(query, f"{words} ({query})", *sides))
    return Outcome(
        dataset={"name": f"sample {words}", "digest": "d" * 64, "queries": queries, "documents": 5183},
        retriever={"name": "bm25", "digest": "c" * 64, "list_size": 100.0},
        measure="nDCG@10",
        reference=reference,
        wishes=wishes,
        queries={id: f"{words} {id}" for id in ids},
        contenders=found.contenders,
        standing=found.decision.standing,
        choice=found.decision.choice,
        beyond_doubt=found.decision.beyond_doubt,
        best=found.decision.best,
        further=found.further,
        headline=found.headline,
        sentences=found.sentences,
        confirmation=found.confirmation,
        current=current,
        versus=found.versus,
        frontier=found.frontier,
        compared=found.compared,
        examples=tuple(examples),
        remarks=(),
        reproduce={
            "command": "rankladder choose sample --budget-ms 200 --report report.html",
            "machine": {"processor": "a processor", "cores": 2, "python": "3.11.2"},
            "versions": {"rankladder": "0.1.0", "numpy": "2.0"},
            "date": "2026-01-02T03:04:05+00:00",
            "seed": 0,
            "top_k": 100,
        },
    )


def _side(name: str, value: float, words: str, draw: random.Random) -> ShownList:
    documents = tuple(
        ShownDocument(
            rank=place,
            id=f"d{draw.randrange(9999)}",
            title=f"On {words}",
            text=f"{words} and what follows from it. " * 4,
            grade=draw.choice([None, None, 0, 1]),
            score=round(draw.gauss(0, 3), 4),
            tokens_read=None if name == NO_RERANKER else 120,
            tokens_cut=None if name == NO_RERANKER else draw.choice([0, 0, 35]),
        )
        for place in range(1, 6)
    )
    return ShownList(name, value, documents)


def ladder(**changes: object) -> Outcome:
    """Four rungs and no reranker, as a user meets them."""
    quality = {NO_RERANKER: 0.52, "box": 0.60, "ettin-17m": 0.66, "ettin-68m": 0.70, "ettin-150m": 0.705}
    times = {NO_RERANKER: 0.0, "box": 45.0, "ettin-17m": 60.0, "ettin-68m": 210.0, "ettin-150m": 900.0}
    options: dict[str, object] = {"current": "ettin-17m", "wishes": Wishes(budget_ms=500.0), **changes}
    return drawn(quality, times, **options)  # type: ignore[arg-type]
