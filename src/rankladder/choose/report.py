"""The choice as one HTML file that needs nothing else: no network, no script to be read, light and dark."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

from rankladder.arguments import checked
from rankladder.choose.charts import quality_against_latency
from rankladder.choose.contender_table import choice_figures, contenders_csv, contenders_table
from rankladder.choose.decision import Standing
from rankladder.choose.distributions import changes_by_query, latency_distribution
from rankladder.choose.query_tables import changes_table, side_by_side
from rankladder.drawing.markup import Figures, Markup, element, embedded, joined
from rankladder.errors import BadInput, StorageFailed
from rankladder.storage import whole_file

_HERE = Path(__file__).parent


@checked
def check_writable(path: Path, what: str = "report") -> None:
    """Raises StorageFailed now where a file could not be written there, not after an hour of measuring."""
    problem = None
    if path.is_dir():
        problem = "it is a folder"
    elif not path.parent.is_dir():
        problem = f"there is no folder {path.parent}"
    if problem is not None:
        raise StorageFailed(
            f"{path}: the {what} cannot be written: {problem}", hint="name a file in a folder that exists"
        )
    probe = path.with_name(f".{path.name}.probe")
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise StorageFailed(f"{path}: the {what} cannot be written: {error.strerror or error}") from error


def make_folder(path: Path) -> None:
    """Makes a folder that a report can be written to. Raises StorageFailed."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageFailed(f"{path}: the folder cannot be made: {error.strerror or error}") from error
    check_writable(path / "report.html")


@checked
def write_report(outcome: Mapping[str, Any], path: Path) -> None:
    """Writes the report of an outcome's JSON (``Outcome.to_dict``).

    Raises BadInput for another mapping, and StorageFailed.
    """
    if "dataset" not in outcome or "contenders" not in outcome:
        raise BadInput("expected the JSON of an outcome, found a mapping without 'dataset' and 'contenders'")
    with whole_file(path) as file:
        file.write(render_report(outcome))


def write_csv(outcome: Mapping[str, Any], path: Path) -> None:
    """Writes the table of an outcome's contenders as CSV. Raises StorageFailed."""
    with whole_file(path) as file:
        file.write(contenders_csv(outcome))


def render_report(outcome: Mapping[str, Any]) -> str:
    """The report as HTML. Every figure in it is an element that names its place in the JSON, which is embedded."""
    figures = Figures(outcome)
    script = (_HERE / "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    title = f"Which reranker for {outcome['dataset']['name']}?"
    page = Template((_HERE / "report.html").read_text(encoding="utf-8"))
    return page.substitute(
        title=joined(title),
        body=joined(_head(figures, title), element("main", _sections(figures)), _foot(figures)),
        data=embedded(outcome),
        script=script,
        script_digest=f"sha256-{digest}",
    )


def _head(figures: Figures, title: str) -> Markup:
    outcome = figures.outcome
    counts = (
        figures.number("/dataset/queries", "count"),
        " judged queries" if outcome["reference"] is None else " queries without judgements",
        ", ",
        figures.number("/dataset/documents", "count"),
        " documents, ",
        figures.number("/retriever/list_size", "plain"),
        f" candidates a query from {outcome['retriever']['name']}. Measured on ",
        outcome["reproduce"].get("machine", {}).get("processor", "this machine"),
        ".",
    )
    label = None
    if outcome["reference"] is not None:
        label = element(
            "p",
            element("strong", f"These figures are {outcome['measured']}."),
            f" These queries have no judgements: the first ten documents of {outcome['reference']}'s own ranking "
            "stand in for judgements. A contender that finds better documents than the reference counts as worse.",
            class_="label",
        )
    return element("header", element("h1", title), element("p", *counts, class_="subtitle"), label)


def _sections(figures: Figures) -> list[Markup]:
    outcome = figures.outcome
    sections = [
        element("section", _choice(figures), id="choice"),
        _section("Contenders", contenders_table(figures)),
        _section(
            "Quality against latency",
            element(
                "figure",
                element(
                    "figcaption",
                    "Up is better, left is faster. Bars are 95 % intervals of the mean over all queries. "
                    "The line joins the contenders that no other beats on both. Where marks would cover each other, a "
                    "mark is moved, and a thin line leads to its place. Tab moves from point to point, Enter goes to "
                    "the contender's row.",
                ),
                quality_against_latency(figures),
                _key(),
            ),
        ),
        _section(
            "Latency of one query",
            element(
                "figure",
                element(
                    "figcaption",
                    "Each thin line is one query's list, from texts to a ranking, with no other work for the model. "
                    "The block reaches from p50 to p95. A p95 needs 20 samples, a p99 needs 100; without a p95 the "
                    "slowest sample is compared with the budget.",
                ),
                latency_distribution(figures),
            ),
        ),
    ]
    if outcome["changes"] is not None:
        names = f"{outcome['changes']['before']} → {outcome['changes']['after']}"
        sections.append(_section(f"What changes, query by query: {names}", _changes(figures)))
    if outcome["examples"]:
        sections.append(_section("Side by side", side_by_side(figures)))
    return [*sections, _section("To reproduce", _reproduce(figures))]


def _section(title: str, *children: object) -> Markup:
    return element("section", element("h2", title), *children)


def _choice(figures: Figures) -> Markup:
    outcome = figures.outcome
    choice = outcome["choice"]
    badge = element("p", _badge(figures), class_="badge")
    said = [element("p", sentence) for sentence in choice["sentences"]]
    remarks = [element("li", remark) for remark in outcome["remarks"]]
    return joined(
        element(
            "div", badge, element("p", choice["headline"], class_="headline"), *said, class_=f"verdict {_tone(choice)}"
        ),
        choice_figures(figures),
        element("ul", *remarks, class_="remarks") if remarks else None,
    )


def _tone(choice: Mapping[str, Any]) -> str:
    """The class that colours the verdict."""
    if choice["confirmation"] is not None and choice["confirmation"]["answer"] == "contradicted":
        return "nothing"
    tones = {
        Standing.SURE: "sure",
        Standing.PROBABLE: "probable",
        Standing.BEST_BET: "bet",
        Standing.NOTHING: "nothing",
    }
    return tones[Standing(choice["standing"])]


def _badge(figures: Figures) -> Markup:
    """How well the choice is known, in a word."""
    choice = figures.outcome["choice"]
    place = next((at for at, row in enumerate(figures.outcome["contenders"]) if row["name"] == choice["name"]), None)
    probability = f"/contenders/{place}/evidence/probability"
    if place is None or not figures.has(probability) or choice["standing"] == Standing.SURE:
        return joined(choice["standing"])
    return joined(choice["standing"], ", ", figures.number(probability, "percent"))


def _key() -> Markup:
    signs = (
        ("chosen", element("circle", cx=8, cy=8, r=6, class_="sign"), "the choice"),
        ("current", element("polygon", points="8,2 14,8 8,14 2,8", class_="sign"), "runs today"),
        ("other", element("rect", x=3, y=3, width=10, height=10, class_="sign"), "other contenders"),
    )
    items = [
        element("li", element("svg", sign, viewBox="0 0 16 16", class_=kind, aria_hidden="true"), word)
        for kind, sign, word in signs
    ]
    return element("ul", *items, class_="key")


def _changes(figures: Figures) -> Markup:
    """The drawing of all differences, and the largest of them as a table."""
    changes = figures.outcome["changes"]
    choice, after = figures.outcome["choice"], changes["after"]
    caption = f"One bar a query: {figures.outcome['measured']} of {after} less that of {changes['before']}."
    if after != choice["name"]:
        standing = "the reference" if after == figures.outcome["reference"] else "the highest mean of the others"
        caption += f" {after} is shown as {standing}."
    return joined(
        element("figure", element("figcaption", caption), changes_by_query(figures)),
        changes_table(figures),
    )


def _reproduce(figures: Figures) -> Markup:
    outcome = figures.outcome
    told = outcome["reproduce"]
    facts: list[tuple[str, object]] = [
        ("data", f"{outcome['dataset']['name']}, digest {outcome['dataset']['digest']}"),
        ("candidate lists", f"{outcome['retriever']['name']}, digest {outcome['retriever']['digest']}"),
        *(
            (row["name"], ", ".join(filter(None, (row["model"], row["about"], f"digest {row['digest']}"))))
            for row in outcome["contenders"]
            if row["digest"]
        ),
        ("machine", ", ".join(f"{key} {value}" for key, value in told.get("machine", {}).items())),
        ("versions", ", ".join(f"{key} {value}" for key, value in told.get("versions", {}).items())),
        ("date", told.get("date", "")),
        ("seed", figures.number("/reproduce/seed", "count")),
    ]
    listed = [joined(element("dt", word), element("dd", value)) for word, value in facts if value]
    command = element("pre", told["command"], id="command") if told.get("command") else None
    return joined(
        command,
        element("dl", *listed, class_="facts"),
        element(
            "p", "The whole outcome, value by value, is in this file as JSON: ", element("code", "script#outcome"), "."
        ),
    )


def _foot(figures: Figures) -> Markup:
    version = figures.outcome["reproduce"].get("versions", {}).get("rankladder", "")
    return element("footer", f"Written by rankladder {version}. This file needs no network and sends nothing.")
