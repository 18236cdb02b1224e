"""Puts an exported student into the package as the model in the box.

    rankladder distill recipes/box.toml --data DATA --into box-next
    cp -r box-next/export box-first
    rankladder distill recipes/box_again.toml --data DATA --into box-next
    python recipes/package_box.py box-next/export
    ./dev bench box_quality --gate     # what int8 loses, kept beside the weights
    ./dev bench five_collections       # what it reaches, in turns with its predecessor: --model box --model FOLDER
    ./dev docs                         # the card's tables

The card's paragraphs on start, training and data are written from recipes/box.toml and box_again.toml, which go into
the package: an export's own recipe may name folders of the machine that made it. Its examples' logits are computed from
what is stored (int8 rows with a scale each). What it says of limits is for you to read again. The former model's int8
measurement is removed: it is of other weights.
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
from rankladder.distill.recipe.file import read_recipe
from rankladder.distill.recipe.tables import Recipe

HERE = Path(__file__).parent
BOX = HERE.parent / "src" / "rankladder" / "box"
RECIPES = {"box.toml": "recipe.toml", "box_again.toml": "recipe_again.toml"}
"""The recipes, first and second, and what they are called in the package."""
KEPT = {"README.md", "__init__.py"}
BEGIN, END = "<!-- training: written by recipes/package_box.py -->", "<!-- end of training -->"
MOST_BYTES = 30_000_000
_EXAMPLE = re.compile(r"^\| (.+?) \| (.+?) \| -?\d+\.\d+ \|$", re.MULTILINE)


def training(first: Recipe, again: Recipe) -> Iterator[str]:
    """Paragraphs on what a student was made from and how."""
    train = first.train
    yield f"**Start.** {train.start}{f' at commit `{train.revision}`' if train.revision else ''}."
    teachers = ", ".join(f"{one.model} ({one.weight:g})" for one in first.label.teachers) if first.label else "none"
    yield (
        "**Training.** `recipe.toml` beside this card, with `rankladder distill`. Teachers, standardised and joined "
        f"by weight: {teachers}. For each query {first.mine.bm25} candidates of BM25, {first.mine.dense} of an "
        f"embedder, {first.mine.random} by chance and what is known to answer; of these {_taken(first)}, loss "
        f"{train.loss}, {train.batch_size} pairs a step, at most {train.max_tokens} tokens a pair."
    )
    yield f"**Training, second time.** From there, `recipe_again.toml`: of the same candidates {_taken(again)}."
    data = "; ".join(f"{one.name} ({one.max_queries or 'all'} queries, {one.licence})" for one in first.data)
    yield f"**Data.** {data}."


def _taken(recipe: Recipe) -> str:
    """What of the candidates was trained on, for how long, and how fast."""
    sample, train = recipe.sample, recipe.train
    return (
        f"{sample.head} from the top and {sample.band} from below were trained on, {train.epochs:g} epochs, "
        f"learning rate {train.learning_rate:g}"
    )


def package(export: Path) -> None:
    """Replaces the box's files by those of an export, and its examples' logits by the new ones."""
    check_digests(export, ())
    with tempfile.TemporaryDirectory() as temporary:
        made = write_compact(export, Path(temporary) / "box")
        for name, packaged in RECIPES.items():
            shutil.copy(HERE / name, made / packaged)
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
    paragraphs = training(*(read_recipe(HERE / name) for name in RECIPES))
    told = "\n\n".join(textwrap.fill(one, 120, break_on_hyphens=False) for one in paragraphs)
    card.write_text(_EXAMPLE.sub(example, f"{before}{BEGIN}\n\n{told}\n\n{END}{after}"))
    print(f"{BOX}: {reranker.about}; {GATE} is to be measured")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", type=Path, help="the export folder of a distillation")
    package(parser.parse_args().export)
