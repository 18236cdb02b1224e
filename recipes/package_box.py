"""Puts an exported student into the package as the model in the box.

    rankladder distill recipes/box.toml --data DATA --into box-next
    python recipes/package_box.py box-next/export
    ./dev bench box_quality --gate     # what int8 loses, kept beside the weights
    ./dev bench five_collections       # what it reaches, in turns with its predecessor: --model box --model FOLDER
    ./dev docs                         # the card's tables

The card's paragraphs on start, training and data are written from recipes/box.toml, which goes into the package: an
export's own recipe may name folders of the machine that made it. Its examples' logits are computed from what is stored
(int8 rows with a scale each). What it says of limits is for you to read again. The former model's int8 measurement is
removed: it is of other weights.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

from rankladder import Reranker
from rankladder.checkpoint import write_compact
from rankladder.checkpoint.digests import DIGESTS, check_digests, write_digests
from rankladder.checkpoint.gate import GATE
from rankladder.distill.recipe import Recipe
from rankladder.distill.recipe_file import read_recipe

BOX = Path(__file__).parents[1] / "src" / "rankladder" / "box"
RECIPE = Path(__file__).parent / "box.toml"
KEPT = {"README.md", "__init__.py"}
BEGIN, END = "<!-- training: written by recipes/package_box.py -->", "<!-- end of training -->"
MOST_BYTES = 30_000_000
_EXAMPLE = re.compile(r"^\| (.+?) \| (.+?) \| -?\d+\.\d+ \|$", re.MULTILINE)


def training(recipe: Recipe) -> Iterator[str]:
    """Paragraphs on what a student was made from and how."""
    train = recipe.train
    yield f"**Start.** {train.start}{f' at commit `{train.revision}`' if train.revision else ''}."
    teachers = ", ".join(f"{one.model} ({one.weight:g})" for one in recipe.label.teachers) if recipe.label else "none"
    sample = recipe.sample
    yield (
        "**Training.** `recipe.toml` beside this card, with `rankladder distill`. Teachers, standardised and joined "
        f"by weight: {teachers}. For each query {recipe.mine.bm25} candidates of BM25, {recipe.mine.dense} of an "
        f"embedder, {recipe.mine.random} by chance and what is known to answer; of these {sample.head} from the top "
        f"and {sample.band} from below were trained on: {train.epochs:g} epochs, loss {train.loss}, learning rate "
        f"{train.learning_rate:g}, {train.batch_size} pairs a step, at most {train.max_tokens} tokens a pair."
    )
    data = "; ".join(f"{one.name} ({one.max_queries or 'all'} queries, {one.licence})" for one in recipe.data)
    yield f"**Data.** {data}."


def package(export: Path) -> None:
    """Replaces the box's files by those of an export, and its examples' logits by the new ones."""
    check_digests(export, ())
    with tempfile.TemporaryDirectory() as temporary:
        made = write_compact(export, Path(temporary) / "box")
        shutil.copy(RECIPE, made / "recipe.toml")
        size = sum(path.stat().st_size for path in made.iterdir())
        if size > MOST_BYTES:
            sys.exit(f"{export}: {size:,} bytes packaged, at most {MOST_BYTES:,} fit")
        for old in BOX.iterdir():
            if old.is_file() and old.name not in KEPT:
                old.unlink()
        for new in made.iterdir():
            if new.name != DIGESTS:
                shutil.copy(new, BOX)
    write_digests(BOX, sorted(path for path in BOX.iterdir() if path.is_file() and path.name not in KEPT))
    card = BOX / "README.md"
    reranker = Reranker.open("box", dtype="fp32")

    def example(found: re.Match[str]) -> str:
        (score,) = reranker.predict([(found[1], found[2])])
        return f"| {found[1]} | {found[2]} | {score:.4f} |"

    before, _, rest = card.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    told = "\n\n".join(textwrap.fill(one, 120, break_on_hyphens=False) for one in training(read_recipe(RECIPE)))
    card.write_text(_EXAMPLE.sub(example, f"{before}{BEGIN}\n\n{told}\n\n{END}{after}"))
    print(f"{BOX}: {reranker.about}; {GATE} is to be measured")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", type=Path, help="the export folder of a distillation")
    package(parser.parse_args().export)
