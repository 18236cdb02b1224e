"""The report's candidates: the table of all, and the figures of the one that is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rankladder.choose.charts import kind_of
from rankladder.choose.markup import Figures, Markup, element, joined


def shown_figures(figures: Figures) -> Markup | None:
    """The figures of the one that is shown, beside what was asked for."""
    outcome = figures.outcome
    name = outcome["choice"]["winner"] or outcome["choice"]["leader"]
    place = next((at for at, row in enumerate(outcome["candidates"]) if row["name"] == name), None)
    if place is None:
        return None
    base, wishes = f"/candidates/{place}", outcome["wishes"]
    standard = "best" if outcome["reference"] is None else "reference"
    target = (
        joined("target: ", figures.number("/wishes/target_value", "plain"))
        if wishes["target_value"] is not None
        else joined("target: ", figures.number("/wishes/target", "plain"), f" of the {standard}")
    )
    budget = joined("budget: ", figures.number("/wishes/budget_ms", "ms")) if wishes["budget_ms"] else "no budget given"
    memory = joined("limit: ", figures.number("/wishes/memory_mb", "mib")) if wishes["memory_mb"] else "no limit given"
    time = "p95" if figures.has(f"{base}/spent/p95_ms") else "worst"
    took = figures.number(f"{base}/spent/{time}_ms", "ms")
    part = "held_out" if outcome["held_out"] else "overall"
    tiles: list[tuple[str, Markup, object]] = [
        (
            f"{outcome['measured']}{', held out' if outcome['held_out'] else ''}",
            figures.interval(f"{base}/{part}"),
            target,
        ),
        ("p95 of one query" if time == "p95" else "slowest query", took, budget),
        ("peak memory", figures.number(f"{base}/spent/memory_mb", "mib"), memory),
    ]
    if figures.has(f"{base}/spent/per_1000_queries"):
        cost = figures.number(f"{base}/spent/per_1000_queries", "money")
        price = figures.at(f"{base}/spent/price")
        tiles.append(("1,000 queries", cost, f"at {price}" if price else "nothing is reranked"))
    heading = element(
        "h3", f"{name}: ", element("span", "chosen" if outcome["choice"]["winner"] else "nearest", class_="soft")
    )
    cells = [
        element("div", element("dt", word), element("dd", value, element("small", below)))
        for word, value, below in tiles
    ]
    return joined(heading, element("dl", *cells, class_="tiles"))


def candidates_table(figures: Figures) -> Markup:
    """Every candidate: quality by part, cost, verdict. On a narrow page each row becomes a card."""
    outcome = figures.outcome
    measured = outcome["measured"]
    priced = any((row["spent"] or {}).get("per_1000_queries") for row in outcome["candidates"])
    columns: list[tuple[str, str, str]] = [
        ("overall", f"{measured}, all", "score"),
        ("selection", "selection part", "score"),
    ]
    if outcome["held_out"]:
        columns.append(("held_out", "held-out part", "score"))
    costs = [("p50_ms", "p50", "ms"), ("p95_ms", "p95", "ms"), ("p99_ms", "p99", "ms"),
             ("pairs_per_second", "pairs/s", "rate"), ("memory_mb", "memory", "mib")]  # fmt: skip
    if priced:
        costs.append(("per_1000_queries", "1,000 queries", "money"))
    heads = ["candidate", *(word for _, word, _ in columns), *(word for _, word, _ in costs)]
    rows, why = [], []
    for at, row in enumerate(outcome["candidates"]):
        base, kind = f"/candidates/{at}", kind_of(row, outcome["choice"])
        tags = [element("span", word, class_=f"tag {kind}") for word in _tags(row, outcome)]
        model = ", ".join(filter(None, (row["model"], *(f"also {other}" for other in row["also"]))))
        name = element("th", row["name"], " ", *tags, element("span", model, class_="model"), scope="row")
        quality = [
            element("td", element("span", figures.interval(f"{base}/{part}")), class_="r", data_label=word)
            for part, word, _ in columns
        ]
        cost = [
            element("td", _cost(figures, f"{base}/spent", key, form), class_="r", data_label=word)
            for key, word, form in costs
        ]
        why.append(element("li", element("strong", row["name"]), f" — {row['reason']}: {row['sentence']}."))
        rows.append(element("tr", name, *quality, *cost, id=f"candidate-{at}", class_=kind, tabindex="-1"))
    head = element(
        "tr",
        *(element("th", word, scope="col", class_=None if word == "candidate" else "r") for word in heads),
    )
    about = element(
        "p",
        "Means with 95 % intervals. The choice is made on the selection part (",
        figures.number("/selection", "count"),
        " queries)" if not outcome["held_out"] else " queries) and checked on the held-out part (",
        None if not outcome["held_out"] else joined(figures.number("/held_out", "count"), " queries)"),
        ". Times are of reranking alone: retrieval is not counted.",
        class_="soft",
    )
    table = element(
        "table", element("thead", head), element("tbody", *rows), class_="cards sortable", aria_label="Candidates"
    )
    return joined(about, element("div", table, class_="scroll"), element("ul", *why, class_="why"))


def _cost(figures: Figures, base: str, key: str, form: str) -> Markup:
    """A cost; where there are too few samples for a p95, the slowest, which stands in for it."""
    if key == "p95_ms" and not figures.has(f"{base}/p95_ms") and figures.has(f"{base}/worst_ms"):
        return joined(figures.number(f"{base}/worst_ms", form), " ", element("span", "slowest", class_="interval"))
    return figures.number(f"{base}/{key}", form)


def _tags(row: Mapping[str, Any], outcome: Mapping[str, Any]) -> list[str]:
    words = [row["reason"]]
    if row["name"] == outcome["choice"]["leader"]:
        words.append("nearest")
    if row["current"]:
        words.append("runs today")
    return words
