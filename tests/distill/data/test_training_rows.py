"""Rows that somebody else scored are checked before they are learned from."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest
from datasets.exceptions import DatasetNotFoundError

from rankladder.distill.data.questions import Question, check_questions
from rankladder.distill.data.training_rows import as_lists, training_rows
from rankladder.distill.recipe.tables import Data, Label, Recipe, Teacher, Train
from rankladder.distill.train.buckets import row_lengths
from rankladder.errors import BadFile, BadInput, NotFound, StorageFailed, Unavailable


def recipe(folder: Path, rows: list[dict[str, Any]]) -> Recipe:
    path = folder / "scored.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Recipe(name="r", data=(Data(name="d", scored=str(path)),), train=Train(start="s"))


def test_rows_without_a_column_are_refused_naming_it(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="no column score, found query, document"):
        training_rows(recipe(tmp_path, [{"query": "q", "document": "d"}]), tmp_path / "work", None)


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_that_is_not_finite_is_refused_naming_its_row(tmp_path: Path, score: float) -> None:
    from datasets import Dataset

    path = tmp_path / "scored.parquet"
    rows = {"query": ["a", "b", "c"], "document": ["d"] * 3, "score": [1.0, score, 2.0]}
    Dataset.from_dict(rows).to_parquet(path)
    made = Recipe(name="r", data=(Data(name="d", scored=str(path)),), train=Train(start="s"))
    with pytest.raises(BadFile, match="row 1 has the score"):
        training_rows(made, tmp_path / "work", None)


@pytest.mark.parametrize(("loss", "said"), [("mse", "teacher labels"), ("bce", "loss bce")])
def test_learning_from_positives_that_nobody_knows_is_refused(tmp_path: Path, loss: Any, said: str) -> None:
    teacher = "labels" if loss == "mse" else "bm25"
    made = Recipe(
        name="r",
        data=(Data(name="d", queries="log.txt"),),
        train=Train(start="s", loss=loss),
        label=Label(teachers=(Teacher(model=teacher),)),
    )
    unknown, known = Question("1", "why rain", ()), Question("2", "why git", ("commit",))
    with pytest.raises(BadInput, match=f"{said}: no question of data log has a known positive"):
        check_questions(made, {"d": [unknown, known], "log": [unknown]})
    check_questions(made, {"d": [unknown, known]})


def test_one_question_is_refused_before_it_is_labelled() -> None:
    made = Recipe(name="r", data=(Data(name="d", queries="log.txt"),), train=Train(start="s"))
    with pytest.raises(BadInput, match="one question is too few"):
        check_questions(made, {"d": [Question("1", "why rain", ())]})


@pytest.mark.parametrize("positive", ["the text that answers", ["a", "b"], 0.5])
def test_positives_of_scored_rows_are_yes_or_no(tmp_path: Path, positive: Any) -> None:
    rows = [{"query": "q", "document": "d", "score": 1.0, "positive": positive}]
    with pytest.raises(BadFile, match="positive: expected bool, found"):
        training_rows(recipe(tmp_path, rows), tmp_path / "work", None)


def test_rows_of_one_query_are_too_few(tmp_path: Path) -> None:
    rows = [{"query": "q", "document": f"d{n}", "score": n} for n in range(5)]
    with pytest.raises(BadInput, match="5 rows of one query are too few"):
        training_rows(recipe(tmp_path, rows), tmp_path / "work", None)


def test_whole_queries_are_held_out_and_the_same_ones_when_others_come(tmp_path: Path) -> None:
    rows = [{"query": f"q{n // 4}", "document": f"d{n}", "score": n} for n in range(2000)]
    kept, apart = training_rows(recipe(tmp_path, rows), tmp_path / "a", None)
    assert not set(kept["query"]) & set(apart["query"])
    assert len(kept) + len(apart) == 2000
    fewer, fewer_apart = training_rows(recipe(tmp_path, rows[:1200]), tmp_path / "b", None)
    assert set(fewer_apart["query"]) <= set(apart["query"])
    assert len(fewer)
    assert all(len(row["document"]) == 4 for row in as_lists(apart))


@pytest.mark.parametrize("most", [30, 50])
def test_the_limit_on_held_out_rows_divides_no_query_and_has_no_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr("rankladder.distill.data.training_rows.HELD_OUT_MOST", most)
    monkeypatch.setattr("rankladder.distill.data.training_rows.HELD_OUT", 1.0)
    rows = [{"query": f"q{n // 4}", "document": f"d{n}", "score": n} for n in range(2000)]
    kept, apart = training_rows(recipe(tmp_path, rows), tmp_path / "a", None)
    _, turned = training_rows(recipe(tmp_path, rows[::-1]), tmp_path / "b", None)
    assert not set(kept["query"]) & set(apart["query"])
    assert sorted(apart["document"]) == sorted(turned["document"])
    assert 0 < len(apart) < 3 * most


def test_rows_keep_their_order_and_their_lengths_are_characters(tmp_path: Path) -> None:
    from datasets import Dataset

    rows = [{"query": f"q{n // 4}", "document": "héß " * (n % 7), "score": n} for n in range(2000)]
    kept, apart = training_rows(recipe(tmp_path, rows), tmp_path / "work", None)
    for part in (kept, apart):
        assert part["score"] == sorted(part["score"])
        expected = [len(row["query"]) + len(row["document"]) for row in part]
        assert row_lengths(part).tolist() == expected
        assert row_lengths(part.select([3, 1])).tolist() == [expected[3], expected[1]]
    lists = Dataset.from_dict({"query": ["ab", "c"], "document": [["ü", "abc", ""], ["", ""]]})
    assert row_lengths(lists).tolist() == [5, 1]


GOOD = '{"query": "q", "document": "d", "score": 1.0}\n'


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("scored.jsonl", GOOD + '{"query": "q", "docu', "cannot be read as JSON Lines"),
        ("scored.jsonl", GOOD + '{"query": null, "document": "d", "score": 2}\n', "row 1 has no query"),
        ("scored.jsonl", GOOD + '{"query": "q", "score": 2}\n', "row 1 has no document"),
        ("scored.jsonl", '{"query": "q", "document": "d", "score": "1.0"}\n', "score: expected float, found string"),
        ("scored.jsonl", GOOD + '{"query": "q", "document": "d", "score": "high"}\n', "scored.jsonl"),
        ("scored.jsonl", '{"query": 3, "document": "d", "score": 1.0}\n', "query: expected string, found int64"),
        ("scored.csv", "query,document,score\nq,d,1.0\n", "scored.csv: cannot be read as JSON Lines"),
        ("scored.parquet", "no such format", "cannot be read as Parquet"),
        ("folder/none.txt", "", "folder: no Parquet file in this folder"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    where = path.parent if name.startswith("folder") else path
    made = Recipe(name="r", data=(Data(name="d", scored=str(where)),), train=Train(start="s"))
    with pytest.raises(BadFile, match=message) as met:
        training_rows(made, tmp_path / "work", None)
    assert str(where) in str(met.value)


HUB = Recipe(name="r", data=(Data(name="d", scored="hf:nobody/nothing@main"),), train=Train(start="s"))


@pytest.mark.parametrize(
    ("met", "error", "said"),
    [
        (
            DatasetNotFoundError("Dataset 'nobody/nothing' doesn't exist"),
            NotFound,
            "no such data set.*\nhint: check OWN",
        ),
        (ConnectionError("Couldn't reach the Hub"), Unavailable, "cannot be reached: Couldn't.*\nhint: check the netw"),
        (
            ValueError("Config name is missing.\nPlease pick one: ['a', 'b']"),
            BadFile,
            r"\['a', 'b'\]\nhint: download the",
        ),
        (OSError(errno.ENOSPC, "No space left on device"), StorageFailed, "the disk is full"),
    ],
)
def test_a_data_set_of_the_hub_that_cannot_be_had_is_named_with_the_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, met: Exception, error: type[Exception], said: str
) -> None:
    def fails(*_arguments: Any, **_options: Any) -> None:
        raise met

    monkeypatch.setattr("datasets.load_dataset", fails)
    with pytest.raises(error, match=said) as raised:
        training_rows(HUB, tmp_path, None)
    assert error is StorageFailed or "data d: hf:nobody/nothing@main" in str(raised.value)


def test_the_hub_out_of_reach_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="data d: hf:nobody/nothing"):  # the tests are offline
        training_rows(HUB, tmp_path, None)


def test_a_disk_that_fills_while_training_is_an_error_with_the_next_step(
    tmp_path: Path, ettin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sentence_transformers.cross_encoder import CrossEncoderTrainer

    from rankladder.distill.train.training import train

    def full(*_arguments: Any, **_options: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(CrossEncoderTrainer, "_save_checkpoint", full)
    rows = [{"query": f"q{n // 4}", "document": f"d{n}", "score": n / 20} for n in range(40)]
    made = recipe(tmp_path, rows)
    settings = Train(start=str(ettin), batch_size=8, micro_batch_size=8, max_tokens=16, learning_rate=1e-4)
    made = Recipe(name="r", data=made.data, train=settings)
    with pytest.raises(StorageFailed, match=r"the disk is full\nhint: free space, then run the same command"):
        train(made, tmp_path / "work", None, say=lambda line: None)
