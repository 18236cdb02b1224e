"""stdout is data: a table on a terminal, JSON Lines in a pipe. Everything else goes to stderr."""

from __future__ import annotations

import errno
import functools
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import click

from rankladder.cli.tables import table_text, terminal_width
from rankladder.visible import visible, visible_in_json

Form = Literal["table", "json"]


def form_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds ``--json`` and ``--table``, which arrive as one parameter ``form``: "json", "table", or None."""

    @click.option("--table", is_flag=True, help="A table, also in a pipe.")
    @click.option("--json", "json_lines", is_flag=True, help="JSON Lines, also on a terminal.")
    @functools.wraps(command)
    def with_form(*arguments: Any, table: bool, json_lines: bool, **options: Any) -> Any:
        if table and json_lines:
            raise click.UsageError("--json and --table exclude each other")
        form: Form | None = "table" if table else "json" if json_lines else None
        return command(*arguments, form=form, **options)

    return with_form


def resolve_form(form: Form | None) -> Form:
    """What was asked for, else a table on a terminal and JSON Lines in a pipe."""
    return form or ("table" if sys.stdout.isatty() else "json")


class StdoutFailed(Exception):
    """Standard output cannot be written: its reader went away, or a disk is full."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error.strerror)
        self.reader_left = error.errno == errno.EPIPE


@contextmanager
def writing() -> Iterator[None]:
    """Tells a failure of stdout from every other OSError. Raises StdoutFailed."""
    try:
        yield
    except OSError as error:
        raise StdoutFailed(error) from error


def say(line: str = "", *, styled: bool = False) -> None:
    """One line on stdout, without what would steer a terminal; ``styled`` text holds colours of ours, and is safe."""
    with writing():
        click.echo(line if styled else visible(line))


def print_json(row: Mapping[str, Any]) -> None:
    """One JSON object on a line of its own."""
    say(visible_in_json(json.dumps(row, ensure_ascii=False, allow_nan=False)))


def print_table(headers: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[int] = ()) -> None:
    """A plain table that fits the terminal; the columns in ``right`` are set flush right."""
    shown = [[visible(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    say(table_text(headers, shown, right=right, width=terminal_width()))


def note(message: str) -> None:
    """A remark for the person at the terminal, on stderr."""
    click.echo(f"note: {visible(message)}", err=True)


def tell(line: str) -> None:
    """What is being done, on stderr."""
    click.echo(visible(line), err=True)


def emphasise(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """The text with character spans in bold, where stdout shows colours (a terminal, and no ``NO_COLOR``)."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    for start, end in sorted(spans, reverse=True):
        text = text[:start] + click.style(text[start:end], bold=True) + text[end:]
    return text
