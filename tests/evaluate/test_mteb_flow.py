"""The two-stage flow on real task objects of mteb: the numbers are ours, what is known is not done again."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import mteb
import pytest
from click.testing import CliRunner
from mteb.abstasks import AbsTaskRetrieval

from rankladder.cli.main import cli
from rankladder.errors import BadFile, BadInput, BadOption, ModelMissing, PathMissing, StorageFailed, Unavailable
from rankladder.evaluate import evaluate, measure_run, parse_measures, read_dataset
from rankladder.evaluate.mteb import TaskScore, as_mteb, find_task, first_stage, local_task, rerank_tasks
from rankladder.evaluate.mteb.stages import EmbedderStage
from rankladder.rerank import ModelRequest, Reranker
from rankladder.textfiles import read_qrels, read_queries, write_qrels, write_run
from rankladder.values import Qrels, Run

pytestmark = pytest.mark.usefixtures("one_torch_thread")
SHARED = Path(__file__).parents[3] / "shared" / "data" / "eval" / "scifact"
ABOUT = "rain clouds sky blue mars red bread yeast git commit".split()


def write_beir(folder: Path, *, grades: dict[str, dict[str, int]] | None = None) -> Path:
    """Twenty documents, each of four words; six queries of one word (the last is in no document) with judgements."""
    documents = [
        {
            "_id": f"d{n:02}",
            "title": ABOUT[n % 10] if n % 3 else "",
            "text": " ".join(ABOUT[(n * k) % 10] for k in (1, 3, 7)),
        }
        for n in range(20)
    ]
    queries = [{"_id": f"q{n}", "text": word} for n, word in enumerate([*ABOUT[:5], "zebra"])]
    grades = grades or {f"q{n}": {f"d{(3 * n + k) % 20:02}": 1 + k % 2 for k in range(3)} for n in range(6)}
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    (folder / "corpus.jsonl").write_text("".join(json.dumps(one) + "\n" for one in documents))
    (folder / "queries.jsonl").write_text("".join(json.dumps(one) + "\n" for one in queries))
    write_qrels(Qrels(grades), folder / "qrels" / "test.tsv")
    return folder


@pytest.fixture
def beir(tmp_path: Path) -> Path:
    return write_beir(tmp_path / "words")


class Made(NamedTuple):
    """A finished run: the collection, its results, and what it found."""

    beir: Path
    results: Path
    found: dict[str | None, TaskScore]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, ettin: Path) -> Made:
    """Made once: a test that goes on from it works on a copy of the results."""
    place = tmp_path_factory.mktemp("made")
    beir = write_beir(place / "words")
    return Made(beir, place / "results", run(beir, place / "results", ettin, top_k=5))


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From its call on, mteb may evaluate nothing."""

    def refuse(*_arguments: Any, **_options: Any) -> None:
        raise AssertionError("mteb was asked to evaluate")

    return lambda: monkeypatch.setattr(mteb, "evaluate", refuse)


def run(folder: Path, results: Path, model: Path | None, **options: Any) -> dict[str | None, TaskScore]:
    requests = [ModelRequest.parse(f"{model},dtype=fp32,threads=1")] if model else []
    scores = rerank_tasks([local_task(folder, "words-local")], requests, results=results, **options)
    return {score.model and "model": score for score in scores}


def ours(folder: Path, model: Path, top_k: int) -> dict[str, float]:
    """The same by our own evaluate: BM25, then the model over the best ``top_k`` of it."""
    from rankladder.evaluate import bm25_candidates

    dataset = read_dataset(folder)
    request = ModelRequest.parse(f"{model},dtype=fp32,threads=1")
    candidates = bm25_candidates(dataset, depth=top_k)
    evaluation = evaluate(dataset, [candidates], [request], store=folder.parent / "store")
    return {system.role: system.intervals["nDCG@10"].mean for system in evaluation.systems}


def test_mtebs_number_is_that_of_our_own_evaluate(made: Made, ettin: Path) -> None:
    expected = ours(made.beir, ettin, top_k=5)
    assert made.found["model"].ndcg == pytest.approx(expected["reranker"], abs=1e-5)
    assert made.found[None].ndcg != made.found["model"].ndcg
    assert 0 < expected["reranker"] < 1


def test_a_query_that_is_a_document_never_finds_itself_in_mteb_either(ettin: Path, tmp_path: Path) -> None:
    folder = write_beir(tmp_path / "words", grades={f"d{n:02}": {f"d{n + 10:02}": 1} for n in range(6)})
    texts = [json.loads(line) for line in (folder / "corpus.jsonl").read_text().splitlines()]
    rows = [{"_id": row["_id"], "text": row["text"]} for row in texts[:6]]
    (folder / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    expected = ours(folder, ettin, top_k=3)
    found = run(folder, tmp_path / "results", ettin, top_k=3)
    assert found[None].ndcg is not None
    assert expected["reranker"] > 0
    assert found["model"].ndcg == pytest.approx(expected["reranker"], abs=1e-5)


@pytest.mark.skipif(not SHARED.is_dir(), reason="SciFact is not here (shared/data/eval/scifact)")
@pytest.mark.filterwarnings("ignore::rankladder.rerank.PairsTruncated")
def test_on_scifact_mtebs_number_is_that_of_ir_measures_over_our_own_lists(ettin: Path, tmp_path: Path) -> None:
    folder = tmp_path / "scifact-10"
    (folder / "qrels").mkdir(parents=True)
    for name in ("corpus.jsonl.gz", "queries.jsonl.gz"):
        (folder / name).symlink_to(SHARED / name)
    judged = read_qrels(SHARED / "qrels" / "test.tsv").grades
    chosen = {query.id: judged[query.id] for query in read_queries(SHARED) if query.id in judged}
    qrels = Qrels(dict(list(chosen.items())[:10]))
    write_qrels(qrels, folder / "qrels" / "test.tsv")
    found = run(folder, tmp_path / "results", ettin, top_k=20)
    dataset, reranker = read_dataset(folder), Reranker.open(ettin, dtype="fp32", threads=1)
    first = {id: dataset.documents.index.retrieve(query, k=20) for id, query in dataset.queries.items()}
    rankings = reranker.rank_many([(ranking.query, ranking.documents) for ranking in first.values()])
    for model, run_of in ((None, Run.of("bm25", first.values())), ("model", Run.of("model", rankings))):
        values = measure_run(run_of, qrels, parse_measures(["nDCG@10"]))["nDCG@10"]
        assert found[model].ndcg == pytest.approx(sum(values.values()) / 10, abs=1e-5)
    assert found[None].ndcg > 0.5


def test_mteb_scores_every_pair_as_it_does_with_sentence_transformers_cross_encoder(
    made: Made, ettin: Path, tmp_path: Path
) -> None:
    from sentence_transformers import CrossEncoder

    (candidates,) = (made.results / "predictions").rglob("*.json")
    predictions = []
    for model in (as_mteb(Reranker.open(ettin, dtype="fp32")), CrossEncoder(str(ettin), device="cpu")):
        task = local_task(made.beir, "words-local").convert_to_reranking(candidates, top_k=5)
        folder = tmp_path / type(model).__name__
        mteb.evaluate(model, task, cache=None, co2_tracker=False, show_progress_bar=False, prediction_folder=folder)
        predictions.append(json.loads((folder / task.prediction_file_name).read_text())["default"]["test"])
    ours, theirs = predictions
    assert ours.keys() == theirs.keys()
    assert sum(map(len, ours.values())) > 15
    for query, row in ours.items():
        assert row == pytest.approx(theirs[query], abs=1e-4)


def test_a_judged_query_without_candidates_counts_as_0(made: Made, ettin: Path, tmp_path: Path) -> None:
    grades = {query: dict(row) for query, row in read_qrels(made.beir / "qrels" / "test.tsv").grades.items()}
    del grades["q5"]
    without = run(write_beir(tmp_path / "words", grades=grades), tmp_path / "results", ettin, top_k=5)
    for model in (None, "model"):
        assert made.found[model].ndcg == pytest.approx(without[model].ndcg * 5 / 6, abs=1e-5)


def test_results_are_in_mtebs_own_form_and_candidates_too(made: Made) -> None:
    score = made.found["model"]
    assert mteb.TaskResult.from_disk(score.file).get_score() == score.ndcg
    assert json.loads(score.file.read_text())["scores"]["test"][0]["ndcg_at_10"] == score.ndcg
    assert (score.file.parent / "model_meta.json").is_file()
    (predictions,) = (made.results / "predictions").rglob("*.json")
    assert predictions.name == "words-local_predictions.json"
    task = local_task(made.beir, "words-local").convert_to_reranking(predictions, top_k=3)
    ranked = task.dataset["default"]["test"]["top_ranked"]
    assert {query: len(row) for query, row in ranked.items()} == {"q0": 2, "q1": 3, "q2": 3, "q3": 3, "q4": 3, "q5": 0}


def test_what_is_known_is_not_computed_again(made: Made, ettin: Path, no_work: Callable[[], None]) -> None:
    no_work()
    assert run(made.beir, made.results, ettin, top_k=5) == made.found


def test_another_first_stage_depth_or_number_format_is_never_answered_from_what_is_known(
    made: Made, ettin: Path, tmp_path: Path
) -> None:
    results = shutil.copytree(made.results, tmp_path / "results")
    files = {
        run(made.beir, results, ettin, top_k=1)["model"].file,
        results / made.found["model"].file.relative_to(made.results),
    }
    (tmp_path / "runs").mkdir()
    for score in (1.0, 2.0):
        write_run(Run("mine", {"q0": {"d01": 1.0, "d02": score}}), tmp_path / "runs" / "words-local.trec")
        found = run(made.beir, results, ettin, top_k=5, first_stages=[first_stage(f"run:{tmp_path / 'runs'}")])
        files.add(found["model"].file)
    task = local_task(made.beir, "words-local")
    (_, int8) = rerank_tasks([task], [ModelRequest.parse(f"{ettin},dtype=int8")], results=results, top_k=5)
    assert len({*files, int8.file}) == 5


def test_other_judgements_are_never_answered_from_what_is_known(made: Made, ettin: Path, tmp_path: Path) -> None:
    results = shutil.copytree(made.results, tmp_path / "results")
    other = write_beir(tmp_path / "words", grades={"q0": {"d07": 1}})
    after, fresh = (run(other, folder, ettin, top_k=5) for folder in (results, tmp_path / "fresh"))
    assert [score.ndcg for score in after.values()] == [score.ndcg for score in fresh.values()]
    assert after["model"].ndcg != made.found["model"].ndcg


def test_candidates_that_were_lost_are_made_again(made: Made, tmp_path: Path) -> None:
    results = shutil.copytree(made.results, tmp_path / "results")
    (predictions,) = (results / "predictions").rglob("*.json")
    before = json.loads(predictions.read_text())
    predictions.unlink()
    assert run(made.beir, results, None)[None].ndcg == made.found[None].ndcg
    assert json.loads(predictions.read_text()) == before


def test_given_runs_are_the_candidates_in_their_own_order(beir: Path, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    row = {"d00": 1.0, "d01": 1.0, "d02": 5.0}
    given = Run("mine", {f"q{n}": row for n in range(5)})
    write_run(given, tmp_path / "runs" / "words-local.trec")
    found = run(beir, tmp_path / "results", None, first_stages=[first_stage(f"run:{tmp_path / 'runs'}")])
    values = measure_run(given, read_qrels(beir / "qrels" / "test.tsv"), parse_measures(["nDCG@10"]))["nDCG@10"]
    assert found[None].ndcg == pytest.approx(sum(values.values()) / 6, abs=1e-5)
    (predictions,) = (tmp_path / "results" / "predictions").rglob("*.json")
    assert list(json.loads(predictions.read_text())["default"]["test"]["q0"]) == ["d02", "d01", "d00"]


def test_an_embedder_from_a_folder_is_a_first_stage(beir: Path, tmp_path: Path) -> None:
    stage = first_stage(str(write_embedder(tmp_path / "embedder")))
    found = run(beir, tmp_path / "results", None, first_stages=[stage])
    assert isinstance(stage, EmbedderStage)
    assert stage._opened is None
    assert found[None].file.parts[-3] == "local__embedder"
    (predictions,) = (tmp_path / "results" / "predictions").rglob("*.json")
    assert all(len(row) == 20 for row in json.loads(predictions.read_text())["default"]["test"].values())


def write_embedder(folder: Path) -> Path:
    """A sentence embedder whose vectors are counts of known words."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import BoW

    SentenceTransformer(modules=[BoW(vocab=ABOUT)], device="cpu").save(str(folder), create_model_card=False)
    return folder


@pytest.mark.parametrize(
    ("scores", "words"),
    [({"q0": {"d99": 1.0}}, "such as 'd99'"), ({"other": {"d01": 1.0}}, "has none of the task's 6 queries")],
)
def test_a_run_over_something_else_is_refused(
    beir: Path, tmp_path: Path, scores: dict[str, dict[str, float]], words: str
) -> None:
    (tmp_path / "runs").mkdir()
    write_run(Run("mine", scores), tmp_path / "runs" / "words-local.trec")
    with pytest.raises(BadInput, match=words):
        run(beir, tmp_path / "results", None, first_stages=[first_stage(f"run:{tmp_path / 'runs'}")])


def test_a_task_without_a_run_is_named(beir: Path, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    with pytest.raises(PathMissing, match=r"no run of words-local at .*words-local\.trec"):
        run(beir, tmp_path / "results", None, first_stages=[first_stage(f"run:{tmp_path / 'runs'}")])


def test_a_data_set_that_is_not_here_is_named_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(
        Unavailable, match=r"mteb/NanoSciFactRetrieval \(revision 8c5f7bb.*(?s:.*)hint: let the Hugging"
    ):
        rerank_tasks([find_task("NanoSciFact")], [], results=tmp_path)


def test_an_embedder_that_is_not_here_is_named(beir: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"embedder BAAI/bge-small-en-v1\.5 cannot be loaded"):
        run(beir, tmp_path / "results", None, first_stages=[first_stage("BAAI/bge-small-en-v1.5")])


def test_what_cannot_be_asked_for_is_refused(beir: Path, tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="top_k must be at least 1"):
        run(beir, tmp_path / "results", None, top_k=0)
    with pytest.raises(BadOption, match="task words-local is named twice"):
        rerank_tasks([local_task(beir, "words-local")] * 2, [], results=tmp_path / "results")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="file: results cannot be kept there"):
        run(beir, tmp_path / "file", None)


def test_a_local_task_is_a_retrieval_task_of_mtebs_whose_revision_is_its_data(beir: Path) -> None:
    task = local_task(beir, "words-local")
    assert isinstance(task, AbsTaskRetrieval)
    task.load_data()
    split = task.dataset["default"]["test"]
    assert (len(split["corpus"]), len(split["queries"]), len(split["relevant_docs"])) == (20, 6, 6)
    same = local_task(beir, "words-local").metadata.revision
    write_beir(beir, grades={"q0": {"d07": 1}})
    assert task.metadata.revision == same != local_task(beir, "words-local").metadata.revision


def test_a_local_task_that_would_mislead_is_refused(beir: Path) -> None:
    with pytest.raises(BadInput, match="mteb has a task SciFact of its own"):
        local_task(beir, "SciFact")
    with pytest.raises(BadInput, match=r"cannot be called '\.\./up'"):
        local_task(beir, "../up")
    with pytest.raises(BadFile, match="no judgements in qrels/dev"):
        local_task(beir, "mine", split="dev")
    write_beir(beir, grades={"q0": {"d07": 1}, "q9": {"d07": 1}})
    with pytest.raises(BadInput, match="1 judged queries have no text, the first 'q9'"):
        local_task(beir, "mine")


def test_the_command_shows_tasks_and_means(made: Made, ettin: Path, tmp_path: Path) -> None:
    model, results = f"{ettin},dtype=fp32", str(tmp_path / "results")
    arguments = ["--tasks", str(made.beir), "--model", model, "--top-k", "5", "--results", results]
    lines = (
        CliRunner().invoke(cli, ["evaluate", "mteb", *arguments, "--json"], catch_exceptions=False).stdout.splitlines()
    )
    rows = [json.loads(line) for line in lines]
    first, second = made.found[None].ndcg, made.found["model"].ndcg
    assert [(row.get("task"), row["ndcg_at_10"], row["model"]) for row in rows] == [
        ("words", first, None),
        ("words", second, model),
        (None, first, None),
        (None, second, model),
    ]
    assert rows[0]["zero_shot"] is None
    table = CliRunner().invoke(cli, ["evaluate", "mteb", *arguments, "--table"], catch_exceptions=False).stdout
    assert "not known" in table
    assert f"{second:.4f}" in table


def test_the_command_wants_tasks_or_a_benchmark(tmp_path: Path) -> None:
    for given in ([], ["--tasks", "SciFact", "--benchmark", "NanoBEIR"]):
        done = CliRunner().invoke(cli, ["evaluate", "mteb", *given, "--results", str(tmp_path)])
        assert done.exit_code == 2
        assert "either --tasks or --benchmark" in done.stderr


def test_offline_is_told_to_the_libraries_that_fetch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    done = CliRunner().invoke(
        cli, ["evaluate", "mteb", "--tasks", "NanoSciFact", "--results", str(tmp_path), "--offline"]
    )
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    assert isinstance(done.exception, Unavailable)
