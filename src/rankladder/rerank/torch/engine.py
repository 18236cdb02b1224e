"""The GPU engine: torch, many sequences a batch, none padded."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from rankladder.checkpoint.network import Checkpoint
from rankladder.errors import BadOption
from rankladder.rerank.device.budget import SHARE, default_budget
from rankladder.rerank.device.device import TorchDtype, check_finite, free_kept_memory, weights_placed
from rankladder.rerank.device.held import HeldDevice
from rankladder.rerank.device.scheduling import Fetch, TokenBudget, stream_batches
from rankladder.rerank.engine import Stop, collected
from rankladder.rerank.pairs import TokenPair, check_lengths
from rankladder.rerank.torch.attention import AttentionWish, choose_attention
from rankladder.rerank.torch.batches import HostBatch, plan_batches
from rankladder.rerank.torch.graphs import CudaCapture, Forward, Graphs
from rankladder.rerank.torch.layers import Place
from rankladder.rerank.torch.network import PackedNetwork


class TorchEngine:
    """Scores token sequences in batches, packed end to end. Usable from several threads: batches take turns.

    A score does not depend on its batch mates beyond rounding: within 3e-5 in fp32. On a GPU the same call may differ
    as little from one time to the next, since sums are taken in no fixed order. In a program that has set torch to
    multiply fp32 in fewer bits (``torch.set_float32_matmul_precision``), fp32 is that here too.

    fp16 stays within 2e-2 logits of fp32 on the three networks measured; bf16 does not on two of them, because rounding
    the weights alone may cost more than that. Largest difference over 30 pairs of up to 150 tokens, measured on a CPU:
    random 17m network (logits −6 to 2) 0.077 in bf16 and 0.012 in fp16, the box (−9 to 4) 0.034 and 0.005, random
    MiniLM-L4 (−0.5 to 2) 0.018 and 0.003. fp16 can overflow where bf16 cannot; scores that are not finite are refused,
    never returned.

    Out of memory: a batch that does not fit halves ``token_budget`` for good, and the engine goes on. The CPU's plain
    RuntimeError for a lack of memory is not taken for one.

    Fork: an engine on a GPU refuses to work in a forked child. On the CPU it works there, with one thread, because a
    fork does not copy the threads that torch computes with.

    ``Reranker.open`` passes on all but ``token_budget``, which the maker of the engine sets.

    Args:
        checkpoint: The model.
        dtype: Of the large matrix products; embeddings, residual stream, norms, rotary positions, softmax and head
            are in fp32 always.
        device: ``cuda``, ``cuda:1``, ``mps`` or ``cpu``; by default the first that is there.
        token_budget: Most tokens of a batch (a longer sequence has one of its own); by default measured on CUDA.
        attention: See ``AttentionWish``; the engine's ``attention`` says which it became.
        threads: CPU only: threads of a matrix product, by default the usable cores. torch keeps this number for the
            whole process, so it is set for each batch and then set back; another thread's torch sees it in between,
            and batches of several engines take turns.
        cuda_graphs: Replay CUDA graphs; off until they are measured on a card.

    Raises:
        BadOption: A device that is not there, a number format that it lacks, an option that does not apply.
        DeviceMemoryFull: The weights do not fit on the device, or no sequence fits beside them.
    """

    name = "torch"

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        dtype: TorchDtype,
        device: str | None = None,
        token_budget: int | None = None,
        attention: AttentionWish = "auto",
        threads: int | None = None,
        cuda_graphs: bool = False,
    ) -> None:
        if token_budget is not None and token_budget < 1:
            raise BadOption(f"token_budget must be at least 1, got {token_budget}")
        self._held = held = HeldDevice(device, dtype, threads)
        self.device, self.dtype = str(held), dtype
        self.reads_ahead = not held.on_cpu
        encoder = checkpoint.network.encoder
        with held.current(), torch.inference_mode(), weights_placed(checkpoint.name, dtype, held.device):
            self.attention, attend = choose_attention(
                attention, device=held.device, dtype=held.kind, head_size=encoder.width // encoder.heads
            )
        if cuda_graphs and self.attention not in {"flash-attn", "varlen"}:
            raise BadOption(
                f"cuda_graphs needs attention flash-attn or varlen, and it is {self.attention}",
                hint='those compute in 16 bits on an NVIDIA GPU: dtype="fp16" or "bf16"' if dtype == "fp32" else None,
            )
        self.about = f"{self.name} on {self.device}, attention {self.attention}"
        self._vocabulary, self._positions = encoder.vocabulary, encoder.positions
        with held.current():
            with weights_placed(checkpoint.name, dtype, held.device):
                network = PackedNetwork(checkpoint.network, checkpoint.weights, Place(held.device, held.kind), attend)
            self._graphs = Graphs(network, CudaCapture(held.device)) if cuda_graphs else None
            self._forward: Forward = network if self._graphs is None else self._graphs
            if token_budget is None:
                with torch.inference_mode():
                    token_budget = default_budget(
                        held.device,
                        lambda pairs: network(HostBatch.of(pairs, vocabulary=self._vocabulary).to(held.device)),
                        longest=self._positions,
                        share=SHARE / 2 if cuda_graphs else SHARE,  # recorded batches hold as much again
                    )
        self._budget = TokenBudget(token_budget)
        self._before: torch.cuda.Event | None = None
        """When the last batch on CUDA is over."""

    @property
    def threads(self) -> int:
        """Threads of a matrix product on a CPU; 1 in a forked child."""
        return self._held.threads

    @property
    def token_budget(self) -> int:
        """Most tokens of a batch, at this moment."""
        return self._budget.tokens

    def score(
        self, pairs: Sequence[TokenPair], *, done: Callable[[int], object] = lambda count: None
    ) -> NDArray[np.float32]:
        """Raw logits (N,) in the order given; ``done(1)`` is called after each pair. Raises as ``stream``, and BadInput
        for scores that are not finite.
        """
        logits = collected(self.stream(pairs), len(pairs), done=done)
        check_finite(logits, self.dtype)
        return logits

    def stream(
        self, pairs: Sequence[TokenPair], *, stop: Stop | None = None
    ) -> Generator[tuple[int, float], None, None]:
        """The place of each pair with its raw logit, as batches come back; once ``stop`` is set none is started.

        Raises BadInput for a sequence that the network cannot read, DeviceMemoryFull for one that does not fit.
        """
        self._held.check_process()
        check_lengths(pairs, longest=self._positions)  # a batch checks its ids, all at once
        yield from stream_batches(
            pairs,
            budget=self._budget,
            launch=self._launch,
            release=self._release,
            planned=plan_batches,
            cost=sum,
            stop=stop,
        )

    def _launch(self, pairs: Sequence[TokenPair]) -> Fetch:
        """Starts a batch; nothing here waits for a GPU."""
        host = HostBatch.of(pairs, vocabulary=self._vocabulary)
        with self._held.computing():
            if self._graphs is not None and self._before is not None:
                # A caller's own stream may be another one than the last batch's, and a graph's buffers are the same.
                torch.cuda.current_stream(self._held.device).wait_event(self._before)
            if self._held.device.type != "cuda":
                return self._forward(host.to(self._held.device)).cpu().numpy
            landed = torch.empty(len(pairs), dtype=torch.float32, pin_memory=True)  # before anything is started
            logits = self._forward(host.to(self._held.device))
            landed.copy_(logits, non_blocking=True)
            over = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call] # waits without spinning
            over.record(torch.cuda.current_stream(self._held.device))
            self._before = over

        def fetch() -> NDArray[np.float32]:
            over.synchronize()
            return landed.numpy()

        return fetch

    def _release(self) -> bool:
        """Frees what is kept for reuse, after a batch that did not fit; whether graphs were among it."""
        with self._held.lock:
            had_graphs = self._graphs is not None and len(self._graphs) > 0
            if self._graphs is not None:
                self._graphs.clear()
            free_kept_memory(self._held.device)
        return had_graphs
