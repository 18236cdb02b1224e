"""``rankladder choose``: which reranker, on my data, inside my budget."""

from __future__ import annotations

import json
import re
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rankladder.cli.options import JudgedData, judged_options, long_option, offline_option, store_option
from rankladder.cli.output import Form, form_options, note, print_json, print_table, printable, resolve_form, say
from rankladder.cli.selecting import selection_options
from rankladder.errors import BadOption, StorageFailed

if TYPE_CHECKING:
    from rankladder.choose import Outcome
    from rankladder.evaluate import Dataset
    from rankladder.textfiles import Selection

_FAILED = 1
_MEMORY = re.compile(r"(?P<amount>[0-9]*\.?[0-9]+)\s*(?P<unit>[MG])i?B?", re.IGNORECASE)


@click.command()
@click.argument("data", required=False, type=click.Path(path_type=Path))
@judged_options
@selection_options
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="MODEL[,OPTION=VALUE]...",
    help="A candidate besides the models that are on this machine, as in ettin-68m,dtype=fp32 or cohere:rerank-v3.5; "
    "repeat it for more.",
)
@click.option("--only", is_flag=True, help="No candidates but those of --model and --current.")
@click.option(
    "--current", metavar="MODEL", help="What runs today, also a candidate.  [default: the retriever, no reranker]"
)
@click.option(
    "--reference",
    metavar="MODEL",
    help="For queries without judgements: this model's own ranking stands in for them. It cannot be chosen.",
)
@click.option(
    "--target",
    type=float,
    help="Share of the best candidate's mean to keep, above 0 and at most 1.  [default: 0.98]",
)
@click.option("--target-ndcg", "target_value", type=float, help="A mean of the measure to reach, in place of --target.")
@click.option("--budget-ms", type=float, help="The most that reranking one query's list may take, at the p95.")
@click.option("--memory", metavar="SIZE", help="The most memory that a process with the model may hold: 800MB, 2GB.")
@click.option(
    "--price",
    "prices",
    multiple=True,
    metavar="[MODEL=]AMOUNT/h|request|Mtok|1000units",
    help="What an hour of this machine (0.34/h) costs; of a hosted model a request, a million tokens, or a thousand "
    "search units as the service counts them (cohere:rerank-v3.5=2/1000units). Repeatable.",
)
@click.option(
    "--retriever", default="bm25", show_default=True, help="bm25, run:FILE, dense:MODEL or hybrid:MODEL (extra dense)."
)
@click.option("--top-k", type=click.IntRange(1), default=100, show_default=True, help="Candidates that are reranked.")
@long_option
@click.option("--measure", default="nDCG@10", show_default=True, help="As ir-measures writes it.")
@click.option(
    "--samples",
    type=click.IntRange(1),
    help="Latency samples of each model; a p95 wants 20, a p99 100. With fewer than 20 the slowest is held against the "
    "budget.  [default: 100 where 40 seconds hold them, else 20]",
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the split, the intervals and the tests."
)
@store_option
@click.option("--report", type=click.Path(path_type=Path), help="Write one HTML file that needs nothing else.")
@click.option("--out", type=click.Path(path_type=Path), help="A folder for choice.json and report.html.")
@offline_option
@form_options
def choose(
    data: Path | None,
    judged: JudgedData,
    select: Selection,
    models: tuple[str, ...],
    only: bool,
    current: str | None,
    reference: str | None,
    target: float | None,
    target_value: float | None,
    budget_ms: float | None,
    memory: str | None,
    prices: tuple[str, ...],
    retriever: str,
    top_k: int,
    long: Any,
    measure: str,
    samples: int | None,
    seed: int,
    store: Path | None,
    report: Path | None,
    out: Path | None,
    offline: bool | None,
    form: Form | None,
) -> int:
    """Choose a reranker: measure candidates' quality and cost on DATA, here, and take the cheapest that is good enough.

    DATA is a BEIR folder, or a JSON Lines file of judged queries with --documents; a TREC collection is given by
    --documents, --topics and --qrels. The retriever alone is always a candidate. The choice is made on one half of the
    queries and confirmed on the other, and every candidate that was passed over is given a reason; where the evidence
    does not suffice, the number of further judged queries that it takes. Scores are stored as they come: the same
    command, run again after an interruption, goes on where it was. The exit status is 1 where a model failed.

    \b
    rankladder choose scifact --budget-ms 200 --report report.html
    rankladder choose judged.jsonl --documents docs/ --current ettin-32m --target 0.99
    rankladder choose queries.tsv --documents docs/ --reference ettin-400m --target 0.9
    """
    from rankladder.choose import Price, Wishes, check_writable, local_rungs, rungs_left_out
    from rankladder.choose import choose as make_choice
    from rankladder.choose.choosing import check_request
    from rankladder.choose.report import make_folder
    from rankladder.evaluate import open_candidates, parse_measures
    from rankladder.evaluate.candidates import check_retriever
    from rankladder.evaluate.measures import check_grades, cutoff, highest_grade
    from rankladder.rerank import ModelRequest

    # What these words alone show to be wrong is refused before any data is read.
    named = [ModelRequest.parse(text) for text in models]
    if only and not named and current is None:
        raise click.UsageError("--only leaves no candidate: name some with --model")
    if target is not None and target_value is not None:
        raise click.UsageError("--target and --target-ndcg exclude each other")
    share = 0.98 if target is None and target_value is None else target
    limit = None if memory is None else parse_memory(memory)
    wishes = Wishes(target=share, target_value=target_value, budget_ms=budget_ms, memory_mb=limit)
    priced = [Price.parse(text) for text in prices]
    today = None if current is None else ModelRequest.parse(current)
    stand_in = None if reference is None else ModelRequest.parse(reference)
    wanted = parse_measures([measure])
    candidate_models = [*([] if only else local_rungs()), *named]
    check_request(candidate_models, today, stand_in, wanted, priced)
    check_retriever(retriever)
    if out is not None:
        make_folder(out)
    if report is not None:
        check_writable(report)
    dataset = judged.read(data, select) if stand_in is None else _read_unjudged(data, judged, select)
    check_grades(wanted, highest_grade(dataset.qrels))
    try:
        candidates = open_candidates(dataset, retriever, depth=max(top_k, cutoff(wanted[0]) or 0), offline=offline)
        outcome = make_choice(
            dataset,
            candidates,
            candidate_models,
            current=today,
            reference=stand_in,
            wishes=wishes,
            prices=priced,
            measure=measure,
            top_k=top_k,
            long=long,
            samples=samples,
            store=store,
            seed=seed,
            offline=offline,
            tell=lambda what: click.echo(f"{what} …", err=True),
        )
    except KeyboardInterrupt:
        note("what was scored is stored: the same command goes on from there")
        raise
    command = shlex.join(["rankladder", *sys.argv[1:]])
    left_out = [] if only else rungs_left_out()
    outcome = replace(
        outcome, remarks=(*outcome.remarks, *left_out), reproduce={"command": command, **outcome.reproduce}
    )
    told = outcome.to_dict()
    try:  # a report that the disk refuses does not hide the result, nor a closed pipe keep the report from the disk
        if resolve_form(form) == "json":
            _print_json(told)
        else:
            _print_table(outcome)
    finally:
        _write(told, report, out)
    return _FAILED if any(one.failed or one.cost_failed for one in outcome.candidates) else 0


def parse_memory(text: str) -> float:
    """MiB from a size: ``800MB``, ``2GB``, ``1.5G``; a GB is 1,024 MB here.

    >>> parse_memory("800MB"), parse_memory("1.5G")
    (800.0, 1536.0)

    Raises BadOption.
    """
    found = _MEMORY.fullmatch(text.strip())
    if found is None:
        raise BadOption(f"memory {text!r}: expected a size with its unit", hint="--memory 800MB or --memory 2GB")
    return float(found["amount"]) * (1024 if found["unit"].upper() == "G" else 1)


def _read_unjudged(data: Path | None, given: JudgedData, select: Selection) -> Dataset:
    from rankladder.choose import read_unjudged

    judging = (given.qrels, given.split, given.drop_pairs)
    if any(one is not None for one in judging) or given.grade_scale != 1:
        raise click.UsageError(
            "--reference stands in for judgements: leave --qrels, --split, --drop-pairs and --grade-scale out"
        )
    return read_unjudged(
        data,
        documents=given.documents,
        topics=given.topics,
        field=given.field,
        queries=given.queries,
        keep_same_ids=given.keep_same_ids,
        select=select,
    )


def _print_table(outcome: Outcome) -> None:
    from rankladder.choose.sentences import figure, milliseconds, spread

    count = len(outcome.selection) + len(outcome.held_out)
    counts = f"{count:,} {'query' if count == 1 else 'queries'}"
    say(f"{printable(outcome.dataset['name'])}: {counts}, {outcome.measured}, over {outcome.retriever['name']}\n")
    priced = any(one.spent is not None and one.spent.per_1000_queries for one in outcome.candidates)
    headers = ["candidate", outcome.measure if outcome.reference is None else "agreement", "held out"]
    headers += ["p50", "p95", "p99", "pairs/s", "MiB", *(["1,000 queries"] if priced else []), "verdict"]
    rows = []
    for one in outcome.candidates:
        spent = one.spent
        cells = [one.name, *("–" if each is None else spread(each) for each in (one.overall, one.held_out))]
        times = (None, None, None) if spent is None else (spent.p50_ms, spent.p95_ms, spent.p99_ms)
        cells += [milliseconds(each).removesuffix(" ms") for each in times]
        if spent is not None and spent.p95_ms is None and spent.worst_ms is not None:
            cells[-2] = f"{milliseconds(spent.worst_ms).removesuffix(' ms')} (slowest)"
        rate, held = (None, None) if spent is None else (spent.pairs_per_second, spent.memory_mb)
        cells += ["–" if each is None else f"{each:,.0f}" for each in (rate, held)]
        if priced:
            cells.append(figure(None if spent is None else spent.per_1000_queries, 4))
        mark = "".join((*(f", also {other}" for other in one.also), ", runs today" if one.current else ""))
        rows.append([*cells, f"{one.reason}{mark}"])
    print_table(headers, [[*map(printable, row)] for row in rows], right=range(1, len(headers) - 1))
    say()
    for sentence in outcome.sentences:
        say(printable(sentence))
    say()
    for one in outcome.candidates:
        say(printable(f"  {one.name}: {one.reason}; {one.sentence}"))
    for remark in outcome.remarks:
        note(printable(remark))


def _print_json(told: dict[str, Any]) -> None:
    """A line for each candidate, then one with all the rest; ``--out`` holds the values query by query."""
    for row in told["candidates"]:
        print_json({"dataset": told["dataset"]["name"], **{k: v for k, v in row.items() if k != "values"}})
    left_out = ("candidates", "queries", "changes", "examples")
    print_json({key: value for key, value in told.items() if key not in left_out})


def _write(told: dict[str, Any], report: Path | None, out: Path | None) -> None:
    """Writes the JSON and the reports, each whatever becomes of the others. Raises the first StorageFailed."""
    from rankladder.choose import write_report

    failures: list[StorageFailed] = []
    reports = [path for path in (report, out and out / "report.html") if path is not None]
    if out is not None:
        try:
            _write_json(told, out / "choice.json")
        except StorageFailed as error:
            failures.append(error)
    for path in reports:
        try:
            write_report(told, path)
            note(f"report: {path}")
        except StorageFailed as error:
            failures.append(error)
    if failures:
        raise failures[0]


def _write_json(told: dict[str, Any], path: Path) -> None:
    from rankladder.storage import whole_file

    with whole_file(path) as file:
        file.write(json.dumps(told, ensure_ascii=True, indent=1, allow_nan=False) + "\n")
