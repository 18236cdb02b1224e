"""Files that an index leaves out, told to the person who named the folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rankladder.cli.output import note, printable

if TYPE_CHECKING:
    from rankladder.retrieve import IndexReport

_NAMED = 10


def note_left_out(report: IndexReport) -> None:
    """Says why an index was built anew, names the files that could not be read (the first ten of them), and counts
    those of kinds that are not read.
    """
    if report.damage:
        note(printable(f"the index was damaged, so it was built anew: {report.damage}"))
    for skipped in report.skipped[:_NAMED]:
        note(printable(f"skipped {skipped.path}: {skipped.reason}"))
    if len(report.skipped) > _NAMED:
        note(f"skipped {len(report.skipped) - _NAMED} more; `rankladder index --json` names them all")
    if report.unknown_suffixes:
        kinds = (f"{count} {suffix or 'without a suffix'}" for suffix, count in sorted(report.unknown_suffixes.items()))
        note(f"left out, not text that is read: {', '.join(kinds)}")
