"""What ``rankladder bench`` says, and what it writes."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from rankladder.cli.output import Form, note, print_json, print_table, resolve_form, say
from rankladder.errors import BadOption, PathMissing
from rankladder.storage import expect_writable, whole_file
from rankladder.visible import visible

if TYPE_CHECKING:
    from rankladder.cost import Asked, Configuration


def check_writable(out: Path) -> None:
    """Raises before anything is measured where the result could not be written."""
    if out.is_dir():
        raise BadOption(f"--out {out} is a folder", hint=f"--out {out / 'bench.json'}")
    if not out.parent.is_dir():
        raise PathMissing(f"--out {out}: there is no folder {out.parent}", hint=f"mkdir -p {out.parent}")
    expect_writable(out.parent, f"--out {out.name} cannot be written")


def write_result(out: Path, content: dict[str, Any]) -> None:
    """Writes the JSON file whole or not at all, and says where."""
    from rankladder.surrogates import encodable

    with whole_file(out) as file:
        file.write(encodable(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)) + "\n")
    note(f"written to {out}")


def print_rows(listed: Sequence[dict[str, Any]], form: Form | None, *, apart: bool) -> None:
    """The table and how to read it, or the rows as JSON; ``apart`` says that not all configurations took turns."""
    from rankladder.cost.report import HEADERS, table_row

    if resolve_form(form) == "json":
        for row in listed:
            print_json(row)
        return
    print_table(HEADERS, [table_row(row) for row in listed], right=range(4, len(HEADERS)))
    measured = [row for row in listed if "error" not in row]
    if not measured:
        return
    say()
    say(f"ratio: to {', '.join(dict.fromkeys(row['ratio_to'] for row in measured))}, pass by pass.")
    if apart:
        say(
            "Memory was too small for all models to take turns: ratios between rows of different turns are less "
            "certain (--json)."
        )
    taken = sorted({row["list_samples"] for row in measured})
    count = str(taken[0]) if len(taken) == 1 else f"{taken[0]} to {taken[-1]}"
    say(f"ms: one query's list, texts to ranking, {count} samples; a p95 needs 20, a p99 needs 100 (--repeats).")
    say(f"peak MB: {measured[0]['peak_memory_source']}.")
    say("% of peak: share of the speed of plain matrix products on this machine, in the same number format.")
    if sources := [row["published"]["source"] for row in measured if row["published"]]:
        say(f"H100 bf16, i7 fp32: published pairs/s ({sources[0]}).")


def note_requests(configuration: Configuration, asked: Asked) -> None:
    """Says before a hosted service is measured what it will be sent."""
    note(
        f"{configuration.model}: up to {counted(asked.requests, 'request')} with "
        f"{counted(asked.documents, 'document')} in all will be sent, and the service may bill them; fewer --pairs, "
        "--passes, --top or --repeats send less"
    )


def counted(count: int, what: str) -> str:
    """A number and what it counts.

    >>> counted(1, "pass"), counted(1200, "pair"), counted(3, "pass")
    ('1 pass', '1,200 pairs', '3 passes')
    """
    return f"{count:,} {what}{'' if count == 1 else 'es' if what.endswith('s') else 's'}"


def show_status(what: str) -> None:
    """One line on a terminal's stderr that the next one takes the place of."""
    if sys.stderr is not None and sys.stderr.isatty():
        click.echo(f"\r\x1b[K{visible(what)[:100]}", err=True, nl=False)


def shown_command(context: click.Context) -> str:
    """The command as it can be shown to others: a path is its last part."""
    from rankladder.cost.configuration import shown_names
    from rankladder.rerank import ModelRequest

    shown = shown_names([ModelRequest.parse(text).name for text in context.params["models"]])
    words = ["rankladder", "bench"]
    for parameter in context.command.params:
        if parameter.name is None or context.get_parameter_source(parameter.name) is not ParameterSource.COMMANDLINE:
            continue
        value = context.params.get(parameter.name)
        if isinstance(value, bool):
            words.append(parameter.opts[0] if value else (parameter.secondary_opts or parameter.opts)[0])
            continue
        for one in value if isinstance(value, tuple) else (value,):
            text = one.resolve().name if isinstance(one, Path) else str(one)
            if parameter.name == "models":
                name, comma, options = text.partition(",")
                text = f"{shown[name.strip()]}{comma}{options}"
            words += [parameter.opts[0], text]
    return shlex.join(words)
