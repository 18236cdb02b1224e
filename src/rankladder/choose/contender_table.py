"""The report's contenders: the table of all, the same as CSV, and the figures of the choice."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from rankladder.choose.charts import kind_of
from rankladder.drawing.markup import Figures, Markup, element, joined

CSV_COLUMNS: Mapping[str, str] = {
    "contender": "/name",
    "model": "/model",
    "verdict": "/reason",
    "mean": "/overall/mean",
    "low": "/overall/low",
    "high": "/overall/high",
    "keeps_target": "/evidence/probability",
    "expected_loss": "/evidence/loss",
    "near_top": "/near_top",
    "p50_ms": "/spent/p50_ms",
    "p95_ms": "/spent/p95_ms",
    "p99_ms": "/spent/p99_ms",
    "slowest_ms": "/spent/worst_ms",
    "processor_ms": "/spent/processor_ms",
    "busy": "/spent/busy",
    "pairs_per_second": "/spent/pairs_per_second",
    "memory_mib": "/spent/memory_mb",
    "per_1000_queries": "/spent/per_1000_queries",
    "pairs": "/pairs",
    "pairs_cut": "/truncated",
    "runs_today": "/current",
    "reason": "/sentence",
}
"""The columns of the CSV, and where each is in a contender's JSON."""


def contenders_csv(outcome: Mapping[str, Any]) -> str:
    """The contenders as CSV (RFC 4180), a row each, with every figure at its full precision; empty where unknown."""
    figures = Figures(outcome)
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(CSV_COLUMNS)
    for at, _ in enumerate(outcome["contenders"]):
        paths = [f"/contenders/{at}{path}" for path in CSV_COLUMNS.values()]
        writer.writerow(["" if not figures.has(path) else figures.at(path) for path in paths])
    return file.getvalue()


def choice_figures(figures: Figures) -> Markup | None:
    """The figures of the choice, beside what was asked for."""
    outcome = figures.outcome
    name = outcome["choice"]["name"]
    place = next((at for at, row in enumerate(outcome["contenders"]) if row["name"] == name), None)
    if place is None:
        return None
    base = f"/contenders/{place}"
    tiles = [*_quality_tiles(figures, base), *_cost_tiles(figures, base)]
    heading = element("h3", f"{name}: ", element("span", outcome["choice"]["standing"], class_="soft"))
    cells = [
        element("div", element("dt", word), element("dd", value, element("small", below)))
        for word, value, below in tiles
    ]
    return joined(heading, element("dl", *cells, class_="tiles"))


def _quality_tiles(figures: Figures, base: str) -> list[tuple[str, Markup, object]]:
    wishes = figures.outcome["wishes"]
    standard = "best" if figures.outcome["reference"] is None else "reference"
    target = (
        joined("target: ", figures.number("/wishes/target_value", "plain"))
        if wishes["target_value"] is not None
        else joined("target: ", figures.number("/wishes/target", "plain"), f" of the {standard}")
    )
    loss = joined("expected loss: ", figures.number(f"{base}/evidence/loss", "score"))
    return [
        (figures.outcome["measured"], figures.interval(f"{base}/overall"), target),
        ("keeps the target", figures.number(f"{base}/evidence/probability", "percent"), loss),
    ]


def _cost_tiles(figures: Figures, base: str) -> list[tuple[str, Markup, object]]:
    wishes = figures.outcome["wishes"]
    budget = joined("budget: ", figures.number("/wishes/budget_ms", "ms")) if wishes["budget_ms"] else "no budget given"
    memory = joined("limit: ", figures.number("/wishes/memory_mb", "mib")) if wishes["memory_mb"] else "no limit given"
    time = "p95" if figures.has(f"{base}/spent/p95_ms") else "worst"
    tiles: list[tuple[str, Markup, object]] = [
        (
            "p95 of one query" if time == "p95" else "slowest query",
            figures.number(f"{base}/spent/{time}_ms", "ms"),
            budget,
        ),
        ("peak memory", figures.number(f"{base}/spent/memory_mb", "mib"), memory),
    ]
    if figures.has(f"{base}/spent/per_1000_queries"):
        price = figures.at(f"{base}/spent/price")
        cost = figures.number(f"{base}/spent/per_1000_queries", "money")
        tiles.append(("1,000 queries", cost, f"at {price}" if price else "nothing is reranked"))
    return tiles


def contenders_table(figures: Figures) -> Markup:
    """Every contender: quality, cost, verdict. On a narrow page each row becomes a card."""
    outcome = figures.outcome
    columns = _columns(outcome)
    rows, why = [], []
    for at, row in enumerate(outcome["contenders"]):
        base, kind = f"/contenders/{at}", kind_of(row, outcome["choice"])
        tags = [element("span", word, class_=f"tag {kind}") for word in _tags(row)]
        model = ", ".join(filter(None, (row["model"], *(f"also {other}" for other in row["also"]))))
        name = element("th", row["name"], " ", *tags, element("span", model, class_="model"), scope="row")
        cells = [
            element("td", element("span", _cell(figures, base, path, form)), class_="r", data_label=word)
            for word, path, form in columns
        ]
        why.append(element("li", element("strong", row["name"]), f" — {row['reason']}: {row['sentence']}."))
        rows.append(element("tr", name, *cells, id=f"contender-{at}", class_=kind, tabindex="-1"))
    head = element(
        "tr",
        element("th", "contender", scope="col"),
        *(element("th", word, scope="col", class_="r") for word, _, _ in columns),
    )
    about = element(
        "p",
        "Means with 95 % intervals over all ",
        figures.number("/dataset/queries", "count"),
        " queries. Times are of reranking alone: retrieval is not counted. Processor time is that of all threads.",
        class_="soft",
    )
    table = element(
        "table", element("thead", head), element("tbody", *rows), class_="cards sortable", aria_label="Contenders"
    )
    address = f"data:text/csv;charset=utf-8,{quote(contenders_csv(outcome))}"
    download = element("p", element("a", "This table as CSV", href=address, download="contenders.csv"))
    return joined(about, element("div", table, class_="scroll"), download, element("ul", *why, class_="why"))


def _columns(outcome: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Heading, place in a contender's JSON, and form."""
    near = "right in first three" if outcome["reference"] is None else "its first in first three"
    spent = [row["spent"] or {} for row in outcome["contenders"]]
    columns = [
        (outcome["measured"], "/overall", "score"),
        ("keeps target", "/evidence/probability", "percent"),
        (near, "/near_top", "count"),
        ("p50", "/spent/p50_ms", "ms"),
        ("p95", "/spent/p95_ms", "ms"),
        ("p99", "/spent/p99_ms", "ms"),
        ("processor", "/spent/processor_ms", "ms"),
        ("busy", "/spent/busy", "percent"),
        ("pairs/s", "/spent/pairs_per_second", "rate"),
        ("memory", "/spent/memory_mb", "mib"),
        ("pairs cut", "/cut", "percent"),
        ("1,000 queries", "/spent/per_1000_queries", "money"),
    ]
    lacking = {
        "/near_top": all(row["near_top"] is None for row in outcome["contenders"]),
        "/spent/processor_ms": not any(row.get("processor_ms") for row in spent),
        "/spent/busy": all(row.get("busy") is None for row in spent),
        "/spent/per_1000_queries": not any(row.get("per_1000_queries") for row in spent),
    }
    return [column for column in columns if not lacking.get(column[1])]


def _cell(figures: Figures, base: str, path: str, form: str) -> Markup:
    """A cost; where there are too few samples for a p95, the slowest, which is taken in its place."""
    if path == "/overall":
        return figures.interval(f"{base}{path}", form)
    if path == "/spent/p95_ms" and not figures.has(f"{base}{path}") and figures.has(f"{base}/spent/worst_ms"):
        slowest = element("span", "slowest", class_="interval")
        return joined(figures.number(f"{base}/spent/worst_ms", form), " ", slowest)
    return figures.number(f"{base}{path}", form)


def _tags(row: Mapping[str, Any]) -> list[str]:
    return [row["reason"], *(["runs today"] if row["current"] else [])]
