"""``rankladder choose``: which reranker, on my data, inside my budget."""

from __future__ import annotations

import re
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rankladder.cli.options import GivenPath, JudgedData, judged_options, long_option, offline_option, store_option
from rankladder.cli.output import Form, form_options, note, resolve_form, tell
from rankladder.cli.selecting import selection_options
from rankladder.errors import BadOption

if TYPE_CHECKING:
    from rankladder.choose import ChoiceRequest, Outcome
    from rankladder.evaluate import Candidates, Dataset
    from rankladder.textfiles import Selection

FAILED, PROBABLE, BEST_BET, NOTHING = 1, 20, 21, 22
"""Exit statuses: a model failed; the choice is probable, unsettled, or there is none."""
_MEMORY = re.compile(r"(?P<amount>[0-9]*\.?[0-9]+)\s*(?P<unit>[MG])i?B?", re.IGNORECASE)


@click.command()
@click.argument("data", required=False, type=GivenPath())
@judged_options
@selection_options
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="MODEL[,OPTION=VALUE]...",
    help="A contender besides the models that are on this machine, as in ettin-68m,dtype=fp32 or cohere:rerank-v3.5; "
    "repeat it for more.",
)
@click.option("--only", is_flag=True, help="Only the contenders of --model and --current.")
@click.option(
    "--current",
    metavar="MODEL",
    help="The model in use today; also a contender.  [default: the retriever, no reranker]",
)
@click.option(
    "--reference",
    metavar="MODEL",
    help="For queries without judgements: use this model's ranking as judgements. It cannot be chosen itself.",
)
@click.option(
    "--target",
    type=float,
    help="Share of the best contender's mean to keep, above 0 and at most 1.  [default: 0.95]",
)
@click.option("--target-ndcg", "target_value", type=float, help="A mean of the measure to reach, in place of --target.")
@click.option(
    "--confidence",
    type=float,
    default=0.8,
    show_default=True,
    help="Choose the cheapest that keeps the target with this probability, 0.5 to 0.99.",
)
@click.option(
    "--confirm",
    "later",
    type=GivenPath(),
    metavar="LATER",
    help="Judged queries collected later, in the form of DATA. They check the choice and do not influence it.",
)
@click.option("--budget-ms", type=float, help="The most that reranking one query's list may take, at the p95.")
@click.option("--memory", metavar="SIZE", help="The most memory that a process with the model may hold: 800MB, 2GB.")
@click.option(
    "--price",
    "prices",
    multiple=True,
    metavar="[MODEL=]AMOUNT/h|request|Mtok|1000units",
    help="Price of an hour of this machine (0.34/h), or of a hosted model's request, million tokens, or thousand "
    "search units as the service counts them (cohere:rerank-v3.5=2/1000units). Repeatable.",
)
@click.option(
    "--retriever", default="bm25", show_default=True, help="bm25, run:FILE, dense:MODEL or hybrid:MODEL (extra dense)."
)
@click.option(
    "--top-k", type=click.IntRange(1), default=100, show_default=True, help="Candidates to rerank for each query."
)
@long_option
@click.option("--measure", default="nDCG@10", show_default=True, help="The measure, as ir-measures writes it.")
@click.option(
    "--samples",
    type=click.IntRange(1),
    help="Latency samples of each model. A p95 needs 20, a p99 100; with fewer than 20 the slowest is compared "
    "with the budget.  [default: 100 if they fit in 40 seconds, else 20]",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Seed of the draws, the intervals and the tests.",
)
@store_option
@click.option("--report", type=GivenPath(), help="Write the report as one HTML file that needs no other files.")
@click.option("--csv", "csv", type=GivenPath(), help="Write the table of contenders as CSV.")
@click.option("--out", type=GivenPath(), help="A folder for choice.json, report.html and contenders.csv.")
@offline_option
@form_options
def choose(
    data: Path | None, judged: JudgedData, select: Selection, language: str | None, form: Form | None, **options: Any
) -> int:
    """Choose a reranker: measure contenders' quality and cost on DATA on this machine; take the cheapest good one.

    DATA is a BEIR folder, or a JSON Lines file of judged queries with --documents; a TREC collection is given by
    --documents, --topics and --qrels. The retriever alone is always a contender. The answer states how sure it is:
    beyond doubt, probably (with the probability), or only the best bet. Every contender that was not chosen has a
    reason. Scores are stored as they come: after an interruption, the same command resumes.

    The exit status is 0 if the choice is beyond doubt, 20 if it is probable, 21 if there is only a best bet,
    22 if there is nothing to choose, and 1 if a model failed.

    \b
    rankladder choose scifact --budget-ms 200 --report report.html
    rankladder choose judged.jsonl --documents docs/ --current ettin-32m --target 0.98
    rankladder choose queries.tsv --documents docs/ --reference ettin-400m --target 0.9
    """
    from rankladder.choose import choose as make_choice
    from rankladder.cli.choice_output import check_places, print_outcome, write_outcome
    from rankladder.evaluate.candidates import check_retriever

    # What these words alone show to be wrong is refused before any data is read.
    request = _request(judged, options)
    check_retriever(options["retriever"])
    check_places(options["report"], options["csv"], options["out"])
    dataset = _read(data, judged, select, language, request)
    later = None if options["later"] is None else _read_later(options["later"], judged, select, language, request)
    try:
        outcome = make_choice(
            dataset,
            _candidates(dataset, options, request),
            request,
            later=None if later is None else (later, _candidates(later, options, request)),
            tell=lambda what: tell(f"{what} …"),
        )
    except KeyboardInterrupt:
        note("the scores are stored: the same command resumes from them")
        raise
    try:  # a report that the disk refuses does not hide the result, nor a closed pipe keep the report from the disk
        print_outcome(outcome, resolve_form(form))
    finally:
        write_outcome(outcome, options["report"], options["csv"], options["out"])
    return _status(outcome)


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


def _request(judged: JudgedData, options: dict[str, Any]) -> ChoiceRequest:
    """The choice that the options ask for. Raises BadOption, UsageError."""
    from rankladder.choose import ChoiceRequest, Price, Wishes
    from rankladder.rerank import ModelRequest

    named = [ModelRequest.parse(text) for text in options["models"]]
    today, stand_in = (
        None if options[name] is None else ModelRequest.parse(options[name]) for name in ("current", "reference")
    )
    if options["only"] and not named and today is None:
        raise click.UsageError("--only leaves no contender: name some with --model")
    if options["target"] is not None and options["target_value"] is not None:
        raise click.UsageError("--target and --target-ndcg exclude each other")
    judging = (judged.qrels, judged.split, judged.drop_pairs)
    if stand_in is not None and (any(option is not None for option in judging) or judged.grade_scale != 1):
        raise click.UsageError(
            "--reference replaces judgements: leave --qrels, --split, --drop-pairs and --grade-scale out"
        )
    if options["later"] is not None and (judged.topics is not None or judged.qrels is not None):
        raise click.UsageError(
            "--confirm takes a BEIR folder or a file of judged queries: leave --topics and --qrels out"
        )
    return ChoiceRequest(
        models=named,
        local=not options["only"],
        current=today,
        reference=stand_in,
        wishes=Wishes(
            target=options["target"],
            target_value=options["target_value"],
            confidence=options["confidence"],
            budget_ms=options["budget_ms"],
            memory_mb=None if options["memory"] is None else parse_memory(options["memory"]),
        ),
        prices=[Price.parse(text) for text in options["prices"]],
        **{name: options[name] for name in ("measure", "top_k", "long", "samples", "store", "seed", "offline")},
        command=shlex.join(["rankladder", *sys.argv[1:]]),
    )


def _read(
    data: Path | None, judged: JudgedData, select: Selection, language: str | None, request: ChoiceRequest
) -> Dataset:
    from rankladder.choose import read_unjudged
    from rankladder.evaluate.measures import check_grades, highest_grade

    if request.reference is not None:
        return read_unjudged(
            data,
            documents=judged.documents,
            topics=judged.topics,
            field=judged.field,
            queries=judged.queries,
            keep_same_ids=judged.keep_same_ids,
            select=select,
            read_as=judged.read_as,
            language=language or "en",
        )
    dataset = judged.read(data, select, language)
    check_grades([request.measure], highest_grade(dataset.qrels))
    return dataset


def _read_later(
    later: Path, judged: JudgedData, select: Selection, language: str | None, request: ChoiceRequest
) -> Dataset:
    """The later queries; their documents are those of DATA, or lie in their own BEIR folder."""
    documents = None if later.is_dir() else judged.documents
    return _read(later, replace(judged, documents=documents, queries=None), select, language, request)


def _candidates(dataset: Dataset, options: dict[str, Any], request: ChoiceRequest) -> Candidates:
    from rankladder.evaluate import open_candidates
    from rankladder.evaluate.measures import cutoff

    depth = max(request.top_k, cutoff(request.measure) or 0)
    return open_candidates(dataset, options["retriever"], depth=depth, offline=request.offline)


def _status(outcome: Outcome) -> int:
    from rankladder.choose import Standing

    if any(judged.contender.failed or judged.contender.cost_failed for judged in outcome.contenders):
        return FAILED
    statuses = {Standing.SURE: 0, Standing.PROBABLE: PROBABLE, Standing.BEST_BET: BEST_BET, Standing.NOTHING: NOTHING}
    return statuses[outcome.standing]
