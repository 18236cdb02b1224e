"""What ``rankladder choose`` prints and writes."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
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
    """Writes the JSON, the reports and the tables, each even if another fails. Raises the first
    StorageFailed.
    """
    from rankladder.choose import report as reports

    content = outcome.to_dict()
    failures: list[StorageFailed] = []

    def attempt(write: Any, path: Path, label: str | None = None) -> None:
        try:
            write(content, path)
            if label is not None:
                note(f"{label}: {path}")
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
    """The table; on a terminal that is too narrow, without the columns that matter least."""
    columns = _columns(outcome)
    if not any(judged.contender.spent and judged.contender.spent.per_1000_queries for judged in outcome.contenders):
        del columns["1,000 queries"]
    left_out = []
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for name in _LEAST:
        if width is None or _width(columns) <= width:
            break
        if name in columns:
            del columns[name]
            left_out.append(name)
    rows = [[visible(cell) for cell in row] for row in zip(*columns.values(), strict=True)]
    print_table([*columns], rows, right=range(1, len(columns) - 1))
    meant = {
        "processor": "processor: all threads of a query",
        "busy": "busy: the share of the machine that other programs used",
    }
    say(f"({'; '.join(['times in milliseconds', *(words for name, words in meant.items() if name in columns)])})")
    if left_out:
        note(f"this terminal is too narrow for {', '.join(left_out)}: --csv writes every column")


_LEAST = ("p99", "pairs/s", "p50", "busy", "cut", "processor", "MiB")
"""Columns that a narrow terminal leaves out, first to last."""


def _width(columns: Mapping[str, Sequence[str]]) -> int:
    return sum(2 + max(len(name), *map(len, cells)) for name, cells in columns.items()) - 2


def _columns(outcome: Outcome) -> dict[str, list[str]]:
    """Every column, cell by cell."""
    from rankladder.choose.amounts import figure, percent, spread

    columns: dict[str, list[str]] = {}

    def add(name: str, cell: str) -> None:
        columns.setdefault(name, []).append(cell)

    measure = outcome.measure if outcome.reference is None else "agreement"
    for judged in outcome.contenders:
        contender, spent, evidence = judged.contender, judged.contender.spent, judged.evidence
        add("contender", judged.name)
        add(measure, "–" if judged.overall is None else spread(judged.overall))
        add("keeps target", "–" if evidence is None else percent(evidence.probability))
        for name, time in zip(("p50", "p95", "p99", "processor"), _times(judged), strict=True):
            add(name, time)
        add("busy", "–" if spent is None or spent.busy is None else f"{100 * spent.busy:.0f} %")
        for name, rate in (("pairs/s", spent and spent.pairs_per_second), ("MiB", spent and spent.memory_mb)):
            add(name, "–" if rate is None else f"{rate:,.0f}")
        add("cut", "–" if contender.cut is None else f"{100 * contender.cut:.0f} %")
        add("1,000 queries", figure(None if spent is None else spent.per_1000_queries, 4))
        mark = "".join((*(f", also {other}" for other in contender.also), ", runs today" if contender.current else ""))
        add("verdict", f"{judged.reason}{mark}")
    return columns


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


def _print_json(content: dict[str, Any]) -> None:
    """A line for each contender, then one with all the rest; ``--out`` holds the values query by query."""
    for row in content["contenders"]:
        print_json({"dataset": content["dataset"]["name"], **{k: v for k, v in row.items() if k != "values"}})
    left_out = ("contenders", "queries", "changes", "examples")
    print_json({key: value for key, value in content.items() if key not in left_out})


def _write_json(content: dict[str, Any], path: Path) -> None:
    from rankladder.storage import whole_file

    with whole_file(path) as file:
        file.write(json.dumps(content, ensure_ascii=True, indent=1, allow_nan=False) + "\n")
