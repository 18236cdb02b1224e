"""Pairs of texts whose sequences have a given number of tokens."""

from __future__ import annotations

import random

import numpy as np
from tokenizers import Tokenizer

Pairs = list[tuple[str, str]]

QUERY = "why is the sky blue"
MEAN_TOKENS, SPREAD = 148, 0.6


def pair_of(tokenizer: Tokenizer, tokens: int, words: list[str], seed: int) -> tuple[str, str]:
    """A pair whose sequence has ``tokens`` tokens, or a few less; words are drawn from ``words``."""
    draw = random.Random(seed)
    text = " ".join(draw.choice(words) for _ in range(tokens))
    encoding = tokenizer.encode(text, add_special_tokens=False)
    room = tokens - len(tokenizer.encode(QUERY, ""))
    return QUERY, text[: encoding.offsets[min(room, len(encoding)) - 1][1]]


def natural_pairs(tokenizer: Tokenizer, count: int, words: list[str], seed: int) -> tuple[Pairs, list[int]]:
    """Pairs of natural length, log-normal, mean about 148 tokens, 20 to 500; and the length of each in tokens."""
    wanted = np.random.default_rng(seed).lognormal(np.log(MEAN_TOKENS) - SPREAD**2 / 2, SPREAD, count).clip(20, 500)
    pairs = [pair_of(tokenizer, length, words, seed + place) for place, length in enumerate(wanted.astype(int))]
    return pairs, [len(tokenizer.encode(*pair)) for pair in pairs]
