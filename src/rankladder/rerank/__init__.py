"""Pairs → token ids → scores → Ranking."""

from rankladder.facts import Facts
from rankladder.rerank.encoded import EncodedDocument
from rankladder.rerank.opening import open_tokens
from rankladder.rerank.request import ModelRequest
from rankladder.rerank.reranker import PairsTruncated, Reranker
from rankladder.rerank.scorer import Long
from rankladder.rerank.sigmoid import probability
from rankladder.rerank.tokens import ModelTokens

__all__ = [
    "EncodedDocument",
    "Facts",
    "Long",
    "ModelRequest",
    "ModelTokens",
    "PairsTruncated",
    "Reranker",
    "open_tokens",
    "probability",
]
