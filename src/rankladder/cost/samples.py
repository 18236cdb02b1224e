"""What was measured: every sample kept, and the figures drawn from them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from rankladder.arguments import checked


@checked
def percentile(samples: Sequence[float], percent: float) -> float | None:
    """The nearest-rank percentile: a sample that occurred, with at least ``percent`` % of all at or below it.

    None where the samples are too few to tell it from the largest: p95 wants 20 of them, p99 wants 100.

    >>> percentile([4.0, 1.0, 3.0, 2.0], 50), percentile([1.0] * 19, 95), percentile(list(range(1, 101)), 99)
    (2.0, None, 99.0)
    """
    if not samples or (percent > 50 and len(samples) * (100 - percent) < 100):
        return None
    return sorted(samples)[math.ceil(len(samples) * percent / 100) - 1]


@dataclass(frozen=True, slots=True)
class Throughput:
    """Passes over the same pairs."""

    pairs: int
    tokens: int
    """Of all pairs, as the model reads them: cut to its limit, special tokens included. 0 where a service does not
    tell.
    """
    seconds: tuple[float, ...]
    """One a pass, in the order they were run; at least one."""

    @property
    def pairs_per_second(self) -> float:
        """Of the median pass."""
        return self.pairs / statistics.median(self.seconds)

    @property
    def tokens_per_second(self) -> float:
        """Of the median pass."""
        return self.tokens / statistics.median(self.seconds)

    @property
    def spread(self) -> tuple[float, float]:
        """Pairs per second of the slowest and of the fastest pass."""
        return self.pairs / max(self.seconds), self.pairs / min(self.seconds)

    def ratio_to(self, baseline: Throughput) -> float:
        """How many times as fast as the baseline: the median over passes that took turns, pass by pass.

        >>> Throughput(8, 80, (1.0, 2.0, 1.0)).ratio_to(Throughput(8, 80, (2.0, 4.0, 3.0)))
        2.0
        """
        own, other = ([self.pairs / s for s in self.seconds], [baseline.pairs / s for s in baseline.seconds])
        return statistics.median(a / b for a, b in zip(own, other, strict=False))


@dataclass(frozen=True, slots=True)
class Latency:
    """How long one query's list takes, from texts to a ranking, with nobody else on the model."""

    milliseconds: tuple[float, ...]
    """Every sample, in the order they were taken."""
    documents: float
    """Of a list, on average."""
    processor_milliseconds: tuple[float, ...] = ()
    """Processor time of each sample, all threads together; empty where it was not taken."""
    busy: float | None = None
    """The share of the machine's processors that other programs used at the same time, 0 to 1; None where unknown."""

    @property
    def processor(self) -> float | None:
        """The mean processor time of a sample; None where it was not taken."""
        return statistics.fmean(self.processor_milliseconds) if self.processor_milliseconds else None

    @property
    def p50(self) -> float | None:
        """Milliseconds that half of the samples stay within; None without samples."""
        return percentile(self.milliseconds, 50)

    @property
    def p95(self) -> float | None:
        """None below 20 samples."""
        return percentile(self.milliseconds, 95)

    @property
    def p99(self) -> float | None:
        """None below 100 samples."""
        return percentile(self.milliseconds, 99)

    @property
    def worst(self) -> float | None:
        """The largest sample."""
        return max(self.milliseconds, default=None)


@dataclass(frozen=True, slots=True)
class Memory:
    """The most memory that a process held which opened this model, and nothing else, and ran all of its passes."""

    peak_mb: float | None
    """Resident, MiB; None where the system does not tell."""
    source: str
    """Where the figure comes from."""
    device_peak_mb: float | None = None
    """On a CUDA device: what torch's allocator held, MiB."""
