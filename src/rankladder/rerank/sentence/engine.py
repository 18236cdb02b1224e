"""Scores padded batches of token sequences with a network of transformers."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rankladder.checkpoint import Foreign
from rankladder.rerank.device.budget import default_budget
from rankladder.rerank.device.device import TorchDtype, check_finite, free_kept_memory, weights_placed
from rankladder.rerank.device.held import HeldDevice
from rankladder.rerank.device.scheduling import Fetch, TokenBudget, stream_batches
from rankladder.rerank.engine import Stop, collected
from rankladder.rerank.pairs import TokenPair, check_sequences
from rankladder.rerank.sentence.batches import padded_tokens, plan_padded
from rankladder.rerank.sentence.loading import load_causal, load_classifier


class SentenceEngine:
    """Scores token sequences in padded batches, the longest first. Usable from several threads: batches take turns.

    A score does not depend on its batch mates beyond rounding: within 3e-5 in fp32 on the tiny networks of the tests.
    In bf16 and fp16 the whole network computes in that format, as transformers has it.

    Args:
        foreign: The model's files.
        answers: Token ids of the positive and the negative answer, for a language model.
        dtype: Of weights and activations.
        device: ``cuda``, ``cuda:1``, ``mps`` or ``cpu``; by default the first that is there.
        threads: CPU only: threads of a matrix product, by default the usable cores; set for each batch, then set back.
        token_budget: Most tokens of a batch, padding included; by default measured on CUDA.

    Raises:
        BadOption: A device that is not there, a number format that it lacks, threads on a GPU.
        CheckpointRefused: The network is not wholly what the files hold.
        DeviceMemoryFull: The weights do not fit on the device, or no sequence fits beside them.
    """

    name = "sentence-transformers"
    reads_ahead = False

    def __init__(
        self,
        foreign: Foreign,
        *,
        answers: tuple[int, int] | None,
        dtype: TorchDtype,
        device: str | None = None,
        threads: int | None = None,
        token_budget: int | None = None,
    ) -> None:
        self._held = held = HeldDevice(device, dtype, threads)
        self.device, self.dtype = str(held), dtype
        self.about = f"{self.name} on {self.device}"
        self._longest, self._vocabulary = foreign.max_tokens, foreign.vocabulary
        load = load_classifier if answers is None else load_causal
        network: nn.Module = load(foreign, held.kind)
        network.eval()
        with weights_placed(foreign.name, dtype, self._held.device):
            network.to(self._held.device)
        self._network: Callable[[Sequence[TokenPair]], Tensor]
        if answers is None:
            self._network = _Classifier(network, self._held.device, _reads_types(foreign))
        else:
            self._network = _Causal(network, self._held.device, answers)
        if token_budget is None:
            token_budget = default_budget(self._held.device, self._forward, longest=self._longest)
        self._budget = TokenBudget(token_budget)

    @property
    def threads(self) -> int:
        """Threads of a matrix product on a CPU; 1 in a forked child."""
        return self._held.threads

    @property
    def token_budget(self) -> int:
        """Most tokens of a batch, padding included, at this moment."""
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

        Raises BadInput as ``check_sequences``, DeviceMemoryFull for a sequence that does not fit.
        """
        self._held.check_process()
        check_sequences(pairs, longest=self._longest, vocabulary=self._vocabulary)
        yield from stream_batches(
            pairs,
            budget=self._budget,
            launch=self._launch,
            release=self._release,
            planned=plan_padded,
            cost=padded_tokens,
            stop=stop,
        )

    def _launch(self, pairs: Sequence[TokenPair]) -> Fetch:
        logits = self._forward(pairs)
        return lambda: logits

    def _release(self) -> bool:
        free_kept_memory(self._held.device)
        return False

    def _forward(self, pairs: Sequence[TokenPair]) -> NDArray[np.float32]:
        with self._held.computing():
            logits: NDArray[np.float32] = self._network(pairs).float().cpu().numpy()
        return logits


class _Classifier:
    """Right-padded sequences → logits (B,), through a CrossEncoder."""

    def __init__(self, model: nn.Module, device: torch.device, marks_types: bool) -> None:
        tokenizer: Any = model.tokenizer
        self._model, self._device = model, device
        self._types = marks_types and "token_type_ids" in tokenizer.model_input_names
        self._pad = int(tokenizer.pad_token_id or 0)

    def __call__(self, pairs: Sequence[TokenPair]) -> Tensor:
        features = {"input_ids": _padded([pair.ids for pair in pairs], self._pad)}
        features["attention_mask"] = _padded([np.ones(len(pair.ids), np.int64) for pair in pairs], 0)
        if self._types:
            features["token_type_ids"] = _padded([pair.segments for pair in pairs], 0)
        scores: Tensor = self._model({name: block.to(self._device) for name, block in features.items()})["scores"]
        return scores.reshape(-1)


class _Causal:
    """Sequences → logits (B,): that of the positive answer as the next token minus that of the negative one.

    Sequences are padded on the right, where a causal network cannot see it, so no mask is needed and positions count
    from 0; the publishers' code pads on the left. The two rows of the output matrix are multiplied in fp32.
    """

    def __init__(self, model: nn.Module, device: torch.device, answers: tuple[int, int]) -> None:
        owner: Any = model
        self._body: nn.Module = owner.get_decoder()
        head: nn.Linear = owner.get_output_embeddings()
        rows = torch.tensor(answers, device=device)
        self._rows = head.weight.detach()[rows].float()  # (2, H)
        self._device = device

    def __call__(self, pairs: Sequence[TokenPair]) -> Tensor:
        ids = _padded([pair.ids for pair in pairs], 0).to(self._device)
        last = torch.tensor([len(pair.ids) - 1 for pair in pairs], device=self._device)
        hidden: Tensor = self._body(input_ids=ids, use_cache=False).last_hidden_state
        positive, negative = (hidden[torch.arange(len(pairs), device=self._device), last].float() @ self._rows.T).T
        score: Tensor = positive - negative
        return score


def _padded(rows: Sequence[NDArray[Any]], value: int) -> Tensor:
    """int64 (B, T): the rows, filled up on the right."""
    block = np.full((len(rows), max(len(row) for row in rows)), value, dtype=np.int64)
    for place, row in enumerate(rows):
        block[place, : len(row)] = row
    return torch.from_numpy(block)


def _reads_types(foreign: Foreign) -> bool:
    """Whether the tokenizer marks a document's tokens with type 1."""
    return any(foreign.tokenizer.encode("a", "b").type_ids)
