"""stdout is data: a table on a terminal, JSON Lines in a pipe. Everything else goes to stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeVar

import click
from tabulate import tabulate

Form = Literal["table", "json"]
F = TypeVar("F", bound=Callable[..., Any])


def form_options(command: F) -> F:
    """Adds ``--json`` and ``--table``, which arrive as one parameter ``form``: "json", "table", or None."""
    command = click.option("--json", "form", flag_value="json", help="JSON Lines, also on a terminal.")(command)
    return click.option("--table", "form", flag_value="table", help="A table, also in a pipe.")(command)


def resolve_form(form: Form | None) -> Form:
    """What was asked for, else a table on a terminal and JSON Lines in a pipe."""
    return form or ("table" if sys.stdout.isatty() else "json")


def print_json(row: Mapping[str, Any]) -> None:
    """One JSON object on a line of its own."""
    click.echo(json.dumps(row, ensure_ascii=False, allow_nan=False))


def print_table(headers: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[int] = ()) -> None:
    """A plain table; the columns in ``right`` are set flush right."""
    align = ["right" if place in right else "left" for place in range(len(headers))]
    click.echo(tabulate(rows, headers, tablefmt="simple", colalign=align, disable_numparse=True))


def note(message: str) -> None:
    """A remark for the person at the terminal, on stderr."""
    click.echo(f"note: {message}", err=True)


def emphasise(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """The text with character spans in bold, where stdout shows colours (a terminal, and no ``NO_COLOR``)."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    for start, end in sorted(spans, reverse=True):
        text = text[:start] + click.style(text[start:end], bold=True) + text[end:]
    return text
