"""The tables of figures that the documents show, each from a file in benchmarks/results: markdown lines."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rankladder.evaluate import holm, holm_at_most
from rankladder.evaluate.report import probability_text

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"
Lines = list[str]


def collections() -> Lines:
    """BM25, a bi-encoder and the model in the box over their candidates."""
    result = _result("five_collections")
    if result is None:
        return []
    lines = [
        "",
        "nDCG@10 with 95 % bootstrap intervals over all judged queries, best 100 reranked by the model in the box",
    ]
    lines += [
        "(`./dev bench five_collections`; dense is all-MiniLM-L6-v2, hybrid is BM25 and dense fused by rank):",
        "",
    ]
    found = result["collections"]
    names = [name for name in _systems(found) if "+" not in name or name.endswith(" box")]
    lines += ["| collection | queries | " + " | ".join(names) + " |", "|---|--:|" + "--:|" * len(names)]
    for collection, one in found.items():
        lines.append(_intervals(collection, one, names))
    return lines + _two_collections(
        found,
        "Dense and hybrid search only the 14,581 passages that six published runs had found (hybrid with our own "
        "BM25 over these):",
    )


def differences() -> Lines:
    """The model in the box against the list that it reranked."""
    result = _result("five_collections")
    if result is None:
        return []
    lines = [
        "",
        "The model in the box against the list that it reranked (paired randomisation test; Holm's correction over the",
        "two comparisons of a collection):",
        "",
    ]
    lines += ["| collection | list | difference | p | wins, ties, losses |", "|---|---|--:|--:|--:|"]
    for collection, one in result["collections"].items():
        shown = [(row, base) for row in one["comparisons"] if (base := _reranked_by_box(row)) is not None]
        tested = [row["p"] for row, _ in shown]
        for (row, base), p, bound in zip(shown, holm(tested), holm_at_most(tested), strict=True):
            sign = 1 if row["second"] == base else -1
            counts = [row["wins"], row["ties"], row["losses"]][::sign]
            lines.append(
                f"| {collection} | {_short(base)} | {sign * row['difference']:+.3f} "
                f"| {probability_text(p, at_most=bound)} | {counts[0]}, {counts[1]}, {counts[2]} |"
            )
    return lines


def _reranked_by_box(row: dict[str, Any]) -> str | None:
    """The list that the box reranked, where a comparison is of the two; None for any other comparison."""
    pair = {row["first"], row["second"]}
    if not any(_short(name).endswith(" box") for name in pair):
        return None
    return next((name for name in pair if any(other.startswith(f"{name} + ") for other in pair - {name})), None)


def card() -> Lines:
    """The model in the box beside BM25, a bi-encoder and its predecessor: for its card."""
    result = _result("five_collections")
    if result is None:
        return []
    found = result["collections"]
    names = [name for name in _systems(found) if name in {"BM25", "dense"} or name.startswith("BM25 + ")]
    lines = ["nDCG@10 with 95 % bootstrap intervals, BM25's best 100 reranked, int8; dense is all-MiniLM-L6-v2 alone."]
    lines += ["", "| collection | queries | " + " | ".join(names) + " |", "|---|--:|" + "--:|" * len(names)]
    lines += [_intervals(collection, one, names) for collection, one in found.items()]
    return lines + _two_collections(found, "Dense searches only the 14,581 passages that six published runs had found:")


def _two_collections(found: dict[str, Any], others: str) -> Lines:
    """Below a table that has trec-dl-2019: its columns search different sets of passages."""
    if "trec-dl-2019" not in found:
        return []
    return [
        "",
        "In the row of trec-dl-2019 BM25 is the published run over all 8.8 million passages of MS MARCO, and BM25 +",
        "box reranks its best 100.",
        others,
        "an easier task, which does not compare with BM25's there.",
    ]


def _systems(found: dict[str, Any]) -> list[str]:
    """Short names of all systems, in order."""
    return list(dict.fromkeys(_short(row["name"]) for one in found.values() for row in one["systems"]))


def _intervals(collection: str, one: dict[str, Any], names: list[str]) -> str:
    """A row of a collection's figures."""
    cells = {_short(row["name"]): row["measures"]["nDCG@10"] for row in one["systems"] if not row["failed"]}
    shown = [
        f"{cells[name]['mean']:.3f} [{cells[name]['low']:.3f}, {cells[name]['high']:.3f}]" if name in cells else "–"
        for name in names
    ]
    return f"| {collection} | {one['dataset']['judged_queries']:,} | {' | '.join(shown)} |"


def _short(name: str) -> str:
    """``dense:all-MiniLM-L6-v2 + box int8`` → ``dense + box``; trec-dl-2019's run is BM25 too."""
    first, plus, model = name.partition(" + ")
    kind = first.partition(":")[0].lower()
    kind = kind if kind in {"dense", "hybrid"} else "BM25"
    return f"{kind} + {model.split()[0]}" if plus else kind


def box() -> Lines:
    """What int8 costs the model in the box."""
    result = _result("box_quality")
    if result is None:
        return []
    lines = ["", f"What int8 costs the model in the box, nDCG@10 (`{_bench(result)}`):", ""]
    lines += ["| collection | BM25 | box fp32 | box int8 |", "|---|--:|--:|--:|"]
    return lines + [
        f"| {name} | {row['bm25']:.3f} | {row['fp32']:.3f} | {row['int8']:.3f} |"
        for name, row in result["table"].items()
    ]


def choice() -> Lines:
    """How often `rankladder choose` is right, and how often what it says is true."""
    result = _result("choosing")
    if result is None:
        return []
    counts = ", ".join(f"{name} {count}" for name, count in result["collections"].items())
    lines = [
        "",
        "How often `rankladder choose` is right (`./dev bench choosing`). Populations are made of real values of",
        f"nDCG@10 ({counts} queries), many of them just beside the target;",
        "queries are drawn again and again. Shares of all runs in percent: says / false / right; right is the cheapest",
        "contender that truly keeps the target. *I* is the test against every rival at 95 % alone, *P ≥ .95* a plain",
        "Bayesian bootstrap, *before* the rule with two halves.",
        "",
    ]
    for target, found in result["targets"].items():
        lines += [
            f"Target {target}, {found['runs']} runs a population and size:",
            "",
            "| queries | beyond doubt | of these false, % | P ≥ .80 | loss of a false choice | I | P ≥ .95 | before |",
            "|--:|--:|--:|--:|--:|--:|--:|--:|",
        ]
        for row in found["by size"]:
            sure, probable = row["sure"], row["at .80"]
            wrong = "–" if sure["false of said"] is None else f"{100 * sure['false of said']:.1f}"
            loss = "–" if probable["loss"] is None else f"{probable['loss']:.3f}"
            cells = [_says(row[rule]) for rule in ("sure", "at .80", "I at 95 %", "P >= .95", "before")]
            lines.append(
                f"| {row['queries']:,} | {cells[0]} | {wrong} | {cells[1]} | {loss} | " + " | ".join(cells[2:]) + " |"
            )
        lines += ["", *_reliability(found), "", *_peeking(found), ""]
    return [*lines, "![Stated probability against truth](choosing.svg)"]


def _says(rule: dict[str, Any]) -> str:
    return " / ".join(f"{100 * rule[word]:.0f}" if word != "false" else f"{100 * rule[word]:.1f}" for word in
                      ("says", "false", "right"))  # fmt: skip


def _reliability(found: dict[str, Any]) -> Lines:
    """What was said with a probability, and how often it was true."""
    rows = found["reliability"]["of every contender"]
    said = " | ".join(f"{100 * row['said']:.0f}" for row in rows)
    true = " | ".join(f"{100 * row['true']:.0f}" for row in rows)
    chosen = {row["from"]: row["true"] for row in found["reliability"]["of the choice"]}
    third = " | ".join(f"{100 * chosen[row['from']]:.0f}" if row["from"] in chosen else "–" for row in rows)
    return [
        "The stated probability, in percent, against how often it was true:",
        "",
        f"| said of a contender | {said} |",
        "|---|" + "--:|" * len(rows),
        f"| true | {true} |",
        f"| true of the choice or best bet | {third} |",
    ]


def _peeking(found: dict[str, Any]) -> Lines:
    """People who look again and again, and the further queries that were named."""
    rows = found["peeking"]
    said, false = (sum(row[word] for row in rows) / len(rows) for word in ("says", "false"))
    worst = max(rows, key=lambda row: row["false"])
    lines = [
        "Looking after every 20 queries up to 300, until something is beyond doubt: "
        f"{100 * said:.0f} % of the runs end so,",
        f"{100 * false / said if said else 0:.1f} % of these falsely (worst population, {worst['population']}: "
        f"{100 * worst['false']:.0f} % of its runs).",
    ]
    for row in (row for row in found["further queries"] if row["runs"]):
        lines.append(
            f"Further queries until {row['level']:.0%}, named at {row['queries']}: {100 * row['inside']:.0f} % of "
            f"{row['runs']} futures lie in the range (80 % are meant), {100 * row['took longer']:.0f} % take longer."
        )
    return lines


def choice_drawing() -> str:
    """The stated probability against how often it was true, as SVG."""
    result = _result("choosing") or {"targets": {}}
    side, room = 300, 44
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side + 2 * room} {side + 2 * room}" role="img" '
        'font-family="sans-serif" font-size="12">',
        "<title>How often a statement is true, against the probability that it states</title>",
        f'<rect width="{side + 2 * room}" height="{side + 2 * room}" fill="#fff"/>',
        f'<path d="M{room} {room + side}L{room + side} {room}" stroke="#999" stroke-dasharray="4 4"/>',
    ]
    for tick in range(0, 101, 20):
        at = side * tick / 100
        parts.append(f'<path d="M{room + at:g} {room + side}v5M{room} {room + side - at:g}h-5" stroke="#444"/>')
        parts.append(f'<text x="{room + at:g}" y="{room + side + 18}" text-anchor="middle">{tick}</text>')
        parts.append(f'<text x="{room - 8}" y="{room + side - at + 4:g}" text-anchor="end">{tick}</text>')
    parts.append(f'<path d="M{room} {room}v{side}h{side}" fill="none" stroke="#444"/>')
    for colour, (target, found) in zip(("#005a9c", "#a8480f", "#1a6b3c"), result["targets"].items(), strict=False):
        places = [
            (room + side * row["said"], room + side * (1 - row["true"]))
            for row in found["reliability"]["of every contender"]
        ]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in places]
        height = room + 16 + 16 * list(result["targets"]).index(target)
        parts.append(f'<text x="{room + 12}" y="{height}" fill="{colour}">target {target}</text>')
    parts.append(f'<text x="{room + side / 2:g}" y="{2 * room + side - 6}" text-anchor="middle">stated, %</text>')
    parts.append(f'<text x="6" y="{room - 16}">true, %</text></svg>')
    return "\n".join(parts) + "\n"


def ways() -> Lines:
    """Every way of running the 17M shape on a CPU."""
    engine = _result("cpu_engine_ettin-17m")
    return [] if engine is None else _ways(engine)


def cold_start() -> Lines:
    """A whole process, from nothing to a ranking."""
    result = _result("cold_start")
    if result is None:
        return []
    lines = [
        "",
        "Ranking 100 passages, whole process from start to end, MiniLM-L6 shape (`./dev bench cold_start`; the first",
        "start after installation builds and stores the graph, the next ones find it):",
        "",
    ]
    lines += ["| | seconds, first start | seconds, next | peak MB |", "|---|--:|--:|--:|"]
    return lines + [
        f"| {name} | {row['first_start_s']:.1f} | {row['wall_s']:.1f} | {row['peak_mb']} |"
        for name, row in result["rows"].items()
    ]


def indexing() -> Lines:
    """Building and searching an index."""
    result = _result("indexing")
    if result is None:
        return []
    lines = ["", "Index, top 100 by BM25 (`./dev bench indexing`):", ""]
    lines += [
        "| corpus | passages | indexed per second | peak MB | query p50 | query p99 |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    return lines + [
        f"| {name} | {row['documents']:,} | {row['documents_per_second']:,} | {row['build_peak_mb']} "
        f"| {row['query_p50_ms']:.1f} ms | {row['query_p99_ms']:.1f} ms |"
        for name, row in result["rows"].items()
    ]


def memory() -> Lines:
    """Resident memory over a long load."""
    result = _result("memory")
    if result is None:
        return []
    return [
        "",
        f"Memory of one process that scored {result['pairs']:,} pairs of mixed lengths twice, shape {result['shape']}, "
        f"{result['dtype']} (`{_bench(result)}`): "
        f"{result['after_warm_up_mb']:,.0f} MB after {result['warm_up_pairs']:,} pairs, "
        f"{result['growth_first_load_percent']:+.1f} % over the first load, "
        f"{result['growth_second_load_percent']:+.1f} % in the second against it.",
    ]


def distilling() -> Lines:
    """Labelling and training beside a plain Sentence Transformers script."""
    result = _result("distilling")
    if result is None:
        return []
    training, labelling = result["training"], result["labelling"]
    lines = ["", f"Distilling, {result['pairs']:,} pairs of {result['words']['mean']:.0f} words on average,"]
    lines += [f"{_machine(result)} (`{_bench(result)}`; in turns in one run):", ""]
    unseen = training["unseen"]
    lines += [f"| | pairs/s | ratio | loss, by fifths of the run | on {unseen['pairs']} other pairs |"]
    lines += ["|---|--:|--:|---|--:|"]
    lines += [
        f"| label, {name} | {speed:.0f} | {labelling['ratio'][name]:.2f} | | |"
        for name, speed in labelling["pairs_per_second"].items()
    ]
    for name, speed in training["pairs_per_second"].items():
        ratio = training["ratio"] if name == "rankladder" else 1.0
        losses = ", ".join(f"{loss:.2f}" for loss in training["loss_by_fifths"][name])
        lines.append(f"| train, {name} | {speed:.1f} | {ratio:.2f} | {losses} | {unseen['loss'][name]:.2f} |")
    before = unseen["loss"]["the box before"]
    return [*lines, "", f"Before training the box's loss on those other pairs is {before:.2f}."]


def costs() -> Lines:
    """What ``rankladder bench`` measured."""
    lines: Lines = []
    for path in sorted(RESULTS.glob("bench*.json")):
        lines += _compared(json.loads(path.read_text()))
    return lines


_PEER = "Sentence Transformers, fp32"


def _ways(engine: dict[str, Any]) -> Lines:
    """The table of one cpu_engine result: every way of running the model."""
    lines = ["", f"Pairs per second, 17M shape, mean {engine['mean_tokens']:.0f} tokens, {_machine(engine)}"]
    lines += [f"(`{_bench(engine)}`; all in turns in one run):", ""]
    lines += ["| | dtype | pairs/s | against Sentence Transformers | rank correlation |", "|---|---|--:|--:|--:|"]
    rows = sorted(engine["rows"].values(), key=lambda row: -row["pairs_per_second"])
    lines += [
        f"| {row['way']} | {row['dtype']} | {row['pairs_per_second']:.0f} "
        f"| {row['ratio_to_sentence_transformers']:.2f} | {row['rank_correlation']:.3f} |"
        for row in rows
    ]
    return lines


def shapes() -> Lines:
    """The table of all cpu_engine results: rankladder against Sentence Transformers and against the best other way."""
    lines = ["", "Every shape, against Sentence Transformers and against the best other way in the same run"]
    lines += [
        "(`./dev bench cpu_engine --shape …`; fp32 against the best in fp32, int8 against the best of all; of the"
    ]
    lines += [
        "ways that were timed, every one on the shapes of 17M and MiniLM-L6, elsewhere those that had been strongest",
        "there):",
        "",
    ]
    lines += [
        "| shape | dtype | pairs/s | Sentence Transformers | best other | which is | other ways timed |",
        "|---|---|--:|--:|--:|---|--:|",
    ]
    results = [json.loads(path.read_text()) for path in RESULTS.glob("cpu_engine_*.json")]
    if not results:
        return []
    for result in sorted(results, key=lambda one: -one["rows"][_PEER]["pairs_per_second"]):
        others = sum(not name.startswith("rankladder") and name != _PEER for name in result["rows"])
        for dtype in ("fp32", "int8"):
            row = result["rows"][f"rankladder, {dtype}"]
            best, other = row["ratio_to_best_other"], row["best_other"]
            lines.append(
                f"| {result['shape']} | {dtype} | {row['pairs_per_second']:.0f} "
                f"| {row['ratio_to_sentence_transformers']:.2f} "
                f"| {'–' if best is None else f'{best:.2f}'} | {other or '–'} | {others} |"
            )
    return lines


def lengths() -> Lines:
    """One long document alone, two at once, and memory."""
    result = _result("by_length")
    if result is None:
        return []
    lines = ["", f"Long documents, 17M shape, {_machine(result)} (`{_bench(result)}`):", ""]
    lines += ["| tokens | | alone, s | ratio | two at once, per second | ratio | peak MB, two |"]
    lines += ["|--:|---|--:|--:|--:|--:|--:|"]
    lines += [
        f"| {int(tokens):,} | {way} | {row['alone_s']:.2f} | {row['alone_ratio']:.2f} "
        f"| {row['two_documents_per_second']:.2f} | {row['two_ratio']:.2f} | {row['peak_mb_two']:,} |"
        for tokens, rows in result["rows"].items()
        for way, row in rows.items()
    ]
    return lines


_PUBLISHED_TOKENS = 150
"""Of a pair, on average, in the published tables (Natural Questions): a speed at other lengths does not compare."""


def _compared(result: dict[str, Any]) -> Lines:
    """The table of one `rankladder bench --out benchmarks/results/bench….json`."""
    rows = [row for row in result["rows"] if "error" not in row]
    if not rows:
        return []
    lines = ["", f"What each costs, {_machine(result)}"]
    lines += [f"(`{result['command']}`; all in turns; top {rows[0]['list_documents']:.0f} for the latency;"]
    lines += [
        f"tokens: mean of a pair; published: at about {_PUBLISHED_TOKENS} tokens a pair, and left out where a row's"
    ]
    lines += ["are more than a fifth off):", ""]
    lines += [
        "| model | engine | dtype | tokens | pairs/s | ratio | p50 ms | p95 ms | peak MB | % of peak | published i7 |"
    ]
    lines += ["|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|"]
    for row in rows:
        engine = "Sentence Transformers" if row["peer"] else row["engine"]
        engine += f", {row['attention']}" if row.get("attention") else ""
        tokens = row["mean_tokens"]
        alike = tokens is not None and abs(tokens - _PUBLISHED_TOKENS) <= _PUBLISHED_TOKENS / 5
        published = (row["published"] or {}).get("i7_13700k_fp32") if alike else None
        share = None if row["share_of_peak"] is None else 100 * row["share_of_peak"]
        numbers = [(tokens, 0), (row["pairs_per_second"], 1), (row["ratio"], 1)]
        numbers += [(row["p50_ms"], 0), (row["p95_ms"], 0)]
        numbers += [(row["peak_memory_mb"], 0), (share, 0), (published, 1)]
        cells = ["–" if figure is None else f"{figure:,.{places}f}" for figure, places in numbers]
        lines.append(f"| {row['model']} | {engine} | {row['dtype']} | {' | '.join(cells)} |")
    return lines


def _result(name: str) -> dict[str, Any] | None:
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def _bench(result: dict[str, Any]) -> str:
    """The line that makes a result again: ``python benchmarks/x.py --y`` is ``./dev bench x --y``."""
    name, _, rest = str(result["command"]).removeprefix("python benchmarks/").partition(".py")
    return f"./dev bench {name}{rest}"


def _machine(result: dict[str, Any]) -> str:
    return f"{result['machine']['cores']} cores, {result['machine']['processor']}"


def catalogue() -> Lines:
    """Every known model with a published figure."""
    from rankladder.catalogue import all_models

    lines = ["| name | parameters | nDCG@10 | engine |", "|---|--:|--:|---|"]
    listed = [(model.mteb_ndcg, model) for model in all_models() if model.mteb_ndcg is not None]
    return lines + [
        f"| `{model.name}` | {model.parameters / 1e6:,.1f}M | {ndcg:.4f} | {', '.join(model.engines)} |"
        for ndcg, model in sorted(listed, key=lambda row: row[0])
    ]


def first_card(name: str = "first_card") -> Lines:
    """The torch engine on a GPU; no lines until a card was asked."""
    result = _result(name)
    if result is None:
        return []
    lines = ["", f"The torch engine on {result['device']}, torch {result['torch']} (`{_bench(result)}`):", ""]
    lines += ["| model | way | pairs/s | ratio | list of 100 in fp16, p50 and p95, ms |", "|---|---|--:|--:|--:|"]
    for shape, ways in result["speed"].items():
        times = result["latency"].get(shape, {}) if isinstance(result["latency"], dict) else {}
        shown = f"{times['p50_ms']:,} and {times['p95_ms']:,}" if "p50_ms" in times else "–"
        if "error" in ways:
            lines.append(f"| {shape} | {ways['error']} | – | – | {shown} |")
            continue
        for way, row in ways.items():
            lines.append(f"| {shape} | {way} | {row['pairs_per_second']:,} | {row['ratio']} | {shown} |")
    lines += ["", "Difference of its logits from fp32 on the same card:", ""]
    lines += ["| number format, attention | largest | rms |", "|---|--:|--:|"]
    for way, row in result["agreement"].get("rows", {}).items():
        if isinstance(row, dict):
            lines.append(f"| {way} | {row.get('largest', '–')} | {row.get('rms', row.get('error', '–'))} |")
    return lines


IN_README: tuple[Callable[[], Lines], ...] = (collections,)
ALL: tuple[Callable[[], Lines], ...] = (
    collections, choice, box, ways, shapes, lengths, costs, distilling, cold_start, memory, indexing, first_card,
)  # fmt: skip


def joined(tables: tuple[Callable[[], Lines], ...]) -> str:
    """Tables one below the other."""
    return "\n".join(line for table in tables for line in table()).strip("\n")
