"""``rankladder cache``: what is kept on this machine, and clearing it."""

from __future__ import annotations

import re
import sys
import time
from typing import TYPE_CHECKING

import click

from rankladder.cli.output import Form, form_options, note, print_json, print_table, resolve_form

if TYPE_CHECKING:
    from rankladder.kept import Kept

_AGE = re.compile(r"(?P<count>\d{1,6})(?P<unit>[hdw])")
_DAYS = {"h": 1 / 24, "d": 1.0, "w": 7.0}


def _days(_context: click.Context, _parameter: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    found = _AGE.fullmatch(value)
    if found is None:
        raise click.BadParameter(f"expected an age such as 12h, 30d or 8w, got {value!r}")
    return int(found["count"]) * _DAYS[found["unit"]]


@click.group(invoke_without_command=True)
@click.pass_context
@form_options
def cache(context: click.Context, form: Form | None) -> None:
    """Show what rankladder keeps on this machine: indexes, graphs, embeddings, scores, and downloaded models.

    All of it can be made again. RANKLADDER_CACHE moves it to another folder (HF_HOME moves the models).

    \b
    rankladder cache
    rankladder cache clear embeddings --older-than 30d
    """
    if context.invoked_subcommand is None:
        from rankladder.kept import list_kept

        _show(list_kept(), form)


@cache.command()
@click.argument("kinds", nargs=-1, metavar="[KIND]...")
@click.option(
    "--older-than", "days", callback=_days, metavar="AGE", help="Only entries not used for this long: 12h, 30d, 8w …"
)
@click.option(
    "--yes", is_flag=True, help="Remove without asking. Without a terminal, nothing is removed unless this is given."
)
@form_options
def clear(kinds: tuple[str, ...], days: float | None, yes: bool, form: Form | None) -> None:
    """Remove what is kept: indexes, graphs, embeddings, scores or verified; all of these if no KIND is named.

    Downloaded models (models) are removed only if that kind is named: other programs may use them. Entries that another
    process is writing are kept.

    \b
    rankladder cache clear indexes graphs --older-than 30d
    """
    from rankladder import kept

    found = kept.list_kept(kinds or kept.KINDS[:-1], older_than_days=days)
    _show(found, form)
    if not found:
        return
    if not yes and not (sys.stdin.isatty() and sys.stderr.isatty()):
        note("nothing was removed; --yes removes these entries")
        return
    if not yes and not click.confirm("Remove all of it?", err=True):
        return
    freed = 0
    for entry in found:
        if kept.clear(entry):
            freed += entry.bytes
        else:
            note(f"{entry.path} is being written and is kept")
    note(f"{_size(freed)} freed")


def _show(found: list[Kept], form: Form | None) -> None:
    if resolve_form(form) == "json":
        for entry in found:
            print_json(
                {"kind": entry.kind, "path": str(entry.path), "bytes": entry.bytes, "used": round(entry.used, 3)}
            )
        return
    if not found:
        note("nothing is kept")
        return
    rows = [
        [entry.kind, _size(entry.bytes), time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.used)), str(entry.path)]
        for entry in found
    ]
    print_table(
        ["kind", "size", "last used", "path"],
        [*rows, ["all", _size(sum(entry.bytes for entry in found)), "", ""]],
        right=(1,),
    )


def _size(count: float) -> str:
    return f"{count / 1e6:,.1f} MB"
