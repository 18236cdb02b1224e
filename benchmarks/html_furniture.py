"""How much of HTML documentation comes out as furniture, and how much of its main part is lost.

    python -m benchmarks.html_furniture FOLDER SELECTOR [DROPPED …]

SELECTOR and DROPPED are XPath: the main part of a page, and what in it is furniture, written by hand for one generator.
lxml reads the page a second time, independently of our reader. A passage is furniture where fewer than half of its runs
of three words, and fewer than 97 % of its words, are in the main part.
"""

from __future__ import annotations

import random
import re
import sys
from collections import Counter
from pathlib import Path

from lxml import html

from rankladder.textfiles import read_documents

PAGES = 120
WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    return [word.lower() for word in WORD.findall(text)]


def main_part(data: bytes, selector: str, dropped: list[str]) -> list[str] | None:
    """The words of the main part, None where the page has none."""
    tree = html.document_fromstring(data)
    for path in dropped:
        for element in tree.xpath(path):
            if element.getparent() is not None:
                element.drop_tree()
    found = tree.xpath(selector)
    return words(" ".join(found[0].itertext())) if found else None


def is_furniture(passage: list[str], main: list[str]) -> bool:
    runs = list(zip(passage, passage[1:], passage[2:], strict=False))
    there, known = set(zip(main, main[1:], main[2:], strict=False)), set(main)
    few_runs = sum(run in there for run in runs) < 0.5 * len(runs) if runs else True
    return few_runs and sum(word in known for word in passage) < 0.97 * len(passage)


def main(folder: Path, selector: str, dropped: list[str]) -> None:
    files = sorted(path for path in folder.rglob("*.html") if path.is_file() and not path.is_symlink())
    random.Random(0).shuffle(files)
    pages = passages = furniture = lost = whole = 0
    for path in files[:PAGES]:
        part = main_part(path.read_bytes(), selector, dropped)
        if part is None:
            continue
        pages += 1
        found: Counter[str] = Counter()
        for document in read_documents(path):
            passages += 1
            furniture += is_furniture(words(document.text), part)
            found.update(words(document.full_text))
        whole += len(part)
        lost += sum((Counter(part) - found).values())
    print(
        f"{folder.name}: {pages} pages, {passages} passages, {furniture / max(1, passages):.1%} furniture; "
        f"of {whole:,} words of the main parts {lost / max(1, whole):.3%} are in no passage"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
