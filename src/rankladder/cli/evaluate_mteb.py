"""``rankladder evaluate mteb``: rerankers on mteb's retrieval tasks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rankladder.cli.options import GivenPath, store_option
from rankladder.cli.output import Form, form_options, note, print_json, print_table, resolve_form, say
from rankladder.visible import visible

if TYPE_CHECKING:
    from rankladder.evaluate.mteb import MeanScore, TaskScore

_FAILED = 1
_ZERO_SHOT = {True: "yes", False: "no", None: "not known"}


@click.command("mteb")
@click.option(
    "--model",
    "models",
    multiple=True,
    help="A reranker, with options: NAME[,OPTION=VALUE]…; may be given again.  [default: box]",
)
@click.option(
    "--tasks",
    "names",
    multiple=True,
    help="mteb's retrieval tasks (SciFact,NanoSciFact), or BEIR folders; commas between them, or given again.",
)
@click.option("--benchmark", help='The retrieval tasks of a benchmark: "MTEB(eng, v2)", NanoBEIR, ….')
@click.option(
    "--first-stage",
    "stages",
    multiple=True,
    help="bm25, run:FOLDER of TREC runs (TASK.trec), or an embedder's name, hub id or folder; may be given again.  "
    "[default: bm25]",
)
@click.option(
    "--top-k", type=click.IntRange(1), default=100, show_default=True, help="Candidates to rerank for each query."
)
@click.option(
    "--results",
    required=True,
    type=GivenPath(file_okay=False),
    help="Folder of results in mteb's form; results in it are not computed again.",
)
@store_option
@click.option("--offline", is_flag=True, default=None, help="Never touch the network, for models or data sets.")
@form_options
def mteb(
    models: tuple[str, ...],
    names: tuple[str, ...],
    benchmark: str | None,
    stages: tuple[str, ...],
    top_k: int,
    results: Path,
    store: Path | None,
    offline: bool | None,
    form: Form | None,
) -> int:
    """Measure rerankers on mteb's retrieval tasks (extra `mteb`).

    A first stage finds candidates, each model reranks the best of them, and mteb measures. Shows nDCG@10, whether a
    task's data was in the model's training (zero-shot or not), and published figures where they were made the same way.
    Scores are stored as they come: after an interruption, the same command resumes.

    \b
    rankladder evaluate mteb --tasks NanoSciFact,NanoFiQA2018 --results mteb-results
    rankladder evaluate mteb --model ettin-32m --benchmark "MTEB(eng, v2)" \\
        --first-stage BAAI/bge-small-en-v1.5 --results mteb-results
    rankladder evaluate mteb --model box,dtype=fp32 --tasks my-beir-folder --results mteb-results
    """
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"  # read once, when mteb's libraries are imported below
    from rankladder.evaluate.mteb import (
        benchmark_tasks,
        find_task,
        first_stage,
        mean_scores,
        rerank_tasks,
        task_remarks,
    )
    from rankladder.evaluate.mteb.means import not_comparable
    from rankladder.rerank import ModelRequest

    if bool(names) == bool(benchmark):
        raise click.UsageError("give either --tasks or --benchmark")
    listed = [name.strip() for text in names for name in text.split(",") if name.strip()]
    tasks = benchmark_tasks(benchmark) if benchmark else [find_task(name) for name in listed]
    for task in tasks:
        for remark in task_remarks(task):
            note(visible(f"{task.metadata.name}: {remark}"))
    try:
        scores = rerank_tasks(
            tasks,
            [ModelRequest.parse(model) for model in models or ("box",)],
            results=results,
            first_stages=[first_stage(stage) for stage in stages or ("bm25",)],
            top_k=top_k,
            store=store,
            offline=offline,
            progress=note,
        )
    except KeyboardInterrupt:
        note("the scores are stored: the same command resumes from them")
        raise
    means = mean_scores(scores, top_k=top_k)
    if resolve_form(form) == "json":
        _print_json(scores, means, top_k)
    else:
        _print_tables(scores, means)
    for line in not_comparable(scores, top_k=top_k):
        note(line)
    failed = [score for score in scores if score.failed is not None]
    for score in failed:
        note(visible(f"{score.task}: {score.model} over {score.first_stage} failed: {score.failed}"))
    return _FAILED if failed else 0


def _print_json(scores: list[TaskScore], means: list[MeanScore], top_k: int) -> None:
    for score in scores:
        print_json(
            {
                "task": score.task,
                "first_stage": score.first_stage,
                "model": score.model,
                "top_k": top_k,
                "ndcg_at_10": score.ndcg,
                "zero_shot": score.zero_shot,
                "file": None if score.file is None else str(score.file),
                "failed": score.failed,
            }
        )
    for mean in means:
        print_json(
            {
                "mean_over_tasks": mean.tasks,
                "first_stage": mean.first_stage,
                "model": mean.model,
                "top_k": top_k,
                "ndcg_at_10": None if mean.ndcg is None else round(mean.ndcg, 5),
                "zero_shot_tasks": mean.zero_shot_tasks,
                "zero_shot_ndcg_at_10": None if mean.zero_shot_ndcg is None else round(mean.zero_shot_ndcg, 5),
                "published": mean.published,
            }
        )


def _print_tables(scores: list[TaskScore], means: list[MeanScore]) -> None:
    rows: list[list[Any]] = [
        [score.task, score.first_stage, score.model or "–", _figure(score.ndcg, "failed"), _ZERO_SHOT[score.zero_shot]]
        for score in scores
    ]
    print_table(["task", "first stage", "model", "nDCG@10", "zero-shot"], rows, right=[3])
    say()
    rows = [
        [
            mean.first_stage or "all",
            mean.model or "–",
            _figure(mean.ndcg),
            mean.tasks,
            _figure(mean.zero_shot_ndcg),
            mean.zero_shot_tasks,
            _figure(mean.published),
        ]
        for mean in means
    ]
    headers = ["first stage", "model", "mean nDCG@10", "tasks", "zero-shot mean", "zero-shot tasks", "published mean"]
    print_table(headers, rows, right=range(2, 7))


def _figure(value: float | None, missing: str = "–") -> str:
    return missing if value is None else f"{value:.4f}"
