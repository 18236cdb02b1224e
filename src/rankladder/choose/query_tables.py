"""The report's parts that show single queries: the largest changes, and lists side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rankladder.drawing.markup import Figures, Markup, element, joined, pointer

SHOWN_CHANGES = 12
"""Gains, and losses, that the table shows; the JSON holds all."""


def changes_table(figures: Figures) -> Markup:
    """The queries that gain most and lose most, as a table."""
    changes = figures.outcome["changes"]
    differences, names = changes["differences"], (changes["before"], changes["after"])
    places = {row["name"]: at for at, row in enumerate(figures.outcome["contenders"])}
    texts = {row["id"]: row for row in figures.outcome["queries"]}
    ordered = sorted(differences, key=lambda query: (differences[query], query))
    losses = [query for query in ordered if differences[query] < 0][:SHOWN_CHANGES]
    gains = [query for query in reversed(ordered) if differences[query] > 0][:SHOWN_CHANGES]
    if not gains and not losses:
        return element("p", "No query changes.")
    rows = []
    for query in (*gains, *losses):
        cells = [
            element(
                "td",
                figures.number(f"/contenders/{places[name]}/values/{pointer(query)}", "score"),
                class_="r",
                data_label=name,
            )
            for name in names
        ]
        change = figures.number(f"/changes/differences/{pointer(query)}", "signed")
        about = element("span", query, class_="model")
        word = element("th", texts[query]["text"] or query, about, scope="row")
        rows.append(element("tr", word, *cells, element("td", change, class_="r", data_label="change")))
    heads = [
        element("th", word, scope="col", class_=None if word == "query" else "r")
        for word in ("query", *names, "change")
    ]
    counts = [(figures.number(f"/changes/{word}", "count"), f" {word}") for word in ("better", "equal", "worse")]
    return element(
        "details",
        element("summary", "The largest changes as a table (", counts[0], ", ", counts[1], ", ", counts[2], ")"),
        element("table", element("thead", element("tr", *heads)), element("tbody", *rows), class_="cards sortable"),
        open=len(rows) <= SHOWN_CHANGES,
    )


def side_by_side(figures: Figures) -> Markup:
    """Each example query with the heads of both lists."""
    relevant = "relevant by judgement" if figures.outcome["reference"] is None else "among the reference's first ten"
    note = element(
        "p",
        f"The heads of both lists. A bar at the left marks a document that is {relevant}. Queries with large changes "
        "are shown, gains and losses alike: they are not typical.",
        class_="soft",
    )
    return joined(note, [_example(figures, at, one) for at, one in enumerate(figures.outcome["examples"])])


def _example(figures: Figures, at: int, one: Mapping[str, Any]) -> Markup:
    sides = []
    for side in ("before", "after"):
        base = f"/examples/{at}/{side}"
        items = [
            _document(figures, f"{base}/documents/{place}", row) for place, row in enumerate(one[side]["documents"])
        ]
        head = element(
            "h3", one[side]["contender"], " ", element("span", figures.number(f"{base}/value", "score"), class_="soft")
        )
        sides.append(
            element("div", head, element("ol", *items) if items else element("p", "nothing found", class_="soft"))
        )
    return element(
        "article",
        element("h3", one["text"] or one["query"]),
        element("p", f"query {one['query']}", class_="meta"),
        element("div", *sides, class_="sides"),
        class_="example",
    )


def _document(figures: Figures, base: str, row: Mapping[str, Any]) -> Markup:
    facts: list[object] = [figures.number(f"{base}/rank", "count"), ". "]
    meta: list[object] = [row["id"]]
    if row["grade"] is not None:
        meta += [", grade ", figures.number(f"{base}/grade", "count")]
    if row["score"] is not None:
        meta += [", score ", figures.number(f"{base}/score", "score")]
    if row["tokens_cut"]:
        meta += [", ", figures.number(f"{base}/tokens_cut", "count"), " tokens cut"]
    elif row["tokens_read"] is not None:
        meta += [", read whole"]
    return element(
        "li",
        *facts,
        element("strong", row["title"]) if row["title"] else None,
        element("span", row["text"], class_="text"),
        element("span", *meta, class_="meta"),
        class_="relevant" if (row["grade"] or 0) > 0 else None,
    )
