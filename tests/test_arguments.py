"""An argument is honoured or refused: whatever is given to a public function, it works or ends in an error of ours."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rankladder import Document, Query, Ranking, RankladderError, Reranker, probability
from rankladder.arguments import checked
from rankladder.catalogue import find_model
from rankladder.checkpoint import find_checkpoint, open_checkpoint, read_checkpoint, write_compact, write_expanded
from rankladder.choose import ChoiceRequest, Price, Wishes, check_writable, choose, read_unjudged, write_report
from rankladder.choose.decision import Entry, decide
from rankladder.cost import (
    Measurement,
    Workload,
    fixed_workload,
    measure_cost,
    natural_workload,
    own_workload,
    percentile,
    plan_grid,
)
from rankladder.errors import BadOption, PathMissing
from rankladder.evaluate import (
    Candidates,
    Dataset,
    bm25_candidates,
    bootstrap_interval,
    candidates_from_run,
    evaluate,
    holm,
    measure_run,
    open_candidates,
    open_lists,
    parse_measures,
    randomisation_test,
    read_dataset,
)
from rankladder.rerank import ModelRequest
from rankladder.rerank.hosted import Patience, open_hosted
from rankladder.retrieve import (
    HybridRetriever,
    build_index,
    cached_index,
    is_index,
    open_embedder,
    open_index,
    reciprocal_rank_fusion,
    search,
    snippet,
)
from rankladder.textfiles import (
    Selection,
    beir_folder,
    find_sources,
    read_documents,
    read_qrels,
    read_queries,
    read_run,
    write_documents_jsonl,
    write_qrels,
    write_run,
)
from rankladder.values import Hit, Qrels, Run
from words import word_reranker

LONG = "a text given by mistake " * 20
ODD: Mapping[str, Any] = {
    "None": None,
    "True": True,
    "numpy True": np.True_,
    "1.5": 1.5,
    "nan": float("nan"),
    "inf": float("inf"),
    "-inf": float("-inf"),
    "-1": -1,
    "0": 0,
    "numpy 2": np.int64(2),
    "numpy .5": np.float32(0.5),
    "numpy nan": np.float64("nan"),
    "2**40": 2**40,
    "10**30": 10**30,
    "a digit": "2",
    "no text": "",
    "a text": "x",
    "a long text": LONG,
    "NUL": "a\0b",
    "surrogate": "\ud800",
    "escape": "\x1b[31m\r",
    "bytes": b"x",
    "a path": Path("no-such-file"),
    "a long path": Path(LONG),
    "a list": [],
    "a list of None": [None],
    "a generator": "generator",
    "a mapping": {},
    "a set": {"x"},
    "an array": np.zeros((2, 2)),
    "an object": object(),
    "a class": int,
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, bert: Path) -> Path:
    """A folder of documents, queries, judgements, a run and a model."""
    folder = tmp_path_factory.mktemp("odd")
    (folder / "model").symlink_to(bert)
    (folder / "docs").mkdir()
    (folder / "docs" / "a.md").write_text("# Rain\n\nRain falls from clouds.\n")
    (folder / "docs" / "b.md").write_text("# Mars\n\nMars is the red planet.\n")
    (folder / "queries.jsonl").write_text('{"_id": "q1", "text": "red planet"}\n')
    (folder / "qrels.txt").write_text("q1 0 a 1\nq1 0 b 1\n")
    (folder / "run.trec").write_text("q1 Q0 a 1 2.0 x\nq1 Q0 b 2 1.0 x\n")
    build_index([folder / "docs"], folder / "index")
    return folder


def calls(place: Path) -> dict[str, tuple[Callable[..., Any], dict[str, Any]]]:
    """Every public function that takes options, with good arguments by name."""
    reranker = word_reranker(["red", "planet", "mars", "rain"])
    documents = {"a": Document("a", "rain"), "b": Document("b", "red planet")}
    query = Query("q1", "red planet")
    qrels = Qrels({"q1": {"a": 0, "b": 1}})
    dataset = Dataset.of("odd", [query], documents, qrels)
    run = Run("bm25", {"q1": {"a": 2.0, "b": 1.0}})
    candidates = Candidates.of("bm25", run, dataset)
    ranking = Ranking.of(query, [Hit(documents["a"], 1.0, 0)], "example")
    index = open_index(place / "index")
    workload = Workload.of("odd", [("red", list(documents.values()))])
    request = ModelRequest.parse("box")
    out = place / "out"
    entries = [Entry(name="one", values={"q1": 0.5}), Entry(name="two", values={"q1": 0.6})]
    hosted = "cohere:m@http://127.0.0.1:9"
    return {
        "Reranker.open": (Reranker.open, {"name": place / "model", "engine": "auto", "device": None, "dtype": "auto",
            "max_tokens": 9, "threads": 1, "revision": None, "offline": True, "attention": "auto",
            "cuda_graphs": False}),
        "rank": (reranker.rank, {"query": "red", "documents": ["red"], "top_k": 1, "long": "truncate",
            "progress": False}),
        "rank_many": (reranker.rank_many, {"tasks": [("red", ["red"])], "top_k": 1, "long": "truncate",
            "progress": False}),
        "predict": (reranker.predict, {"pairs": [("red", "red")], "long": "truncate", "progress": False}),
        "encode": (reranker.encode, {"documents": ["red"]}),
        "probability": (probability, {"logits": 0.0}),
        "ModelRequest.parse": (ModelRequest.parse, {"text": "box"}),
        "ModelRequest.open": (request.open, {"offline": True}),
        "open_hosted": (open_hosted, {"name": hosted, "engine": "auto", "device": None, "dtype": "auto",
            "max_tokens": 9, "threads": 2, "revision": None, "offline": False, "patience": None, "clock": None}),
        "Patience": (Patience, {"timeout_s": 1.0, "attempts": 1, "total_s": 1.0, "first_wait_s": 1.0,
            "longest_wait_s": 1.0}),
        "Query": (Query, {"id": "q", "text": "x"}),
        "Document": (Document, {"id": "d", "text": "x", "title": "", "metadata": {}}),
        "Ranking.of": (Ranking.of, {"query": query, "hits": ranking.hits, "stage": "x", "top_k": 1}),
        "Run.of": (Run.of, {"name": "x", "rankings": [ranking]}),
        "find_model": (find_model, {"name": "box"}),
        "find_checkpoint": (find_checkpoint, {"name": "box", "revision": None, "offline": True}),
        "open_checkpoint": (open_checkpoint, {"name": "box", "revision": None, "offline": True}),
        "read_checkpoint": (read_checkpoint, {"folder": place, "name": "x", "revision": None}),
        "write_compact": (write_compact, {"source": place / "none", "into": out / "compact"}),
        "write_expanded": (write_expanded, {"source": place / "none", "into": out / "expanded"}),
        "read_documents": (read_documents, {"path": place / "docs", "passage_words": 50}),
        "find_sources": (find_sources, {"paths": [place / "docs"], "select": Selection(), "apart_from": None,
            "base": None}),
        "read_queries": (read_queries, {"path": place / "queries.jsonl", "line_ids": False, "field": None}),
        "read_qrels": (read_qrels, {"path": place / "qrels.txt", "scale": 1}),
        "read_run": (read_run, {"path": place / "run.trec", "name": None}),
        "beir_folder": (beir_folder, {"path": place}),
        "write_documents_jsonl": (write_documents_jsonl, {"documents": [documents["a"]], "path": place / "w.jsonl"}),
        "write_run": (write_run, {"run": run, "path": place / "w.trec"}),
        "write_qrels": (write_qrels, {"qrels": qrels, "path": place / "w.qrels"}),
        "build_index": (build_index, {"paths": [place / "docs"], "into": place / "index2", "progress": False,
            "passage_words": 50, "tokens_for": None}),
        "cached_index": (cached_index, {"path": place / "docs", "progress": False, "passage_words": 50,
            "tokens_for": None}),
        "open_index": (open_index, {"path": place / "index"}),
        "is_index": (is_index, {"path": place / "index"}),
        "open_embedder": (open_embedder, {"name": "no-such-model", "revision": None, "offline": True, "device": None,
            "query_prompt": None, "document_prompt": None}),
        "Index.retrieve": (index.retrieve, {"query": query, "k": 2}),
        "Index.document": (index.document, {"id": "a.md:1"}),
        "Index.source_of": (index.source_of, {"id": "a.md:1"}),
        "search": (search, {"query": "red planet", "retriever": index, "reranker": reranker, "top_k": 1,
            "candidates": 2, "long": "truncate"}),
        "HybridRetriever": (HybridRetriever, {"retrievers": [index, index], "depth": 5, "constant": 60}),
        "HybridRetriever.retrieve": (HybridRetriever([index, index]).retrieve, {"query": query, "k": 2}),
        "fusion": (reciprocal_rank_fusion, {"rankings": [ranking], "k": 1, "constant": 60}),
        "snippet": (snippet, {"text": "red planet", "query_text": "red", "words": 3, "start": None, "end": None}),
        "Dataset.of": (Dataset.of, {"name": "x", "queries": [query], "documents": documents, "qrels": qrels,
            "digest": ""}),
        "Dataset.first": (dataset.first, {"count": 1}),
        "Dataset.spread": (dataset.spread, {"count": 1}),
        "Dataset.without": (dataset.without, {"pairs": [("q1", "a")]}),
        "Candidates.of": (Candidates.of, {"name": "x", "run": run, "dataset": dataset, "depth": 2}),
        "bm25_candidates": (bm25_candidates, {"dataset": dataset, "depth": 2, "progress": False}),
        "candidates_from_run": (candidates_from_run, {"dataset": dataset, "path": place / "run.trec", "depth": 2,
            "name": None}),
        "open_candidates": (open_candidates, {"dataset": dataset, "retriever": "bm25", "depth": 2, "cut_runs": False,
            "progress": False, "offline": True}),
        "open_lists": (open_lists, {"dataset": dataset, "retrievers": ["bm25"], "depth": 2}),
        "measure_run": (measure_run, {"run": run, "qrels": qrels, "measures": ["nDCG@10"]}),
        "parse_measures": (parse_measures, {"texts": ["nDCG@10"]}),
        "bootstrap_interval": (bootstrap_interval, {"values": [0.1, 0.2, 0.3], "confidence": 0.9, "resamples": 99,
            "seed": 1}),
        "randomisation_test": (randomisation_test, {"a": [0.1, 0.2], "b": [0.3, 0.2], "resamples": 99, "seed": 1}),
        "holm": (holm, {"p_values": [0.1, 0.2]}),
        "read_dataset": (read_dataset, {"path": None, "split": None, "documents": place / "docs",
            "topics": place / "queries.jsonl", "qrels": place / "qrels.txt", "queries": 1, "drop_pairs": None,
            "progress": False}),
        "evaluate": (evaluate, {"dataset": dataset, "candidates": [candidates], "models": [], "measures": ["nDCG@10"],
            "top_k": 2, "store": place / "store", "long": "truncate", "most_changed": 1, "confidence": 0.9,
            "resamples": 99, "seed": 1, "offline": True, "progress": False}),
        "Price.parse": (Price.parse, {"text": "1/h"}),
        "Price": (Price, {"amount": 1.0, "unit": "h", "model": None}),
        "Wishes": (Wishes, {"target": 0.9, "target_value": None, "confidence": 0.8, "budget_ms": 5.0,
            "memory_mb": 10.0}),
        "ChoiceRequest": (ChoiceRequest, {"models": [], "local": False, "current": None, "reference": None,
            "wishes": Wishes(), "prices": (), "measure": "nDCG@10", "top_k": 2, "long": "truncate", "samples": 1,
            "examples": 1, "store": place / "store", "seed": 1, "offline": True, "command": "x"}),
        "check_writable": (check_writable, {"path": place / "report.html"}),
        "choose": (choose, {"dataset": dataset, "candidates": candidates, "progress": False,
            "request": ChoiceRequest(local=False, store=place / "store", samples=1, top_k=2)}),
        "decide": (decide, {"entries": entries, "wishes": Wishes(), "reference": None, "seed": 1}),
        "read_unjudged": (read_unjudged, {"path": None, "documents": place / "docs",
            "topics": place / "queries.jsonl", "queries": 1, "progress": False}),
        "write_report": (write_report, {"outcome": {}, "path": place / "none" / "report.html"}),
        "fixed_workload": (fixed_workload, {"tokens": 20, "pairs": 2, "top": 2, "seed": 1}),
        "natural_workload": (natural_workload, {"pairs": 2, "top": 2, "seed": 1}),
        "own_workload": (own_workload, {"data": place / "docs", "queries": None, "pairs": 1, "top": 1, "seed": 1}),
        "Workload.of": (Workload.of, {"about": "x", "tasks": [("red", [documents["a"]])]}),
        "measure_cost": (measure_cost, {"request": request, "tasks": [], "passes": 1, "repeats": 1, "peaks": False}),
        "Measurement": (Measurement, {"configurations": [], "workload": workload, "passes": 1, "repeats": 1,
            "tail": False, "search": False, "turns": False, "peaks": False}),
        "percentile": (percentile, {"samples": [1.0, 2.0], "percent": 50.0}),
        "plan_grid": (plan_grid, {"requests": [request], "engines": [], "dtypes": [], "max_tokens": 64, "length": 64,
            "peer": False, "offline": True}),
    }  # fmt: skip


TAKEN: set[tuple[str, str, str]] = set()
"""Taken, and too long for a test."""


def test_an_odd_argument_is_honoured_or_refused(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)  # a text that is taken for a path makes its file here
    raw = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, (function, good) in calls(place).items():
            for argument in good:
                for odd, value in ODD.items():
                    if (name, argument, odd) in TAKEN:
                        continue
                    given = (one for one in ()) if odd == "a generator" else value
                    try:
                        function(**{**good, argument: given})
                    except RankladderError:
                        continue
                    except Exception as error:  # any other is what this test looks for
                        raw.append(f"{name}({argument}={odd}): {type(error).__name__}: {error}")
    assert not raw, "\n".join(raw)


@pytest.mark.parametrize(
    ("argument", "value", "said"),
    [
        ("threads", 1.5, "threads must be a whole number, got 1.5"),
        ("threads", True, "threads must be a whole number, got True"),
        ("max_tokens", float("nan"), "max_tokens must be a whole number, got nan"),
        ("engine", "gpu", "engine must be one of"),
        ("offline", "yes", "offline must be True or False, got 'yes'"),
        ("device", 1, "device must be a text, got 1"),
    ],
)
def test_what_is_refused_is_named_with_what_was_expected(argument: str, value: Any, said: str) -> None:
    with pytest.raises(BadOption, match=said):
        Reranker.open(**{argument: value})


def test_numbers_of_numpy_and_paths_as_text_are_taken(place: Path) -> None:
    reranker = word_reranker(["red"])
    assert len(reranker.rank("red", ["red", "blue"], top_k=np.int32(1))) == 1
    assert Reranker.open(str(place / "model"), max_tokens=np.int64(12), threads=np.uint8(1)).max_tokens == 12
    assert len(list(read_documents(str(place / "docs"), passage_words=np.int16(50)))) == 2
    assert len(find_sources(path for path in [place / "docs"]).sources) == 2  # type: ignore[arg-type]


def test_a_list_is_wanted_where_a_text_is_given() -> None:
    with pytest.raises(BadOption, match=r"texts must be a list of texts, got 'nDCG@10'"):
        parse_measures("nDCG@10")


@pytest.mark.parametrize("read", [read_documents, read_queries, read_qrels, read_run, open_index, beir_folder])
def test_a_text_in_place_of_a_path_is_said(read: Callable[[str], object]) -> None:
    with pytest.raises(PathMissing, match=r"no file has a name as long as 'a text given by mistake"):
        read(LONG)


def test_a_check_keeps_what_a_function_says_of_itself() -> None:
    def one(count: int, names: Sequence[str] = ()) -> int:
        """Says."""
        return count

    wrapped = checked(one)
    assert (wrapped.__name__, wrapped.__doc__) == ("one", "Says.")
    with pytest.raises(TypeError, match="one\\(\\) got an unexpected keyword"):
        wrapped(counts=1)  # type: ignore[call-arg]
