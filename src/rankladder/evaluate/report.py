"""An evaluation on paper: Markdown, JSON, and run files that trec_eval reads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rankladder.errors import BadInput, StorageFailed
from rankladder.evaluate.evaluation import Change, Evaluation, ShownDocument, System
from rankladder.evaluate.statistics import Interval
from rankladder.storage import expect_writable, whole_file
from rankladder.surrogates import encodable
from rankladder.textfiles import write_run
from rankladder.values import Run

_UNSAFE = re.compile(r"[^A-Za-z0-9.+()=,_-]+")


def write_report(evaluation: Evaluation, folder: str | Path) -> list[str]:
    """Writes ``evaluation.json``, ``evaluation.md`` and ``runs/SYSTEM.trec`` for each finished system into a folder.

    The runs of the evaluation that was written there before are removed. Returns a remark for each run that no TREC
    file can hold, as an id in it has white space. Raises StorageFailed for what the disk refuses.
    """
    target, runs = Path(folder), Path(folder) / "runs"
    expect_writable(runs)
    systems = [system for system in evaluation.systems if system.run is not None]
    tags = _tags(system.name for system in systems)
    _remove([runs / f"{tag}.trec" for tag in _tags(_written_before(target)) if tag not in tags])
    with whole_file(target / "evaluation.json") as file:
        file.write(encodable(json.dumps(evaluation.to_dict(), ensure_ascii=False, allow_nan=False, indent=1)))
    with whole_file(target / "evaluation.md") as file:
        file.write(encodable(markdown(evaluation)))
    remarks = []
    for system, tag in zip(systems, tags, strict=True):
        assert system.run is not None
        path = runs / f"{tag}.trec"
        try:
            write_run(Run(tag, system.run.scores), path)
        except BadInput as error:
            _remove([path])  # of the evaluation before
            remarks.append(f"the run of {system.name} was not written: {str(error).splitlines()[0]}")
    return remarks


def markdown(evaluation: Evaluation) -> str:
    """The evaluation as a page: systems, remarks, comparisons, and the queries that changed most."""
    return "\n".join(_lines(evaluation)) + "\n"


def system_table(evaluation: Evaluation) -> tuple[list[str], list[list[str]]]:
    """Headers and rows: each system with its means and intervals, and how it does against its own retriever."""
    main = evaluation.measures[0]
    headers = ["system", *evaluation.measures, f"{main} − retriever", "p (Holm)", "win/tie/loss", "pairs", "cut"]
    return headers, [_system_cells(evaluation, system) for system in evaluation.systems]


def comparison_table(evaluation: Evaluation) -> tuple[list[str], list[list[str]]]:
    """Headers and rows: every pair of systems on every measure."""
    headers = ["measure", "first", "second", "difference", "p", "p (Holm)", "win/tie/loss"]
    return headers, [
        [
            comparison.measure,
            comparison.first,
            comparison.second,
            f"{comparison.difference:+.4f}",
            probability_text(comparison.p, at_most=comparison.p_at_most),
            probability_text(comparison.p_holm, at_most=comparison.p_holm_at_most),
            f"{comparison.wins}/{comparison.ties}/{comparison.losses}",
        ]
        for comparison in evaluation.comparisons
    ]


def interval_text(interval: Interval) -> str:
    """A mean and its interval.

    >>> interval_text(Interval(0.61, 0.65, 0.7)), interval_text(Interval(None, 1.0, None))
    ('0.6500 [0.610, 0.700]', '1.0000 [—]')
    """
    if interval.low is None or interval.high is None:
        return f"{interval.mean:.4f} [—]"
    return f"{interval.mean:.4f} [{interval.low:.3f}, {interval.high:.3f}]"


def probability_text(p: float | None, *, at_most: bool = False) -> str:
    """A p-value to four places, — where no test was made; ``at_most`` where the true one may be smaller.

    >>> probability_text(0.0321), probability_text(0.00006), probability_text(1 / 10_001, at_most=True)
    ('0.0321', '<0.0001', '≤0.0001')
    """
    if p is None:
        return "—"
    if at_most:
        return f"≤{max(p, 0.0001):.4f}"
    return "<0.0001" if p < 0.0001 else f"{p:.4f}"


def about_tests(evaluation: Evaluation) -> str:
    """What was tested and how, and what the intervals are."""
    settings, queries = evaluation.settings, len(evaluation.dataset.qrels.grades)
    intervals = ""
    if queries > 1:
        intervals = (
            f" Intervals: bootstrap over queries, {settings['confidence']:.0%}, widened to cover values that this "
            "many queries may have missed."
        )
    if not evaluation.tests:
        return f"No test was made: a test needs two systems and two queries.{intervals}"
    tests = "1 test" if evaluation.tests == 1 else f"{evaluation.tests} tests"
    bounded = any(comparison.p_at_most or comparison.p_holm_at_most for comparison in evaluation.comparisons)
    bound = " ≤: the smallest p that the resamples can give; the true one may be smaller." if bounded else ""
    return (
        f"p: paired randomisation test, two-sided, {settings['resamples']:,} resamples, seed {settings['seed']}; "
        f"Holm's correction over {tests} for each measure.{bound}{intervals}"
    )


def _system_cells(evaluation: Evaluation, system: System) -> list[str]:
    if system.failed is not None:
        return [system.name, f"failed: {system.failed.splitlines()[0]}", *[""] * (len(evaluation.measures) + 4)]
    means = [interval_text(system.intervals[measure]) for measure in evaluation.measures]
    if system.role == "retriever":
        return [system.name, *means, "", "", "", "", ""]
    main = evaluation.measures[0]
    against = next(
        comparison
        for comparison in evaluation.comparisons
        if comparison.measure == main and (comparison.first, comparison.second) == (system.name, system.candidates)
    )
    return [
        system.name,
        *means,
        f"{against.difference:+.4f}",
        probability_text(against.p_holm, at_most=against.p_holm_at_most),
        f"{against.wins}/{against.ties}/{against.losses}",
        f"{system.pairs:,}",
        f"{system.truncated:,}",
    ]


def _lines(evaluation: Evaluation) -> Iterator[str]:
    dataset = evaluation.dataset
    yield f"# {dataset.name}"
    yield ""
    count = len(dataset.qrels.grades)
    yield (
        f"{count:,} judged {'query' if count == 1 else 'queries'}; a reranker orders the first "
        f"{evaluation.top_k} candidates of each. Every judged query counts."
    )
    yield ""
    yield from _table(*system_table(evaluation))
    yield ""
    yield about_tests(evaluation)
    if evaluation.remarks:
        yield ""
        yield "## Remarks"
        yield ""
        yield from (f"- {_cell(remark)}" for remark in evaluation.remarks)
    if evaluation.comparisons:
        yield ""
        yield "## All pairs of systems"
        yield ""
        yield from _table(*comparison_table(evaluation))
    if evaluation.changes:
        yield ""
        yield "## Queries that changed most"
        for change in evaluation.changes:
            yield from _change(change)
    yield ""
    yield "## What was measured"
    yield ""
    yield f"- data set: `{dataset.digest}`"
    yield from (f"- candidates {_cell(listed.name)}: `{listed.digest}`" for listed in evaluation.candidates)
    yield from (
        f"- {_cell(system.name)}: `{system.digest}` ({_cell(system.about)})"
        for system in evaluation.systems
        if system.role == "reranker" and system.failed is None
    )
    yield from (f"- {name}: {_cell(_plain(value))}" for name, value in evaluation.settings.items())


def _change(change: Change) -> Iterator[str]:
    yield ""
    yield f"### {_cell(change.text)}"
    yield ""
    yield (
        f"Query {_cell(change.query)}, {_cell(change.system)}: {change.measure} "
        f"{change.before:.4f} → {change.after:.4f}"
    )
    yield ""
    before, after = (list(map(_shown, head)) for head in (change.top_before, change.top_after))
    rows = max(len(before), len(after))
    yield from _table(
        ["", "retriever", "reranker"],
        [[str(place + 1), _at(before, place), _at(after, place)] for place in range(rows)],
    )


def _shown(document: ShownDocument) -> str:
    grade = "not judged" if document.grade is None else f"grade {document.grade}"
    return f"{document.title} ({document.id}, {grade})".strip()


def _at(shown: Sequence[str], place: int) -> str:
    return shown[place] if place < len(shown) else ""


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(map(_cell, headers))} |"
    yield f"|{'---|' * len(headers)}"
    yield from (f"| {' | '.join(map(_cell, row))} |" for row in rows)


def _cell(text: str) -> str:
    """The text on one line, its signs that steer Markdown made plain."""
    return re.sub(r"([|\\`*_<\[\]])", r"\\\1", " ".join(text.split()))


def _plain(value: Any) -> str:
    return ", ".join(f"{key} {one}" for key, one in value.items()) if isinstance(value, dict) else str(value)


def _tags(names: Iterable[str]) -> list[str]:
    """What the systems' runs are called, on disk and in their last column."""
    taken: set[str] = set()
    tags = []
    for name in names:
        plain = tag = _UNSAFE.sub("-", name.replace(" + ", "+"))
        number = 2
        while tag.lower() in taken:  # some disks do not tell capitals from small letters
            tag, number = f"{plain}-{number}", number + 1
        taken.add(tag.lower())
        tags.append(tag)
    return tags


def _written_before(folder: Path) -> list[str]:
    """The systems whose runs an earlier evaluation wrote into the folder; none where none can be read there."""
    try:
        stored = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
        return [row["name"] for row in stored["systems"] if row["failed"] is None]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _remove(files: Iterable[Path]) -> None:
    for file in files:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise StorageFailed(f"{file}: cannot be removed: {error.strerror or error}") from error
