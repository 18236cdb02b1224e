"""Judgements that name records by another spelling are understood, or answered with the nearest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rankladder.evaluate import read_dataset
from rankladder.evaluate.nearest import nearest_ids


def judged(path: Path, *ids: str) -> Path:
    path.write_text(json.dumps({"query": "rain", "relevant": list(ids)}) + "\n")
    return path


@pytest.mark.parametrize(
    ("unknown", "known", "answer"),
    [
        ("007", ["7", "8"], "7"),
        ("7", ["a.csv#7", "a.csv#8"], "a.csv#7"),
        ("docs/guide.md:12", ["guide.md:12"], "guide.md:12"),
        ("guide.md:10", ["guide.md:12", "other.md:1"], "guide.md:12"),
        ("report.txt", ["report"], "report"),
        ("DOC_1", ["doc-1"], "doc-1"),
        ("quark", ["doc-1"], None),
    ],
)
def test_the_nearest_id_is_named(unknown: str, known: list[str], answer: str | None) -> None:
    assert nearest_ids([unknown], known).get(unknown) == answer


def test_bare_numbers_are_those_of_the_one_file_that_has_them(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "faq.csv").write_text("id,text\n1,rain falls\n2,snow falls\n")
    (docs / "page.md").write_text("rain")
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("1 2\n")
    data = read_dataset(judged(tmp_path / "judged.jsonl", "1", "page.md:1"), documents=docs, drop_pairs=pairs)
    assert data.qrels.grades == {"1": {"faq.csv#1": 1, "page.md:1": 1}}
    assert data.dropped == {"1": frozenset(["faq.csv#2"])}
    assert sum("treated as the same" in remark for remark in data.remarks) == 2
    (docs / "other.csv").write_text("id,text\n1,bread rises\n")
    data = read_dataset(judged(tmp_path / "judged.jsonl", "1", "page.md:9"), documents=docs)
    assert data.qrels.grades == {"1": {"1": 1, "page.md:9": 1}}
    (remark,) = [remark for remark in data.remarks if "not in the collection" in remark]
    assert "'faq.csv#1' to '1', 'page.md:1' to 'page.md:9'" in remark
