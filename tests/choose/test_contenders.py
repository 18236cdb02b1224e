"""Who stands for the choice: one row a model, whatever it is called, and a reference that is no candidate."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rankladder.choose import NO_RERANKER, ChoiceRequest, Outcome, Price, Reason, choose, contenders
from rankladder.choose.contenders import Scored, local_models, models_left_out
from rankladder.choose.examples import show_lists
from rankladder.errors import DeviceMemoryFull
from rankladder.evaluate import System, bm25_candidates, read_dataset
from rankladder.rerank import ModelRequest

from .places import write_collection


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_collection(tmp_path_factory.mktemp("data") / "weather", queries=6)


class Timer:
    """Stands in for ``measure_spending``: writes down what it is asked for, and times nothing, or fails to."""

    def __init__(self) -> None:
        self.fails = False
        self.timed: list[list[str]] = []
        self.options: dict[str, Any] = {}

    def __call__(self, requests: Sequence[ModelRequest], tasks: object, **options: Any) -> dict[str, object]:
        self.timed.append([one.text for one in requests])
        self.options = options
        return {one.text: DeviceMemoryFull("no memory") for one in requests} if self.fails else {}


@pytest.fixture
def timer(monkeypatch: pytest.MonkeyPatch) -> Timer:
    found = Timer()
    monkeypatch.setattr("rankladder.choose.choosing.measure_spending", found)
    return found


def chosen(folder: Path, *models: object, **options: Any) -> Outcome:
    dataset = read_dataset(folder)
    for name in {"current", "reference"} & options.keys():
        options[name] = ModelRequest.parse(str(options[name]))
    request = ChoiceRequest(models=[ModelRequest.parse(str(one)) for one in models], local=False, **options)
    return choose(dataset, bm25_candidates(dataset), request)


def test_a_reference_is_timed_only_where_it_runs_today_and_never_fails_by_that(
    folder: Path, ettin: Path, timer: Timer
) -> None:
    timer.fails = True
    for current in ({}, {"current": ettin}):
        outcome = chosen(folder, reference=ettin, **current)
        judged = outcome.contender(str(ettin))
        one = judged.contender
        assert (one.failed, judged.reason, one.spent) == (None, Reason.REFERENCE, None)
        assert set(one.values.values()) == {1.0}
        assert (f"{ettin} could not be timed: no memory" in outcome.remarks) == bool(current)
    assert timer.timed == [[], [str(ettin)]]


def test_a_reference_cannot_be_chosen_under_another_name(
    folder: Path, ettin: Path, bert: Path, tmp_path: Path, timer: Timer
) -> None:
    copy = shutil.copytree(ettin, tmp_path / "copy")
    outcome = chosen(folder, copy, f"{ettin},threads=1", bert, reference=ettin, current=copy)
    assert [one.name for one in outcome.contenders] == [NO_RERANKER, str(ettin), f"{ettin},threads=1", str(bert)]
    assert outcome.contender(str(ettin)).contender.also == (str(copy),)
    assert outcome.current == str(ettin)
    assert [one.name for one in outcome.contenders if one.reason is Reason.REFERENCE] == [
        str(ettin), f"{ettin},threads=1",
    ]  # fmt: skip
    assert f"{ettin} and {copy} are the same model: it was measured once" in outcome.remarks
    assert timer.timed == [[str(ettin), str(bert)]]  # the first of them runs today
    assert {row["name"]: row["also"] for row in outcome.to_dict()["contenders"]}[str(ettin)] == [str(copy)]


def test_a_model_of_two_names_is_one_row_with_the_price_of_either(
    folder: Path, ettin: Path, tmp_path: Path, timer: Timer
) -> None:
    copy = shutil.copytree(ettin, tmp_path / "copy")
    outcome = chosen(folder, ettin, f"{ettin},threads=1", current=copy, prices=[Price(1.0, "h", str(copy))])
    assert [one.name for one in outcome.contenders] == [NO_RERANKER, str(ettin), f"{ettin},threads=1"]
    assert outcome.contender(str(ettin)).contender.current
    assert timer.timed == [[str(ettin), f"{ettin},threads=1"]]  # its time is another
    assert timer.options["prices"] == [Price(1.0, "h", str(ettin))]


def test_passages_are_scored_and_timed_as_that(folder: Path, ettin: Path, timer: Timer) -> None:
    request = f"{ettin},max_tokens=32"
    cut, whole = (chosen(folder, request, long=long).contender(request).contender for long in ("truncate", "passages"))
    assert cut.truncated > 0
    assert whole.truncated == 0
    assert timer.options["long"] == "passages"
    agreed = chosen(folder, request, reference=request, long="passages")
    assert set(agreed.contender(request).contender.values.values()) == {1.0}


@pytest.mark.parametrize("installed", [True, False])
def test_models_that_no_engine_here_runs_are_left_out_and_named(
    monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    monkeypatch.setattr(contenders, "is_local", lambda model: model.name in {"box", "mxbai-xsmall-v1"})
    monkeypatch.setattr(contenders, "find_spec", lambda module: object() if installed else None)
    assert [one.text for one in local_models()] == (["box", "mxbai-xsmall-v1"] if installed else ["box"])
    assert models_left_out() == (
        []
        if installed
        else ["left out, because they need pip install 'rankladder[sentence-transformers]': mxbai-xsmall-v1"]
    )


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA error")], ids=repr)
def test_notes_beside_an_example_are_left_out_where_the_model_fails_by_now(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(ModelRequest, "open", fail)
    dataset = read_dataset(folder)
    run, query = bm25_candidates(dataset).run, next(iter(dataset.queries))
    system = System("bm25 + box", "reranker", "bm25", "box", "", run, {"nDCG@10": {query: 0.5}}, {}, "digest")
    row = Scored(request=ModelRequest.parse("box"), system=system)
    shown = show_lists([query], dataset, row, ChoiceRequest())
    assert shown[query].documents
    assert all(one.tokens_read is None for one in shown[query].documents)
