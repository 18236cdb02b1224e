"""Scores that survive whatever interrupts or damages them."""

from __future__ import annotations

import os
import random
import sqlite3
import stat
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from damage import KINDS, damage
from rankladder.errors import BadInput, StorageFailed
from rankladder.scores import KeptScore, KeptScores, KeptScoresDamaged, PairKeys, pair_key
from rankladder.storage import private_folder
from rankladder.values import Document, Query


def opened(folder: Path, *, digest: str = "m1", **about: str) -> KeptScores:
    return KeptScores(folder, about={"model": digest, **about}, named=("toy set", "box int8"), hint="choose --store")


def key(number: int) -> bytes:
    return pair_key("q é", f"text {number}")


def test_what_was_put_is_there_when_the_file_is_opened_again(tmp_path: Path) -> None:
    odd = 0.1 + 0.2
    with opened(tmp_path) as kept:
        kept.put([key(1), key(2)], [KeptScore(odd), KeptScore(-3.0, truncated=True)])
    with opened(tmp_path) as again:
        assert len(again) == 2
        assert again.get([key(2), key(3), key(1)]) == [KeptScore(-3.0, truncated=True), None, KeptScore(odd)]
        again.put([key(1)], [KeptScore(7.0)])
        assert again.all([key(1)]) == [KeptScore(7.0)]
        with pytest.raises(StorageFailed, match="1 scores that were just written cannot be read"):
            again.all([key(1), key(3)])


def test_every_finite_number_comes_back_as_it_was(tmp_path: Path) -> None:
    numbers = [0.0, -0.0, 1.0, -3.0, 2.0**53, 5e-324, -1.7e308, 1e22, 0.1]
    with opened(tmp_path) as kept:
        kept.put(list(map(key, range(len(numbers)))), list(map(KeptScore, numbers)))
        assert [one.score for one in kept.all(list(map(key, range(len(numbers)))))] == numbers


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -float("inf")])
def test_a_score_that_is_not_finite_is_not_kept(tmp_path: Path, score: float) -> None:
    with opened(tmp_path) as kept, pytest.raises(BadInput, match="not finite"):
        kept.put([key(1)], [KeptScore(score)])


def test_another_model_length_rule_collection_or_list_has_another_file(tmp_path: Path) -> None:
    files = [opened(tmp_path), opened(tmp_path, digest="m2"), opened(tmp_path, long="passages")]
    files += [opened(tmp_path, listed="one 100"), opened(tmp_path, listed="one 10")]
    assert len({kept.path for kept in files}) == 5
    assert all(kept.path.name.startswith("toy-set.box-int8.") for kept in files)
    for kept in files:
        kept.close()


def test_the_key_of_a_pair_changes_with_either_text_and_with_nothing_else() -> None:
    def of(query: str, title: str, text: str, id: str = "d", query_id: str = "q") -> bytes:
        keys = PairKeys()
        keys.of_document(Document(id, text, title))
        return keys.of(Query(query_id, query), id)

    base = of("rain", "", "drops")
    assert of("rain", "", "drops", id="other", query_id="other") == base == pair_key("rain", "drops")
    assert len({base, of("rains", "", "drops"), of("rain", "", "drop"), of("rain", "t", "drops")}) == 4
    assert of("a", "", "bc") != of("ab", "", "c")


def test_two_users_of_one_file_see_each_others_scores(tmp_path: Path) -> None:
    with opened(tmp_path) as one, opened(tmp_path) as two:
        one.put([key(1)], [KeptScore(1.0)])
        two.put([key(2)], [KeptScore(2.0)])
        assert one.get([key(2)]) == [KeptScore(2.0)]
        assert two.get([key(1)]) == [KeptScore(1.0)]


def test_processes_that_put_at_once_lose_nothing(tmp_path: Path) -> None:
    script = f"""
import sys; from pathlib import Path
from rankladder.scores import KeptScore, KeptScores, pair_key
kept = KeptScores(Path({str(tmp_path)!r}), about={{"model": "m1"}}, named=("toy set", "box int8"))
first = int(sys.argv[1])
for number in range(first, first + 40):
    kept.put([pair_key("q é", f"text {{number}}")], [KeptScore(number / 7)])
"""
    running = [subprocess.Popen([sys.executable, "-c", script, str(first)]) for first in (0, 1000, 2000)]
    assert [one.wait(timeout=60) for one in running] == [0, 0, 0]
    with opened(tmp_path) as kept:
        assert len(kept) == 120
        assert kept.all([key(1003)]) == [KeptScore(1003 / 7)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 400 scores, some twelve pages of SQLite's."""
    folder = tmp_path_factory.mktemp("whole")
    with opened(folder) as kept:
        kept.put(list(map(key, range(400))), [KeptScore(n / 7, n % 5 == 0) for n in range(400)])
    return kept.path


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "remove"])
def test_no_damaged_score_is_ever_given_and_the_others_are_kept_again(whole: Path, tmp_path: Path, kind: str) -> None:
    draw = random.Random(kind)
    path = tmp_path / whole.name
    for _ in range(25):
        path.write_bytes(whole.read_bytes())
        damage(path, draw, kind)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", KeptScoresDamaged)
            with opened(tmp_path) as kept:
                found = kept.get(list(map(key, range(400))))
                assert all(one in (None, KeptScore(n / 7, n % 5 == 0)) for n, one in enumerate(found))
                lost = [n for n, one in enumerate(found) if one is None]
                kept.put(list(map(key, lost)), [KeptScore(n / 7, n % 5 == 0) for n in lost])
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # it is whole again, and says nothing
            with opened(tmp_path) as kept:
                assert kept.all(list(map(key, range(400))))[399] == KeptScore(399 / 7)


def test_a_damaged_score_is_told_and_computed_again(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / whole.name
    path.write_bytes(whole.read_bytes())
    with sqlite3.connect(path) as file:
        file.execute("UPDATE scores SET score = score + 0.5 WHERE pair = ?", [key(3)])
        file.execute("UPDATE scores SET score = 9e999 WHERE pair = ?", [key(4)])
        file.execute("UPDATE scores SET truncated = 1 WHERE pair = ?", [key(6)])
    file.close()
    with opened(tmp_path) as kept, pytest.warns(KeptScoresDamaged, match=r"3 scores or more were altered since"):
        assert [n for n, one in enumerate(kept.get(list(map(key, range(400))))) if one is None] == [3, 4, 6]


def test_a_file_of_something_else_is_begun_anew_with_a_warning(whole: Path, tmp_path: Path) -> None:
    (tmp_path / whole.name).write_text("not a database at all")
    with pytest.warns(KeptScoresDamaged, match="the file was damaged; 0 scores could be read"):
        opened(tmp_path).close()


def test_most_of_a_damaged_file_is_saved(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / whole.name
    data = bytearray(whole.read_bytes())
    data[3 * 4096 : 4 * 4096] = bytes(4096)
    path.write_bytes(data)
    with pytest.warns(KeptScoresDamaged, match=r"damaged; \d{3} scores could be read"):
        kept = opened(tmp_path)
    assert 250 < len(kept) < 400
    kept.close()


def test_scores_of_an_earlier_version_are_named_and_left(tmp_path: Path) -> None:
    (tmp_path / "toy-set.box-int8.0123456789abcdef.jsonl").write_text("{}")
    with pytest.warns(KeptScoresDamaged, match="earlier version"):
        opened(tmp_path).close()
    opened(tmp_path).close()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="hint: choose --store"):
        opened(tmp_path / "file" / "scores")


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path) as kept:
        pages = kept._file.execute("PRAGMA page_count").fetchone()[0]
        kept._file.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StorageFailed, match="scores cannot be kept: database or disk is full"):
            kept.put(list(map(key, range(2000))), [KeptScore(0.0)] * 2000)
        assert len(kept) == 0


@pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")
def test_scores_in_a_private_folder_are_private(tmp_path: Path) -> None:
    private_folder(tmp_path / "scores")
    with opened(tmp_path / "scores") as kept:
        assert stat.S_IMODE(kept.path.stat().st_mode) == 0o600


def test_a_key_out_of_its_order_does_not_hide_what_is_put_later(whole: Path, tmp_path: Path) -> None:
    """SQLite would look for a pair on one side of the damaged key, and keep it on the other."""
    numbers = list(map(key, range(400)))
    middle = sorted(numbers)[200]
    data = whole.read_bytes()
    assert data.count(middle) == 1
    for first in (b"\x00", b"\xff"):
        (tmp_path / whole.name).write_bytes(data.replace(middle, first + middle[1:]))
        with pytest.warns(KeptScoresDamaged, match="damaged; 399 scores could be read"):
            kept = opened(tmp_path)
        assert [one for one in numbers if kept.get([one]) == [None]] == [middle]
        kept.put([middle], [KeptScore(1.0)])
        assert kept.all(numbers)
        kept.close()
