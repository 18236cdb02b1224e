"""Scores that survive whatever interrupts them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rankladder.errors import BadFile, StorageFailed
from rankladder.evaluate.store import PairKeys, Record, ScoreStore
from rankladder.values import Document, Query


def opened(
    folder: Path, *, digest: str = "m1", long: str = "truncate", collection: str = "toy set", listed: str = ""
) -> ScoreStore:
    return ScoreStore(folder, collection=collection, model="box int8", digest=digest, long=long, listed=listed)


def record(number: int, score: float = 0.5, *, truncated: bool = False) -> Record:
    return Record("q é", f"d{number}", f"{number:024x}", score, truncated)


def test_what_was_added_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    odd = 0.1 + 0.2
    opened(tmp_path).add([record(1, odd), record(2, -3.0, truncated=True)])
    again = opened(tmp_path)
    assert len(again) == 2
    assert (again.score(record(1).key), again.truncated(record(1).key)) == (odd, False)
    assert (again.score(record(2).key), again.truncated(record(2).key)) == (-3.0, True)
    assert record(3).key not in again


def test_a_last_record_cut_at_any_byte_is_dropped_and_nothing_else(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.add([record(1)])
    whole = store.path.read_bytes()
    store.add([record(2, 1.25)])
    longer = store.path.read_bytes()
    for end in range(len(whole), len(longer)):
        store.path.write_bytes(longer[:end])
        again = opened(tmp_path)
        assert len(again) == 1
        again.add([record(2, 1.25)])
        assert store.path.read_bytes() == longer


def test_a_header_cut_at_any_byte_is_begun_again(tmp_path: Path) -> None:
    store = opened(tmp_path)
    header = store.path.read_bytes()
    for end in range(len(header)):
        store.path.write_bytes(header[:end])
        assert len(opened(tmp_path)) == 0
        assert store.path.read_bytes() == header


@pytest.mark.parametrize(
    "line", [b"not json\n", b'["q","d","00",0.5,0]\n', b"[1]\n", b'["q","d","' + b"0" * 24 + b'","x",0]\n', b"\0\0\n"]
)
def test_a_damaged_line_in_the_middle_is_named_never_skipped(tmp_path: Path, line: bytes) -> None:
    store = opened(tmp_path)
    store.add([record(1)])
    store.path.write_bytes(store.path.read_bytes() + line + record(2).line())
    with pytest.raises(BadFile, match=r"\.jsonl:3: expected a score"):
        opened(tmp_path)


def test_a_file_of_another_model_under_our_name_is_refused(tmp_path: Path) -> None:
    store = opened(tmp_path)
    other = opened(tmp_path, digest="m2")
    other.path.replace(store.path)
    with pytest.raises(BadFile, match=":1: expected the header"):
        opened(tmp_path)


def test_another_model_length_rule_collection_or_list_has_another_file(tmp_path: Path) -> None:
    paths = {
        opened(tmp_path).path,
        opened(tmp_path, digest="m2").path,
        opened(tmp_path, long="passages").path,
        opened(tmp_path, collection="toy/set").path,
        opened(tmp_path, listed="one 100").path,
        opened(tmp_path, listed="one 10").path,
    }
    assert len(paths) == 6
    assert {path.parent for path in paths} == {tmp_path}


def test_the_key_of_a_pair_changes_with_either_text_and_with_nothing_else() -> None:
    def key(query: str, title: str, text: str, id: str = "d", query_id: str = "q") -> str:
        keys = PairKeys()
        keys.of_document(Document(id, text, title))
        return keys.of(Query(query_id, query), id)

    base = key("rain", "", "drops")
    assert key("rain", "", "drops", id="other", query_id="other") == base
    assert len({base, key("rains", "", "drops"), key("rain", "", "drop"), key("rain", "t", "drops")}) == 4
    assert key("a", "", "bc") != key("ab", "", "c")


def test_two_stores_on_one_file_see_each_others_scores_and_mend_each_others_tails(tmp_path: Path) -> None:
    one, two = opened(tmp_path), opened(tmp_path)
    one.add([record(1)])
    with one.path.open("ab") as file:
        file.write(b'["q","d')  # a third process died here
    two.add([record(2)])
    one.add([record(3)])
    assert record(2).key in one
    assert len(opened(tmp_path)) == 3


def test_processes_that_add_at_once_lose_nothing(tmp_path: Path) -> None:
    script = f"""
import sys; from pathlib import Path
from rankladder.evaluate.store import Record, ScoreStore
store = ScoreStore(Path({str(tmp_path)!r}), collection="toy set", model="box int8", digest="m1", long="truncate")
first = int(sys.argv[1])
for number in range(first, first + 40):
    store.add([Record("q", "d", f"{{number:024x}}", number / 7, False)])
"""
    running = [subprocess.Popen([sys.executable, "-c", script, str(first)]) for first in (0, 1000, 2000)]
    assert [one.wait(timeout=60) for one in running] == [0, 0, 0]
    store = opened(tmp_path)
    assert len(store) == 120
    assert store.score(f"{1003:024x}") == 1003 / 7


def test_a_file_that_shrinks_while_it_is_in_use_is_refused(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.add([record(1)])
    store.path.write_bytes(b"")
    with pytest.raises(BadFile, match="cut while it was in use"):
        store.add([record(2)])


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="--store"):
        opened(tmp_path / "file" / "scores")
