"""Rerankers in mteb (extra ``mteb``): its tasks, its two-stage flow, its files of results.

Source: https://github.com/embeddings-benchmark/mteb (checked against 2.26.24).
"""

from rankladder.evaluate.mteb.flow import TaskScore, rerank_tasks
from rankladder.evaluate.mteb.local import local_task, task_remarks
from rankladder.evaluate.mteb.means import MeanScore, mean_scores
from rankladder.evaluate.mteb.reranker import MtebReranker, as_mteb
from rankladder.evaluate.mteb.stages import Bm25Stage, EmbedderStage, FirstStage, RunStage, first_stage
from rankladder.evaluate.mteb.tasks import benchmark_tasks, find_task

__all__ = [
    "Bm25Stage",
    "EmbedderStage",
    "FirstStage",
    "MeanScore",
    "MtebReranker",
    "RunStage",
    "TaskScore",
    "as_mteb",
    "benchmark_tasks",
    "find_task",
    "first_stage",
    "local_task",
    "mean_scores",
    "rerank_tasks",
    "task_remarks",
]
