"""What one configuration was measured to cost."""

from __future__ import annotations

from dataclasses import dataclass, field

from rankladder.cost.configuration import Configuration
from rankladder.cost.samples import Latency, Memory, Throughput


@dataclass(frozen=True, slots=True)
class Cost:
    """What one configuration costs on this machine."""

    configuration: Configuration = field(repr=False)
    name: str
    """The model and its number format, as a stage of a ranking is named: ``box int8``."""
    engine: str
    dtype: str
    about: str
    device: str
    device_name: str | None
    """The name of a CUDA device."""
    threads: int | None
    batch_size: int | None
    token_budget: int | None
    """Most tokens of a batch, where the engine found one."""
    max_tokens: int | None
    cut: int
    """Pairs longer than ``max_tokens``, and cut."""
    throughput: Throughput
    latency: Latency
    memory: Memory
    load_s: float
    """From the start of a process to a model that can score; what is kept on disk for later starts was there."""
    tried: dict[str, float]
    """Settings tried before, and pairs per second of one pass with each; the best was taken."""
    turn: int
    """Configurations with the same number took turns; their figures may be compared pass by pass."""
    gflop_per_pair: float | None
    """Of the network as described (``flops``), over the pairs measured; None for a network that we cannot read."""
    peak_gflops: float | None
    """What this machine reached in matrix products in this number format on this device; None where it was not asked,
    or could not do them.
    """

    @property
    def share_of_peak(self) -> float | None:
        """The part of the machine's measured peak that the model's own operations reach, 0 to 1."""
        if self.gflop_per_pair is None or not self.peak_gflops:
            return None
        return self.throughput.pairs_per_second * self.gflop_per_pair / self.peak_gflops
