"""The report's drawings of many samples: each model's latencies, and what changes query by query."""

from __future__ import annotations

from rankladder.choose.charts import WIDE, Form, drawing, drawn_twice, kind_of, mark, names_of
from rankladder.drawing.markup import Figures, Markup, element
from rankladder.drawing.scales import Linear, Logarithmic


def latency_distribution(figures: Figures) -> Markup:
    """Every sample of every reranker on one scale, with p50, p95 and p99."""
    return drawn_twice(_latency, figures)


def changes_by_query(figures: Figures) -> Markup:
    """The differences of the queries, smallest first, as bars around 0."""
    return drawn_twice(_changes, figures)


def _latency(figures: Figures, form: Form) -> Markup:
    rows = [
        (at, row)
        for at, row in enumerate(figures.outcome["contenders"])
        if row["spent"] and row["spent"]["latencies_ms"]
    ]
    if not rows:
        return Markup()
    left, right, step = 4, form.width - 8, 58 if form is WIDE else 74
    top, bottom = 24, 24 + step * len(rows)
    budget = figures.outcome["wishes"]["budget_ms"]
    every = [time for _, row in rows for time in row["spent"]["latencies_ms"]]
    across = Logarithmic.around([*every, *([budget] if budget else [])], left, right)
    parts: list[object] = []
    for tick in across.ticks():
        parts.append(element("line", x1=across(tick), x2=across(tick), y1=top, y2=bottom, class_="grid"))
        parts.append(element("text", f"{tick:,g}", x=across(tick), y=bottom + 18, text_anchor="middle", class_="tick"))
    if budget:
        parts += mark(across(budget), top, bottom, "budget")
    for place, (at, row) in enumerate(rows):
        middle = top + step * (place + 1) - 18
        spent, base = row["spent"], f"/contenders/{at}/spent"
        percentiles: list[object] = []
        for name in ("p50", "p95", "p99"):
            if spent[f"{name}_ms"] is not None:
                percentiles += [
                    "\u2002" if percentiles or form is WIDE else None,
                    f"{name} ",
                    figures.number(f"{base}/{name}_ms", "ms", tag="tspan"),
                ]
        name = element("tspan", names_of(figures, 40)[row["name"]], class_="name")
        kind = kind_of(row, figures.outcome["choice"])
        drawn: list[object] = (
            [element("text", name, *percentiles, x=left, y=middle - 18)]
            if form is WIDE
            else [element("text", name, x=left, y=middle - 34), element("text", *percentiles, x=left, y=middle - 17)]
        )
        samples = "".join(f"M{across(time)} {middle - 8}v16" for time in spent["latencies_ms"])
        drawn.append(element("path", d=samples, class_="samples"))
        ends = [spent[key] for key in ("p50_ms", "p95_ms", "p99_ms") if spent[key] is not None]
        if len(ends) > 1:
            wide = max(1.0, across(ends[1]) - across(ends[0]))
            drawn.append(element("rect", x=across(ends[0]), y=middle - 4, width=wide, height=8, class_="bar"))
        drawn += [
            element("line", x1=across(e), x2=across(e), y1=middle - 11, y2=middle + 11, class_="end") for e in ends
        ]
        parts.append(element("g", *drawn, class_=kind))
    parts.append(element("text", "milliseconds a query (logarithmic scale)", x=right, y=bottom + 36, text_anchor="end"))
    return drawing(form, bottom + 44, "Latency of one query's pass, each sample a line, by contender", parts)


def _changes(figures: Figures, form: Form) -> Markup:
    left, right, top, bottom = 44, form.width - 8, 34, 234
    ordered = sorted(figures.outcome["changes"]["differences"].values())
    reach = max(0.05, *(abs(one) for one in ordered)) if ordered else 1.0
    up = Linear(-reach, reach, bottom, top)
    wide = (right - left) / max(1, len(ordered))
    parts: list[object] = []
    for tick in up.ticks(6):  # fewer could leave 0 alone
        parts.append(element("line", x1=left, x2=right, y1=up(tick), y2=up(tick), class_="grid"))
        parts.append(
            element("text", f"{tick:+g}" if tick else "0", x=left - 6, y=up(tick) + 4, text_anchor="end", class_="tick")
        )
    for kind, sign in (("loss", -1), ("gain", 1)):
        bars = [
            f"M{left + place * wide:.2f} {up(0)}h{0.92 * wide:.2f}V{up(one)}h{-0.92 * wide:.2f}Z"
            for place, one in enumerate(ordered)
            if one * sign > 0
        ]
        parts.append(element("path", d="".join(bars), class_=kind))
    parts.append(element("line", x1=left, x2=right, y1=up(0), y2=up(0), class_="axis"))
    said = (
        f"Change of {figures.outcome['measured']} query by query, largest loss at the left, largest gain at the right"
    )
    parts.append(element("text", "change (linear scale)", x=0, y=14))
    return drawing(form, bottom + 12, said, parts)
