"""The report: complete in itself, every figure that of the JSON, nothing in the data can break it."""

from __future__ import annotations

import csv
import json
import math
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from rankladder.choose import NO_RERANKER, Outcome, Reason, Wishes, check_writable, render_report, write_report
from rankladder.choose.charts import quality_against_latency
from rankladder.choose.contender_table import CSV_COLUMNS, contenders_csv
from rankladder.choose.distributions import changes_by_query
from rankladder.choose.report import write_csv
from rankladder.drawing.markup import FORMS, Figures, embedded, escaped
from rankladder.errors import StorageFailed

from .outcomes import HOSTILE, drawn, ladder
from .pages import Read, agrees, value_at

QUALITY = {NO_RERANKER: 0.5, "box": 0.6}
TIMES = {NO_RERANKER: 0.0, "box": 40.0}
OUTCOMES: dict[str, Outcome] = {
    "chosen": ladder(wishes=Wishes(target=0.9, budget_ms=500), current="box"),
    "sure": drawn({NO_RERANKER: 0.3, "box": 0.7}, TIMES),
    "best bet": ladder(queries=20, wishes=Wishes(target=0.99, budget_ms=500)),
    "probable": ladder(queries=60, wishes=Wishes(target=0.93, budget_ms=500)),
    "none fits": ladder(wishes=Wishes(budget_ms=0.5, memory_mb=1.0, target=1.0), current="ettin-68m"),
    "value": ladder(wishes=Wishes(target_value=0.6, memory_mb=1000.0)),
    "reference": ladder(reference="ettin-150m", wishes=Wishes(target=0.5), current="box"),
    "one query": drawn(QUALITY, TIMES, queries=1),
    "ten queries": drawn(QUALITY, TIMES, queries=10, samples=5),
    "failed": drawn({**QUALITY, "broken": 0.5}, TIMES, failed={"broken": f"no memory {HOSTILE}"}, current="broken"),
    "untimed": ladder(untimed={"ettin-17m": f"no memory {HOSTILE}", "ettin-150m": "killed"}, wishes=Wishes(target=0.9)),
    "nothing reranked": drawn({NO_RERANKER: 0.7, "box": 0.5}, TIMES),
    "hostile": ladder(words=HOSTILE, wishes=Wishes(target=0.9), current="box"),
}


@pytest.fixture(params=OUTCOMES)
def outcome(request: pytest.FixtureRequest) -> Outcome:
    return OUTCOMES[request.param]


def test_every_figure_on_the_page_is_that_of_the_json(outcome: Outcome) -> None:
    told = json.loads(json.dumps(outcome.to_dict()))
    page = Read(render_report(outcome.to_dict()))
    assert page.outcome == told
    assert len(page.figures) > 10
    for shown in page.figures:
        value = value_at(told, shown.path)
        assert agrees(shown.text, value), (shown, value)
        assert shown.value is None or float(shown.value) == value


def test_what_is_not_known_is_never_shown_as_a_value(outcome: Outcome) -> None:
    assert not re.search(r"None(?![a-z])|\bnan\b|\bnull\b", Read(render_report(outcome.to_dict())).text)


def test_every_contender_has_a_row_with_its_reason(outcome: Outcome) -> None:
    page = Read(render_report(outcome.to_dict()))
    for at, one in enumerate(outcome.contenders):
        assert any(tag == "tr" and given.get("id") == f"contender-{at}" for tag, given in page.tags)
        assert str(one.reason) in page.text
        assert one.sentence


def test_the_page_needs_no_network_and_says_so_to_the_browser(outcome: Outcome) -> None:
    page = Read(render_report(outcome.to_dict()))
    for tag, given in page.tags:
        assert tag not in {"iframe", "object", "embed", "base", "form", "img"}
        assert not any(name.startswith("on") for name in given)
        link = given.get("href") or given.get("src") or ""
        assert link == "" or link.startswith(("#", "data:text/csv")) or link == "data:,"
    policy = next(given["content"] for tag, given in page.tags if given.get("http-equiv") == "Content-Security-Policy")
    assert (policy or "").startswith("default-src 'none'")
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/]{43}='", policy or "")
    assert "url(" not in page.html
    assert "@import" not in page.html


def test_links_within_the_page_lead_somewhere_and_no_id_stands_twice(outcome: Outcome) -> None:
    page = Read(render_report(outcome.to_dict()))
    ids = [given["id"] for _, given in page.tags if "id" in given]
    assert len(set(ids)) == len(ids)
    targets = {(given.get("href") or "")[1:] for _, given in page.tags if (given.get("href") or "").startswith("#")}
    assert targets <= set(ids)


def test_a_text_from_the_data_cannot_become_markup_or_steer() -> None:
    html = render_report(OUTCOMES["hostile"].to_dict())
    page = Read(html)
    assert "onerror" in page.text
    assert not any(tag == "b" for tag, _ in page.tags)
    assert html.count("</script>") == 2
    outside = html[: html.index('<script type="application/json"')]
    assert "\x1b" not in outside
    assert "\u202e" not in outside


def test_points_can_be_reached_by_the_keyboard_and_have_names() -> None:
    page = Read(render_report(OUTCOMES["chosen"].to_dict()))
    points = [given for tag, given in page.tags if tag == "a" and "point" in (given.get("class") or "")]
    assert len(points) == 2 * 5  # the wide drawing and the narrow one, of which a page shows one
    for given in points:
        assert given["href"]
        assert "nDCG@10" in (given["aria-label"] or "")
    charts = [given for tag, given in page.tags if tag == "svg" and "chart" in (given.get("class") or "")]
    assert all(given["role"] and given["aria-label"] for given in charts)


def test_a_stand_in_for_judgements_is_labelled_wherever_its_figures_stand() -> None:
    outcome = OUTCOMES["reference"]
    page = Read(render_report(outcome.to_dict()))
    label = "agreement with ettin-150m, not quality"
    assert outcome.to_dict()["measured"] == label
    assert page.text.count(label) >= 5
    assert "These queries have no judgements" in page.text
    assert outcome.choice != "ettin-150m"
    assert not any("nDCG@10" in sentence for sentence in outcome.sentences)


def test_what_changes_is_shown_with_gains_and_losses_and_both_lists() -> None:
    page = Read(render_report(OUTCOMES["chosen"].to_dict()))
    assert "What changes, query by query: box → ettin-17m" in page.text
    assert "Side by side" in page.text
    assert "tokens cut" in page.text


def test_a_bar_marks_what_was_judged_relevant_and_no_negative_grade() -> None:
    told = ladder(current="box").to_dict()
    documents = [
        one for example in told["examples"] for side in ("before", "after") for one in example[side]["documents"]
    ]
    for place, one in enumerate(documents):
        one["grade"] = (-2, 0, None, 1)[place % 4]
    page = Read(render_report(told))
    assert sum(given.get("class") == "relevant" for _, given in page.tags) == len(documents[3::4])


def test_what_was_scored_and_not_timed_keeps_its_quality() -> None:
    outcome = OUTCOMES["untimed"]
    judged = outcome.contender("ettin-17m")
    assert outcome.current == judged.name
    assert judged.reason is Reason.COST_UNKNOWN
    assert judged.overall is not None
    assert judged.sentence.startswith("no memory")
    assert "of the best" in judged.sentence
    assert outcome.choice == "ettin-68m"
    assert outcome.versus is not None
    assert outcome.versus.queries == 120
    assert any("cost is not known: ettin-17m and ettin-150m" in sentence for sentence in outcome.sentences)
    page = Read(render_report(outcome.to_dict()))
    at = [row.name for row in outcome.contenders].index(judged.name)
    assert f"/contenders/{at}/overall/mean" in {shown.path for shown in page.figures}


def test_the_standing_is_said_in_headline_badge_and_colour() -> None:
    tones = {"sure": "sure", "probable": "probable", "best bet": "bet", "none fits": "nothing"}
    for name, tone in tones.items():
        outcome = OUTCOMES[name]
        page = render_report(outcome.to_dict())
        assert f'class="verdict {tone}"' in page, (name, outcome.headline)
        assert f'class="badge">{outcome.standing}' in page
        assert outcome.headline in Read(page).text


def test_the_table_as_csv_holds_every_figure_whole(outcome: Outcome, tmp_path: Path) -> None:
    write_csv(outcome.to_dict(), tmp_path / "contenders.csv")
    with (tmp_path / "contenders.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    told = outcome.to_dict()
    assert [row["contender"] for row in rows] == [judged.name for judged in outcome.contenders]
    for at, row in enumerate(rows):
        for column, path in CSV_COLUMNS.items():
            value = Figures(told).at(f"/contenders/{at}{path}") if Figures(told).has(f"/contenders/{at}{path}") else ""
            assert row[column].replace("\r\n", "\n") == str(value).replace("\r\n", "\n")
    page = Read(render_report(told))
    (link,) = [given["href"] for tag, given in page.tags if tag == "a" and "download" in given]
    assert unquote((link or "").partition(",")[2]) == contenders_csv(told)


def test_a_report_is_written_whole_and_reads_back(tmp_path: Path) -> None:
    told = OUTCOMES["chosen"].to_dict()
    write_report(told, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text() == render_report(told)


@pytest.mark.parametrize("place", ["missing/report.html", "", "file/report.html"])
def test_a_path_that_cannot_be_written_is_refused_before_anything_else(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="cannot be written"):
        check_writable(tmp_path / place)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_checking_a_path_leaves_what_is_there_alone(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("old")
    check_writable(tmp_path / "report.html")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_surrogates_and_separators_survive_in_the_json_and_are_replaced_on_the_page() -> None:
    text = "\ud800 \u2028 </SCRIPT> <!--"
    assert json.loads(embedded({"a": text}))["a"] == text
    assert "<" not in embedded({"a": text})
    escaped(text).encode()


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_figure_reads_back(form: str) -> None:
    for value in (0.0, 1.0, 0.123456, 12.5, 1234.5678, 7, 250_000_000):
        number = int(value) if form == "count" else value
        assert agrees(FORMS[form](number), number), (form, value)


@pytest.mark.parametrize("reach", [0.051, 0.099, 0.101, 0.3, 0.495, 0.51, 0.99])
def test_what_changes_can_be_read_off_its_scale(reach: float) -> None:
    """Zero alone says nothing of how large a bar is."""
    told = ladder(current="box").to_dict()
    told["changes"]["differences"] = {"q0": reach, "q1": -reach / 2}
    ticks = re.findall(r'class="tick">([-+][0-9.]+)<', changes_by_query(Figures(told)))
    assert ticks
    assert max(map(float, ticks)) >= reach / 2


def test_models_whose_folders_share_a_name_are_told_apart_in_the_drawings() -> None:
    quality = {NO_RERANKER: 0.5, "/home/me/run1/final": 0.6, "/home/me/run2/final": 0.7}
    page = render_report(drawn(quality, dict.fromkeys(quality, 20.0)).to_dict())
    assert ">run1/final<" in page
    assert ">run2/final<" in page
    assert ">final<" not in page


def test_no_tick_stands_above_the_largest_value_that_there_can_be() -> None:
    told = ladder(reference="ettin-150m", wishes=Wishes(target=0.5), current="box").to_dict()
    for row in told["contenders"]:  # a narrow span just below 1
        row["overall"] = {"low": 0.98, "mean": 0.99, "high": 1.0}
    drawing = quality_against_latency(Figures(told))
    assert re.findall(r'text-anchor="end" class="tick">([0-9.]+)<', drawing)
    assert not re.findall(r'text-anchor="end" class="tick">1\.0[0-9]<', drawing)


def test_the_target_is_a_share_of_the_reference_where_there_is_one() -> None:
    page = render_report(OUTCOMES["reference"].to_dict())
    assert " of the reference</small>" in page
    assert " of the best</small>" not in page


def test_names_stay_within_a_narrow_drawing_wherever_their_points_lie() -> None:
    quality = {NO_RERANKER: 0.4} | {f"a-model-of-18-ch-{number}": 0.5 + number / 50 for number in range(8)}
    times = {name: 4.0 * 1.5**place for place, name in enumerate(quality)} | {NO_RERANKER: 0.0}
    drawing = quality_against_latency(Figures(drawn(quality, times, samples=20).to_dict()))
    narrow = drawing[drawing.index('class="chart narrow"') :]
    found = re.findall(r'<text x="([0-9.]+)" y="[0-9.]+"( text-anchor="end")? class="name">([^<]+)<', narrow)
    assert len(found) == len(quality)
    for x, leftwards, name in found:
        wide = 7.5 * len(name)
        assert (float(x) - wide >= 0) if leftwards else (float(x) + wide <= 320), (x, leftwards, name)


def test_signs_do_not_cover_each_other_and_each_leads_to_its_place() -> None:
    quality = {NO_RERANKER: 0.4} | {f"m{number}": 0.6 + number / 1000 for number in range(6)}
    times = {name: 40.0 + place for place, name in enumerate(quality)} | {NO_RERANKER: 0.0}
    drawing = quality_against_latency(Figures(drawn(quality, times, samples=20).to_dict()))
    for form in drawing.split('class="chart ')[1:]:
        signs = [tuple(map(float, found)) for found in re.findall(r'cx="([0-9.]+)" cy="([0-9.]+)" r="18"', form)]
        assert len(signs) == len(quality)
        assert all(math.dist(one, other) > 17 for at, one in enumerate(signs) for other in signs[:at])
        places = [tuple(map(float, found)) for found in re.findall(r'cx="([0-9.]+)" cy="([0-9.]+)" r="2.5"', form)]
        leaders = re.findall(r'x1="([0-9.]+)" y1="([0-9.]+)" x2="([0-9.]+)" y2="([0-9.]+)" class="leader"', form)
        led = {tuple(map(float, one[2:])): tuple(map(float, one[:2])) for one in leaders}
        assert [led.get(sign, sign) for sign in signs] == places


def test_every_axis_says_whether_it_is_linear_or_logarithmic() -> None:
    page = render_report(OUTCOMES["chosen"].to_dict())
    assert page.count("(logarithmic scale)") == 4  # two drawings, each wide and narrow
    assert page.count("(linear scale)") == 4
