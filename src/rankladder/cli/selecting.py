"""Options that say which files of folders are read, and which ids their records have."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

CODES = (
    "en",
    "ar",
    "da",
    "de",
    "el",
    "es",
    "fi",
    "fr",
    "hu",
    "it",
    "nl",
    "no",
    "pt",
    "ro",
    "ru",
    "sv",
    "ta",
    "tr",
    "none",
)


def selection_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds ``--include``, ``--exclude``, ``--no-ignore``, ``--ids`` and ``--language``; the command is given
    ``select``, a Selection, and ``language``.

    What is not on the command line says nothing, so that an index keeps what it has.
    """

    @wraps(command)
    def with_selection(
        *arguments: Any,
        include: tuple[str, ...],
        exclude: tuple[str, ...],
        ignore_files: bool | None,
        ids: Any,
        **others: Any,
    ) -> Any:
        from rankladder.textfiles import Selection

        select = Selection(include or None, exclude or None, ignore_files, ids)
        return command(*arguments, select=select, **others)

    for option in (
        click.option(
            "--language",
            type=click.Choice(CODES),
            help="Language whose endings and accents BM25 knows; none leaves words unchanged. Chinese, Japanese, "
            "Korean and Thai work with every setting.  [default: en]",
        ),
        click.option(
            "--ids",
            type=click.Choice(["auto", "plain", "file"]),
            help="Ids of records (CSV, JSON Lines): plain leaves them unchanged, file puts the file's name before "
            "them (a.csv#7), auto does so for bare numbers in the files of a folder.  [default: auto]",
        ),
        click.option(
            "--ignore/--no-ignore",
            "ignore_files",
            default=None,
            help="Leave out files named by .gitignore and .rankladderignore, hidden files, and folders of "
            "installed code or build output.  [default: ignore]",
        ),
        click.option(
            "--exclude",
            multiple=True,
            metavar="GLOB",
            help="Leave out files and folders that match, as in a .gitignore: '*.log', 'drafts/'. Repeatable.",
        ),
        click.option(
            "--include",
            multiple=True,
            metavar="GLOB",
            help="Read only files that match, as in a .gitignore: '*.md', 'guide/'. Repeatable.",
        ),
    ):
        with_selection = option(with_selection)
    return with_selection
