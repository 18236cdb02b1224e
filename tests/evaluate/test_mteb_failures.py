"""What a model that fails leaves standing of an mteb run, and what ends the run."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from rankladder.cli.main import run as cli
from rankladder.errors import StorageFailed
from rankladder.evaluate.mteb import MtebReranker, local_task, mean_scores, rerank_tasks
from rankladder.rerank import ModelRequest

from .test_mteb_flow import run, write_beir

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def test_a_model_that_fails_is_a_row_and_the_others_finish(
    ettin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = [local_task(write_beir(tmp_path / name), f"{name}-local") for name in ("words", "more")]
    predict = MtebReranker.predict

    def half_way(self: MtebReranker, *arguments: Any, **options: Any) -> Any:
        if self.reranker.dtype == "int8":
            raise MemoryError("no more room")
        return predict(self, *arguments, **options)

    monkeypatch.setattr(MtebReranker, "predict", half_way)
    models = ["/nowhere/at/all", f"{ettin},dtype=int8", f"{ettin},dtype=fp32,threads=1"]
    scores = rerank_tasks(tasks, [ModelRequest.parse(model) for model in models], results=tmp_path / "results", top_k=5)
    assert [(one.model, one.ndcg is None, one.file is None) for one in scores] == [
        (None, False, False),
        (models[0], True, True),
        (models[1], True, True),
        (models[2], False, False),
    ] * 2
    assert "/nowhere/at/all" in str(scores[1].failed)
    assert scores[6].failed == "MemoryError: no more room"
    means = {mean.model: mean.ndcg for mean in mean_scores(scores, top_k=5)}
    assert means[models[1]] is None
    assert means[models[2]] == pytest.approx(sum(one.ndcg or 0.0 for one in (scores[3], scores[7])) / 2)


def test_a_full_disk_ends_the_run_and_fails_no_model(
    ettin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: Any, **_options: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(MtebReranker, "predict", full)
    with pytest.raises(StorageFailed, match="No space left"):
        run(write_beir(tmp_path / "words"), tmp_path / "results", ettin, top_k=5)


def test_the_command_shows_a_failure_and_gives_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--tasks", write_beir(tmp_path / "words"), "--model", "/nowhere/at/all", "--results", tmp_path / "results"]
    arguments = ["evaluate", "mteb", *map(str, given)]
    assert cli([*arguments, "--table"]) == 1
    printed = capsys.readouterr()
    assert "failed" in printed.out
    assert "words: /nowhere/at/all over bm25 failed: " in printed.err
    assert cli([*arguments, "--json"]) == 1
    row = json.loads(capsys.readouterr().out.splitlines()[1])
    assert (row["ndcg_at_10"], row["file"]) == (None, None)
    assert "/nowhere/at/all" in row["failed"]
