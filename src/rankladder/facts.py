"""What an opened model is: one value, made where the scorer is made, for every room that reports or compares."""

from __future__ import annotations

from dataclasses import dataclass

HOSTED = "hosted"
"""The engine of a model that a service runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """An opened model.

    Attributes:
        model: Its name, without its number format: ``box``, ``cohere:rerank-v3.5``; of a folder, the last part.
        dtype: The number format: fp32, int8, …; of a service, what its scores are; "" where neither is known.
        engine: ``onnx``, ``torch``, ``sentence-transformers``, or ``hosted``.
        device: ``cpu``, ``cuda:0``, ``mps``, or ``hosted``.
        threads: Threads that score, on a CPU; None elsewhere.
        reads: Longest sequence in tokens, special tokens included; None where a service does not say.
        frame: How many of these are special tokens.
        token_budget: Tokens of a batch when the model was opened, where it has batches.
        revision: The hub commit; None for a folder, the model in the box, and a service.
        tokenizer: Whose token ids it reads (``Checkpoint.tokenizer_digest``); "" where it takes texts alone.
        digest: Which scores these are: another wherever weights, tokenizer, number format, engine, kind of device,
            length or this program's version differ. A service's says no more than the service does.
        note: One line for people: why this number format, on what it runs.
    """

    model: str
    dtype: str
    engine: str
    device: str
    threads: int | None
    reads: int | None
    tokenizer: str
    digest: str
    note: str
    frame: int = 0
    token_budget: int | None = None
    revision: str | None = None

    @property
    def hosted(self) -> bool:
        """Whether a service runs it: its scores cost money, travel, and belong to the list that they were given for."""
        return self.engine == HOSTED

    @property
    def stage(self) -> str:
        """The name of a ranking's stage: the model and its number format, ``box int8``; a service's model alone."""
        return self.model if self.hosted or not self.dtype else f"{self.model} {self.dtype}"
