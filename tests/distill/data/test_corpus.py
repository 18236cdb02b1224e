"""The documents that are mined: each once, none empty, none endless, near copies counted as one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from embedders import write_embedder
from rankladder.distill.data.corpus import LONGEST, make_corpus, texts_of
from rankladder.distill.data.mining import mine, mine_depends
from rankladder.distill.data.near_duplicates import NearCopies
from rankladder.distill.data.overlap import find_overlaps
from rankladder.distill.data.questions import Question, read_questions
from rankladder.distill.label.sampling import chosen, groups
from rankladder.distill.recipe.file import read_recipe, with_data_folder
from rankladder.distill.recipe.tables import MOST_CANDIDATES, Data, Sample
from rankladder.errors import BadFile, BadInput

from ..toy import write_toy

TEXT = "rain falls when water vapour in clouds condenses into drops heavy enough to fall to the ground below"


def corpus(folder: Path, texts: list[str], *, near: float = 0.8, said: list[str] | None = None):  # type: ignore[no-untyped-def]
    path = folder / "documents.jsonl"
    path.write_text("".join(json.dumps({"_id": str(n), "text": text}) + "\n" for n, text in enumerate(texts)))
    data = Data(name="d", queries="q", documents=str(path))
    questions = [Question("d/1", "why", ("a positive that is not among the documents",))]
    say = (said if said is not None else []).append
    return make_corpus(folder / "corpus", data, questions, near_duplicate=near, inputs={}, say=say)


def test_near_copies_are_one_document_and_lead_to_it(tmp_path: Path) -> None:
    found = corpus(tmp_path, [TEXT, f"{TEXT}.", TEXT.upper(), f"Indeed {TEXT}", "git reset undoes a commit"])
    assert len(found.documents) == 3
    assert found.id_of(f"Indeed {TEXT}") == found.id_of(TEXT) == found.id_of(TEXT.upper())
    assert found.documents[found.id_of("a positive that is not among the documents")].text.startswith("a positive")
    found.index.close()


def test_a_threshold_of_1_keeps_all_but_exact_copies(tmp_path: Path) -> None:
    found = corpus(tmp_path, [TEXT, TEXT, f"Indeed {TEXT}"], near=1.0)
    assert len(found.documents) == 3
    found.index.close()


def test_empty_documents_are_left_out_and_huge_ones_cut_and_both_are_said(tmp_path: Path) -> None:
    said: list[str] = []
    found = corpus(tmp_path, [TEXT, " \n ", "word " * LONGEST, ""], said=said)
    assert max(len(document.text) for document in found.documents.values()) == LONGEST
    assert any("left out: empty" in line for line in said)
    assert any(f"cut to {LONGEST:,} characters" in line for line in said)
    found.index.close()


def test_texts_without_words_are_texts_of_their_own(tmp_path: Path) -> None:
    texts = ["!=", "&&", "…", "! =", TEXT]
    found = corpus(tmp_path, texts)
    assert {found.documents[found.id_of(text)].text for text in texts} == {"!=", "&&", "…", TEXT}
    found.index.close()


@pytest.mark.parametrize("threshold", [0.95, 0.985, 0.99, 0.999])
def test_a_threshold_close_to_1_finds_what_reaches_it_and_nothing_else(threshold: float) -> None:
    words = [f"word{n}" for n in range(400)]
    near = NearCopies(threshold)
    assert near.find_or_add("first", " ".join(words)) is None
    assert near.find_or_add("same words", ", ".join(words)) == "first"
    assert near.find_or_add("another start", " ".join([*(f"other{n}" for n in range(100)), *words])) is None


def test_what_was_left_out_is_said_after_a_kill_before_the_manifest_too(tmp_path: Path) -> None:
    whole: list[str] = []
    again: list[str] = []
    texts = [TEXT, " ", f"Indeed {TEXT}", "word " * LONGEST]
    corpus(tmp_path, texts, said=whole).index.close()
    (tmp_path / "corpus" / "manifest.json").unlink()
    corpus(tmp_path, texts, said=again).index.close()
    counted = [line for line in whole if "documents" in line]
    assert len(counted) == 3
    assert counted == [line for line in again if "documents" in line]


def test_other_questions_are_other_inputs_wherever_their_texts_are_divided(tmp_path: Path) -> None:
    recipe = with_data_folder(read_recipe(write_toy(tmp_path, "start")), tmp_path)
    known, alone = [Question("1", "a", ("b",))], [Question("1", "a", ()), Question("2", "b", ())]
    digests = {str(mine_depends(recipe, {"things": asked})[1]) for asked in (known, alone, known * 2)}
    assert len(digests) == 3


def test_a_corpus_of_nothing_is_refused(tmp_path: Path) -> None:
    data = Data(name="d", queries="q")
    with pytest.raises(BadInput, match="no document is left to mine from"):
        make_corpus(tmp_path, data, [Question("d/1", "why", ())], near_duplicate=0.9, inputs={}, say=lambda line: None)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"query": ""}', "expected a query, a text that is not blank"),
        ('{"text": "x"}', "expected a query"),
        ('{"query": "q", "positive": 7}', "expected positive to be a text or a list of texts"),
        ('{"query": "q", "positive": "p", "answers": [1]}', "expected answers to be a text or a list of texts"),
    ],
)
def test_a_bad_question_is_named_with_its_line(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "queries.jsonl"
    path.write_text('{"query": "fine"}\n' + line + "\n")
    with pytest.raises(BadFile, match=rf"queries\.jsonl:2: {message}"):
        read_questions(Data(name="d", queries=str(path), passage_words=50), seed=0)


def test_a_query_log_is_a_query_a_line_and_merged(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("how to undo\n\nhow to undo\nwhy rain\n")
    assert [one.text for one in read_questions(Data(name="d", queries=str(path)), seed=0)] == [
        "how to undo",
        "why rain",
    ]
    assert len(read_questions(Data(name="d", queries=str(path), max_queries=1), seed=0)) == 1


def test_a_mined_query_has_each_document_once_and_its_positives_first(tmp_path: Path) -> None:
    recipe = with_data_folder(read_recipe(write_toy(tmp_path, "start")), tmp_path)
    counted: list[int] = []
    made = mine(recipe, tmp_path / "work", say=lambda line: None, each=counted.append)
    found = [row for table in made.tables() for row in table.to_pylist()]
    assert sum(counted) == 40
    for query in {row["query_id"] for row in found}:
        own = [row for row in found if row["query_id"] == query]
        assert len({row["document_id"] for row in own}) == len(own) <= min(MOST_CANDIDATES, 11)
        assert own[0]["way"] == "positive"
        assert own[0]["bm25"] == max(row["bm25"] for row in own)
    again = mine(recipe, tmp_path / "again", say=lambda line: None, each=counted.append)
    assert again.digest == made.digest


def test_the_quantile_anchored_sample_is_the_head_and_a_spread_of_the_rest() -> None:
    scores = np.linspace(1, 0, 2000).astype(np.float32)
    positive = np.zeros(2000, dtype=bool)
    positive[1999] = True
    taken = chosen(Sample(), scores, positive, seed=(1, "q"))
    # The pool of 256: the positive, the 16 hardest, and 239 at even quantiles of the 1,983 others.
    pool = [*range(16), *(16 + round(1982 * n / 238) for n in range(239)), 1999]
    assert len(pool) == 256
    assert taken[:32].tolist() == pool[:32]
    below = pool[32:]
    assert taken[32:].tolist() == [below[round(223 * n / 31)] for n in range(32)]


@pytest.mark.parametrize(("scheme", "count"), [("random", 6), ("top", 6), ("all", 10)])
def test_simpler_samples_are_of_their_size_and_best_first(scheme: Any, count: int) -> None:
    scores = np.random.default_rng(0).normal(size=10).astype(np.float32)
    draws = [
        chosen(Sample(scheme=scheme, keep=6), scores, np.zeros(10, dtype=bool), seed=(1, query)) for query in "abcdef"
    ]
    assert all(len(set(taken.tolist())) == count for taken in draws)
    assert all(np.all(np.diff(scores[taken]) <= 0) for taken in draws)
    assert (len({tuple(taken) for taken in draws}) > 1) == (scheme == "random")


def test_a_query_that_finds_nothing_is_said_and_leaves_the_rest(tmp_path: Path) -> None:
    log = "".join(f"{word} commit {n}\n" for n, word in enumerate(["git", "rain"] * 128)) + "???\n"
    path = write_toy(
        tmp_path, "start", **{'queries = "queries.jsonl"': 'queries = "log.txt"', "random = 2": "random = 0"}
    )
    (tmp_path / "log.txt").write_text(log)
    recipe = with_data_folder(read_recipe(path), tmp_path)
    said: list[str] = []
    made = mine(recipe, tmp_path / "work", say=said.append, each=lambda count: None)
    assert [part.rows > 0 for part in made.parts] == [True, False]
    assert "mine: 1 queries without a candidate: they are not used for training" in said
    assert groups(made.table(1)["query_id"].to_pylist()) == []


def test_a_choice_of_queries_stays_when_others_come(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    data = Data(name="d", queries=str(path), max_queries=50)
    path.write_text("".join(f"query {n}\n" for n in range(500)))
    before = {one.text for one in read_questions(data, seed=0)}
    path.write_text("another one\n" + path.read_text())
    after = {one.text for one in read_questions(data, seed=0)}
    assert len(before) == len(after) == 50
    assert len(before & after) >= 49
    assert {one.text for one in read_questions(data, seed=1)} != after


def test_dense_candidates_come_after_bm25s_and_once(tmp_path: Path) -> None:
    embedder = write_embedder(tmp_path / "embedder")
    path = write_toy(tmp_path, "start", **{"random = 2": f'random = 0\ndense = 5\nembedder = "{embedder}"'})
    recipe = with_data_folder(read_recipe(path), tmp_path)
    made = mine(recipe, tmp_path / "work", say=lambda line: None, each=lambda count: None)
    found = [row for table in made.tables() for row in table.to_pylist()]
    assert {row["way"] for row in found} == {"positive", "bm25", "dense"}
    places = {"positive": 0, "bm25": 1, "dense": 2}
    for query in {row["query_id"] for row in found}:
        own = [row for row in found if row["query_id"] == query]
        assert len({row["document_id"] for row in own}) == len(own)
        assert [places[row["way"]] for row in own] == sorted(places[row["way"]] for row in own)
        assert all(row["rank"] <= 5 for row in own if row["way"] == "dense")
    moved = embedder.rename(tmp_path / "moved")
    path.write_text(path.read_text().replace(str(embedder), str(moved)))
    said: list[str] = []
    mine(with_data_folder(read_recipe(path), tmp_path), tmp_path / "work", say=said.append, each=lambda count: None)
    assert any(line.startswith("mine: complete") for line in said)


def test_a_query_that_is_a_document_is_never_its_own_wrong_answer_and_as_many_are_found(tmp_path: Path) -> None:
    embedder = write_embedder(tmp_path / "embedder")
    path = write_toy(tmp_path, "start", **{"random = 2": f'random = 44\ndense = 5\nembedder = "{embedder}"'})
    asked = [json.loads(line)["query"] for line in (tmp_path / "queries.jsonl").read_text().splitlines()]
    with (tmp_path / "documents.jsonl").open("a") as documents:
        documents.writelines(json.dumps({"_id": f"own-{n}", "text": asked[n].upper()}) + "\n" for n in range(4))
    said: list[str] = []
    recipe = with_data_folder(read_recipe(path), tmp_path)
    made = mine(recipe, tmp_path / "work", say=said.append, each=lambda count: None)
    assert "things: 4 of 40 queries are also documents: a query is not a candidate for itself" in said
    found = [row for table in made.tables() for row in table.to_pylist()]
    assert all(row["document"].lower() != row["query"].lower() for row in found)
    assert any(row["document"].isupper() for row in found), "another query's candidate it may be"
    assert all(sum(row["query"] == query and row["way"] == "bm25" for row in found) >= 7 for query in asked)


def test_overlap_is_found_whatever_the_case_and_near_in_words() -> None:
    from rankladder.evaluate import Dataset
    from rankladder.values import Qrels, Query

    asked = {"1": "why does it rain", "2": "how do I undo the last commit in git", "3": "who wrote the first program"}
    dataset = Dataset("s", {id: Query(id, text) for id, text in asked.items()}, {}, Qrels({}), (), "")
    trained = ["Why does  it RAIN", "how do I undo the very last commit in git", "who baked the first bread"]
    found = find_overlaps(trained, [dataset])
    assert [(one.query, one.kind) for one in found] == [("1", "exact"), ("2", "near")]


def test_a_long_positive_is_cut_and_its_passages_with_an_answer_count(tmp_path: Path) -> None:
    path = tmp_path / "queries.jsonl"
    text = "Rain falls in drops. Clouds hold much vapour. Rivers carry water."
    lines = [
        {"query": "what carries water", "positive": text, "answers": ["Rivers"]},
        {"query": "why", "positive": text},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    data = Data(name="d", queries=str(path), passage_words=4)
    asked = read_questions(data, seed=0)
    assert [one.positives for one in asked] == [("Rivers carry water.",), ("Rain falls in drops.",)]
    documents = tmp_path / "documents.jsonl"
    documents.write_text(json.dumps({"id": "a", "text": text}) + "\n")
    corpus = make_corpus(
        tmp_path / "corpus",
        msgspec.structs.replace(data, documents=str(documents)),
        asked,
        near_duplicate=1,
        inputs={},
        say=lambda line: None,
    )
    texts = [document.text for document in corpus.documents.values()]
    assert texts == ["Rain falls in drops.", "Clouds hold much vapour.", "Rivers carry water."]


def test_without_labels_the_queries_are_taken_alone(tmp_path: Path) -> None:
    path = tmp_path / "queries.jsonl"
    path.write_text('{"query": "why rain", "positive": "Clouds hold vapour."}\n')
    assert read_questions(Data(name="d", queries=str(path), labels=False), seed=0)[0].positives == ()


def test_the_recipe_chooses_among_the_files_of_a_folder(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    for name in ("a.md", "b.log.md", "c.txt"):
        (docs / name).write_text(f"text of {name}")
    (docs / ".gitignore").write_text("c.txt")
    (docs / "broken.jsonl").write_text("{")

    def texts(**chosen: Any) -> list[str]:
        return list(texts_of(Data(name="d", queries="q", documents=str(docs), **chosen), []))

    assert texts() == ["text of a.md", "text of b.log.md"]
    assert texts(exclude=("*.log.md",)) == ["text of a.md"]
    assert texts(include=("*.log.md", "c.txt"), ignore_files=False) == ["text of b.log.md", "text of c.txt"]
