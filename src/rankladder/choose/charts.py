"""The report's drawings as SVG, each in a wide and a narrow form, so that its text keeps its size on a phone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rankladder.choose.markup import Figures, Markup, element, joined
from rankladder.choose.scales import Linear, Logarithmic, apart

_LINE = 16  # pixels between lines of text
_LETTER = 8.0  # pixels that a letter of a name takes, on average and at most


@dataclass(frozen=True, slots=True)
class Form:
    """A drawing's width in pixels, and the class under which the page shows it."""

    width: int
    shown: str


WIDE, NARROW = Form(880, "wide"), Form(320, "narrow")


def quality_against_latency(figures: Figures) -> Markup:
    """Every candidate that was timed: the measure with its interval against the p95 (the slowest sample where there is
    none), with the frontier, target and budget.
    """
    return joined(_quality(figures, WIDE), _quality(figures, NARROW))


def latency_distribution(figures: Figures) -> Markup:
    """Every sample of every reranker on one scale, with p50, p95 and p99."""
    return joined(_latency(figures, WIDE), _latency(figures, NARROW))


def changes_by_query(figures: Figures) -> Markup:
    """The differences of the queries, smallest first, as bars around 0."""
    return joined(_changes(figures, WIDE), _changes(figures, NARROW))


def kind_of(row: dict[str, Any], choice: dict[str, Any]) -> str:
    """The class that a candidate is drawn with: ``chosen``, ``current``, ``other``."""
    if row["name"] == (choice["winner"] or choice["leader"]):
        return "chosen"
    return "current" if row["current"] else "other"


def short(name: str, most: int = 24, parts: int = 1) -> str:
    """A name that fits: a path's last parts, the middle left out where that is still too long.

    >>> short("/models/a/ettin,dtype=fp32"), short("/models/a/ettin", parts=2), short("x" * 40, 9)
    ('ettin,dtype=fp32', 'a/ettin', 'xxxx…xxxx')
    """
    path, comma, options = name.partition(",")
    last = "/".join(path.rstrip("/").split("/")[-parts:]) + comma + options
    half = most // 2
    return last if len(last) <= most else f"{last[:half]}…{last[-half:]}"


def labels(names: Sequence[str], most: int = 24) -> dict[str, str]:
    """Short names, of as many parts of a path as tell all of them apart, where any number does.

    >>> labels(["runs/1/final", "runs/2/final", "box"])
    {'runs/1/final': '1/final', 'runs/2/final': '2/final', 'box': 'box'}
    """
    deepest = max((name.count("/") for name in names), default=0) + 1
    tried = [{name: short(name, most, parts) for name in names} for parts in range(1, deepest + 1)]
    return next((found for found in tried if len(set(found.values())) == len(names)), tried[0])


def _called(figures: Figures, most: int) -> dict[str, str]:
    return labels([row["name"] for row in figures.outcome["candidates"]], most)


def _quality(figures: Figures, form: Form) -> Markup:
    outcome = figures.outcome
    rows = [(at, row) for at, row in enumerate(outcome["candidates"]) if row["overall"] and row["spent"]]
    if not rows:
        return Markup()
    left, right, top, height = 44, form.width - 12, 66, 330 if form is WIDE else 300
    bottom = top + height
    budget = outcome["wishes"]["budget_ms"]
    times = {at: _time(row) for at, row in rows}
    across = Logarithmic.around([*times.values(), *([budget] if budget else [])], left + 8, right)
    bounds = [value for _, row in rows for value in row["overall"].values() if value is not None]
    low, high = min(bounds), max(bounds)
    room = max(0.01, (high - low) * 0.12)
    up = Linear(max(0.0, low - room), min(1.0, high + room) if high < 1 else high + room, bottom, top)
    parts: list[object] = _axes(across, up, left, right, top, bottom, most=max(1.0, high))
    if budget:
        parts += _mark(across(budget), top, bottom, "budget")
    target = _target(outcome)
    if target is not None and up.low <= target <= up.high:
        parts.append(element("line", x1=left, x2=right, y1=up(target), y2=up(target), class_="target"))
        parts.append(element("text", "target", x=right, y=up(target) - 5, class_="mark", text_anchor="end"))
    named = {row["name"]: (at, row) for at, row in rows}
    frontier = [named[name] for name in outcome["frontier"] if name in named]
    corners = " ".join(f"{across(times[at])},{up(row['overall']['mean'])}" for at, row in frontier)
    parts.append(element("polyline", points=corners, class_="frontier"))
    heights = apart([up(row["overall"]["mean"]) - 9 for _, row in rows], _LINE, top + 10, bottom - 4)
    for (at, row), label in zip(rows, heights, strict=True):
        parts.append(_point(figures, at, row, across, up, label, form))
    held = _time_in_words(row for _, row in rows)
    parts.append(element("text", f"{held}, milliseconds", x=right, y=bottom + 38, text_anchor="end"))
    parts.append(element("text", outcome["measured"], x=0, y=top - 12))
    return _drawing(form, bottom + 48, f"{outcome['measured']} against {held}, by candidate", parts, group=True)


def _point(
    figures: Figures, at: int, row: dict[str, Any], across: Logarithmic, up: Linear, label: float, form: Form
) -> Markup:
    x, y = across(_time(row)), up(row["overall"]["mean"])
    base = f"/candidates/{at}"
    parts: list[object] = []
    if row["overall"]["low"] is not None:
        ends = up(row["overall"]["low"]), up(row["overall"]["high"])
        parts.append(element("line", x1=x, x2=x, y1=ends[0], y2=ends[1], class_="whisker"))
        parts += [element("line", x1=x - 4, x2=x + 4, y1=end, y2=end, class_="whisker") for end in ends]
    kind = kind_of(row, figures.outcome["choice"])
    parts.append(_sign(kind, x, y))
    name = _called(figures, 24 if form is WIDE else 18)[row["name"]]
    leftwards = x + 12 + _LETTER * len(name) > form.width
    parts.append(
        element(
            "text",
            name,
            x=x - 12 if leftwards else x + 12,
            y=label,
            text_anchor="end" if leftwards else None,
            class_="name",
        )
    )
    time = "p95_ms" if row["spent"]["p95_ms"] is not None else "worst_ms"
    quality: tuple[str | Markup, ...] = (figures.number(f"{base}/overall/mean", "score", tag="tspan"),)
    if row["overall"]["low"] is not None:
        bounds = [figures.number(f"{base}/overall/{end}", "score", tag="tspan") for end in ("low", "high")]
        quality = (*quality, " [", bounds[0], ", ", bounds[1], "]")
    cost = (
        ("; ", "p95 " if time == "p95_ms" else "slowest ", figures.number(f"{base}/spent/{time}", "ms", tag="tspan"))
        if figures.has(f"{base}/spent/{time}")
        else ("; no reranking",)
    )
    tip = [element("text", element("tspan", _called(figures, 40)[row["name"]], class_="name"), x=0, y=14)]
    tip.append(element("text", *quality, *cost, x=0, y=14 + _LINE))
    said = f"{row['name']}: {figures.outcome['measured']} {figures.text(f'{base}/overall/mean', 'score')}"
    return element(
        "a",
        element("circle", cx=x, cy=y, r=18, class_="reach"),
        *parts,
        element("g", *tip, class_="tip"),
        href=f"#candidate-{at}",
        class_=f"point {kind}",
        aria_label=f"{said}, {row['reason']}",
    )


def _latency(figures: Figures, form: Form) -> Markup:
    rows = [
        (at, row)
        for at, row in enumerate(figures.outcome["candidates"])
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
        parts += _mark(across(budget), top, bottom, "budget")
    for place, (at, row) in enumerate(rows):
        middle = top + step * (place + 1) - 18
        spent, base = row["spent"], f"/candidates/{at}/spent"
        percentiles: list[object] = []
        for name in ("p50", "p95", "p99"):
            if spent[f"{name}_ms"] is not None:
                percentiles += [
                    "\u2002" if percentiles or form is WIDE else None,
                    f"{name} ",
                    figures.number(f"{base}/{name}_ms", "ms", tag="tspan"),
                ]
        name = element("tspan", _called(figures, 40)[row["name"]], class_="name")
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
    parts.append(element("text", "milliseconds, one query's pass", x=right, y=bottom + 36, text_anchor="end"))
    return _drawing(form, bottom + 44, "Latency of one query's pass, each sample a line, by candidate", parts)


def _changes(figures: Figures, form: Form) -> Markup:
    left, right, top, bottom = 44, form.width - 8, 16, 216
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
    return _drawing(form, bottom + 12, said, parts)


def _axes(
    across: Logarithmic, up: Linear, left: float, right: float, top: float, bottom: float, *, most: float
) -> list[object]:
    """Both axes; above ``most``, the largest value that there can be, is room and no tick."""
    parts: list[object] = []
    for tick in (one for one in up.ticks() if one <= most):
        parts.append(element("line", x1=left, x2=right, y1=up(tick), y2=up(tick), class_="grid"))
        parts.append(element("text", f"{tick:g}", x=left - 6, y=up(tick) + 4, text_anchor="end", class_="tick"))
    for tick in across.ticks():
        parts.append(element("line", x1=across(tick), x2=across(tick), y1=bottom, y2=bottom + 5, class_="axis"))
        parts.append(element("text", f"{tick:,g}", x=across(tick), y=bottom + 19, text_anchor="middle", class_="tick"))
    if across.zero:
        parts.append(element("text", "0", x=across(0), y=bottom + 19, text_anchor="middle", class_="tick"))
        parts.append(
            element("line", x1=across.first - 12, x2=across.first - 6, y1=bottom + 5, y2=bottom - 5, class_="axis")
        )
        parts.append(
            element("line", x1=across.first - 7, x2=across.first - 1, y1=bottom + 5, y2=bottom - 5, class_="axis")
        )
    parts.append(element("line", x1=left, x2=right, y1=bottom, y2=bottom, class_="axis"))
    return parts


def _mark(x: float, top: float, bottom: float, word: str) -> list[object]:
    return [
        element("line", x1=x, x2=x, y1=top, y2=bottom, class_="target"),
        element("text", word, x=x, y=top - 6, text_anchor="middle", class_="mark"),
    ]


def _sign(kind: str, x: float, y: float) -> Markup:
    """A shape of its own for each kind, so that colour alone tells nothing."""
    match kind:
        case "chosen":
            return element("circle", cx=x, cy=y, r=8, class_="sign")
        case "current":
            return element("polygon", points=f"{x},{y - 8} {x + 8},{y} {x},{y + 8} {x - 8},{y}", class_="sign")
    return element("rect", x=x - 5, y=y - 5, width=10, height=10, class_="sign")


def _time(row: dict[str, Any]) -> float:
    spent = row["spent"]
    return float(spent["p95_ms"] if spent["p95_ms"] is not None else spent["worst_ms"] or 0.0)


def _time_in_words(rows: Iterable[dict[str, Any]]) -> str:
    """What the times of all candidates are."""
    lacking = [row["spent"]["p95_ms"] is None for row in rows if row["spent"]["latencies_ms"]]
    if lacking and all(lacking):
        return "slowest sample of one query's pass"
    return "p95, or else the slowest sample" if any(lacking) else "p95 of one query's pass"


def _target(outcome: Any) -> float | None:
    """Where the target lies on the scale of all queries."""
    wishes, best = outcome["wishes"], outcome["choice"]["best"]
    if wishes["target_value"] is not None:
        return float(wishes["target_value"])
    mean = next((row["overall"]["mean"] for row in outcome["candidates"] if row["name"] == best), None)
    return None if mean is None else float(mean * wishes["target"])


def _drawing(form: Form, height: float, said: str, parts: list[object], *, group: bool = False) -> Markup:
    role = "group" if group else "img"
    return element(
        "svg", *parts, viewBox=f"0 0 {form.width} {height:g}", role=role, aria_label=said, class_=f"chart {form.shown}"
    )
