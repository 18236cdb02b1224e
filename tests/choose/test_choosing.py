"""Choices from end to end: tiny checkpoints, real passes, real processes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hosted_server import rerank_server
from rankladder.choose import (
    NO_RERANKER,
    ChoiceRequest,
    Outcome,
    Price,
    Reason,
    Standing,
    Wishes,
    choose,
    read_unjudged,
    render_report,
)
from rankladder.choose.contenders import local_models
from rankladder.choose.spending import LISTS, cost_tasks
from rankladder.choose.stand_in import stand_in
from rankladder.errors import BadInput, BadOption, ModelMissing, PathMissing, ServiceFailed
from rankladder.evaluate import Candidates, bm25_candidates, measure_run, read_dataset
from rankladder.rerank import ModelRequest
from rankladder.values import Qrels, Run

from .outcomes import spent
from .pages import Read, agrees, value_at
from .places import server, write_collection


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_collection(tmp_path_factory.mktemp("data") / "weather")


def chosen(folder: Path, *models: str, queries: int | None = None, **options: Any) -> Outcome:
    dataset = read_dataset(folder, queries=queries)
    return choose(dataset, bm25_candidates(dataset), asked(*models, samples=3, **options))


def asked(*models: str, **options: Any) -> ChoiceRequest:
    """A choice among these alone."""
    return ChoiceRequest(models=[ModelRequest.parse(model) for model in models], local=False, **options)


@pytest.fixture(scope="module")
def outcome(folder: Path, ettin: Path, bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Two tiny models, one of them what runs today, and a server that gives up half-way."""
    with server(answers=4, status=400) as address:
        return chosen(
            folder,
            str(ettin),
            f"tei:{address}",
            current=ModelRequest.parse(f"{bert},max_tokens=64"),
            prices=[Price(0.36, "h")],
            store=tmp_path_factory.mktemp("store"),
        )


def test_every_contender_is_measured_and_has_a_verdict(outcome: Outcome, ettin: Path, bert: Path) -> None:
    names = [one.name for one in outcome.contenders]
    assert names[:2] == [NO_RERANKER, str(ettin)]
    assert names[3] == f"{bert},max_tokens=64" == outcome.current
    assert all(one.sentence for one in outcome.contenders)
    for name in (str(ettin), outcome.current):
        one = outcome.contender(name).contender
        assert one.spent is not None
        assert one.spent.worst_ms == max(one.spent.latencies_ms) > 0
        assert len(one.spent.latencies_ms) == 3
        assert (one.spent.memory_mb or 0) > 10
        assert one.spent.pairs_per_second is not None
        assert one.spent.per_1000_queries == pytest.approx(
            0.36 / 3.6 * outcome.retriever["list_size"] / one.spent.pairs_per_second
        )
        assert one.pairs > 0
        assert one.digest


def test_what_gives_up_half_way_is_a_row_that_says_why_and_the_others_are_finished(outcome: Outcome) -> None:
    (failed,) = [one for one in outcome.contenders if one.contender.failed]
    assert failed.name.startswith("tei:")
    assert failed.reason is Reason.FAILED
    assert "400" in (failed.contender.failed or "") or "no more" in (failed.contender.failed or "")
    assert sum(one.overall is not None for one in outcome.contenders) == 3


def test_the_retriever_alone_is_a_contender_that_costs_nothing_more(outcome: Outcome, folder: Path) -> None:
    dataset = read_dataset(folder)
    run = bm25_candidates(dataset).run
    alone = outcome.contender(NO_RERANKER).contender
    assert alone.values == measure_run(run, dataset.qrels, ["nDCG@10"])["nDCG@10"]
    assert alone.spent is not None
    assert (alone.spent.budget_ms, alone.spent.per_1000_queries) == (0.0, 0.0)


def test_the_outcome_is_plain_json_and_its_report_agrees_with_it(outcome: Outcome) -> None:
    told = outcome.to_dict()
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    page = Read(render_report(told))
    assert all(agrees(shown.text, value_at(told, shown.path)) for shown in page.figures)
    assert {"processor", "cores", "python"} <= told["reproduce"]["machine"].keys()
    assert "onnxruntime" in told["reproduce"]["versions"]


def test_examples_show_both_lists_with_what_the_models_read(outcome: Outcome) -> None:
    sides = [side for one in outcome.examples for side in (one.before, one.after)]
    assert sides
    assert {side.contender for side in sides} == {outcome.current, outcome.compared}
    for side in sides:
        documents = side.documents
        assert [one.rank for one in documents] == list(range(1, len(documents) + 1))
        assert [one.score for one in documents] == sorted((one.score or 0 for one in documents), reverse=True)
        if side.contender != NO_RERANKER:
            assert all(one.tokens_read for one in documents)


@pytest.fixture(scope="module")
def agreed(folder: Path, ettin: Path, bert: Path) -> Outcome:
    dataset = read_unjudged(folder, queries=10)
    return choose(
        dataset,
        bm25_candidates(dataset),
        asked(str(bert), reference=ModelRequest.parse(str(ettin)), wishes=Wishes(target=0.1), samples=2),
    )


def test_a_reference_agrees_with_itself_and_is_not_chosen(agreed: Outcome, ettin: Path, bert: Path) -> None:
    assert agreed.reference == str(ettin)
    assert set(agreed.contender(str(ettin)).contender.values.values()) == {1.0}
    assert agreed.contender(str(ettin)).reason is Reason.REFERENCE
    assert agreed.best == str(ettin)
    assert agreed.choice in {NO_RERANKER, str(bert)}
    assert all(0 < value <= 1 for value in agreed.contender(str(bert)).contender.values.values())


def test_agreement_is_called_agreement_and_ten_queries_say_what_they_can_tell(agreed: Outcome, ettin: Path) -> None:
    label = f"agreement with {ettin}, not quality"
    assert agreed.to_dict()["measured"] == label
    assert label in Read(render_report(agreed.to_dict())).text
    assert any(sentence.startswith("10 queries show only") for sentence in agreed.sentences)


def test_queries_without_candidates_are_left_out_of_an_agreement_and_called_that(folder: Path, ettin: Path) -> None:
    dataset = read_unjudged(folder, queries=3)
    without, *_ = dataset.queries
    found = bm25_candidates(dataset)
    candidates = Candidates.of("bm25", Run("bm25", {**found.run.scores, without: {}}), dataset)
    outcome = choose(dataset, candidates, asked(reference=ModelRequest.parse(str(ettin)), samples=1))
    assert outcome.dataset["queries"] == 2
    assert "1 queries have no candidate and are left out" in outcome.remarks
    assert not any("not judged here" in remark for remark in outcome.remarks)


def test_a_run_that_turns_the_references_head_around_agrees_less() -> None:
    reference = Run("r", {"q": {f"d{at}": 100.0 - at for at in range(30)}})
    grades = stand_in(reference)
    assert list(grades.grades["q"].values()) == list(range(10, 0, -1))
    around = Run("a", {"q": {f"d{at}": 100.0 - abs(at - 9) - at / 100 for at in range(30)}})
    last = Run("l", {"q": {f"d{at}": float(at) for at in range(30)}})
    values = [measure_run(run, grades, ["nDCG@10"])["nDCG@10"]["q"] for run in (reference, around, last)]
    assert values[0] == 1.0 > values[1] > values[2] == 0.0


def test_one_query_says_nothing_about_quality_but_what_it_costs(folder: Path, ettin: Path) -> None:
    outcome = chosen(folder, str(ettin), queries=1)
    assert (outcome.choice, outcome.standing) == (None, Standing.NOTHING)
    assert any("One query says nothing about quality" in sentence for sentence in outcome.sentences)
    judged = outcome.contender(str(ettin))
    assert judged.contender.spent is not None
    assert judged.contender.spent.worst_ms
    assert judged.evidence is None
    render_report(outcome.to_dict())


@pytest.mark.parametrize("runs_today", [False, True], ids="candidate current".split())
def test_a_model_that_fails_only_while_it_is_timed_keeps_its_quality(
    folder: Path, ettin: Path, monkeypatch: pytest.MonkeyPatch, runs_today: bool
) -> None:
    broken = {str(ettin): ServiceFailed("out of memory")}
    monkeypatch.setattr("rankladder.choose.choosing.measure_spending", lambda *_, **__: broken)
    request = ModelRequest.parse(str(ettin))
    outcome = chosen(folder, *([] if runs_today else [str(ettin)]), current=request if runs_today else None)
    judged = outcome.contender(str(ettin))
    one = judged.contender
    assert (one.failed, one.cost_failed, one.spent) == (None, "could not be timed: out of memory", None)
    assert judged.reason is Reason.COST_UNKNOWN
    assert judged.overall is not None
    assert one.values.keys() == outcome.contender(NO_RERANKER).contender.values.keys()
    assert outcome.choice != one.name
    assert outcome.current == (one.name if runs_today else NO_RERANKER)
    assert outcome.compared is not None
    assert render_report(outcome.to_dict())


def test_memory_that_nobody_tells_leaves_the_times(folder: Path, ettin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    timed = {str(ettin): spent([5.0] * 20, memory=None)}
    monkeypatch.setattr("rankladder.choose.choosing.measure_spending", lambda *_, **__: timed)
    one = chosen(folder, str(ettin), wishes=Wishes(memory_mb=500.0)).contender(str(ettin))
    assert (one.reason, one.contender.spent) == (Reason.COST_UNKNOWN, timed[str(ettin)])
    assert "does not report how much memory" in one.sentence
    assert chosen(folder, str(ettin)).contender(str(ettin)).contender.cost_failed is None


def test_a_reference_keeps_what_was_said_of_its_candidates(
    folder: Path, ettin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rankladder.choose.choosing.measure_spending", lambda *_, **__: {})
    dataset = read_unjudged(folder, queries=3)
    without, *_ = dataset.queries
    found = bm25_candidates(dataset)
    run = Run("bm25", {**found.run.scores, without: {}, "another": {"d1": 1.0}})
    candidates = Candidates.of("bm25", run, dataset)
    candidates = replace(candidates, remarks=(*candidates.remarks, "2 documents are longer than E reads: cut"))
    outcome = choose(dataset, candidates, asked(reference=ModelRequest.parse(str(ettin))))
    assert {"2 documents are longer than E reads: cut", candidates.remarks[0]} <= set(outcome.remarks)
    assert "1 queries of the run are not judged here" in candidates.remarks[0]
    assert not any("judged queries have no candidate" in remark for remark in outcome.remarks)


def test_the_length_of_the_lists_is_the_mean_over_all_judged_queries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rankladder.choose.choosing.measure_spending", lambda *_, **__: {})
    dataset = read_dataset(write_collection(tmp_path / "many", queries=40))
    lists = {id: {f"d{place}": 1.0 / (1 + place) for place in range(at % 8)} for at, id in enumerate(dataset.queries)}
    outcome = choose(dataset, Candidates.of("mine", Run("mine", lists), dataset), asked(top_k=5))
    assert outcome.retriever["list_size"] == (0 + 1 + 2 + 3 + 4 + 5 + 5 + 5) / 8


def test_a_key_that_is_missing_is_a_row(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COHERE_API_KEY", raising=False)
    outcome = chosen(folder, "cohere:rerank-v3.5", queries=2)
    failed = outcome.contender("cohere:rerank-v3.5")
    assert failed.reason is Reason.FAILED
    assert "COHERE_API_KEY" in (failed.contender.failed or "")


def test_a_key_that_is_refused_is_a_row_without_the_key(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANKLADDER_API_KEY", "sk-of-another-account")
    with rerank_server("cohere", key="sk-that-is-right") as asked_of:  # it quotes what it refuses
        outcome = chosen(folder, asked_of.model(), queries=2)
        failed = outcome.contender(asked_of.model())
    assert {request.headers["authorization"] for request in asked_of.reranks} == {"Bearer sk-of-another-account"}
    assert failed.reason is Reason.FAILED
    assert "401" in (failed.contender.failed or "")
    assert "sk-of-another-account" not in json.dumps(outcome.to_dict())


def test_a_hosted_model_is_timed_by_whole_lists_and_paid_by_the_request(folder: Path) -> None:
    with rerank_server("tei") as asked_of:  # it takes 4 of a list's 16 documents at a time
        name = asked_of.model()
        outcome = chosen(folder, name, queries=3, prices=[Price(0.002, "request")])
    one = outcome.contender(name).contender
    assert one.spent is not None
    assert one.spent.per_1000_queries == pytest.approx(8.0)
    assert one.spent.memory_mb is None
    assert len(one.spent.latencies_ms) == 3
    assert any("include the network" in remark for remark in outcome.remarks)


def test_an_empty_data_set_is_refused(tmp_path: Path) -> None:
    folder = write_collection(tmp_path / "empty", queries=0)
    with pytest.raises(BadInput, match="judged"):
        read_dataset(folder)
    with pytest.raises(BadInput, match="no queries"):
        read_unjudged(folder)


def test_unjudged_queries_come_from_a_folder_or_a_file_with_documents(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "asked.tsv"
    file.write_text("a\twhere was rain seen\nb\twhere was snow seen\n")
    dataset = read_unjudged(file, documents=folder / "corpus.jsonl")
    assert (dataset.name, list(dataset.queries)) == ("asked", ["a", "b"])
    first = read_unjudged(topics=file, documents=folder / "corpus.jsonl", queries=1)
    assert (first.name, list(first.queries)) == ("asked (first 1 of 2 queries)", ["a"])
    assert first.digest != dataset.digest
    for wrong in ({"documents": file}, {"topics": file}):
        with pytest.raises(BadOption):
            read_unjudged(folder, **wrong)  # type: ignore[arg-type]
    with pytest.raises(BadOption):
        read_unjudged(file)
    with pytest.raises(PathMissing):
        read_unjudged(tmp_path / "nothing")


def test_a_reference_without_which_nothing_can_be_said_is_an_error(folder: Path) -> None:
    dataset = read_unjudged(folder)
    with pytest.raises(ModelMissing):
        choose(dataset, bm25_candidates(dataset), asked(reference=ModelRequest.parse("no-such-model")))


@pytest.mark.parametrize(
    "options",
    [
        {"prices": [Price(1.0, "h", "nobody")]},
        {"prices": [Price(0.02, "Mtok")]},
        {"measure": "ERR@10", "reference": ModelRequest.parse("no-such-model")},
        {"samples": 0},
        {"top_k": 0},
        {"seed": -1},
        {"examples": -1},
        {"measure": "nDCG@10 RR@10"},
        {"measure": "quality"},
    ],
    ids=str,
)
def test_what_cannot_be_honoured_is_refused_before_any_data_is_read(options: dict[str, Any]) -> None:
    with pytest.raises(BadOption):
        asked("no-such-model", **options)


def test_later_queries_confirm_and_do_not_choose(folder: Path, tmp_path: Path, ettin: Path) -> None:
    dataset, later = read_dataset(folder), read_dataset(write_collection(tmp_path / "later", queries=9))
    request = asked(str(ettin), samples=1)
    plain = choose(dataset, bm25_candidates(dataset), request)
    found = choose(dataset, bm25_candidates(dataset), request, later=(later, bm25_candidates(later)))
    assert plain.confirmation is None
    assert found.confirmation is not None
    assert found.confirmation.queries == 9
    assert found.confirmation.means.keys() == {NO_RERANKER, str(ettin)}
    assert (found.choice, found.contenders[1].evidence) == (plain.choice, plain.contenders[1].evidence)


def test_the_box_is_always_among_the_local_models() -> None:
    assert local_models()[0].text == "box"


def test_costs_are_of_the_users_own_lists_at_their_own_size(folder: Path) -> None:
    dataset = read_dataset(folder)
    candidates = bm25_candidates(dataset, depth=6)
    tasks = cost_tasks(dataset, candidates, top_k=4)
    assert len(tasks) == min(LISTS, len(dataset.queries))
    assert {len(documents) for _, documents in tasks} == {4}
    assert {query for query, _ in tasks} == {query.text for query in dataset.queries.values()}
    assert stand_in(Run("r", {"q": {}})) == Qrels({})
