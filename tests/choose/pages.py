"""Reads a report back: what it embeds, and every figure that it shows."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

_VOID = {"meta", "link", "br", "img", "line", "rect", "circle", "path", "polyline", "polygon"}


@dataclass
class Shown:
    """A figure on the page: where it says that it comes from, its machine value where it has one, and its text."""

    path: str
    value: str | None
    text: str = ""


@dataclass
class Read(HTMLParser):
    """``Read(html)``: the embedded JSON, figures, tags with their attributes, and all text outside of scripts."""

    html: str
    figures: list[Shown] = field(default_factory=list)
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    text: str = ""
    embedded: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[tuple[str, Shown | None, bool]] = []
        self.feed(self.html)
        self.close()
        assert [tag for tag, *_ in self._open] == [], "an element is left open"

    @property
    def outcome(self) -> dict[str, Any]:
        return dict(json.loads(self.embedded))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        if tag in _VOID:
            return
        shown = Shown(given["data-path"] or "", given.get("value")) if "data-path" in given else None
        if shown:
            self.figures.append(shown)
        self._open.append((tag, shown, given.get("id") == "outcome"))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return  # a browser writes SVG's empty elements out
        opened, _, _ = self._open.pop()
        assert opened == tag, f"</{tag}> ends <{opened}>"

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1][2]:
            self.embedded += data
        elif not any(tag in {"script", "style"} for tag, *_ in self._open):
            self.text += data
            for _, shown, _ in self._open:
                if shown:
                    shown.text += data


def value_at(outcome: Any, path: str) -> Any:
    """The value at a JSON pointer (RFC 6901), written apart from the report's own reader of them."""
    for part in path.removeprefix("/").split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        outcome = outcome[int(key)] if isinstance(outcome, list) else outcome[key]
    return outcome


def agrees(text: str, value: float) -> bool:
    """Whether a figure as it is written is the value, rounded to the places that are written."""
    if text.endswith(" %"):
        text, value = text.removesuffix(" %"), 100 * value
    for unit in (" ms", " MiB"):
        text = text.removesuffix(unit)
    plain = text.replace(",", "")
    if "e" in plain:
        return abs(float(plain) - value) <= 5e-4 * abs(value)
    places = len(plain.partition(".")[2])
    return abs(float(plain) - value) <= 0.5 * 10**-places * (1 + 1e-9)
