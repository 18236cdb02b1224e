"""``rankladder bench``: what models cost on this machine."""

from __future__ import annotations

import json
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from rankladder.cli import exits
from rankladder.cli.output import Form, form_options, note, print_json, print_table, resolve_form, say
from rankladder.errors import BadOption, PathMissing, StorageFailed

if TYPE_CHECKING:
    from rankladder.cost import Asked, Configuration, Cost, Failure, Workload
    from rankladder.rerank import ModelRequest

_PAIRS, _TOP = 64, 100


@click.command()
@click.option(
    "--model",
    "models",
    multiple=True,
    help="NAME[,OPTION=VALUE]…, as box,threads=1; may be repeated.  [default: box, and every known model that is here]",
)
@click.option(
    "--engine",
    "engines",
    multiple=True,
    type=click.Choice(["onnx", "torch", "sentence-transformers"]),
    help="May be repeated.  [default: onnx; torch too where it is installed and an NVIDIA GPU is here]",
)
@click.option(
    "--dtype",
    "dtypes",
    multiple=True,
    type=click.Choice(["auto", "fp32", "int8", "bf16", "fp16"]),
    help="May be repeated; what an engine does not have is left out with a note.  [default: auto]",
)
@click.option("--data", type=click.Path(path_type=Path), help="Your documents: a BEIR folder, or what `search` reads.")
@click.option("--queries", type=click.Path(path_type=Path), help="Your queries, beside --data: .jsonl or .tsv.")
@click.option(
    "--lengths",
    default="natural",
    show_default=True,
    help="Of made-up text: natural (about 150 tokens a pair), or tokens of every pair, as 128,512,4096.",
)
@click.option("--pairs", type=click.IntRange(1), default=_PAIRS, show_default=True, help="Pairs of one pass.")
@click.option("--passes", type=click.IntRange(1), default=3, show_default=True, help="Passes; the median counts.")
@click.option(
    "--top", type=click.IntRange(1), default=_TOP, show_default=True, help="Documents of a list, for the latency."
)
@click.option(
    "--repeats",
    type=click.IntRange(1),
    help="Lists ranked. p95 takes 20 of them, p99 takes 100.  [default: 20, or what 40 seconds allow, at least 5]",
)
@click.option(
    "--max-tokens", type=click.IntRange(16), help="Longest sequence.  [default: 512, or what the model reads]"
)
@click.option("--peer/--no-peer", default=True, help="Measure Sentence Transformers beside, where it is installed.")
@click.option(
    "--search/--no-search", default=True, help="Try threads (onnx) and batch sizes (Sentence Transformers) first."
)
@click.option(
    "--turns/--no-turns", default=True, help="Passes take turns over the models, or one model is done after the other."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Decides the texts.")
@click.option("--offline", is_flag=True, default=None, help="Never touch the network, not even for a model.")
@click.option("--out", type=click.Path(path_type=Path), help="Write everything, samples included, to this JSON file.")
@form_options
@click.pass_context
def bench(
    context: click.Context,
    models: tuple[str, ...],
    engines: tuple[str, ...],
    dtypes: tuple[str, ...],
    data: Path | None,
    queries: Path | None,
    lengths: str,
    pairs: int,
    passes: int,
    top: int,
    repeats: int | None,
    max_tokens: int | None,
    peer: bool,
    search: bool,
    turns: bool,
    seed: int,
    offline: bool | None,
    out: Path | None,
    form: Form | None,
) -> int:
    """Measure what models cost on this machine: pairs and tokens per second, latency of a list, memory, share of the
    machine's peak, with Sentence Transformers beside and published figures for reference.

    Every model runs in a process of its own, and all take turns, so that what else the machine does hurts all alike:
    read the ratios first. A model that fails is a row too; the exit status is then that of its error.

    \b
    rankladder bench --pairs 8 --top 5 --repeats 5 --no-peer
    rankladder bench --model box --dtype fp32 --dtype int8 --out bench.json
    rankladder bench --model ettin-17m --model ettin-32m --data docs/ --repeats 100
    """
    from rankladder.cost import Failure, Measurement, Plan, asked_of_service, plan_grid
    from rankladder.cost.report import document, rows

    wanted = _lengths(lengths)
    if data is None and queries is not None:
        raise BadOption("--queries goes with --data", hint="leave it out to measure with made-up text")
    if data is not None and wanted != [None]:
        raise BadOption("--data brings its own lengths", hint="leave --lengths out")
    if out is not None:
        _check_writable(out)
    requests = _requests(models)
    parts: list[tuple[Workload, list[Cost | Failure]]] = []
    planned: list[tuple[Plan, Workload]] = []
    for length in wanted:
        workload = _workload(length, data, queries, pairs=pairs, top=top, seed=seed)
        plan = plan_grid(
            requests, engines=engines, dtypes=dtypes, max_tokens=max_tokens, length=length, peer=peer, offline=offline
        )
        planned.append((plan, workload))
    notes = list(dict.fromkeys(remark for plan, _ in planned for remark in plan.notes))
    for remark in notes:
        note(remark)
    if not any(plan.configurations or plan.failures for plan, _ in planned):
        raise BadOption("nothing is left to measure", hint="rankladder models lists the models and their engines")
    for plan, workload in planned:
        for one in plan.configurations:
            if one.engine == "hosted":
                _note_requests(one, asked_of_service(one, workload, passes=passes, repeats=repeats))
    interrupted = False
    for plan, workload in planned:
        count = len(plan.configurations)
        if not count:
            parts.append((workload, list(plan.failures)))
            continue
        note(
            f"{_counted(count, 'configuration')}, {workload.about}: {_counted(passes, 'pass')} over "
            f"{_counted(pairs, 'pair')}{', after trying settings' if search else ''}; then "
            f"{_counted(repeats, 'list') if repeats else 'up to 20 lists'} of {_counted(top, 'document')} each"
        )
        measurement = Measurement(
            plan.configurations, workload, passes=passes, repeats=repeats, search=search, turns=turns, tell=_status
        )
        try:
            measurement.run()
        except KeyboardInterrupt:
            interrupted = True
        finally:
            _status("")
        parts.append((workload, [*plan.failures, *measurement.results()]))
        if interrupted:
            break
    failures = [result for _, results in parts for result in results if isinstance(result, Failure)]
    listed = [row for workload, results in parts for row in rows(results, workload)]
    if out is not None:
        content = document(parts, command=_command(context), seed=seed, notes=notes, interrupted=interrupted)
        _write(out, content)
    _print(listed, form, apart=turns and len({row["turn"] for row in listed if "turn" in row}) > 1)
    for row in listed:
        if "error" in row:
            note(f"{row['model']}, {row['engine']}, {row['dtype']}: {row['message']}")
    if interrupted:
        click.echo("interrupted: the rows are what was measured until then", err=True)
        return exits.INTERRUPTED
    return exits.exit_status(failures[0].error) if failures else exits.OK


def _requests(models: Sequence[str]) -> list[ModelRequest]:
    from rankladder.catalogue import all_models
    from rankladder.checkpoint import is_local
    from rankladder.rerank import ModelRequest

    return [ModelRequest.parse(name) for name in models or [one.name for one in all_models() if is_local(one)]]


def _lengths(text: str) -> list[int | None]:
    """None for the natural lengths, else tokens.

    >>> _lengths("natural"), _lengths("128,512")
    ([None], [128, 512])
    """
    if text == "natural":
        return [None]
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise BadOption(f"--lengths must be natural or numbers of tokens, as 128,512, got {text!r}") from None


def _workload(
    length: int | None, data: Path | None, queries: Path | None, *, pairs: int, top: int, seed: int
) -> Workload:
    from rankladder.cost import fixed_workload, natural_workload, own_workload

    if data is not None:
        return own_workload(data, queries=queries, pairs=pairs, top=top, seed=seed)
    if length is not None:
        return fixed_workload(length, pairs=pairs, top=top, seed=seed)
    return natural_workload(pairs=pairs, top=top, seed=seed)


def _check_writable(out: Path) -> None:
    """Raises before anything is measured where the result could not be written."""
    if out.is_dir():
        raise BadOption(f"--out {out} is a folder", hint=f"--out {out / 'bench.json'}")
    if not out.parent.is_dir():
        raise PathMissing(f"--out {out}: there is no folder {out.parent}", hint=f"mkdir -p {out.parent}")
    try:
        with tempfile.TemporaryFile(dir=out.parent):
            pass
    except OSError as error:
        raise StorageFailed(f"--out {out}: cannot be written: {error.strerror or error}") from error


def _write(out: Path, content: dict[str, Any]) -> None:
    from rankladder.textfiles import whole_file

    with whole_file(out) as file:
        json.dump(content, file, indent=1, ensure_ascii=False, allow_nan=False)
        file.write("\n")
    note(f"written to {out}")


def _print(listed: Sequence[dict[str, Any]], form: Form | None, *, apart: bool) -> None:
    from rankladder.cost.report import HEADERS, table_row

    if resolve_form(form) == "json":
        for row in listed:
            print_json(row)
        return
    print_table(HEADERS, [table_row(row) for row in listed], right=range(4, len(HEADERS)))
    told = [row for row in listed if "error" not in row]
    if not told:
        return
    say()
    say(f"ratio: to {', '.join(dict.fromkeys(row['ratio_to'] for row in told))}, pass by pass.")
    if apart:
        say("Not all took turns, for want of memory: ratios between rows of different turns are less sure (--json).")
    taken = sorted({row["list_samples"] for row in told})
    count = str(taken[0]) if len(taken) == 1 else f"{taken[0]} to {taken[-1]}"
    say(f"ms: one query's list, texts to ranking, {count} samples; p95 takes 20 and p99 takes 100 (--repeats).")
    say(f"peak MB: {told[0]['peak_memory_source']}.")
    say("% of peak: of plain matrix products on this machine, in the same number format.")
    if any(row["published"] for row in told):
        say(
            f"H100 bf16, i7 fp32: published pairs/s ({next(r['published']['source'] for r in told if r['published'])})."
        )


def _note_requests(configuration: Configuration, asked: Asked) -> None:
    note(
        f"{configuration.model}: up to {_counted(asked.requests, 'request')} with "
        f"{_counted(asked.documents, 'document')} in all will be sent, and the service may bill them; fewer --pairs, "
        "--passes, --top or --repeats send less"
    )


def _counted(count: int, what: str) -> str:
    """A number and what it counts.

    >>> _counted(1, "pass"), _counted(1200, "pair"), _counted(3, "pass")
    ('1 pass', '1,200 pairs', '3 passes')
    """
    return f"{count:,} {what}{'' if count == 1 else 'es' if what.endswith('s') else 's'}"


def _status(what: str) -> None:
    """One line on a terminal's stderr that the next one takes the place of."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{what[:100]}", err=True, nl=False)


def _command(context: click.Context) -> str:
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
