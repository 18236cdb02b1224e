"""Numbers as people read them."""

from __future__ import annotations


def milliseconds(value: float | None) -> str:
    """A time as people read it.

    >>> milliseconds(3.14159), milliseconds(1234.5), milliseconds(0.0)
    ('3.1 ms', '1,234 ms', '0 ms')
    """
    if value is None:
        return "–"
    return f"{value:.1f} ms" if 0 < value < 100 else f"{value:,.0f} ms"
