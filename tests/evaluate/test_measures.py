"""Measures, against pytrec_eval and against numbers worked out by hand."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from rankladder.errors import BadInput, BadOption, MissingExtra
from rankladder.evaluate import measure_run, parse_measures
from rankladder.evaluate.measures import HIGHEST_GRADE, check_grades, cutoff
from rankladder.values import Qrels, Run

THEIRS = {"nDCG@10": "ndcg_cut_10", "AP": "map", "R@100": "recall_100", "P@5": "P_5", "RR": "recip_rank"}
IDS = [f"d{number}" for number in range(14)]
SCORES = st.sampled_from([-1.0, 0.0, 0.5, 1.0, 1.0 + 1e-9, 1.0 - 1e-9, 30.25])  # some differ in double precision alone
ROWS = st.dictionaries(st.sampled_from(IDS), SCORES, min_size=1, max_size=14)
GRADES = st.dictionaries(st.sampled_from(IDS), st.integers(0, 3), min_size=1, max_size=14)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.sampled_from("abcd"), ROWS, max_size=4),
    st.dictionaries(st.sampled_from("abcd"), GRADES, min_size=1, max_size=4),
)
def test_every_value_is_pytrec_evals_and_a_forgotten_query_is_zero(
    run: dict[str, dict[str, float]], grades: dict[str, dict[str, int]]
) -> None:
    ours = measure_run(Run("r", run), Qrels(grades), list(THEIRS))
    theirs = pytrec_eval.RelevanceEvaluator(grades, set(THEIRS.values())).evaluate(run)
    for name, key in THEIRS.items():
        assert list(ours[name]) == list(grades)
        for query in grades:
            expected = theirs[query][key] if query in run else 0.0
            assert ours[name][query] == pytest.approx(expected, abs=1e-6)


def test_measures_from_other_programs_have_the_same_rule_for_ties() -> None:
    """RR@10 and Judged@k come from elsewhere in ir-measures, with the opposite rule: a before b."""
    run, qrels = Run("r", {"q": {"a": 1.0, "b": 1.0}}), Qrels({"q": {"a": 1}})
    found = measure_run(run, qrels, ["RR", "RR@10", "Judged@1"])
    assert found == {"RR": {"q": 0.5}, "RR@10": {"q": 0.5}, "Judged@1": {"q": 0.0}}


ODD_GRADES: list[dict[str, int]] = [
    {"a": -1},
    {"a": -2, "b": -1},
    {"a": -(2**40)},
    {"a": 0},
    {},
    {"a": -(2**40), "b": 0},
]


def test_a_query_without_a_grade_of_nought_or_more_is_zero_and_ends_nothing() -> None:
    """In another process: trec_eval's own code ends it."""
    program = (
        "from rankladder.evaluate import measure_run\n"
        "from rankladder.values import Qrels, Run\n"
        f"for row in {ODD_GRADES!r}:\n"
        "    for run in ({'q': {'a': 1.0, 'c': 0.5}}, {}):\n"
        "        found = measure_run(Run('r', run), Qrels({'q': row}), ['nDCG@10', 'AP', 'RR@10', 'R@5', 'Bpref'])\n"
        "        assert all(value == {'q': 0.0} for value in found.values()), (row, run, found)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_grades_below_nought_mean_what_they_mean_to_trec_eval_beside_others() -> None:
    run = {"q": {"a": 3.0, "b": 2.0, "c": 1.0}}
    for row in ({"a": -1, "b": 1}, {"a": -2, "b": 1}, {"a": 0, "b": 1}, {"a": -9, "b": 2, "c": 0}):
        found = measure_run(Run("r", run), Qrels({"q": row}), ["nDCG@10", "AP", "Bpref"])
        theirs = pytrec_eval.RelevanceEvaluator({"q": row}, {"ndcg_cut_10", "map", "bpref"}).evaluate(run)["q"]
        assert [found[name]["q"] for name in ("nDCG@10", "AP", "Bpref")] == pytest.approx(
            [theirs[name] for name in ("ndcg_cut_10", "map", "bpref")]
        )


def test_a_grade_that_trec_eval_cannot_count_up_to_is_refused() -> None:
    run = Run("r", {"q": {"a": 1.0}})
    assert measure_run(run, Qrels({"q": {"a": HIGHEST_GRADE}}), ["nDCG@10"]) == {"nDCG@10": {"q": 1.0}}
    with pytest.raises(BadInput, match=r"the grade 3,000,000,000.*\n.*another column"):
        measure_run(run, Qrels({"q": {"a": 3_000_000_000}}), ["nDCG@10"])


def test_ndcg_is_what_the_formula_gives() -> None:
    run = Run("r", {"q": {"a": 3.0, "b": 2.0, "c": 1.0}})
    found = measure_run(run, Qrels({"q": {"a": 1, "c": 3, "x": 2}}), ["nDCG@10"])
    ideal = 3 + 2 / math.log2(3) + 1 / 2
    assert found["nDCG@10"]["q"] == pytest.approx((1 + 3 / 2) / ideal)


@pytest.mark.parametrize("scores", [{}, {"q": {}}, {"other": {"a": 1.0}}], ids="empty bare other".split())
@pytest.mark.parametrize("measure", ["nDCG@10", "RR@10", "Judged@10", "AP"])
def test_a_query_without_any_result_is_zero(measure: str, scores: dict[str, dict[str, float]]) -> None:
    found = measure_run(Run("r", scores), Qrels({"q": {"a": 1}, "p": {"a": 1}}), [measure])
    assert found == {measure: {"q": 0.0, "p": 0.0}}


def test_a_query_without_a_relevant_document_is_zero_and_counts() -> None:
    found = measure_run(Run("r", {"q": {"a": 1.0}}), Qrels({"q": {"a": 0}}), ["nDCG@10", "AP", "R@100", "RR@10"])
    assert {value for row in found.values() for value in row.values()} == {0.0}


def test_scores_equal_in_single_precision_are_ties_as_in_trec_eval() -> None:
    run = {"q": {"a": 1.0 + 1e-9, "b": 1.0}}
    assert np.float32(1.0 + 1e-9) == np.float32(1.0)
    assert measure_run(Run("r", run), Qrels({"q": {"a": 1}}), ["RR"]) == {"RR": {"q": 0.5}}


def test_measures_are_read_as_practitioners_write_them() -> None:
    assert parse_measures(["nDCG@10 RR@10", "MRR@10", "P(rel=2)@5"]) == ("nDCG@10", "RR@10", "P(rel=2)@5")
    assert [cutoff(one) for one in ("nDCG@10", "AP", "P(rel=2)@5")] == [10, None, 5]


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "nDCG@",
        "nDCG@x",
        "nDCG@10@3",
        "nDCG(foo=3)@10",
        "nDCG@0",
        "P@-3",
        "P",
        "alpha_nDCG@10",
        "NumQ",
        "AP(rel=0)",
        "",
    ],
)
def test_a_measure_that_cannot_be_computed_is_refused_before_anything_is_scored(text: str) -> None:
    with pytest.raises(BadOption):
        parse_measures([text])


@pytest.mark.parametrize("query", ["PLAIN-1", "q1", "1", "a b", "-"])
@pytest.mark.parametrize("document", ["d1", "a document", "é-7"])
def test_what_ids_look_like_never_matters(query: str, document: str) -> None:
    """ERR by hand: a document of grade g satisfies with (2^g - 1) / 16."""
    run = Run("r", {query: {document: 3.0, "x": 2.0, "y": 1.0}, "PLAIN-2": {"x": 1.0}})
    qrels = Qrels({query: {document: 1, "y": 3, "z": 4}, "PLAIN-2": {"x": 2, "w": -1}, "PLAIN-3": {"x": 1}})
    found = measure_run(run, qrels, ["ERR@10", "nDCG(dcg='exp-log2')@10", "nDCG@10", "Judged@10", "RR@10"])
    assert found["ERR@10"] == pytest.approx(
        {query: 1 / 16 + 15 / 16 * 7 / 16 / 3, "PLAIN-2": 3 / 16, "PLAIN-3": 0.0}, abs=1e-5
    )
    ideal = 15 + 7 / math.log2(3) + 1 / 2
    exponential = {query: (1 + 7 / 2) / ideal, "PLAIN-2": 1.0, "PLAIN-3": 0.0}
    assert found["nDCG(dcg='exp-log2')@10"] == pytest.approx(exponential, abs=1e-5)
    assert found["nDCG@10"]["PLAIN-2"] == 1.0
    assert found["Judged@10"] == pytest.approx({query: 2 / 3, "PLAIN-2": 1.0, "PLAIN-3": 0.0})
    assert found["RR@10"] == {query: 1.0, "PLAIN-2": 1.0, "PLAIN-3": 0.0}


def test_a_grade_that_a_measure_does_not_know_is_refused_by_name() -> None:
    with pytest.raises(BadOption, match=r"ERR@10 knows the grades up to 4, and the judgements have 10"):
        measure_run(Run("r", {"q": {"a": 1.0}}), Qrels({"q": {"a": 10}}), ["nDCG@10", "ERR@10"])
    check_grades(["ERR@10", "nDCG(dcg='exp-log2')@10"], 4)
    check_grades(["nDCG@10", "AP", "RR@10"], 10)


def test_a_value_of_a_query_that_was_not_given_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import ir_measures

    class Renaming:
        def iter_calc(self, run: object) -> list[object]:
            return [ir_measures.Metric("topic 1", ir_measures.nDCG @ 10, 1.0)]

    monkeypatch.setattr(ir_measures, "evaluator", lambda measures, qrels: Renaming())
    with pytest.raises(BadInput, match="'topic 1' that it was not given"):
        measure_run(Run("r", {"q": {"a": 1.0}}), Qrels({"q": {"a": 1}}), ["nDCG@10"])


def test_a_measure_whose_value_is_not_finite_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import ir_measures

    class Strange:
        def iter_calc(self, run: object) -> list[object]:
            return [ir_measures.Metric("1", ir_measures.nDCG @ 10, float("nan"))]

    monkeypatch.setattr(ir_measures, "evaluator", lambda measures, qrels: Strange())
    with pytest.raises(BadInput, match="nDCG@10 of query 'q' is nan"):
        measure_run(Run("r", {"q": {"a": 1.0}}), Qrels({"q": {"a": 1}}), ["nDCG@10"])


def test_without_ir_measures_the_install_line_is_the_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rankladder.rerank.engine.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'rankladder\[evaluate\]'"):
        parse_measures(["nDCG@10"])
