"""Operations of a network, against torch's own counter and against a count by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForSequenceClassification

from rankladder.checkpoint import ModernBert, Network, open_checkpoint
from rankladder.cost.flops import flops


@pytest.mark.parametrize(("kind", "tokens"), [("bert", 24), ("modernbert_cls", 12)])
def test_operations_are_what_torch_counts(kind: str, tokens: int, request: pytest.FixtureRequest) -> None:
    """12 tokens lie within one window of the tiny ModernBERT, where its local layers see everything."""
    folder: Path = request.getfixturevalue(kind)
    model = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager")
    ids = torch.randint(5, 100, (1, tokens))
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model(input_ids=ids, attention_mask=torch.ones_like(ids))
    counted = counter.get_total_flops()
    assert flops(open_checkpoint(folder).network, tokens) == pytest.approx(counted, rel=0.002)


def test_a_sliding_window_saves_what_lies_outside_it() -> None:
    shape = ModernBert(1, 8, 2, 16, 100, 512, 1e-5, "gelu", 1, (False,), 1e4, 1e4)
    everything = ModernBert(1, 8, 2, 16, 100, 512, 1e-5, "gelu", 1, (True,), 1e4, 1e4)
    local, whole = (flops(Network(encoder, "cls", ()), 5) for encoder in (shape, everything))
    dense = 5 * (8 * 8 * 8 + 6 * 8 * 16)
    assert whole == dense + 4 * 8 * 25
    assert local == dense + 4 * 8 * (2 + 3 + 3 + 3 + 2)


def test_one_token_is_one_token() -> None:
    shape = ModernBert(1, 8, 2, 16, 100, 512, 1e-5, "gelu", 64, (False,), 1e4, 1e4)
    assert flops(Network(shape, "cls", ()), 1) == 8 * 64 + 6 * 128 + 4 * 8
