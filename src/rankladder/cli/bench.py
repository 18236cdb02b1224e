"""``rankladder bench``: what models cost on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rankladder.cli import exits
from rankladder.cli.bench_output import (
    check_writable,
    counted,
    note_requests,
    print_rows,
    show_status,
    shown_command,
    write_result,
)
from rankladder.cli.options import GivenPath, offline_option
from rankladder.cli.output import Form, form_options, note
from rankladder.errors import BadOption

if TYPE_CHECKING:
    from rankladder.cost import Cost, Failure, Workload
    from rankladder.rerank import ModelRequest

_PAIRS, _TOP = 64, 100


@click.command()
@click.option(
    "--model",
    "models",
    multiple=True,
    help="NAME[,OPTION=VALUE]…, as box,threads=1; may be repeated.  [default: box, and every known model on this "
    "machine]",
)
@click.option(
    "--engine",
    "engines",
    multiple=True,
    type=click.Choice(["onnx", "torch", "sentence-transformers"]),
    help="May be repeated.  [default: onnx; also torch, if it is installed and there is an NVIDIA GPU]",
)
@click.option(
    "--dtype",
    "dtypes",
    multiple=True,
    type=click.Choice(["auto", "fp32", "int8", "bf16", "fp16"]),
    help="May be repeated; a format that an engine lacks is left out with a note.  [default: auto]",
)
@click.option("--data", type=GivenPath(), help="Your documents: a BEIR folder, or anything that `search` reads.")
@click.option("--queries", type=GivenPath(), help="Your queries, together with --data: .jsonl or .tsv.")
@click.option(
    "--lengths",
    default="natural",
    show_default=True,
    help="Lengths of made-up text: natural (about 150 tokens a pair), or tokens of every pair, as in 128,512,4096.",
)
@click.option("--pairs", type=click.IntRange(1), default=_PAIRS, show_default=True, help="Pairs in one pass.")
@click.option(
    "--passes", type=click.IntRange(1), default=3, show_default=True, help="Number of passes; the median is reported."
)
@click.option(
    "--top", type=click.IntRange(1), default=_TOP, show_default=True, help="Documents in a list, for the latency."
)
@click.option(
    "--repeats",
    type=click.IntRange(1),
    help="Lists to rank. A p95 needs 20, a p99 needs 100.  [default: 20, or as many as fit in 40 seconds, at least 5]",
)
@click.option(
    "--max-tokens",
    type=click.IntRange(16),
    help="Longest sequence, in tokens.  [default: 512, or the model's limit if less]",
)
@click.option("--peer/--no-peer", default=True, help="Also measure Sentence Transformers, where it is installed.")
@click.option(
    "--search/--no-search", default=True, help="Try threads (onnx) and batch sizes (Sentence Transformers) first."
)
@click.option(
    "--turns/--no-turns",
    default=True,
    help="Let the models take turns, pass by pass, or finish one model before the next.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed that decides the texts.")
@offline_option
@click.option("--out", type=GivenPath(), help="Write everything, samples included, to this JSON file.")
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
    machine's peak. Sentence Transformers is measured too, and published figures are shown for reference.

    Every model runs in its own process, and the models take turns, so that other load on the machine affects all of
    them alike: read the ratios first. A model that fails has a row too; the exit status is then that of its error.

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
        raise BadOption("--data has its own lengths", hint="leave --lengths out")
    if out is not None:
        check_writable(out)
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
        for configuration in plan.configurations:
            if configuration.engine == "hosted":
                note_requests(configuration, asked_of_service(configuration, workload, passes=passes, repeats=repeats))
    interrupted = False
    for plan, workload in planned:
        count = len(plan.configurations)
        if not count:
            parts.append((workload, list(plan.failures)))
            continue
        note(
            f"{counted(count, 'configuration')}, {workload.about}: {counted(passes, 'pass')} over "
            f"{counted(pairs, 'pair')}{', after trying settings' if search else ''}; then "
            f"{counted(repeats, 'list') if repeats else 'up to 20 lists'} of {counted(top, 'document')} each"
        )
        measurement = Measurement(
            plan.configurations, workload, passes=passes, repeats=repeats, search=search, turns=turns, tell=show_status
        )
        try:
            measurement.run()
        except KeyboardInterrupt:
            interrupted = True
        finally:
            show_status("")
        parts.append((workload, [*plan.failures, *measurement.results()]))
        if interrupted:
            break
    failures = [result for _, results in parts for result in results if isinstance(result, Failure)]
    listed = [row for workload, results in parts for row in rows(results, workload)]
    if out is not None:
        content = document(parts, command=shown_command(context), seed=seed, notes=notes, interrupted=interrupted)
        write_result(out, content)
    print_rows(listed, form, apart=turns and len({row["turn"] for row in listed if "turn" in row}) > 1)
    for row in listed:
        if "error" in row:
            note(f"{row['model']}, {row['engine']}, {row['dtype']}: {row['message']}")
    if interrupted:
        click.echo("interrupted: the rows show what was measured before", err=True)
        return exits.INTERRUPTED
    return exits.exit_status(failures[0].error) if failures else exits.OK


def _requests(models: Sequence[str]) -> list[ModelRequest]:
    from rankladder.catalogue import all_models
    from rankladder.checkpoint import is_local
    from rankladder.rerank import ModelRequest

    return [ModelRequest.parse(name) for name in models or [model.name for model in all_models() if is_local(model)]]


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
