"""Pairs → token ids → scores → Ranking."""

from rankladder.rerank.reranker import Long, PairsTruncated, Reranker, probability

__all__ = ["Long", "PairsTruncated", "Reranker", "probability"]
