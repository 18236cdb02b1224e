"""Hosted rerankers: a service's API as one more scorer. The HTTP library is imported when one is opened."""

from rankladder.rerank.hosted.address import is_hosted
from rankladder.rerank.hosted.opening import open_hosted
from rankladder.rerank.hosted.patience import Clock, Patience
from rankladder.rerank.hosted.scorer import HostedScorer
from rankladder.rerank.hosted.usage import Usage

__all__ = ["Clock", "HostedScorer", "Patience", "Usage", "is_hosted", "open_hosted"]
