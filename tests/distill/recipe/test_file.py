"""A recipe is read strictly: what it says is meant, and what it cannot mean is refused before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from rankladder.distill.recipe.file import read_recipe, recipe_text, with_data_folder, write_recipe
from rankladder.distill.train.schedule import plan_training
from rankladder.errors import BadFile, BadOption, PathMissing

from ..toy import write_toy

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("bm25 = 8", "bm52 = 8", r"mine: .*unknown field `bm52`[\s\S]*did you mean bm25"),
        ("seed = 3", 'seed = "three"', "seed: Expected `int`, got `str`"),
        ("seed = 3", "seed = -1", "seed: .*>= 0"),
        ("seed = 3", "seed = 4294967296", "seed: .*<= 4294967295"),
        ("[train]", "[train]\nloss = {}", "loss: .*length >= 1"),
        ("[train]", "[train]\nepochs = inf", "epochs: Expected `float` <="),
        ("[train]", "[train]\nepochs = nan", "epochs: Expected `float` >"),
        ("learning_rate = 0.003", "learning_rate = inf", "learning_rate: Expected `float` <="),
        ("[train]", "[train]\nweight_decay = inf", "weight_decay: Expected `float` <="),
        ("bm25 = 8", "bm25 = 9000", "mine: .*come to 9,002 candidates: at most 2,048"),
        ("max_tokens = 32", "max_tokens = 4", "max_tokens: .*>= 8"),
        ("batch_size = 16", "batch_size = 0", "batch_size: .*>= 1"),
        ("micro_batch_size = 8", "micro_batch_size = 7", "batch_size 16 is not a multiple of micro_batch_size 7"),
        ('scheme = "top"', 'scheme = "best"', "scheme: Invalid enum value 'best'"),
        ('name = "toy"', 'name = "../toy"', "name: .*matching regex"),
        ('queries = "queries.jsonl"\n', "", "expected either queries or scored, found neither"),
        ('documents = "documents.jsonl"\n', "labels = false\n", "data things: labels = false leaves no documents"),
        ("bm25 = 8\nrandom = 2", "bm25 = 0\nrandom = 0", "there would be no candidates"),
        ('[{ model = "bm25", weight = 2.0 }, { model = "labels" }]', "[]", "teachers: .*length >= 1"),
        ("weight = 2.0", "weight = 0.0", "weight: .*> 0"),
        ("[mine]", "[mine", "at line 11"),
        (', { model = "labels" }]', "]", "a weight needs several teachers"),
        ("[label]", "[label]\nstandardise = false\nscale = 2.0", "scale is for standardised scores"),
        ('queries = "queries.jsonl"\ndocuments = "documents.jsonl"', 'scored = "s"', "a teacher has nothing to do"),
    ],
)
def test_a_bad_recipe_is_refused_naming_the_key(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = write_toy(tmp_path, "start")
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(BadFile, match=message):
        read_recipe(path)


def test_a_recipe_without_a_teacher_is_refused(tmp_path: Path) -> None:
    path = write_toy(tmp_path, "start")
    text = path.read_text()
    path.write_text(text[: text.index("[label]")] + text[text.index("[sample]") :])
    with pytest.raises(BadFile, match="queries need a teacher"):
        read_recipe(path)


def test_a_missing_recipe_and_a_missing_path_are_named(tmp_path: Path) -> None:
    with pytest.raises(PathMissing, match="no recipe at"):
        read_recipe(tmp_path / "none.toml")
    with pytest.raises(BadFile, match="found a folder"):
        read_recipe(tmp_path)
    recipe = read_recipe(write_toy(tmp_path, "start"))
    with pytest.raises(PathMissing, match=r"data things: queries: nothing at .*elsewhere"):
        with_data_folder(recipe, tmp_path / "elsewhere")


def test_writing_and_reading_gives_the_recipe_back(tmp_path: Path) -> None:
    recipe = read_recipe(write_toy(tmp_path, "start"))
    write_recipe(recipe, tmp_path / "again.toml")
    assert read_recipe(tmp_path / "again.toml") == recipe


@pytest.mark.parametrize(("batch", "micro", "processes"), [(16, None, 3), (16, 6, 1), (8, 8, 2)])
def test_a_batch_that_does_not_divide_is_refused(tmp_path: Path, batch: int, micro: int | None, processes: int) -> None:
    from msgspec.structs import replace

    settings = replace(read_recipe(write_toy(tmp_path, "start")).train, batch_size=batch, micro_batch_size=micro)
    with pytest.raises(BadOption, match=f"batch_size {batch} does not divide"):
        plan_training(settings, rows=100, held_out=1, parameters=1000, processes=processes, dtype="fp32")


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.toml")), ids=lambda path: path.stem)
def test_every_published_recipe_reads(path: Path) -> None:
    assert recipe_text(read_recipe(path))


def test_the_recipe_in_the_guide_reads(tmp_path: Path) -> None:
    import re

    blocks = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "guide" / "distilling.md").read_text(), re.DOTALL)
    (tmp_path / "handbook.toml").write_text("\n".join(blocks))
    recipe = read_recipe(tmp_path / "handbook.toml")
    assert (recipe.name, recipe.evaluate.sets, recipe.train.start) == ("handbook-reranker", ("judged",), "box")
