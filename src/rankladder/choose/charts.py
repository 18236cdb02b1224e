"""Quality against latency, and what the report's drawings share: SVG, wide and narrow, so that text keeps its size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rankladder.drawing.markup import Figures, Markup, element, joined
from rankladder.drawing.scales import Linear, Logarithmic, apart, clear_places

_LINE = 16  # pixels between lines of text
_LETTER = 8.0  # pixels that a letter of a name takes, on average and at most


@dataclass(frozen=True, slots=True)
class Form:
    """A drawing's width in pixels, and the class under which the page shows it."""

    width: int
    shown: str


WIDE, NARROW = Form(880, "wide"), Form(320, "narrow")


def quality_against_latency(figures: Figures) -> Markup:
    """Every contender that was timed: the measure with its interval against the p95 (the slowest sample where there is
    none), with the frontier, target and budget.
    """
    return drawn_twice(_quality, figures)


def drawn_twice(draw: Callable[[Figures, Form], Markup], figures: Figures) -> Markup:
    """The wide form and the narrow form, of which a page shows one."""
    return joined(draw(figures, WIDE), draw(figures, NARROW))


def kind_of(row: dict[str, Any], choice: dict[str, Any]) -> str:
    """The class that a contender is drawn with: ``chosen``, ``current``, ``other``."""
    if row["name"] == choice["name"]:
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


def names_of(figures: Figures, most: int) -> dict[str, str]:
    """The contenders' names, each of ``most`` characters at most."""
    return labels([row["name"] for row in figures.outcome["contenders"]], most)


def _quality(figures: Figures, form: Form) -> Markup:
    outcome = figures.outcome
    rows = [(at, row) for at, row in enumerate(outcome["contenders"]) if row["overall"] and row["spent"]]
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
        parts += mark(across(budget), top, bottom, "budget")
    target = _target(outcome)
    if target is not None and up.low <= target <= up.high:
        parts.append(element("line", x1=left, x2=right, y1=up(target), y2=up(target), class_="target"))
        parts.append(element("text", "target", x=right, y=up(target) - 5, class_="mark", text_anchor="end"))
    named = {row["name"]: (at, row) for at, row in rows}
    frontier = [named[name] for name in outcome["frontier"] if name in named]
    corners = " ".join(f"{across(times[at])},{up(row['overall']['mean'])}" for at, row in frontier)
    parts.append(element("polyline", points=corners, class_="frontier"))
    signs = clear_places([(across(times[at]), up(row["overall"]["mean"])) for at, row in rows], left, form.width - 10.0)
    heights = apart([y - 9 for _, y in signs], _LINE, top + 10, bottom - 4)
    for (at, row), label, sign in zip(rows, heights, signs, strict=True):
        parts.append(_point(figures, at, row, across, up, (*sign, label), form))
    held = _time_in_words(row for _, row in rows)
    said = f"{held}, milliseconds" if form is WIDE else "milliseconds"
    parts.append(element("text", f"{said} (logarithmic scale)", x=right, y=bottom + 38, text_anchor="end"))
    parts.append(element("text", f"{outcome['measured']} (linear scale)", x=0, y=top - 12))
    return drawing(form, bottom + 48, f"{outcome['measured']} against {held}, by contender", parts, group=True)


def _point(
    figures: Figures,
    at: int,
    row: dict[str, Any],
    across: Logarithmic,
    up: Linear,
    place: tuple[float, float, float],
    form: Form,
) -> Markup:
    """A contender; ``place`` is where its sign is, and the height of its name."""
    sign_x, sign_y, label = place
    x, y = across(_time(row)), up(row["overall"]["mean"])
    base = f"/contenders/{at}"
    parts: list[object] = []
    if row["overall"]["low"] is not None:
        ends = up(row["overall"]["low"]), up(row["overall"]["high"])
        parts.append(element("line", x1=x, x2=x, y1=ends[0], y2=ends[1], class_="whisker"))
        parts += [element("line", x1=x - 4, x2=x + 4, y1=end, y2=end, class_="whisker") for end in ends]
    kind = kind_of(row, figures.outcome["choice"])
    if (sign_x, sign_y) != (x, y):
        parts.append(element("line", x1=x, y1=y, x2=sign_x, y2=sign_y, class_="leader"))
    parts.append(element("circle", cx=x, cy=y, r=2.5, class_="place"))
    parts.append(_sign(kind, sign_x, sign_y))
    name = names_of(figures, 24 if form is WIDE else 18)[row["name"]]
    leftwards = sign_x + 12 + _LETTER * len(name) > form.width
    parts.append(
        element(
            "text",
            name,
            x=sign_x - 12 if leftwards else sign_x + 12,
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
    tip = [element("text", element("tspan", names_of(figures, 40)[row["name"]], class_="name"), x=0, y=14)]
    tip.append(element("text", *quality, *cost, x=0, y=14 + _LINE))
    said = f"{row['name']}: {figures.outcome['measured']} {figures.text(f'{base}/overall/mean', 'score')}"
    return element(
        "a",
        element("circle", cx=sign_x, cy=sign_y, r=18, class_="reach"),
        *parts,
        element("g", *tip, class_="tip"),
        href=f"#contender-{at}",
        class_=f"point {kind}",
        aria_label=f"{said}, {row['reason']}",
    )


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


def mark(x: float, top: float, bottom: float, word: str) -> list[object]:
    """A vertical line with a word above it."""
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
    """What the times of all contenders are."""
    lacking = [row["spent"]["p95_ms"] is None for row in rows if row["spent"]["latencies_ms"]]
    if lacking and all(lacking):
        return "slowest sample of one query's pass"
    return "p95, or else the slowest sample" if any(lacking) else "p95 of one query's pass"


def _target(outcome: Any) -> float | None:
    """Where the target lies on the scale of all queries."""
    wishes, best = outcome["wishes"], outcome["choice"]["best"]
    if wishes["target_value"] is not None:
        return float(wishes["target_value"])
    mean = next((row["overall"]["mean"] for row in outcome["contenders"] if row["name"] == best), None)
    return None if mean is None else float(mean * wishes["target"])


def drawing(form: Form, height: float, said: str, parts: list[object], *, group: bool = False) -> Markup:
    """The SVG element; ``said`` is what a screen reader reads, a ``group`` holds what can be reached."""
    role = "group" if group else "img"
    return element(
        "svg", *parts, viewBox=f"0 0 {form.width} {height:g}", role=role, aria_label=said, class_=f"chart {form.shown}"
    )
