"""Which ``model_type`` is read by whom: here in full, or by transformers after its files were checked."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from rankladder.checkpoint.jsonfile import read_json
from rankladder.errors import CheckpointRefused

Family = Literal["classifier", "causal"]

NATIVE = frozenset({"bert", "modernbert"})
"""``model_type`` of the architectures that this room reads in full."""

ENCODERS = NATIVE | {
    "albert",
    "camembert",
    "deberta",
    "deberta-v2",
    "distilbert",
    "electra",
    "mpnet",
    "roberta",
    "xlm-roberta",
}
"""``model_type`` of the encoders whose classifiers transformers builds for us."""

OFFSET_POSITIONS = frozenset({"camembert", "mpnet", "roberta", "xlm-roberta"})
"""Those that count positions from ``pad_token_id + 1``, and so read that many tokens fewer."""

CAUSAL = frozenset({"qwen2", "qwen3"})
"""``model_type`` of the language models whose published reranking prompt we know."""

CAUSAL_TOKENS = 8192
"""The longest sequence that the causal rerankers are published for."""


def foreign_family(folder: Path) -> Family | None:
    """What a folder holds whose ``model_type`` is not read here; None where it is, or where nobody knows it.

    A config that cannot be read counts as our own: reading it says what is wrong.
    """
    try:
        config = read_json(folder / "config.json")
    except CheckpointRefused:
        return None
    kind = config.get("model_type") if isinstance(config, dict) else None
    if not isinstance(kind, str) or kind in NATIVE:
        return None
    return "classifier" if kind in ENCODERS else "causal" if kind in CAUSAL else None
