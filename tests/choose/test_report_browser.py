"""The report in a real browser, where one is here: no message in the console, nothing asked of a network, every figure
that of the JSON, readable on a phone, usable from the keyboard.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from rankladder.choose import ChoiceRequest, Reason, Wishes, choose, read_unjudged, write_report
from rankladder.evaluate import bm25_candidates
from rankladder.rerank import ModelRequest

from .browser import CHROMIUM, Page, browser
from .outcomes import HOSTILE, ladder
from .pages import Read, agrees, value_at
from .places import write_collection

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="NO BROWSER: pages are not tested; Debian: apt-get install chromium"
)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(ladder(words=HOSTILE, wishes=Wishes(target=0.9, budget_ms=500), current="box").to_dict(), path)
    return path


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, ettin: Path) -> Path:
    """The report of a choice that was really made: by a reference, on one query, with a model that failed."""
    path = tmp_path_factory.mktemp("measured") / "report.html"
    dataset = read_unjudged(write_collection(path.parent / "weather", queries=1))
    models = [ModelRequest.parse(name) for name in ("box", "no-such-model")]
    request = ChoiceRequest(models=models, reference=ModelRequest.parse(str(ettin)), samples=1)
    outcome = choose(dataset, bm25_candidates(dataset), request)
    assert {one.reason for one in outcome.contenders} > {Reason.REFERENCE, Reason.FAILED}
    write_report(outcome.to_dict(), path)
    return path


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _quiet(page: Page, report: Path, measured: Path) -> Iterator[None]:
    """Whatever a test does, the console stays empty and only the file itself is read."""
    page.problems.clear()
    page.requests.clear()
    yield
    page.run("1")
    assert page.problems == []
    assert {url for url in page.requests if not url.startswith("data:")} <= {report.as_uri(), measured.as_uri()}


def test_what_the_browser_shows_is_what_the_json_says(page: Page, report: Path) -> None:
    page.open(report)
    shown = Read(page.run("document.documentElement.outerHTML"))
    assert len(shown.figures) > 100
    for figure in shown.figures:
        assert agrees(figure.text, value_at(shown.outcome, figure.path)), figure


def test_a_report_of_a_choice_that_was_made_opens_as_well(page: Page, measured: Path) -> None:
    for width in (360, 1200):
        page.open(measured, width=width)
        shown = Read(page.run("document.documentElement.outerHTML"))
        assert len(shown.figures) > 15
        for figure in shown.figures:
            assert agrees(figure.text, value_at(shown.outcome, figure.path)), figure
        assert page.run("document.documentElement.scrollWidth") <= width
        rows = page.run("[...document.querySelectorAll('table')][0].tBodies[0].innerText")
        for said in ("the reference", "failed", "slowest"):
            assert said in rows


def test_points_and_whiskers_stand_where_the_json_says(page: Page, report: Path) -> None:
    """Read off the page in pixels, by the ticks of the axes alone."""
    page.open(report)
    read = page.run(
        """(() => {
        const chart = document.querySelector("svg.chart.wide:has(a.point)");
        const box = (one) => one.getBoundingClientRect();
        const middle = (one) => [(box(one).left + box(one).right) / 2, (box(one).top + box(one).bottom) / 2];
        const ticks = [...chart.querySelectorAll("text.tick")]
            .filter((text) => text.previousElementSibling.tagName === "line")
            .map((text) => [text.getAttribute("text-anchor"), Number(text.textContent.replace(",", "")),
                            ...middle(text.previousElementSibling)]);
        const points = [...chart.querySelectorAll("a.point")].map((point) => {
            const whisker = box(point.querySelector("line.whisker"));
            return [Number(point.getAttribute("href").replace("#contender-", "")),
                    ...middle(point.querySelector("circle.place")), whisker.top, whisker.bottom];
        });
        return { ticks, points };
    })()"""
    )
    across = sorted((value, x) for anchor, value, x, _ in read["ticks"] if anchor == "middle" and value > 0)
    up = sorted((value, y) for anchor, value, _, y in read["ticks"] if anchor == "end")
    assert len(across) > 1 < len(up)

    def between(value: float, ends: list[tuple[float, float]]) -> float:
        (low, start), (high, end) = ends[0], ends[-1]
        return start + (value - low) / (high - low) * (end - start)

    contenders = Read(page.run("document.documentElement.outerHTML")).outcome["contenders"]
    assert sorted(at for at, *_ in read["points"]) == list(range(len(contenders)))
    logarithms = [(math.log(value), x) for value, x in across]
    for at, x, y, top, bottom in read["points"]:
        overall, p95 = contenders[at]["overall"], contenders[at]["spent"]["p95_ms"]
        assert [y, top, bottom] == pytest.approx([between(overall[end], up) for end in ("mean", "high", "low")], abs=1)
        if p95 > 0:
            assert x == pytest.approx(between(math.log(p95), logarithms), abs=1)
        else:
            assert x < across[0][1]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_stands_out_from_its_ground(page: Page, report: Path, dark: bool) -> None:
    """At least 4.5 to 1, as WCAG 2.2 asks (success criterion 1.4.3), for every ink on every ground."""
    page.open(report, dark=dark)
    ratios = page.run(
        """(() => {
        const probe = document.createElement("i"); document.body.append(probe);
        const light = (name) => {
            probe.style.color = `var(--${name})`;
            const [r, g, b] = getComputedStyle(probe).color.match(/[0-9.]+/g).slice(0, 3).map((v) => v / 255)
                .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        const found = {};
        for (const ground of ["paper", "panel", "chosen-paper", "warn-paper", "sure-paper", "nothing-paper"])
            for (const ink of ["ink", "soft", "chosen", "current", "other", "sure", "nothing"])
                if (["paper", "panel"].includes(ground) || ["ink", "soft"].includes(ink))
                    found[`${ink} on ${ground}`] = ratio(light(ink), light(ground));
        for (const [ink, ground] of
                [["sure", "sure"], ["chosen", "chosen"], ["current", "warn"], ["nothing", "nothing"]])
            found[`${ink} on its own`] = ratio(light(ink), light(`${ground}-paper`));
        return found;
    })()"""
    )
    assert {name: ratio for name, ratio in ratios.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("width", [320, 360, 390, 768, 1200])
def test_nothing_sticks_out_at_the_side(page: Page, report: Path, width: int) -> None:
    page.open(report, width=width)
    assert page.run("document.documentElement.scrollWidth") <= width
    assert page.run("getComputedStyle(document.querySelector('svg.narrow')).display") == (
        "block" if width < 700 else "none"
    )
    smallest = page.run(
        """Math.min(...[...document.querySelectorAll("svg.chart text")]
        .filter((text) => text.getBoundingClientRect().width > 0)
        .map((text) => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a))"""
    )
    assert smallest >= 9.5


def test_the_keyboard_reaches_every_point_and_the_point_its_row(page: Page, report: Path) -> None:
    page.open(report)
    names = []
    for _ in range(60):
        page.press("Tab")
        if "point" in (page.run("document.activeElement.getAttribute('class')") or ""):
            names.append(page.run("document.activeElement.getAttribute('aria-label')"))
            tip = page.run("getComputedStyle(document.activeElement.querySelector('.tip')).opacity")
            assert float(tip) == 1
            if len(names) == 5:
                break
    assert len(names) == 5
    page.press("Enter")
    assert page.run("location.hash") == "#contender-4"


def test_a_column_sorts_by_its_figures_and_says_so(page: Page, report: Path) -> None:
    page.open(report)
    read = "[...document.querySelectorAll('table.sortable')[0].tBodies[0].rows].map((row) => Number(row.cells[1].querySelector('data').value))"  # noqa: E501
    page.run("document.querySelectorAll('table.sortable')[0].tHead.rows[0].cells[1].querySelector('button').focus()")
    page.press("Enter")
    assert page.run(read) == sorted(page.run(read))
    page.press("Enter")
    assert page.run(read) == sorted(page.run(read), reverse=True)
    assert page.run("document.querySelector('th[aria-sort]').getAttribute('aria-sort')") == "descending"


def test_the_page_is_complete_without_script(page: Page, report: Path) -> None:
    page.ask("Emulation.setScriptExecutionDisabled", value=True)
    try:
        page.open(report)
        assert page.run("document.querySelectorAll('button').length") == 0
        assert page.run("document.querySelectorAll('table tbody tr').length") > 5
        assert page.run("document.querySelectorAll('svg.chart').length") == 6
    finally:
        page.ask("Emulation.setScriptExecutionDisabled", value=False)
