"""Pairs → token ids → scores → Ranking."""

from rankladder.rerank.encoded import EncodedDocument
from rankladder.rerank.reranker import Long, PairsTruncated, Reranker, probability

__all__ = ["EncodedDocument", "Long", "PairsTruncated", "Reranker", "probability"]
