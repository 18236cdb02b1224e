"""What ``rankladder choose`` prints and writes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rankladder.cli.output import Form, note, print_json, print_table, say
from rankladder.errors import StorageFailed
from rankladder.visible import visible

if TYPE_CHECKING:
    from rankladder.choose import Outcome, Standing
    from rankladder.choose.outcome import Judged


def check_places(report: Path | None, csv: Path | None, out: Path | None) -> None:
    """Raises StorageFailed for a place that cannot be written."""
    from rankladder.choose import check_writable
    from rankladder.choose.report import make_folder

    if out is not None:
        make_folder(out)
    if report is not None:
        check_writable(report)
    if csv is not None:
        check_writable(csv, "table")


def print_outcome(outcome: Outcome, form: Form) -> None:
    """The choice on stdout, the remarks on stderr."""
    if form == "json":
        _print_json(outcome.to_dict())
        return
    count = len(outcome.queries)
    counts = f"{count:,} {'query' if count == 1 else 'queries'}"
    say(f"{visible(outcome.dataset['name'])}: {counts}, {outcome.measured}, over {outcome.retriever['name']}\n")
    say(_coloured(visible(outcome.headline), outcome.standing), styled=True)
    for sentence in outcome.sentences:
        say(visible(sentence))
    say()
    _print_contenders(outcome)
    say()
    for judged in outcome.contenders:
        say(visible(f"  {judged.name}: {judged.reason}; {judged.sentence}"))
    for remark in outcome.remarks:
        note(visible(remark))


def write_outcome(outcome: Outcome, report: Path | None, csv: Path | None, out: Path | None) -> None:
    """Writes the JSON, the reports and the tables, each whatever becomes of the others. Raises the first
    StorageFailed.
    """
    from rankladder.choose import report as reports

    told = outcome.to_dict()
    failures: list[StorageFailed] = []

    def attempt(write: Any, path: Path, said: str | None = None) -> None:
        try:
            write(told, path)
            if said is not None:
                note(f"{said}: {path}")
        except StorageFailed as error:
            failures.append(error)

    if out is not None:
        attempt(_write_json, out / "choice.json")
    for path in (report, out and out / "report.html"):
        if path is not None:
            attempt(reports.write_report, path, "report")
    for path in (csv, out and out / "contenders.csv"):
        if path is not None:
            attempt(reports.write_csv, path, "table")
    if failures:
        raise failures[0]


def _coloured(text: str, standing: Standing) -> str:
    """The headline in bold, in the colour of its standing, where stdout shows colours."""
    from rankladder.choose import Standing

    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    colours = {Standing.SURE: "green", Standing.PROBABLE: "blue", Standing.BEST_BET: "yellow", Standing.NOTHING: "red"}
    return click.style(text, bold=True, fg=colours[standing])


def _print_contenders(outcome: Outcome) -> None:
    from rankladder.choose.sentences import figure, percent, spread

    spent = [judged.contender.spent for judged in outcome.contenders]
    priced = any(one is not None and one.per_1000_queries for one in spent)
    headers = ["contender", outcome.measure if outcome.reference is None else "agreement", "keeps target"]
    headers += ["p50", "p95", "p99", "processor", "busy", "pairs/s", "MiB", "cut"]
    headers += [*(["1,000 queries"] if priced else []), "verdict"]
    rows = []
    for judged, cost in zip(outcome.contenders, spent, strict=True):
        one = judged.contender
        cells = [judged.name, "–" if judged.overall is None else spread(judged.overall)]
        cells.append("–" if judged.evidence is None else percent(judged.evidence.probability))
        cells += _times(judged)
        shares = (None if cost is None else cost.busy, one.cut)
        rates = (None, None) if cost is None else (cost.pairs_per_second, cost.memory_mb)
        busy, cut = ("–" if share is None else f"{100 * share:.0f} %" for share in shares)
        cells += [busy, *("–" if rate is None else f"{rate:,.0f}" for rate in rates), cut]
        if priced:
            cells.append(figure(None if cost is None else cost.per_1000_queries, 4))
        mark = "".join((*(f", also {other}" for other in one.also), ", runs today" if one.current else ""))
        rows.append([*cells, f"{judged.reason}{mark}"])
    print_table(headers, [[*map(visible, row)] for row in rows], right=range(1, len(headers) - 1))
    say("(times in milliseconds; processor: all threads of one query; busy: the machine with other programs meanwhile)")


def _times(judged: Judged) -> Sequence[str]:
    """p50, p95 (or the slowest), p99 and processor time."""
    from rankladder.drawing.numbers import milliseconds

    spent = judged.contender.spent
    if spent is None:
        return ["–"] * 4
    times = [milliseconds(one) for one in (spent.p50_ms, spent.p95_ms, spent.p99_ms, spent.processor_ms)]
    cells = [time.removesuffix(" ms") for time in times]
    if spent.p95_ms is None and spent.worst_ms is not None:
        cells[1] = f"{milliseconds(spent.worst_ms).removesuffix(' ms')} (slowest)"
    return cells


def _print_json(told: dict[str, Any]) -> None:
    """A line for each contender, then one with all the rest; ``--out`` holds the values query by query."""
    for row in told["contenders"]:
        print_json({"dataset": told["dataset"]["name"], **{k: v for k, v in row.items() if k != "values"}})
    left_out = ("contenders", "queries", "changes", "examples")
    print_json({key: value for key, value in told.items() if key not in left_out})


def _write_json(told: dict[str, Any], path: Path) -> None:
    from rankladder.storage import whole_file

    with whole_file(path) as file:
        file.write(json.dumps(told, ensure_ascii=True, indent=1, allow_nan=False) + "\n")
