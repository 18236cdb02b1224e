"""Run × qrels → how good, how sure, and better than what."""

from rankladder.evaluate.candidates import (
    Candidates,
    bm25_candidates,
    candidates_from_run,
    dense_candidates,
    hybrid_candidates,
    open_candidates,
    open_lists,
    retrieved,
)
from rankladder.evaluate.dataset import Dataset
from rankladder.evaluate.evaluation import Change, Comparison, Evaluation, ShownDocument, System
from rankladder.evaluate.measures import measure_run, parse_measures
from rankladder.evaluate.reading import read_dataset
from rankladder.evaluate.running import evaluate
from rankladder.evaluate.statistics import (
    Interval,
    at_most,
    bootstrap_interval,
    holm,
    holm_at_most,
    randomisation_test,
    unseen_share,
)

__all__ = [
    "Candidates",
    "Change",
    "Comparison",
    "Dataset",
    "Evaluation",
    "Interval",
    "ShownDocument",
    "System",
    "at_most",
    "bm25_candidates",
    "bootstrap_interval",
    "candidates_from_run",
    "dense_candidates",
    "evaluate",
    "holm",
    "holm_at_most",
    "hybrid_candidates",
    "measure_run",
    "open_candidates",
    "open_lists",
    "parse_measures",
    "randomisation_test",
    "read_dataset",
    "retrieved",
    "unseen_share",
]
