"""What a choice has to satisfy."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rankladder.arguments import check_fields
from rankladder.errors import BadOption

TARGET = 0.95
"""The share of the best mean that is kept by default."""
CONFIDENCE = 0.80
"""The probability from which a contender is chosen by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the choice has to satisfy.

    Attributes:
        target: A share of the best contender's mean, above 0 and at most 1; by default ``TARGET`` where there is no
            ``target_value``.
        target_value: A mean itself, in place of the share.
        confidence: The probability of keeping the target from which a contender is chosen, 0.5 to 0.99.
        budget_ms: The most that the p95 of one query's pass may be.
        memory_mb: The most that the peak memory may be, MiB.

    Raises BadOption for a number out of its range, and for both targets.
    """

    target: float | None = None
    target_value: float | None = None
    confidence: float = CONFIDENCE
    budget_ms: float | None = None
    memory_mb: float | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        if self.target is not None and self.target_value is not None:
            raise BadOption("a target is a share of the best mean or a mean to reach: expected one of the two")
        if self.target is None and self.target_value is None:
            object.__setattr__(self, "target", TARGET)
        for name in ("target", "target_value"):
            value = getattr(self, name)
            if value is not None and not 0 < value <= 1:
                raise BadOption(f"{name} must be above 0 and at most 1, got {value}")
        if not 0.5 <= self.confidence <= 0.99:
            raise BadOption(
                f"confidence must be between 0.5 and 0.99, got {self.confidence}",
                hint="0.8 accepts a contender that is probably good enough, 0.99 only a contender beyond doubt",
            )
        for name in ("budget_ms", "memory_mb"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise BadOption(f"{name} must be above 0, got {value}")
