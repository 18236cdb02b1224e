"""Writes what the documents take from the program: docs/reference.md, docs/figures.md, and the tables in README.md and
in the card of the model in the box.

Run by ``./dev docs``; a test fails while one of them is out of date.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from rankladder.cli.exits import EXIT_STATUS, INTERRUPTED, OK, PIPE_CLOSED
from rankladder.cli.main import cli
from rankladder.distill.recipe import tables as recipes

sys.path.insert(0, str(Path(__file__).parent))
from tables import ALL, IN_README, card, catalogue, choice_drawing, joined

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference.md"
README = ROOT / "README.md"
CARD = ROOT / "src" / "rankladder" / "box" / "README.md"
CHOOSING = ROOT / "docs" / "guide" / "choosing-a-model.md"
FIGURES = ROOT / "docs" / "figures.md"
CHOICE = ROOT / "docs" / "choosing.svg"
_ABOUT_FIGURES = """Written from `benchmarks/results` (`./dev docs`); each table names the command that made it. Every
ratio is of runs that took turns in one process or one run: absolute times on shared machines mean little. The results
hold the machine, the versions and the commit; [notes.md](notes.md) holds what else was learnt."""
BEGIN, END = "<!-- figures: written by ./dev docs -->", "<!-- end of figures -->"


def reference() -> str:
    """The whole of docs/reference.md."""
    lines = ["# Reference", "", "Written by the program itself (`./dev docs`).", "", "## Commands", ""]
    for context in _commands(click.Context(cli, info_name="rankladder", terminal_width=100, **cli.context_settings)):
        lines += [f"### `{context.command_path}`", "", "```text", context.get_help(), "```", ""]
    lines += ["## Exit status", "", "| status | when |", "|--:|---|", f"| {OK} | done |"]
    lines.append("| 1 | `evaluate`, `evaluate mteb`, `choose`, `bench`: a model failed; the others are finished |")
    for kind, status in sorted(EXIT_STATUS.items(), key=lambda item: item[1]):
        first_line = (kind.__doc__ or "").partition("\n")[0]
        lines.append(f"| {status} | `{kind.__name__}`: {first_line} |")
    lines.append(f"| {INTERRUPTED} | interrupted (Ctrl-C) |")
    lines.append(f"| {PIPE_CLOSED} | the reader of standard output closed it |")
    lines += ["", "A usage error (an unknown option, a missing argument) has the status of `BadInput`.", ""]
    return "\n".join([*lines, *_recipe()])


_TABLES = {
    "Recipe": "",
    "Data": "[[data]]",
    "Mine": "[mine]",
    "Label": "[label]",
    "Teacher": "a teacher",
    "Sample": "[sample]",
    "Train": "[train]",
    "Evaluate": "[evaluate]",
    "Export": "[export]",
}
"""The classes of a recipe, and what their tables are called in TOML."""


def _recipe() -> Iterator[str]:
    """Every key of a recipe, from the classes that read it and the lines below each field."""
    yield from ("## Recipes", "", "What `rankladder distill` reads; a key that is not listed is an error.", "")
    classes = {node.name: node for node in ast.parse(inspect.getsource(recipes)).body if isinstance(node, ast.ClassDef)}
    for name, table in _TABLES.items():
        yield from (f"### `{table}`" if table.startswith("[") else f"### {table or 'At the top'}", "")
        yield from ("| key | if left out | what it says |", "|---|---|---|")
        body = classes[name].body
        for field, about in zip(body, [*body[1:], None], strict=True):
            if not isinstance(field, ast.AnnAssign) or ast.unparse(field.target) in {
                word.strip("[]") for word in _TABLES.values()
            }:
                continue
            default = "required" if field.value is None else _toml(ast.literal_eval(field.value))
            said = ast.literal_eval(about.value) if isinstance(about, ast.Expr) else ""
            yield f"| `{ast.unparse(field.target)}` | {default} | {' '.join(said.replace('``', '`').split())} |"
        yield ""


def _toml(value: object) -> str:
    """A default as a recipe would have it."""
    if value is None:
        return "—"
    return f"`{json.dumps(list(value) if isinstance(value, tuple) else value)}`"


def _commands(context: click.Context) -> Iterator[click.Context]:
    """A command and every one below it, in the order of their names."""
    yield context
    if isinstance(context.command, click.Group):
        for name, command in sorted(context.command.commands.items()):
            if not command.hidden:
                yield from _commands(click.Context(command, info_name=name, parent=context))


def readme() -> str:
    """README.md with its tables up to date."""
    return _with_tables(README, joined(IN_README))


def box_card() -> str:
    """The card of the model in the box with its table up to date."""
    return _with_tables(CARD, joined((card,)))


def choosing() -> str:
    """The guide's page on choosing with its table of models up to date."""
    return _with_tables(CHOOSING, joined((catalogue,)))


def _with_tables(path: Path, tables: str) -> str:
    """A document with what stands between its marks replaced."""
    before, _, rest = path.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}"


def figures() -> str:
    """The whole of docs/figures.md."""
    return f"# Figures\n\n{_ABOUT_FIGURES}\n\n{joined(ALL)}\n"


def main() -> None:
    """Writes all of them."""
    REFERENCE.write_text(reference())
    FIGURES.write_text(figures())
    README.write_text(readme())
    CARD.write_text(box_card())
    CHOOSING.write_text(choosing())
    CHOICE.write_text(choice_drawing())


if __name__ == "__main__":
    main()
