"""HTML and SVG from values: what is not markup is escaped, and a figure carries the place it comes from."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from rankladder.drawing.numbers import milliseconds
from rankladder.surrogates import encodable

_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_VOID = {"meta", "br", "line", "rect", "circle", "path", "polyline", "polygon"}


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def escaped(text: object) -> Markup:
    r"""Any text as HTML shows it: escaped, control and direction-changing characters replaced.

    >>> escaped('<b a="1">&\x07')
    '&lt;b a=&quot;1&quot;&gt;&amp;\ufffd'
    """
    if isinstance(text, Markup):
        return text
    return Markup(html.escape(_STEERING.sub("\ufffd", encodable(str(text)))))


def element(tag: str, *children: object, **attributes: object) -> Markup:
    """An element. ``class_`` and ``for_`` lose their line, other lines become hyphens; None is left out, True is bare.

    >>> element("p", "a < b", class_="x", data_path="/a", hidden=True, title=None)
    '<p class="x" data-path="/a" hidden>a &lt; b</p>'
    """
    written = "".join(
        f" {name.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escaped(value)}"')
        for name, value in attributes.items()
        if value is not None and value is not False
    )
    if tag in _VOID and not children:
        return Markup(f"<{tag}{written}/>" if tag not in {"meta", "br"} else f"<{tag}{written}>")
    return Markup(f"<{tag}{written}>{joined(*children)}</{tag}>")


def joined(*children: object) -> Markup:
    """The children one after the other; lists are walked, None is passed over."""
    parts: list[str] = []
    for child in children:
        if isinstance(child, list | tuple):
            parts.append(joined(*child))
        elif child is not None:
            parts.append(escaped(child))
    return Markup("".join(parts))


def embedded(value: Any) -> Markup:
    r"""JSON that is safe in a script element: pure ASCII, no ``<``, so that nothing in it can end the element.

    >>> embedded({"a": "</script>"})
    '{"a":"\\u003c/script>"}'
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))


def percentage(value: float) -> str:
    """A share in percent; near 0 and 1 with more places, so that it is not taken for either.

    >>> percentage(0.843), percentage(0.0001), percentage(0.9987), percentage(1.0)
    ('84 %', '0.01 %', '99.87 %', '100 %')
    """
    if 0 < value < 0.005:
        return f"{100 * value:.1g} %"
    return f"{100 * value:.2f} %" if 0.995 < value < 1 else f"{100 * value:.0f} %"


FORMS: Mapping[str, Callable[[float], str]] = {
    "score": lambda value: f"{value:.3f}",
    "signed": lambda value: f"{value:+.3f}",
    "ms": milliseconds,
    "percent": percentage,
    "count": lambda value: f"{value:,}",
    "rate": lambda value: f"{value:,.1f}" if value < 100 else f"{value:,.0f}",
    "mib": lambda value: f"{value:,.0f} MiB",
    "money": lambda value: f"{value:,.2f}" if value >= 1 else f"{value:.4g}",
    "plain": lambda value: f"{value:g}",
}
"""How a figure is written."""


class Figures:
    """Reads figures out of an outcome's JSON and writes them so that each names its place there."""

    def __init__(self, outcome: Mapping[str, Any]) -> None:
        self.outcome = outcome

    def at(self, path: str) -> Any:
        """The value at a JSON pointer (RFC 6901). Raises KeyError, IndexError.

        >>> Figures({"a": [{"b/c": 1}]}).at("/a/0/b~1c")
        1
        """
        value: Any = self.outcome
        for part in path.split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            value = value[int(key)] if isinstance(value, list) else value[key]
        return value

    def has(self, path: str) -> bool:
        """Whether there is a value other than null."""
        try:
            return self.at(path) is not None
        except (KeyError, IndexError, TypeError):
            return False

    def text(self, path: str, form: str) -> str:
        """The figure as text; a dash where there is none."""
        return FORMS[form](self.at(path)) if self.has(path) else "–"

    def number(self, path: str, form: str, *, tag: str = "data", **attributes: object) -> Markup:
        """The figure as an element, ``data`` or (in a drawing) ``tspan``; a dash where there is none."""
        if not self.has(path):
            return element("span", "–", class_="none", title="not measured")
        value = repr(self.at(path)) if tag == "data" else None
        return element(tag, self.text(path, form), value=value, data_path=path, data_form=form, **attributes)

    def interval(self, path: str, form: str = "score") -> Markup:
        """A mean and its interval below it."""
        if not self.has(path):
            return element("span", "–", class_="none")
        mean = self.number(f"{path}/mean", form)
        if not self.has(f"{path}/low"):
            return mean
        bounds = (self.number(f"{path}/low", form), ", ", self.number(f"{path}/high", form))
        return joined(mean, " ", element("span", "[", *bounds, "]", class_="interval"))


def pointer(part: str) -> str:
    """A key as a part of a JSON pointer."""
    return part.replace("~", "~0").replace("/", "~1")
