"""Two drawings as SVG files: curves, and a distribution. Each is complete in itself, light or dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rankladder.drawing.markup import Markup, element
from rankladder.drawing.scales import Linear

_WIDTH, _HEIGHT = 640, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 624, 28, 272
_STYLE = """
svg{font:12px system-ui,sans-serif;color:#1c2430;background:#fff} text{fill:currentColor}
.grid{stroke:currentColor;opacity:.15} .a{stroke:#1f6feb} .b{stroke:#b35900;stroke-dasharray:6 3}
polyline{fill:none;stroke-width:2} rect.a{fill:#1f6feb;stroke:none;opacity:.45} rect.b{fill:none;stroke-width:1.5}
@media (prefers-color-scheme:dark){svg{color:#e6edf3;background:#0d1117}.a{stroke:#79b8ff}.b{stroke:#ffab70}}
"""


@dataclass(frozen=True, slots=True)
class Curve:
    """A named line through points."""

    name: str
    points: Sequence[tuple[float, float]]


def curves(drawn: Sequence[Curve], *, across: str, up: str) -> str:
    """At most two curves over one pair of axes, as SVG."""
    every = [point for curve in drawn for point in curve.points]
    if not every:
        return _drawing([element("text", "nothing was logged", x=_LEFT, y=_TOP)], f"{up} by {across}")
    x = _scale([point[0] for point in every], _LEFT, _RIGHT)
    y = _scale([point[1] for point in every], _BOTTOM, _TOP)
    parts = _axes(x, y, across, up)
    for curve, kind in zip(drawn, "ab", strict=False):
        points = " ".join(f"{x(a)},{y(b)}" for a, b in curve.points)
        parts.append(element("polyline", points=points, class_=kind))
    return _drawing([*parts, *_legend([curve.name for curve in drawn])], f"{up} by {across}")


def distribution(drawn: Mapping[str, Mapping[str, Any]], *, across: str) -> str:
    """At most two histograms, each as shares of its own rows, as SVG.

    By name: ``count`` of rows and, where there are any, ``histogram``: ``from``, ``to`` and ``counts`` by bin.
    """
    shown = {name: one["histogram"] for name, one in drawn.items() if one["count"]}
    if not shown:
        return _drawing([element("text", "no rows", x=_LEFT, y=_TOP)], f"distribution of {across}")
    x = _scale([end for one in shown.values() for end in (one["from"], one["to"])], _LEFT, _RIGHT)
    shares = {name: [count / sum(one["counts"]) for count in one["counts"]] for name, one in shown.items()}
    y = _scale([0.0, *(share for row in shares.values() for share in row)], _BOTTOM, _TOP)
    parts = _axes(x, y, across, "share")
    for (name, one), kind in zip(shown.items(), "ab", strict=False):
        step = (one["to"] - one["from"]) / len(one["counts"])
        for place, share in enumerate(shares[name]):
            left, right = x(one["from"] + place * step), x(one["from"] + (place + 1) * step)
            size = {"width": round(right - left, 2), "height": round(_BOTTOM - y(share), 2)}
            if share:
                parts.append(element("rect", x=left, y=y(share), class_=kind, **size))
    return _drawing([*parts, *_legend(list(shown))], f"distribution of {across}")


def _scale(values: Sequence[float], start: float, end: float) -> Linear:
    low, high = min(values), max(values)
    return Linear(low, high if high > low else low + 1, start, end)


def _axes(x: Linear, y: Linear, across: str, up: str) -> list[Markup]:
    parts = []
    for tick in y.ticks():
        parts.append(element("line", x1=_LEFT, x2=_RIGHT, y1=y(tick), y2=y(tick), class_="grid"))
        parts.append(element("text", f"{tick:g}", x=_LEFT - 6, y=y(tick) + 4, text_anchor="end"))
    for tick in x.ticks():
        parts.append(element("text", f"{tick:,g}", x=x(tick), y=_BOTTOM + 18, text_anchor="middle"))
    parts.append(element("text", across, x=_RIGHT, y=_BOTTOM + 38, text_anchor="end"))
    parts.append(element("text", up, x=8, y=16))
    return parts


def _legend(names: Sequence[str]) -> list[Markup]:
    parts = []
    for place, (name, kind) in enumerate(zip(names, "ab", strict=False)):
        left = _LEFT + 60 + 180 * place
        parts.append(element("polyline", points=f"{left},12 {left + 24},12", class_=kind))
        parts.append(element("text", name, x=left + 32, y=16))
    return parts


def _drawing(parts: Sequence[Markup], label: str) -> str:
    style = element("style", Markup(_STYLE))
    return (
        element(
            "svg",
            style,
            *parts,
            xmlns="http://www.w3.org/2000/svg",
            viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
            role="img",
            aria_label=label,
        )
        + "\n"
    )
