"""Puts an exported student into the package as the model in the box.

    rankladder distill recipes/box.toml --data DATA --into box-next
    python recipes/package_box.py box-next/export
    ./dev bench box_quality --gate     # what int8 loses, kept beside the weights
    ./dev bench five_collections       # what it reaches, in turns with its predecessor: --model box --model FOLDER
    ./dev docs                         # the card's tables

The weights are stored in the compact dialect (int8 rows), so the logits of the card's examples are computed from what
is stored. The former model's int8 measurement is removed: it is of other weights.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from pathlib import Path

from rankladder import Reranker
from rankladder.checkpoint import write_compact
from rankladder.checkpoint.digests import DIGESTS, check_digests, write_digests
from rankladder.checkpoint.gate import GATE

BOX = Path(__file__).parents[1] / "src" / "rankladder" / "box"
KEPT = {"README.md", "__init__.py"}
MOST_BYTES = 30_000_000
_EXAMPLE = re.compile(r"^\| (.+?) \| (.+?) \| -?\d+\.\d+ \|$", re.MULTILINE)


def package(export: Path) -> None:
    """Replaces the box's files by those of an export, and its examples' logits by the new ones."""
    check_digests(export, ())
    with tempfile.TemporaryDirectory() as temporary:
        made = write_compact(export, Path(temporary) / "box")
        shutil.copy(export / "recipe.toml", made)
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

    card.write_text(_EXAMPLE.sub(example, card.read_text()))
    print(f"{BOX}: {reranker.about}; {GATE} is to be measured")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", type=Path, help="the export folder of a distillation")
    package(parser.parse_args().export)
