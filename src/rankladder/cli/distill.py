"""``rankladder distill``: from a recipe to a student, stage by stage."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rankladder.cli.argument_or_verb import ArgumentOrVerb
from rankladder.cli.options import GivenPath
from rankladder.cli.output import Form, form_options, note, print_json, print_table, resolve_form, say
from rankladder.visible import visible

if TYPE_CHECKING:
    from rankladder.distill.pipeline import Distillation
    from rankladder.distill.plan.needed_models import Needed
    from rankladder.distill.step import StageName

_VERBS: dict[StageName, str] = {
    "mine": "Find candidates for every query: by BM25, by an embedder, at random, and known positives.",
    "label": "Let the teachers score the candidates; a pair is never scored twice.",
    "sample": "Choose the scored candidates to train on, and show the distribution of their scores.",
    "train": "Train the student; also what `torchrun -m rankladder distill train RECIPE` runs.",
    "evaluate": "Measure the student beside its teachers, its start and BM25 on held-out sets.",
    "export": "Write the checkpoint with its card, recipe, digests and int8 measurement.",
}


def _folders(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds RECIPE's folders."""

    @click.option("--into", type=GivenPath(), help="The folder of the stages.  [default: ./NAME of RECIPE]")
    @click.option(
        "--data",
        type=GivenPath(),
        default=Path(),
        show_default="the current folder",
        help="The folder that the recipe's paths are relative to.",
    )
    @functools.wraps(command)
    def with_folders(*arguments: Any, **options: Any) -> Any:
        return command(*arguments, **options)

    return with_folders


@click.group(cls=ArgumentOrVerb, invoke_without_command=True, no_args_is_help=True, subcommand_metavar="")
@click.argument("recipe", required=False, type=GivenPath())
@_folders
@click.option("--dry-run", is_flag=True, help="Print rows, steps, hours and memory; make nothing.")
@click.option(
    "--processes", type=click.IntRange(1), default=1, show_default=True, help="Processes for label and for train."
)
@click.option("--ray", metavar="ADDRESS", help="Label on this Ray cluster (extra ray).")
@form_options
def distill(
    recipe: Path | None,
    into: Path | None,
    data: Path,
    dry_run: bool,
    processes: int,
    ray: str | None,
    form: Form | None,
) -> None:
    """Train a small reranker on the scores of large ones, from a recipe.

    Runs the stages mine, label, sample, train, evaluate and export, as far as they are not complete. If the command is
    killed, the same command resumes. If the recipe or the data changed, the stages that depend on the change are made
    again, with a note. Each stage is also a command of its own, which needs the stages before it. A recipe file named
    like a stage is written with its folder: ./mine.

    \b
    rankladder distill recipes/box.toml --data data --dry-run
    rankladder distill recipes/box.toml --data data --into box-2
    rankladder distill label recipes/box.toml --data data --into box-2 --processes 4
    """
    if recipe is None:
        raise click.UsageError("Missing argument 'RECIPE'.")
    found = _open(recipe, into, data, None, processes, ray)
    if dry_run:
        _show_plan(found, form)
        return
    found.run()
    _show(found, form)


def _verb(stage: StageName, about: str) -> click.Command:
    @click.argument("recipe", type=GivenPath())
    @_folders
    @form_options
    def run(
        recipe: Path,
        into: Path | None,
        data: Path,
        form: Form | None,
        processes: int = 1,
        ray: str | None = None,
    ) -> None:
        found = _open(recipe, into, data, stage, processes, ray)
        made = found.run()
        from rankladder.distill.train.training import is_leader

        if made.digest is None or not is_leader():
            return
        if stage in {"evaluate", "export"}:
            _show(found, form)
        else:
            print_json({"stage": stage, "folder": str(made.folder), "rows": made.rows, "digest": made.digest})

    parameters: Any = run
    if stage == "label":
        parameters = click.option("--ray", metavar="ADDRESS", help="Label on this Ray cluster (extra ray).")(parameters)
    if stage in {"label", "train"}:
        parameters = click.option("--processes", type=click.IntRange(1), default=1, show_default=True)(parameters)
    example = f"{about}\n\n\b\nrankladder distill {stage} recipes/box.toml --data data --into box-2"
    return click.command(stage, help=example)(parameters)


def _open(
    recipe: Path, into: Path | None, data: Path, only: StageName | None, processes: int, ray: str | None
) -> Distillation:
    from rankladder.rerank.engine import need

    need("msgspec", extra="distill")
    from rankladder.distill.pipeline import Distillation
    from rankladder.distill.train.training import is_leader
    from rankladder.progress import Progress

    return Distillation(
        recipe,
        into,
        data=data,
        only=only,
        processes=processes,
        ray=ray,
        say=lambda line: note(visible(line)) if is_leader() else None,
        watch=Progress,
    )


def _show(found: Distillation, form: Form | None) -> None:
    """The figures, and where the student lies."""
    figures = found.measured.figures
    if resolve_form(form) == "json":
        for figure in figures:
            print_json({name: getattr(figure, name) for name in figure.__dataclass_fields__})
    elif figures:
        rows = [
            [visible(figure.dataset), f"{figure.queries:,}", visible(figure.system), figure.role, *_cells(figure)]
            for figure in figures
        ]
        print_table(["set", "queries", "system", "role", "nDCG@10", "95 %"], rows, right=(1, 4))
    if found.only in {None, "export"}:
        note(f"the student is {found.exported.folder}: rankladder search --model {found.exported.folder} …")


def _cells(figure: Any) -> list[str]:
    if figure.mean is None:
        return ["failed", visible(str(figure.failed).splitlines()[0])]
    return [f"{figure.mean:.4f}", "—" if figure.low is None else f"{figure.low:.3f} … {figure.high:.3f}"]


def _show_plan(found: Distillation, form: Form | None) -> None:
    from rankladder.distill.plan.dry_run import outlook
    from rankladder.distill.plan.needed_models import needed_models
    from rankladder.distill.train.schedule import plan_facts

    needed = needed_models(found.recipe)
    plan = outlook(found.recipe, processes=found.processes)
    facts = {
        "queries": plan.queries,
        "candidates": plan.candidates,
        "rows": plan.rows,
        **({} if plan.plan is None else {k: v for k, v in plan_facts(plan.plan).items() if k != "rows"}),
        "parameters": plan.parameters,
        "hours": None if plan.hours is None else float(f"{plan.hours:.3g}"),
        "memory_mib": None if plan.memory_mib is None else round(plan.memory_mib),
    }
    for remark in plan.remarks:
        note(visible(remark))
    if resolve_form(form) == "json":
        models = [{name: getattr(model, name) for name in model.__dataclass_fields__} for model in needed]
        print_json({**facts, "models": models})
    else:
        shown = {key: "unknown" if value is None else value for key, value in facts.items()}
        cells = [[key.replace("_", " "), f"{v:,}" if isinstance(v, int) else str(v)] for key, v in shown.items()]
        print_table(["", "plan"], cells, right=(1,))
        say()
        print_table(
            ["needed for", "model", "here", "parameters", "licence"], [_needed_cells(model) for model in needed]
        )


def _needed_cells(one: Needed) -> list[str]:
    here = {True: "yes", False: "no: it will be fetched", None: "a hosted service"}[one.here]
    size = "" if one.parameters is None else f"{one.parameters / 1e6:,.0f}M"
    return [one.what, one.model, here, size, one.licence or ""]


for _stage, _about in _VERBS.items():
    distill.add_command(_verb(_stage, _about))
