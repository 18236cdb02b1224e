"""What checkpoints are compared on: judged folders and NanoBEIR, and nothing is left behind by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rankladder.distill.recipe.file import read_recipe, with_data_folder
from rankladder.distill.recipe.tables import NANO_BEIR, Evaluate, Train
from rankladder.distill.train.during import MEAN, Judged, predict
from rankladder.distill.train.student import open_student
from rankladder.distill.train.training import train
from rankladder.errors import Unavailable
from rankladder.folders import cache_folder

from ..prescored import scored_recipe
from ..toy import write_data, write_toy

SUBSETS: dict[str, dict[str, list[Any]]] = {
    "corpus": {"_id": ["a", "b", "c", "d"], "text": ["rain falls", "git commit", "iron dust", "clouds and drops"]},
    "queries": {"_id": ["1", "2"], "text": ["why rain", "undo a commit"]},
    "qrels": {"query-id": ["1", "1", "2"], "corpus-id": ["a", "d", "b"]},
    "bm25": {"query-id": ["1", "2"], "corpus-ids": [["c", "a", "b"], ["a", "b", "c"]]},
}
"""A set of NanoBEIR with the columns that the hub's have."""


@pytest.fixture
def nano_beir(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """NanoBEIR as two queries, the same for each of its sets; which sets were asked for."""
    import datasets

    asked: list[str] = []
    otherwise = datasets.load_dataset

    def load(name: str, subset: str | None = None, *, split: str, **options: Any) -> Any:
        if subset is None:
            return otherwise(name, split=split, **options)
        assert name == "sentence-transformers/NanoBEIR-en"
        asked.append(split)
        return datasets.Dataset.from_dict(SUBSETS[subset])

    monkeypatch.setattr(datasets, "load_dataset", load)
    return asked


def test_nano_beir_is_the_mean_of_its_thirteen_sets_under_sentence_transformers_names(
    nano_beir: list[str], ettin: Path
) -> None:
    found = Judged(Evaluate(during=(NANO_BEIR,))).measure(open_student(Train(start=str(ettin)), seed=1))
    assert len(set(nano_beir)) == 13
    assert {"NanoArguAna", "NanoTouche2020", "NanoMSMARCO"} <= set(nano_beir)
    assert len(found) == 13 + 2
    assert found["NanoMSMARCO_R100_ndcg@10"] == pytest.approx(found["NanoBEIR_R100_mean_ndcg@10"])
    assert found[MEAN] == found["NanoBEIR_R100_mean_ndcg@10"]
    assert 0 < found[MEAN] <= 1


def test_a_checkpoint_is_chosen_by_nano_beir_and_a_judged_folder_alike(
    nano_beir: list[str], ettin: Path, tmp_path: Path
) -> None:
    judged = str(write_data(tmp_path / "data") / "judged")
    recipe = scored_recipe(tmp_path, ettin, during=(NANO_BEIR, judged), evaluate_every=0.5)
    trained = train(recipe, tmp_path / "work", None, say=lambda line: None)
    checks = [row for row in trained.history if "eval_NanoBEIR_R5_mean_ndcg@10" in row]
    assert len(checks) == 3
    for row in checks:
        both = (row["eval_NanoBEIR_R5_mean_ndcg@10"] + row["eval_judged_ndcg@10"]) / 2
        assert row[f"eval_{MEAN}"] == pytest.approx(both)
    assert trained.best["metric"] == max(row[f"eval_{MEAN}"] for row in checks)


def test_without_the_hub_nano_beir_is_refused_naming_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    def offline(*_arguments: Any, **_options: Any) -> None:
        raise ConnectionError("offline mode is enabled")

    monkeypatch.setattr(datasets, "load_dataset", offline)
    with pytest.raises(Unavailable, match=r"NanoBEIR cannot be read .*offline[\s\S]*folder in BEIR layout"):
        Judged(Evaluate(during=(NANO_BEIR,)))


def test_nano_beir_is_a_name_and_no_path_of_the_recipe(tmp_path: Path) -> None:
    recipe = read_recipe(write_toy(tmp_path, "start", more='[evaluate]\nduring = ["NanoBEIR", "judged"]\n'))
    assert with_data_folder(recipe, tmp_path).evaluate.during == (NANO_BEIR, str(tmp_path / "judged"))


def test_a_check_leaves_no_graph_in_the_cache(ettin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANKLADDER_CACHE", str(tmp_path))
    scores = predict(open_student(Train(start=str(ettin)), seed=1), [("why rain", "rain falls")])
    assert scores.shape == (1,)
    assert list(tmp_path.iterdir()) == []
    assert cache_folder() == tmp_path
