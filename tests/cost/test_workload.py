"""The texts that are measured: the same for a seed, as long as they say, and the user's own where there are any."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import pytest

from rankladder.checkpoint import open_checkpoint
from rankladder.cost import Workload, fixed_workload, natural_workload, own_workload
from rankladder.cost.workload import PASS_PAIRS
from rankladder.errors import BadInput, BadOption, PathMissing
from rankladder.values import Document


def test_made_up_text_is_the_same_for_a_seed() -> None:
    assert natural_workload(pairs=5, top=3, seed=7) == natural_workload(pairs=5, top=3, seed=7)
    assert natural_workload(pairs=5, top=3, seed=7) != natural_workload(pairs=5, top=3, seed=8)


def test_natural_lengths_have_a_mean_of_about_150_tokens_and_a_long_tail() -> None:
    tokenizer = open_checkpoint("box").tokenizer
    lengths = [len(tokenizer.encode(*pair)) for pair in natural_workload(pairs=1000, top=1).pairs]
    assert statistics.mean(lengths) == pytest.approx(150, abs=8)
    assert statistics.median(lengths) < statistics.mean(lengths)
    assert max(lengths) < 512


def test_texts_of_a_fixed_length_are_never_too_short_to_be_cut_to_it() -> None:
    tokenizer = open_checkpoint("box").tokenizer
    workload = fixed_workload(64, pairs=20, top=3)
    assert min(len(tokenizer.encode(*pair)) for pair in workload.pairs) >= 64
    assert workload.tokens == 64
    assert workload.list_size == 3


def test_the_users_documents_and_queries_are_used(tmp_path: Path) -> None:
    folder = tmp_path / "beir"
    (folder / "qrels").mkdir(parents=True)
    texts = [f"document number {number}" for number in range(50)]
    corpus = [json.dumps({"_id": str(n), "title": "", "text": text}) for n, text in enumerate(texts)]
    (folder / "corpus.jsonl").write_text("\n".join(corpus))
    (folder / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": "which number"}))
    workload = own_workload(folder, pairs=10, top=5)
    assert {query for query, _ in (*workload.pairs, *workload.lists)} == {"which number"}
    drawn = [text for _, text in workload.pairs] + [text for _, listed in workload.lists for text in listed]
    assert len(drawn) == len(set(drawn)) == 35
    assert set(drawn) <= set(texts)
    assert workload == own_workload(folder, pairs=10, top=5)


def test_few_documents_are_used_again_and_the_workload_says_so(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Rain falls from clouds.\n")
    workload = own_workload(tmp_path, pairs=4, top=3)
    assert {text for _, text in workload.pairs} == {"Rain falls from clouds."}
    assert "1 of them used repeatedly, made-up queries" in workload.about


def test_queries_of_a_log_need_no_ids(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Rain falls from clouds.\n")
    (tmp_path / "log.jsonl").write_text('{"text": "why does it rain"}\n{"text": "why does it rain"}\n')
    workload = own_workload(tmp_path / "notes.txt", queries=tmp_path / "log.jsonl", pairs=4, top=3)
    assert {query for query, _ in workload.pairs} == {"why does it rain"}


def test_no_documents_no_queries_and_no_folder_are_said(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    with pytest.raises(BadInput, match="holds no documents"):
        own_workload(tmp_path / "docs", pairs=4, top=3)
    (tmp_path / "docs" / "a.txt").write_text("A text.\n")
    (tmp_path / "queries.tsv").write_text("")
    with pytest.raises(BadInput, match="holds no queries"):
        own_workload(tmp_path / "docs", queries=tmp_path / "queries.tsv", pairs=4, top=3)
    with pytest.raises(PathMissing):
        own_workload(tmp_path / "nowhere", pairs=4, top=3)


@pytest.mark.parametrize(("pairs", "top", "wrong"), [(0, 3, "pairs"), (3, 0, "top")])
def test_a_number_below_one_is_refused(pairs: int, top: int, wrong: str, tmp_path: Path) -> None:
    with pytest.raises(BadOption, match=f"{wrong} must be at least 1 and at most .*, got 0"):
        natural_workload(pairs=pairs, top=top)
    with pytest.raises(BadOption, match=f"{wrong} must be at least 1 and at most .*, got 0"):
        fixed_workload(64, pairs=pairs, top=top)
    with pytest.raises(BadOption, match=f"{wrong} must be at least 1 and at most .*, got 0"):
        own_workload(tmp_path, pairs=pairs, top=top)


def test_a_fixed_length_holds_at_least_a_frame_and_a_query() -> None:
    with pytest.raises(BadOption, match=r"at least 16 tokens and at most 1,000,000, got 3"):
        fixed_workload(3, pairs=1, top=1)


def test_a_users_tasks_are_pairs_and_lists() -> None:
    tasks = [("rain", [Document("a", "falls", "It"), Document("b", "stays")]), ("sun", [])]
    workload = Workload.of("mine", tasks)
    assert workload.pairs == (("rain", "It falls"), ("rain", "stays"))
    assert workload.lists == (("rain", ("It falls", "stays")),)
    with pytest.raises(BadInput, match="no documents to measure with"):
        Workload.of("mine", [("sun", [])])


def test_a_pass_over_many_pairs_of_a_users_own_takes_some_of_every_list() -> None:
    tasks = [(f"query {number}", [Document(str(place), "text") for place in range(40)]) for number in range(10)]
    workload = Workload.of("mine", tasks)
    assert len(workload.pairs) == PASS_PAIRS
    asked = [query for query, _ in workload.pairs]
    assert {asked.count(f"query {number}") for number in range(10)} <= {12, 13}
    assert len(workload.lists) == 10
