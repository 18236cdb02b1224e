"""What cannot work is refused before anything is made."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from rankladder.distill.data.mining import mine_depends
from rankladder.distill.label.sampling import sample_depends
from rankladder.distill.plan.dry_run import outlook
from rankladder.distill.recipe.file import read_recipe, with_data_folder
from rankladder.distill.stage import Made
from rankladder.errors import BadInput, BadOption, MissingExtra, ModelMissing, PathMissing, RankladderError, Unavailable

from ..toy import JUDGED, Told, write_toy

TEACHERS = '[{ model = "bm25", weight = 2.0 }, { model = "labels" }]'


@pytest.mark.parametrize(
    ("old", "new", "error", "said"),
    [
        ("START", "nobody/nothing", ModelMissing, "nobody/nothing is not on this machine"),
        ("START", "./nothing", PathMissing, "no checkpoint folder at ./nothing"),
        ("max_tokens = 32", "max_tokens = 600", BadOption, "reads at most 512"),
        ("[train]", "[train]\nlayers = 9", BadOption, "9 layers requested, the start has 4"),
        ("[train]", '[train]\ndtype = "bf16"', BadOption, "there is no GPU here"),
        ("[train]", '[train]\nlogs = ["trackio"]', MissingExtra, "hint: pip install trackio$"),
        ("PROCESSES", "3", BadOption, "batch_size 16 does not divide"),
        (TEACHERS, '[{ model = "no-such-model" }]', ModelMissing, "no-such-model"),
        (TEACHERS, '[{ model = "box,speed=9" }]', BadOption, "expected OPTION=VALUE"),
        (TEACHERS, '[{ model = "cohere:rerank-v3.5" }]', RankladderError, "is not set|are not set"),
        (TEACHERS, '[{ model = "maxsim:no-such-embedder" }]', ModelMissing, "no-such-embedder"),
        ("bm25 = 8", 'bm25 = 8\ndense = 2\nembedder = "./nothing"', PathMissing, "no embedder's folder at ./nothing"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_made(
    tmp_path: Path,
    ettin: Path,
    monkeypatch: pytest.MonkeyPatch,
    old: str,
    new: str,
    error: type[Exception],
    said: str,
) -> None:
    for name in ("COHERE_API_KEY", "CO_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("rankladder.distill.plan.preflight.find_spec", lambda name: None if name == "trackio" else name)
    recipe = write_toy(tmp_path / "data", ettin)
    told = Told(recipe, tmp_path / "work", [], {})
    options: dict[str, Any] = {"processes": 3} if old == "PROCESSES" else {}
    if not options:
        told.change(str(ettin) if old == "START" else old, new)
    with pytest.raises(error, match=said):
        told.run(**options)
    assert not (tmp_path / "work").exists()


def test_what_the_hub_has_is_asked_for_before_anything_is_made(
    tmp_path: Path, ettin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_arguments: Any, **_options: Any) -> None:
        raise ConnectionError("no route to the hub")

    monkeypatch.setattr("datasets.load_dataset", unreachable)
    told = Told(write_toy(tmp_path / "data", ettin), tmp_path / "work", [], {})
    told.change("bm25 = 8", 'bm25 = 8\ndense = 2\nembedder = "nobody/nothing"')
    for only in (None, "mine"):
        with pytest.raises(ModelMissing, match="nobody/nothing is not on this machine"):
            told.run(only)
    told.change('dense = 2\nembedder = "nobody/nothing"', "")
    told.change("evaluate_every = 0.25", 'evaluate_every = 0.25\n[evaluate]\nduring = ["NanoBEIR"]')
    with pytest.raises(Unavailable, match="NanoBEIR cannot be read from the hub"):
        told.run()
    assert not told.into.exists()


@pytest.mark.parametrize(
    ("into", "wanted"),
    [
        ("data/docs", r"what the stages write there would be read as data things: documents \(.*docs\)"),
        ("data/docs/deeper", "would be read as data things: documents"),
        ("data/judged/run", "would be read as evaluate: sets"),
        ("data/start/run", "would be read as train: start"),
        ("kept", r"queries.jsonl: data things: queries lies where the stages write kept/train"),
    ],
)
def test_the_stages_lie_apart_from_what_they_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, into: str, wanted: str
) -> None:
    """Else each run would find other documents than the one before it, or write into them."""
    recipe = write_toy(tmp_path / "data", "start", more=JUDGED)
    (tmp_path / "data" / "start").mkdir()
    (tmp_path / "data" / "docs").mkdir()
    (tmp_path / "data" / "documents.jsonl").rename(tmp_path / "data" / "docs" / "documents.jsonl")
    (tmp_path / "kept" / "train").mkdir(parents=True)
    (tmp_path / "kept" / "train" / "queries.jsonl").write_text('{"query": "why"}')
    text = recipe.read_text().replace('"documents.jsonl"', '"docs"')
    if into == "kept":
        text = text.replace('"queries.jsonl"', '"../kept/train/queries.jsonl"')
    recipe.write_text(text)
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(BadInput, match=wanted):
        Told(recipe, Path(into), [], {}).run("mine")
    assert sorted(tmp_path.rglob("*")) == before


def test_the_stages_may_lie_beside_what_they_read(tmp_path: Path) -> None:
    recipe = write_toy(tmp_path / "data", "nobody/nothing", more=JUDGED)
    for into in (tmp_path / "data", tmp_path / "data" / "toy"):
        assert Told(recipe, into, [], {}).run("mine").rows


@pytest.mark.parametrize(
    ("sets", "during", "said"),
    [
        (["judged", "other/judged"], [], "sets: two sets are called judged: .*data/judged and .*other/judged"),
        (["judged"], ["other/judged"], "during: two sets are called judged"),
        (["judged", "./judged"], [], "sets: two sets are called judged: .*judged, twice"),
        (["judged"], ["./judged"], None),
    ],
)
def test_no_two_judged_sets_have_one_name(tmp_path: Path, sets: list[str], during: list[str], said: str | None) -> None:
    """The same folder may be in both lists: figures and overlaps are told apart by name."""
    more = f"[evaluate]\nsets = {json.dumps(sets)}\nduring = {json.dumps(during)}\n"
    told = Told(write_toy(tmp_path / "data", "nobody/nothing", more=more), tmp_path / "work", [], {})
    shutil.copytree(tmp_path / "data" / "judged", tmp_path / "data" / "other" / "judged")
    if said is None:
        assert told.run("mine").rows
        return
    for only in (None, "mine"):
        with pytest.raises(BadInput, match=said):
            told.run(only)
    assert not told.into.exists()


def test_a_plan_without_the_packages_that_train_names_them(
    tmp_path: Path, ettin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = read_recipe(write_toy(tmp_path, ettin))
    monkeypatch.setattr("rankladder.rerank.engine.find_spec", lambda name: None if name == "datasets" else name)
    with pytest.raises(MissingExtra, match=re.escape("pip install 'rankladder[train]'")):
        outlook(with_data_folder(recipe, tmp_path))


def test_models_are_looked_for_in_the_data_folder_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_toy(
        tmp_path / "data",
        "models/start",
        **{
            TEACHERS: '[{ model = "models/big,dtype=fp32" }, { model = "cosine:models/near" }, '
            '{ model = "box" }, { model = "labels" }]',
            "bm25 = 8": 'bm25 = 8\nembedder = "here"',
        },
    )
    data, here = tmp_path / "data", tmp_path / "here"
    for place in (
        data / "models" / "big",
        data / "models" / "near",
        data / "box",
        here / "here",
        here / "models/start",
    ):
        place.mkdir(parents=True)
    monkeypatch.chdir(here)
    found = with_data_folder(read_recipe(path), data)
    assert found.label is not None
    assert [teacher.model for teacher in found.label.teachers] == [
        f"{data / 'models/big'},dtype=fp32",
        f"cosine:{data / 'models/near'}",
        "box",
        "labels",
    ]
    assert (found.mine.embedder, found.train.start) == ("here", "models/start")


def test_mining_depends_on_the_embedders_files_only_where_it_embeds(tmp_path: Path) -> None:
    path = write_toy(tmp_path / "data", "start")
    (tmp_path / "embedder").mkdir()
    weights = tmp_path / "embedder" / "model.safetensors"

    def key(dense: int, embedder: str, held: str) -> Any:
        weights.write_text(held)
        text = f'bm25 = 8\ndense = {dense}\nembedder = "{embedder}"'
        (tmp_path / "changed.toml").write_text(path.read_text().replace("bm25 = 8", text))
        return mine_depends(with_data_folder(read_recipe(tmp_path / "changed.toml"), tmp_path / "data"), {})

    folder = str(tmp_path / "embedder")
    assert key(0, folder, "one") == key(0, "another", "two") == key(0, "all-MiniLM-L6-v2", "one")
    assert key(2, folder, "one") != key(2, folder, "two")
    assert key(2, folder, "one") == key(2, folder, "one")


def test_sampling_depends_on_what_its_scheme_reads(tmp_path: Path) -> None:
    path = write_toy(tmp_path, "start")
    made = Made(tmp_path, "key", (), {"ensemble": {}})

    def key(settings: str) -> Any:
        (tmp_path / "changed.toml").write_text(path.read_text().replace('scheme = "top"\nkeep = 6', settings))
        return sample_depends(read_recipe(tmp_path / "changed.toml"), made)

    assert key('scheme = "top"\nkeep = 6') == key('scheme = "top"\nkeep = 6\nhead = 5\npool = 9')
    assert key('scheme = "top"\nkeep = 6') != key('scheme = "top"\nkeep = 7')
    assert key('scheme = "quantile-anchored"\nkeep = 6') == key('scheme = "quantile-anchored"')
    assert key('scheme = "quantile-anchored"') != key('scheme = "quantile-anchored"\nband = 3')
