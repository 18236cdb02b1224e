"""Notes about files that an index leaves out."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from rankladder.cli.output import note
from rankladder.textfiles.selection import DEFAULTS, counted
from rankladder.visible import visible

if TYPE_CHECKING:
    from rankladder.retrieve import IndexReport
    from rankladder.textfiles import Selection

_NAMED = 10


def note_left_out(report: IndexReport) -> None:
    """Says why an index was rebuilt, names the files that could not be read (the first ten of them), and counts
    those of kinds that are not read.
    """
    if report.damage:
        note(visible(f"the index was damaged, so it was rebuilt: {report.damage}"))
    for skipped in report.skipped[:_NAMED]:
        note(visible(f"skipped {skipped.path}: {skipped.reason}"))
    if len(report.skipped) > _NAMED:
        note(f"skipped {len(report.skipped) - _NAMED} more; `rankladder index --json` names them all")
    if report.unknown_suffixes:
        kinds = (f"{count} {suffix or 'without a suffix'}" for suffix, count in sorted(report.unknown_suffixes.items()))
        note(f"left out, files of kinds that are not read: {', '.join(kinds)}")
    if report.left_out:
        note(f"left out: {counted(report.left_out)}")


def note_kept(report: IndexReport, given: Selection, language: str | None) -> None:
    """Names the choice that an index kept from an earlier build, where the command line says nothing of it."""
    kept = []
    for name, default in DEFAULTS.to_dict().items():
        value = getattr(report.select, name)
        if getattr(given, name) is None and value != default:
            kept.append(_as_options(name, value))
    if language is None and report.language != "en":
        kept.append(f"--language {report.language}")
    if kept:
        note(f"the same options as when the index was built: {' '.join(kept)}")


def _as_options(name: str, value: tuple[str, ...] | bool | str) -> str:
    match value:
        case bool():
            return "--ignore" if value else "--no-ignore"
        case str():
            return f"--{name} {value}"
    return " ".join(f"--{name} {shlex.quote(glob)}" for glob in value)
