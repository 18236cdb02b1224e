"""Rows that somebody else scored are checked before they are learned from."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from rankladder.distill.recipe import Data, Recipe, Train
from rankladder.distill.rows import as_lists, training_rows
from rankladder.errors import BadFile, BadInput, StorageFailed


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


def test_a_disk_that_fills_while_training_is_an_error_with_the_next_step(
    tmp_path: Path, ettin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sentence_transformers.cross_encoder import CrossEncoderTrainer

    from rankladder.distill.train import train

    def full(*_arguments: Any, **_options: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(CrossEncoderTrainer, "_save_checkpoint", full)
    rows = [{"query": f"q{n // 4}", "document": f"d{n}", "score": n / 20} for n in range(40)]
    made = recipe(tmp_path, rows)
    settings = Train(start=str(ettin), batch_size=8, micro_batch_size=8, max_tokens=16, learning_rate=1e-4)
    made = Recipe(name="r", data=made.data, train=settings)
    with pytest.raises(StorageFailed, match=r"the disk is full\nhint: free space, then run the same command"):
        train(made, tmp_path / "work", None, say=lambda line: None)
