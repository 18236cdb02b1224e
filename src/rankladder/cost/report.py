"""A comparison as rows: for a table, for JSON, and for a file that says all that is needed to read it elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rankladder.cost.configuration import Configuration, Failure
from rankladder.cost.cost import Cost
from rankladder.cost.machine import describe_machine, installed_versions
from rankladder.cost.published import SOURCE, published
from rankladder.cost.workload import Workload
from rankladder.paths import expanded

HEADERS = (
    "model",
    "engine",
    "dtype",
    "setting",
    "tokens",
    "pairs/s",
    "ratio",
    "tokens/s",
    "p50 ms",
    "p95 ms",
    "p99 ms",
    "peak MB",
    "load s",
    "% of peak",
    "H100 bf16",
    "i7 fp32",
)
"""Of ``table_row``; all but the first four are numbers. The last two are published figures."""


_FOLDERS = re.compile(r"(?<![\w:/.~])~?/(?:[^\s/:'\"]+/)*(?=[^\s/:'\"])")
"""All but the last part of an absolute path; an address (https://…) is none."""


def rows(results: Sequence[Cost | Failure], workload: Workload) -> list[dict[str, Any]]:
    """A JSON object for each result, in order, with figures only; ``samples`` adds what they were drawn from."""
    costs = [result for result in results if isinstance(result, Cost)]
    return [
        failure_row(result) if isinstance(result, Failure) else cost_row(result, baseline(result, costs), workload)
        for result in results
    ]


def baseline(cost: Cost, costs: Sequence[Cost]) -> Cost:
    """What a cost is compared with: Sentence Transformers with its defaults on the same model, with the same longest
    sequence, device and threads where a request names them; else the first row.
    """
    return next((other for other in costs if other.configuration.is_peer_of(cost.configuration)), costs[0])


def cost_row(cost: Cost, compared: Cost, workload: Workload) -> dict[str, Any]:
    """One cost as a JSON object. None where a figure is unknown."""
    throughput, latency, memory = cost.throughput, cost.latency, cost.memory
    slowest, fastest = throughput.spread
    found = published(cost.configuration.model, cost.configuration.network)
    return {
        "model": cost.configuration.model,
        "engine": cost.engine,
        "peer": cost.configuration.peer,
        "dtype": cost.dtype,
        "attention": cost.configuration.attention,
        "device": cost.device_name or cost.device,
        "threads": cost.threads,
        "batch_size": cost.batch_size,
        "token_budget": cost.token_budget,
        "max_tokens": cost.max_tokens,
        "about": cost.about,
        "workload": workload.about,
        "pairs": throughput.pairs,
        "pairs_cut": cost.cut,
        "mean_tokens": round(throughput.tokens / throughput.pairs, 1) if throughput.tokens else None,
        "passes": len(throughput.seconds),
        "pairs_per_second": _rounded(throughput.pairs_per_second),
        "slowest_pass": _rounded(slowest),
        "fastest_pass": _rounded(fastest),
        "tokens_per_second": round(throughput.tokens_per_second) if throughput.tokens else None,
        "ratio": _rounded(throughput.ratio_to(compared.throughput)),
        "ratio_to": _named(compared, beside=cost),
        "turn": cost.turn,
        "list_documents": _rounded(latency.documents),
        "list_samples": len(latency.milliseconds),
        "p50_ms": _rounded(latency.p50),
        "p95_ms": _rounded(latency.p95),
        "p99_ms": _rounded(latency.p99),
        "max_ms": _rounded(latency.worst),
        "peak_memory_mb": None if memory.peak_mb is None else round(memory.peak_mb),
        "peak_memory_source": memory.source,
        "device_peak_memory_mb": None if memory.device_peak_mb is None else round(memory.device_peak_mb),
        "load_s": round(cost.load_s, 2),
        "gflop_per_pair": _rounded(cost.gflop_per_pair),
        "peak_gflops": _rounded(cost.peak_gflops),
        "share_of_peak": None if cost.share_of_peak is None else round(cost.share_of_peak, 3),
        "tried": {setting: _rounded(rate) for setting, rate in cost.tried.items()},
        "published": None if found is None else {"model": found[0], "source": SOURCE, **asdict(found[1])},
    }


def _named(compared: Cost, *, beside: Cost) -> str:
    """A row that another is compared with: model, engine, number format, and what is unlike the usual or the other."""
    parts = [compared.configuration.model, compared.engine, compared.dtype]
    if compared.device not in {"cpu", "hosted"}:
        parts.append(compared.device_name or compared.device)
    if compared.max_tokens != beside.max_tokens:
        parts.append(f"at most {compared.max_tokens} tokens")
    return ", ".join(parts)


def failure_row(failure: Failure) -> dict[str, Any]:
    """A failure as a JSON object, without paths of this machine: each is cut to its last part."""
    configuration = failure.configuration
    return {
        "model": configuration.model,
        "engine": configuration.engine,
        "peer": configuration.peer,
        "dtype": configuration.dtype,
        "attention": configuration.attention,
        "error": type(failure.error).__name__,
        "message": _without_paths(str(failure.error), configuration),
    }


def _without_paths(message: str, configuration: Configuration) -> str:
    folder = expanded(configuration.name)
    if folder.is_dir():  # a name that is none could be any word of the message
        for path in (folder.resolve(), folder):
            message = re.sub(rf"(?<![\w./]){re.escape(str(path))}(?=$|[^\w.])", configuration.model, message)
    return _FOLDERS.sub("", message.replace(str(Path.home()), "~"))


def samples(cost: Cost) -> dict[str, list[float]]:
    """Every sample of a cost: seconds of its passes, milliseconds of its lists."""
    return {
        "pass_seconds": [round(seconds, 6) for seconds in cost.throughput.seconds],
        "list_milliseconds": [round(milliseconds, 3) for milliseconds in cost.latency.milliseconds],
    }


def table_row(row: Mapping[str, Any]) -> list[str]:
    """A row of ``rows`` as the cells of ``HEADERS``; a dash for an unknown value."""
    engine = "Sentence Transformers" if row["peer"] else str(row["engine"])
    if row.get("device", "cpu") not in {"cpu", "hosted"}:
        engine += f" on {row['device']}"
    if row["attention"] is not None:
        engine += f", {row['attention']}"
    if "error" in row:
        return [row["model"], engine, row["dtype"], f"failed: {row['error']}", *[""] * (len(HEADERS) - 4)]
    share, found = row["share_of_peak"], row["published"] or {}
    knobs = (("batch", row["batch_size"]), ("threads", row["threads"]), ("budget", row["token_budget"]))
    return [
        row["model"],
        engine,
        row["dtype"],
        next((f"{name} {value}" for name, value in knobs if value is not None), "–"),
        _short(row["mean_tokens"]),
        _short(row["pairs_per_second"]),
        f"{row['ratio']:.2f}",
        _short(row["tokens_per_second"]),
        _short(row["p50_ms"]),
        _short(row["p95_ms"]),
        _short(row["p99_ms"]),
        _short(row["peak_memory_mb"]),
        f"{row['load_s']:.1f}",
        "–" if share is None else f"{100 * share:.0f}",
        _short(found.get("h100_bf16")),
        _short(found.get("i7_13700k_fp32")),
    ]


def document(
    parts: Sequence[tuple[Workload, Sequence[Cost | Failure]]],
    *,
    command: str,
    seed: int,
    notes: Sequence[str],
    interrupted: bool,
) -> dict[str, Any]:
    """The whole comparison for a file: command, machine, versions, seed, notes, and every row with its samples."""
    listed = []
    for workload, results in parts:
        for row, result in zip(rows(results, workload), results, strict=True):
            listed.append({**row, **samples(result)} if isinstance(result, Cost) else row)
    return {
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": describe_machine(),
        "versions": installed_versions(),
        "seed": seed,
        "interrupted": interrupted,
        "notes": list(notes),
        "rows": listed,
    }


def _rounded(figure: float | None) -> float | None:
    """Four significant digits.

    >>> _rounded(1234.56), _rounded(0.0123456), _rounded(None)
    (1235.0, 0.01235, None)
    """
    return None if figure is None else float(f"{figure:.4g}")


def _short(figure: float | None) -> str:
    """A figure for a table.

    >>> _short(1234.5), _short(12.34), _short(None)
    ('1,234', '12.3', '–')
    """
    if figure is None:
        return "–"
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.1f}"
