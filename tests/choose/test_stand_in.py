"""Queries that nobody judged may come from a log without ids."""

from __future__ import annotations

from pathlib import Path

from rankladder.choose import read_unjudged


def test_a_log_of_queries_without_ids_is_numbered_by_its_lines(tmp_path: Path) -> None:
    (tmp_path / "docs.jsonl").write_text('{"_id": "d1", "text": "rain falls"}\n')
    (tmp_path / "log.jsonl").write_text('{"query": "where was rain seen"}\n\n{"query": "where was snow seen"}\n')
    dataset = read_unjudged(tmp_path / "log.jsonl", documents=tmp_path / "docs.jsonl")
    assert {id: query.text for id, query in dataset.queries.items()} == {
        "1": "where was rain seen",
        "3": "where was snow seen",
    }
