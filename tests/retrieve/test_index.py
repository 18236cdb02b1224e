"""An index finds what it holds, and refuses what it cannot open."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from rankladder.errors import (
    BadInput,
    BadOption,
    DuplicateId,
    IndexCorrupt,
    IndexLocked,
    IndexMissing,
    IndexTooNew,
    NotFound,
    StorageFailed,
)
from rankladder.retrieve import Index, Retriever, build_index, is_index, open_index
from rankladder.retrieve.generations import writer_lock
from rankladder.storage import checked_json, read_checked_json
from rankladder.textfiles import read_documents, read_qrels, read_queries
from rankladder.values import Document, Query, Run

NOT_HERE = 77
SCIFACT = Path(__file__).parents[2] / "../shared/data/eval/scifact"
TEXTS = {
    "mars": "Mars is the red planet. It has two moons.",
    "rain": "Rain falls when vapour condenses into drops.",
    "moon": "The moon orbits the earth; a moon is a satellite.",
    "nul": "a\0b שלום 😀 emoji",
}


def corpus(folder: Path, texts: dict[str, str] = TEXTS, name: str = "a.jsonl") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(
        "".join(json.dumps({"_id": k, "title": f"T{k}", "text": v}) + "\n" for k, v in texts.items())
    )
    return folder


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    build_index([corpus(tmp_path / "docs")], tmp_path / "ix", progress=False)
    with open_index(tmp_path / "ix") as index:
        yield index


def ids(index: Index, text: str, k: int = 10) -> list[str]:
    return [hit.document.id for hit in index.retrieve(Query("q", text), k=k)]


def test_documents_come_back_as_they_were_read(index: Index, tmp_path: Path) -> None:
    for document in read_documents(tmp_path / "docs"):
        assert index.document(document.id) == document
    assert len(index) == 4
    with pytest.raises(NotFound, match="nobody"):
        index.document("nobody")


def test_words_match_by_their_stem_and_repeated_words_weigh_more(index: Index) -> None:
    retriever: Retriever = index
    assert retriever.retrieve(Query("q", "moons"), k=1).hits[0].document.id == "moon"
    assert ids(index, "falling rains") == ["rain"]
    once, twice = (index.retrieve(Query("q", text), k=1)[0].score for text in ("planet", "planet planets"))
    assert twice == pytest.approx(2 * once)


def test_titles_are_searched_too(index: Index) -> None:
    assert ids(index, "Tmars") == ["mars"]


@pytest.mark.parametrize("text", ["zebra", "***", '"', "\0", "(((", "字", "\ud800"])
def test_a_query_without_known_words_gives_an_empty_ranking(index: Index, text: str) -> None:
    assert ids(index, text) == []


@pytest.mark.parametrize(
    "text",
    [
        'title:"moon',
        "moon AND NOT earth",
        "+moon -moon",
        "moon~2^5",
        "moo*n moon",
        "[moon TO earth]",
        "/moon/",
        "\\moon",
    ],
)
def test_no_sign_of_a_query_has_a_meaning(index: Index, text: str) -> None:
    assert "moon" in ids(index, text)


def test_signs_of_every_script_are_words(index: Index) -> None:
    assert ids(index, "שלום") == ids(index, "EMOJI 😀") == ids(index, "b\0zebra") == ["nul"]


def test_a_ten_megabyte_query_is_answered(index: Index) -> None:
    assert ids(index, "moon " + " ".join(f"w{n}" for n in range(1_200_000)))[0] == "moon"


def test_k_is_honoured_or_refused(index: Index) -> None:
    assert len(ids(index, "moon", k=1)) == 1
    assert len(ids(index, "moon", k=10**12)) == 2
    for k in (0, -1):
        with pytest.raises(BadOption, match="at least 1"):
            index.retrieve(Query("q", "moon"), k=k)


def test_equal_scores_are_ordered_by_id(tmp_path: Path) -> None:
    build_index([corpus(tmp_path / "d", dict.fromkeys("cabd", "same words"))], tmp_path / "ix")
    with open_index(tmp_path / "ix") as index:
        assert ids(index, "same") == list("abcd")


def test_threads_may_share_an_index(index: Index) -> None:
    found: list[list[str]] = []
    threads = [threading.Thread(target=lambda: found.extend(ids(index, "moon") for _ in range(50))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [ids(index, "moon")] * 200


def test_an_open_index_outlives_its_folder(index: Index, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "ix")
    assert ids(index, "rain") == ["rain"]
    assert index.document("mars").text == TEXTS["mars"]
    with pytest.raises(IndexMissing):
        open_index(tmp_path / "ix")


def test_a_closed_index_says_so(index: Index) -> None:
    index.close()
    with pytest.raises(BadInput, match="closed"):
        ids(index, "rain")


def test_no_index_is_named_with_the_command_that_makes_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(IndexMissing, match="rankladder index documents --into"):
            open_index(path)


def test_a_folder_is_an_index_or_documents(index: Index, tmp_path: Path) -> None:
    assert is_index(tmp_path / "ix")
    assert not any(is_index(path) for path in (tmp_path / "docs", tmp_path / "nowhere", tmp_path / "docs" / "a.jsonl"))


def test_a_newer_format_is_refused_and_never_overwritten(index: Index, tmp_path: Path) -> None:
    manifest = index.generation / "manifest.json"
    manifest.write_text(checked_json(read_checked_json(manifest.read_bytes()) | {"format": 99, "new": 1}))
    with pytest.raises(IndexTooNew, match="99"):
        open_index(tmp_path / "ix")
    with pytest.raises(IndexTooNew):
        build_index([tmp_path / "docs"], tmp_path / "ix")
    assert manifest.exists()


@pytest.mark.parametrize("harm", ["cut", "gone", "altered"])
@pytest.mark.parametrize("suffix", [".idx", ".term", ".store", "meta.json", "manifest.json", "CURRENT"])
def test_a_harmed_index_is_refused_and_can_be_rebuilt(index: Index, tmp_path: Path, suffix: str, harm: str) -> None:
    (path,) = [p for p in (tmp_path / "ix").rglob("*") if p.name.endswith(suffix) and p.name != ".managed.json"]
    data = path.read_bytes()
    path.unlink()  # not cut in place: a thread of tantivy's may still map it (SIGBUS)
    if harm != "gone":
        path.write_bytes(data[: len(data) // 2] if harm == "cut" else bytes(byte ^ 0x5A for byte in data))
    with pytest.raises((IndexCorrupt, IndexMissing), match="hint"):
        open_index(tmp_path / "ix")
    assert build_index([tmp_path / "docs"], tmp_path / "ix").added == 1
    with open_index(tmp_path / "ix") as again:
        assert ids(again, "rain") == ["rain"]


def test_a_second_writer_is_refused_at_once_and_readers_go_on(index: Index, tmp_path: Path) -> None:
    with writer_lock(tmp_path / "ix"):
        with pytest.raises(IndexLocked, match="another process"):
            build_index([tmp_path / "docs"], tmp_path / "ix")
        with open_index(tmp_path / "ix") as other:
            assert ids(other, "rain") == ["rain"]


def test_a_folder_that_holds_something_else_is_never_touched(tmp_path: Path) -> None:
    docs = corpus(tmp_path / "docs")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "CURRENT").write_text("MANIFEST-000001\n")  # LevelDB has a file of this name too
    (tmp_path / "mine" / "000003.log").write_text("data")
    (tmp_path / "file").write_text("data")
    for target in (tmp_path / "mine", tmp_path / "file", docs):
        with pytest.raises(BadOption, match="not an index"):
            build_index([docs], target)
    assert sorted(p.name for p in (tmp_path / "mine").iterdir()) == ["000003.log", "CURRENT"]


def test_a_stray_file_in_an_index_does_not_keep_it_from_being_updated(index: Index, tmp_path: Path) -> None:
    (tmp_path / "ix" / ".DS_Store").write_text("")
    assert build_index([tmp_path / "docs"], tmp_path / "ix").unchanged == 1
    assert (tmp_path / "ix" / ".DS_Store").exists()


def test_a_manifest_that_names_files_elsewhere_is_refused(index: Index, tmp_path: Path) -> None:
    (tmp_path / "ix" / "elsewhere").write_text("")
    manifest = index.generation / "manifest.json"
    content = read_checked_json(manifest.read_bytes())
    content["files"]["../elsewhere"] = {"size": 0, "sha256": ""}
    manifest.write_text(checked_json(content))
    with pytest.raises(IndexCorrupt, match="outside its folder"):
        open_index(tmp_path / "ix")


def test_no_documents_is_an_error_that_says_why(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    with pytest.raises(BadInput, match="no documents"):
        build_index([tmp_path / "docs"], tmp_path / "ix")
    (tmp_path / "docs" / "a.txt").write_bytes(b"\0")
    (tmp_path / "docs" / "a.jpg").write_bytes(b"")
    with pytest.raises(BadInput, match=r"1 \.jpg; .*a\.txt: binary"):
        build_index([tmp_path / "docs"], tmp_path / "ix")
    with pytest.raises(IndexMissing):
        open_index(tmp_path / "ix")
    assert [p.name for p in (tmp_path / "ix").iterdir()] == [".lock"]


def test_duplicate_ids_name_both_places_and_leave_nothing(tmp_path: Path) -> None:
    docs = corpus(tmp_path / "docs")
    corpus(docs, {"other": "x", "rain": "y"}, "b.jsonl")
    with pytest.raises(DuplicateId, match=r"'rain': a\.jsonl:2 and b\.jsonl:2"):
        build_index([docs], tmp_path / "ix")
    assert [p.name for p in (tmp_path / "ix").iterdir()] == [".lock"]
    (docs / "b.jsonl").unlink()
    build_index([docs], tmp_path / "ix")
    corpus(docs, {"moon": "y"}, "b.jsonl")
    with pytest.raises(DuplicateId, match=r"'moon': a\.jsonl:3 and b\.jsonl:1"):
        build_index([docs], tmp_path / "ix")
    with open_index(tmp_path / "ix") as index:
        assert len(index) == 4


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", '{"_id": "a", "text": "rain one", "line": "x"}\n' * 2, "'a': both in a.jsonl"),
        ("a.jsonl", '{"_id": "a", "text": "rain one"}\n' * 2, "'a': a.jsonl:1 and a.jsonl:2"),
        ("a.jsonl", '{"_id": "a", "text": "rain one", "line": true}\n' * 2, "'a': both in a.jsonl"),
        ("a.jsonl", '{"_id": "a", "text": "rain", "line": 7}\n' * 2, "'a': both in a.jsonl:7"),
        ("a.csv", "id,text,line\n1,rain,9\n1,rain two,9\n", "'a.csv#1': both in a.csv"),
    ],
)
def test_an_id_that_is_there_twice_is_refused_whatever_the_records_call_their_lines(
    tmp_path: Path, name: str, content: str, said: str
) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / name).write_text(content)
    with pytest.raises(DuplicateId, match=f"the id {said}\n"):
        build_index([tmp_path / "docs"], tmp_path / "ix", progress=False)


def test_a_place_that_cannot_be_written_is_storage_failed(tmp_path: Path) -> None:
    docs = corpus(tmp_path / "docs")
    (tmp_path / "file").write_text("")
    for target in (Path("/proc/rankladder"), tmp_path / "file" / "ix"):
        with pytest.raises((StorageFailed, BadOption)):
            build_index([docs], target)


def test_no_temporary_folder_is_not_a_harmed_index(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # a disk that may only be read
    monkeypatch.setattr(tempfile, "mkdtemp", lambda **_: (_ for _ in ()).throw(OSError(30, "Read-only file system")))
    with pytest.raises(StorageFailed, match="no temporary folder can be made: Read-only file system\nhint: TMPDIR"):
        open_index(tmp_path / "ix")


@pytest.mark.skipif(not hasattr(os, "fork") or os.geteuid() != 0, reason="needs root, to become somebody else")
def test_an_index_that_one_may_only_read_is_searched() -> None:
    with tempfile.TemporaryDirectory() as name:  # tmp_path lies in a folder that nobody else may enter
        place = Path(name)
        place.chmod(0o755)
        docs = corpus(place / "docs")
        before = os.umask(0o022)  # under a stricter one nobody else may read what is written
        try:
            build_index([docs], place / "ix", progress=False)
        finally:
            os.umask(before)
        with warnings.catch_warnings(action="ignore"):  # Python 3.12 on: tantivy has threads
            child = os.fork()
        if not child:  # tantivy wants a lock file even to read; here it gets one elsewhere
            code = 1
            try:
                try:
                    os.setgid(65534)
                    os.setuid(65534)
                except OSError:
                    os._exit(NOT_HERE)
                if not (os.access(place, os.R_OK | os.X_OK) and os.access(tempfile.gettempdir(), os.W_OK)):
                    os._exit(NOT_HERE)
                with open_index(place / "ix") as mine:
                    assert ids(mine, "rain") == ["rain"]
                with pytest.raises(StorageFailed):
                    build_index([docs], place / "ix")
                code = 0
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code == NOT_HERE:
            pytest.skip("this root may not become somebody else, or who it becomes may not come here")
        assert code == 0


@pytest.mark.skipif(not SCIFACT.exists(), reason="SciFact is not beside the repository (shared/data/eval/scifact)")
def test_scifact_is_ranked_as_well_as_bm25_should(tmp_path: Path) -> None:
    pytrec_eval = pytest.importorskip("pytrec_eval")
    assert build_index([SCIFACT], tmp_path / "ix", progress=False).documents == 5183
    qrels = {q: dict(row) for q, row in read_qrels(SCIFACT / "qrels/test.tsv").grades.items()}
    with open_index(tmp_path / "ix") as index:
        run = Run.of("bm25", (index.retrieve(query, k=100) for query in read_queries(SCIFACT)))
    scores = {query: dict(row) for query, row in run.scores.items()}
    found = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut.10"}).evaluate(scores)
    assert sum(row["ndcg_cut_10"] for row in found.values()) / len(qrels) >= 0.67


def test_metadata_of_any_shape_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(
        '{"_id": "x\\u0000y", "text": "t", "file": "mine.py", "line": "7", "n": {"a": [1, null]}}\n'
    )
    build_index([tmp_path / "a.jsonl"], tmp_path / "ix")
    with open_index(tmp_path / "ix") as index:
        expected = Document("x\0y", "t", "", {"file": "mine.py", "line": "7", "n": {"a": [1, None]}})
        assert index.document("x\0y") == expected
