"""Writes what the documents take from the program: docs/reference.md, and the tables of figures in README.md.

Run by ``./dev docs``; a test fails while either is out of date.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from rankladder.cli.exits import EXIT_STATUS, INTERRUPTED, OK, PIPE_CLOSED
from rankladder.cli.main import cli

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference.md"
README = ROOT / "README.md"
RESULTS = ROOT / "benchmarks" / "results"
BEGIN, END = "<!-- figures: written by ./dev docs -->", "<!-- end of figures -->"


def reference() -> str:
    """The whole of docs/reference.md."""
    lines = ["# Reference", "", "Written by the program itself (`./dev docs`).", "", "## Commands", ""]
    top = click.Context(cli, info_name="rankladder", terminal_width=100, **cli.context_settings)
    subcommands = (click.Context(command, info_name=name, parent=top) for name, command in sorted(cli.commands.items()))
    for context in (top, *subcommands):
        lines += [f"### `{context.command_path}`", "", "```text", context.get_help(), "```", ""]
    lines += ["## Exit status", "", "| status | when |", "|--:|---|", f"| {OK} | done |"]
    for kind, status in sorted(EXIT_STATUS.items(), key=lambda item: item[1]):
        first_line = (kind.__doc__ or "").partition("\n")[0]
        lines.append(f"| {status} | `{kind.__name__}`: {first_line} |")
    lines.append(f"| {INTERRUPTED} | interrupted (Ctrl-C) |")
    lines.append(f"| {PIPE_CLOSED} | whoever read standard output went away |")
    lines += ["", "A usage error (an unknown option, a missing argument) has the status of `BadInput`.", ""]
    return "\n".join(lines)


def figures() -> str:
    """The tables of README.md, from benchmarks/results."""
    quality, engine = _result("box_quality"), _result("cpu_engine_ettin-17m")
    cold, indexing = _result("cold_start"), _result("indexing")
    lines = ["nDCG@10, top 100 reranked by the model in the box (`./dev bench box_quality --queries 60`):", ""]
    lines += ["| collection | BM25 | box fp32 | box int8 |", "|---|--:|--:|--:|"]
    for name, row in quality["table"].items():
        lines.append(f"| {name} | {row['bm25']:.3f} | {row['fp32']:.3f} | {row['int8']:.3f} |")
    lines += ["", f"Pairs per second, 17M shape, mean {engine['mean_tokens']:.0f} tokens, {_machine(engine)}"]
    lines += ["(`./dev bench cpu_engine`; all in turns in one run):", "", "| | pairs/s | ratio |", "|---|--:|--:|"]
    lines += [f"| {n} | {row['pairs_per_second']:.0f} | {row['ratio']:.1f} |" for n, row in engine["rows"].items()]
    lines += [
        "",
        "Ranking 100 passages from a cold start, whole process, MiniLM-L6 shape (`./dev bench cold_start`):",
        "",
    ]
    lines += ["| | seconds | peak MB |", "|---|--:|--:|"]
    lines += [f"| {name} | {row['wall_s']:.1f} | {row['peak_mb']} |" for name, row in cold["rows"].items()]
    lines += ["", "Index, top 100 by BM25 (`./dev bench indexing`):", ""]
    lines += [
        "| corpus | passages | indexed per second | peak MB | query p50 | query p99 |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {name} | {row['documents']:,} | {row['documents_per_second']:,} | {row['build_peak_mb']} "
        f"| {row['query_p50_ms']:.1f} ms | {row['query_p99_ms']:.1f} ms |"
        for name, row in indexing["rows"].items()
    ]
    return "\n".join(lines)


def readme() -> str:
    """README.md with its tables up to date."""
    before, _, rest = README.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{figures()}\n\n{END}{after}"


def _result(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())
    return content


def _machine(result: dict[str, Any]) -> str:
    return f"{result['machine']['cores']} cores, {result['machine']['processor']}"


def main() -> None:
    """Writes both files."""
    REFERENCE.write_text(reference())
    README.write_text(readme())


if __name__ == "__main__":
    main()
