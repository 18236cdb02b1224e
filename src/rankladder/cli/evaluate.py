"""``rankladder evaluate``: measure rerankers on judged queries."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rankladder.cli.argument_or_verb import ArgumentOrVerb
from rankladder.cli.evaluate_mteb import mteb
from rankladder.cli.options import GivenPath, JudgedData, judged_options, long_option, offline_option, store_option
from rankladder.cli.output import Form, form_options, note, print_json, print_table, resolve_form, say
from rankladder.cli.selecting import selection_options
from rankladder.visible import visible

if TYPE_CHECKING:
    from rankladder.evaluate import Change, Evaluation, System
    from rankladder.textfiles import Selection

_FAILED = 1
_TEXT_SIGNS = 60


@click.group(cls=ArgumentOrVerb, invoke_without_command=True, no_args_is_help=True, subcommand_metavar="")
@click.argument("data", required=False, type=GivenPath())
@judged_options
@selection_options
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="MODEL[,OPTION=VALUE]...",
    help="A reranker, as in box or ettin-68m,dtype=fp32; repeat it for more.  [default: none, retrievers alone]",
)
@click.option(
    "--retriever",
    "retrievers",
    multiple=True,
    default=["bm25"],
    show_default=True,
    metavar="NAME",
    help="bm25, run:FILE, dense:MODEL or hybrid:MODEL (extra dense); repeat it for more.",
)
@click.option(
    "--top-k", type=click.IntRange(1), default=100, show_default=True, help="Candidates to rerank for each query."
)
@click.option(
    "--depth",
    type=click.IntRange(1),
    help="Candidates to retrieve.  [default: --top-k, or the depth of the deepest measure if more; all of a run]",
)
@click.option(
    "--measures",
    multiple=True,
    default=["nDCG@10"],
    show_default=True,
    help='As ir-measures writes them: "nDCG@10 RR@10 AP R@100". The first decides which queries changed most.',
)
@long_option
@click.option(
    "--changes",
    type=click.IntRange(0),
    default=5,
    show_default=True,
    help="How many of the most helped, and of the most harmed, queries to show.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the intervals and the tests."
)
@store_option
@click.option("--out", type=GivenPath(), help="A folder for evaluation.json, evaluation.md and runs/*.trec.")
@offline_option
@form_options
def evaluate(
    data: Path | None,
    judged: JudgedData,
    select: Selection,
    language: str | None,
    models: tuple[str, ...],
    retrievers: tuple[str, ...],
    top_k: int,
    depth: int | None,
    measures: tuple[str, ...],
    long: Any,
    changes: int,
    seed: int,
    store: Path | None,
    out: Path | None,
    offline: bool | None,
    form: Form | None,
) -> int:
    """Measure rerankers on judged queries, beside the retriever alone.

    DATA is a BEIR folder, or a JSON Lines file of judged queries with --documents; a TREC collection is given by
    --documents, --topics and --qrels. Means come with 95 % intervals, and all systems are compared in pairs, corrected
    for the number of tests. Scores are stored as they come: after an interruption, the same command resumes. The exit
    status is 1 if a model failed; the others are finished and shown.

    A data folder named mteb is written ./mteb.

    \b
    rankladder evaluate scifact --model box --model ettin-68m --out report
    rankladder evaluate judged.jsonl --documents docs/ --model box --measures "nDCG@10 RR@10"
    rankladder evaluate --documents corpus.jsonl --topics topics.txt --qrels qrels.txt --retriever run:bm25.trec
    """
    from rankladder.evaluate import evaluate as run_evaluation
    from rankladder.evaluate import open_lists, parse_measures
    from rankladder.evaluate.candidates import check_retriever
    from rankladder.evaluate.measures import check_grades, cutoff, highest_grade
    from rankladder.evaluate.report import write_report
    from rankladder.evaluate.running import check_once
    from rankladder.rerank import ModelRequest
    from rankladder.storage import expect_writable

    # What these words alone show to be wrong is refused before any data is read.
    requests = [ModelRequest.parse(model) for model in models]
    check_once("model", [request.text for request in requests])
    check_once("retriever", retrievers)
    for name in retrievers:
        check_retriever(name)
    wanted = parse_measures(measures)
    if depth is not None and depth < top_k:
        raise click.UsageError(f"--depth {depth} retrieves fewer candidates than --top-k {top_k} reranks")
    if out is not None:
        expect_writable(out)
    dataset = judged.read(data, select, language)
    check_grades(wanted, highest_grade(dataset.qrels))
    deep = depth or max(top_k, *(cutoff(measure) or 0 for measure in wanted))
    try:
        candidates = open_lists(dataset, retrievers, depth=deep, cut_runs=depth is not None, offline=offline)
        found = run_evaluation(
            dataset,
            candidates,
            requests,
            measures=wanted,
            top_k=top_k,
            store=store,
            long=long,
            most_changed=changes,
            seed=seed,
            offline=offline,
        )
    except KeyboardInterrupt:
        note("the scores are stored: the same command resumes from them")
        raise
    command = shlex.join(["rankladder", *sys.argv[1:]])
    found = replace(found, settings={"command": command, "depth": deep, **found.settings})
    try:  # a report that the disk refuses does not hide the result, nor a closed pipe keep the report from the disk
        for remark in found.remarks:
            note(visible(remark))
        if resolve_form(form) == "json":
            _print_json(found)
        else:
            _print_tables(found)
        for system in found.failed:
            note(visible(f"{system.name} failed: {system.failed}"))
    finally:
        if out is not None:
            for remark in write_report(found, out):
                note(visible(remark))
    return _FAILED if found.failed else 0


evaluate.add_command(mteb)


def _print_tables(found: Evaluation) -> None:
    from rankladder.evaluate.report import about_tests, comparison_table, system_table

    count = len(found.dataset.qrels.grades)
    say(f"{visible(found.dataset.name)}: {count:,} judged {'query' if count == 1 else 'queries'}\n")
    headers, rows = system_table(found)
    print_table(headers, [[*map(visible, row)] for row in rows], right=range(1, len(headers)))
    if found.comparisons:
        headers, rows = comparison_table(found)
        say()
        print_table(headers, [[*map(visible, row)] for row in rows], right=range(3, len(headers)))
    say(f"\n{about_tests(found)}")
    if found.changes:
        say()
        print_table(
            ["system", "query", "retriever", "reranker", "text", "first before", "first after"],
            [_change_cells(change) for change in found.changes],
            right=(2, 3),
        )


def _change_cells(change: Change) -> list[str]:
    heads = [head[0].id if head else "—" for head in (change.top_before, change.top_after)]
    text = change.text if len(change.text) <= _TEXT_SIGNS else f"{change.text[: _TEXT_SIGNS - 1]}…"
    cells = [change.system, change.query, f"{change.before:.4f}", f"{change.after:.4f}", text, *heads]
    return [visible(" ".join(cell.split())) for cell in cells]


def _print_json(found: Evaluation) -> None:
    """A line for each system, then a line for each comparison; ``--out`` holds the values query by query."""
    for system in found.systems:
        print_json({"dataset": found.dataset.name, **_system_row(system)})
    for comparison in found.comparisons:
        print_json(
            {
                "measure": comparison.measure,
                "first": comparison.first,
                "second": comparison.second,
                "difference": comparison.difference,
                "p": comparison.p,
                "p_at_most": comparison.p_at_most,
                "p_holm": comparison.p_holm,
                "p_holm_at_most": comparison.p_holm_at_most,
                "tests": found.tests,
                "wins": comparison.wins,
                "ties": comparison.ties,
                "losses": comparison.losses,
            }
        )


def _system_row(system: System) -> dict[str, Any]:
    return {
        "system": system.name,
        "role": system.role,
        "candidates": system.candidates,
        "measures": {
            measure: {"mean": interval.mean, "low": interval.low, "high": interval.high}
            for measure, interval in system.intervals.items()
        },
        "pairs": system.pairs,
        "truncated": system.truncated,
        "failed": system.failed,
        "digest": system.digest,
    }
