"""Measures configurations side by side: each in a process of its own, taking turns pass by pass."""

from __future__ import annotations

import os
import statistics
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from rankladder.arguments import checked
from rankladder.cost.configuration import Configuration, Failure
from rankladder.cost.cost import Cost
from rankladder.cost.flops import flops
from rankladder.cost.peer import DEFAULT_BATCH_SIZE
from rankladder.cost.process import Process
from rankladder.cost.samples import Latency, Memory, Throughput
from rankladder.cost.search import climb, powers_of_two
from rankladder.cost.workload import Workload
from rankladder.errors import BadOption, RankladderError
from rankladder.memory import available_share
from rankladder.rerank.processor import usable_cores

PASSES = 3
"""As the published tables have it: the median of three."""

REPEATS, LEAST_REPEATS, REPEAT_S = 20, 5, 40.0
"""Latency samples by default: 20, or what 40 seconds allow, and at least 5."""
TAIL_REPEATS = 100
"""Latency samples that a p99 wants."""

CARD_BATCH = 1024
"""Pairs of the peer's largest batch that is tried on a card, where a pass takes the pairs many times over."""

LEAST_FREE = 0.15
"""Of the machine's memory, or a card's: with less left, the models opened so far are measured and closed before the
next opens.
"""


@dataclass(slots=True)
class _Row:
    """One configuration while it is measured."""

    configuration: Configuration
    process: Process | None = None
    seconds: list[float] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    others: list[float | None] = field(default_factory=list)
    tried: dict[str, float] = field(default_factory=dict)
    memory: Memory | None = None
    error: RankladderError | None = None
    turn: int = 0


class Measurement:
    """A comparison under way. ``run`` it; ``results`` gives what there is, also after an interruption.

    Args:
        configurations: The rows.
        workload: The same for all.
        passes: Over the pairs, after one that warms up.
        repeats: Latency samples; by default 20, or what 40 seconds of a configuration allow, and at least 5.
        tail: Whether the default gives a tail: never fewer than 20 samples, which a p95 wants, however long they take,
            and 100, which a p99 wants, where the 40 seconds hold them.
        search: Whether other settings are tried first: threads of the onnx engine, batch sizes of the peer. The torch
            engine finds its batches by itself.
        turns: Whether passes and rankings are interleaved over the configurations, as far as memory allows, so that a
            busy machine hurts all alike.
        peaks: Whether the machine's peak is measured.
        tell: Called with the next step, in a few words.

    Raises BadOption for a number below 1.
    """

    @checked
    def __init__(
        self,
        configurations: Sequence[Configuration],
        workload: Workload,
        *,
        passes: int = PASSES,
        repeats: int | None = None,
        tail: bool = False,
        search: bool = True,
        turns: bool = True,
        peaks: bool = True,
        tell: Callable[[str], object] = lambda what: None,
    ) -> None:
        for name, number in (("passes", passes), ("repeats", repeats)):
            if number is not None and number < 1:
                raise BadOption(f"{name} must be at least 1, got {number}")
        self.workload = workload
        self._passes, self._repeats, self._search, self._turns = passes, repeats, search, turns
        self._most = repeats or (TAIL_REPEATS if tail else REPEATS)
        self._least = REPEATS if tail else LEAST_REPEATS
        self._with_peaks, self._tell = peaks, tell
        self._rows = [_Row(configuration) for configuration in configurations]
        self._peaks: dict[tuple[str, str, str], float] = {}

    def run(self) -> None:
        """Measures everything. A configuration that fails is over; the others go on."""
        waiting, turn = deque(self._rows), 0
        while waiting:
            together: list[_Row] = []
            try:
                while waiting:
                    row = waiting.popleft()
                    row.turn = turn
                    together.append(row)
                    self._guarded(row, self._open)
                    if not self._turns or _is_memory_short(row):
                        break
                self._take_turns(together)
            finally:
                for row in together:
                    self._close(row)
            turn += 1

    def results(self) -> list[Cost | Failure]:
        """What was measured, in the order of the configurations; one without a whole pass is not there yet."""
        found: list[Cost | Failure] = []
        for row in self._rows:
            if row.error is not None:
                found.append(Failure(row.configuration, row.error))
            elif row.seconds and row.process is not None:
                found.append(self._cost(row, row.process))
        return found

    def _guarded(self, row: _Row, step: Callable[[_Row], None]) -> None:
        if row.error is None:
            try:
                step(row)
            except RankladderError as error:
                row.error = error
                self._close(row)

    def _open(self, row: _Row) -> None:
        configuration = row.configuration
        knob: dict[str, int] = {}
        if configuration.peer and self._search:
            self._tell(f"{configuration}: looking for the best batch size")
            with self._start(row) as trial:
                trial.read(self.workload)
                on_card = trial.described["device"].startswith("cuda")
                most = CARD_BATCH if on_card else max(DEFAULT_BATCH_SIZE, 2 * len(self.workload.pairs) - 1)
                sizes = powers_of_two(8, most)
                knob["batch_size"] = self._climb(row, trial, sizes, DEFAULT_BATCH_SIZE, "batch {}")
        elif configuration.engine == "onnx":
            # This first process also leaves the graph in the cache, so that the measured one starts as later ones do.
            self._tell(f"{configuration}: first start")
            with self._start(row) as trial:
                if self._search and "threads" not in configuration.options:
                    trial.read(self.workload)
                    cores = usable_cores()
                    threads = sorted({*powers_of_two(1, cores), cores})
                    knob["threads"] = self._climb(row, trial, threads, cores, "threads {}")
        self._tell(f"{configuration}: opening")
        options = {**configuration.options, **({} if configuration.peer else knob)}
        row.process = self._start(row, options)
        if configuration.peer and knob:
            row.process.ask("tune", setting=knob["batch_size"])
            row.process.described["batch_size"] = knob["batch_size"]
        row.process.read(self.workload)

    def _start(self, row: _Row, options: dict[str, object] | None = None) -> Process:
        configuration = row.configuration
        wanted = dict(configuration.options) if options is None else options
        return Process(configuration.name, wanted, peer=configuration.peer)

    def _climb(self, row: _Row, trial: Process, settings: Sequence[int], start: int, label: str) -> int:
        def rate(setting: int) -> float:
            trial.ask("tune", setting=setting)
            seconds: float = trial.ask("score")["seconds"]
            row.tried[label.format(setting)] = len(self.workload.pairs) / seconds
            return len(self.workload.pairs) / seconds

        return climb(settings, start, rate)

    def _take_turns(self, rows: Sequence[_Row]) -> None:
        for number in range(self._passes):
            for row in rows:
                self._tell(f"{row.configuration}: pass {number + 1} of {self._passes}")
                self._guarded(row, self._pass)
        for number in range(self._most):
            for row in rows:
                if self._repeats is None and _took_long(row.milliseconds, self._least):
                    continue
                self._tell(f"{row.configuration}: list {number + 1} of at most {self._most}")
                self._guarded(row, self._rank)
        for row in rows:
            self._guarded(row, self._last)

    def _pass(self, row: _Row) -> None:
        assert row.process is not None
        seconds = row.process.ask("score")["seconds"]
        row.memory = Memory(**row.process.ask("memory"))
        row.seconds.append(seconds)

    def _rank(self, row: _Row) -> None:
        assert row.process is not None
        sample = row.process.ask("rank", number=len(row.milliseconds))
        row.milliseconds.append(1000 * sample["seconds"])
        row.processor.append(1000 * sample["processor"])
        row.others.append(sample["others"])

    def _last(self, row: _Row) -> None:
        """The memory once more, and then the machine's peak, which must not count in it."""
        assert row.process is not None
        row.memory = Memory(**row.process.ask("memory"))
        described, network = row.process.described, row.configuration.network
        library = "onnx" if described["engine"] == "onnx" else "torch"
        key = (library, described["dtype"], described["device"])
        if network is None or not self._with_peaks or key in self._peaks:
            return
        networks = (one.configuration.network for one in self._rows)
        widest = max(one.encoder.width for one in networks if one is not None)  # whichever of them comes first
        self._tell(f"matrix products in {described['dtype']} on {described['device']}")
        # If there is no memory left for the products, the measurement is kept and the peak is unknown.
        with suppress(RankladderError):
            self._peaks[key] = row.process.ask("gflops", width=widest)["gflops"]

    def _close(self, row: _Row) -> None:
        if row.process is not None:
            row.process.close()

    def _cost(self, row: _Row, process: Process) -> Cost:
        described, network = process.described, row.configuration.network
        assert row.memory is not None
        name = f"{row.configuration.model} {described['dtype']}"
        peak = max(
            (
                peak
                for (_, dtype, device), peak in self._peaks.items()
                if (dtype, device) == (described["dtype"], described["device"])
            ),
            default=None,
        )
        work = None if network is None else statistics.fmean(flops(network, tokens) for tokens in process.tokens) / 1e9
        return Cost(
            configuration=row.configuration,
            name=name,
            engine=described["engine"],
            dtype=described["dtype"],
            about=described["about"],
            device=described["device"],
            device_name=described["device_name"],
            threads=described["threads"],
            batch_size=described["batch_size"],
            token_budget=described["token_budget"],
            max_tokens=described["max_tokens"],
            cut=process.cut,
            throughput=Throughput(len(process.tokens), sum(process.tokens), tuple(row.seconds)),
            latency=Latency(tuple(row.milliseconds), self.workload.list_size, tuple(row.processor), _busy_share(row)),
            memory=row.memory,
            load_s=process.load_s,
            tried=dict(row.tried),
            turn=row.turn,
            gflop_per_pair=work,
            peak_gflops=peak,
        )


def _busy_share(row: _Row) -> float | None:
    """The share of all processors that other programs used during the latency samples; None where unknown."""
    others = [sample for sample in row.others if sample is not None]
    seconds = sum(row.milliseconds) / 1000
    return sum(others) / seconds / (os.cpu_count() or 1) if others and seconds > 0 else None


def _is_memory_short(row: _Row) -> bool:
    """Whether little memory is left on this machine, or on the CUDA device that the row's model was opened on."""
    shares = (available_share(), None if row.process is None else row.process.card_free)
    return any(share is not None and share < LEAST_FREE for share in shares)


def _took_long(milliseconds: Sequence[float], least: int) -> bool:
    """Whether the samples so far, ``least`` or more, have taken the seconds allowed; from 20 on, whether 100 would."""
    taken, seconds = len(milliseconds), sum(milliseconds) / 1000
    if taken < least:
        return False
    return (seconds if taken < REPEATS else seconds * TAIL_REPEATS / taken) > REPEAT_S
