"""What is not kept is scored once, in batches that are kept before the next begins."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path

import pytest

from rankladder.scores import KeptScore, KeptScores, missing, missing_places, pair_key, score_missing


@pytest.fixture
def kept(tmp_path: Path) -> Generator[KeptScores]:
    with KeptScores(tmp_path, about={"model": "toy"}) as found:
        yield found


def keys(count: int) -> list[bytes]:
    return [pair_key("q", str(number)) for number in range(count)]


class Scorer:
    """Scores a pair by its place, and takes note of the batches."""

    def __init__(self, seconds_each: float = 0.0, fails_at: int | None = None) -> None:
        self.batches: list[list[int]] = []
        self.now = 0.0
        self._seconds, self._fails_at = seconds_each, fails_at

    def __call__(self, places: Sequence[int]) -> Generator[tuple[Sequence[int], list[KeptScore]]]:
        if len(self.batches) == self._fails_at:
            raise KeyboardInterrupt
        self.batches.append(list(places))
        self.now += self._seconds * len(places)
        yield places, [KeptScore(float(place)) for place in places]


def test_each_missing_pair_is_scored_once_and_no_other(kept: KeptScores) -> None:
    named = keys(30)
    kept.put(named[5:8], [KeptScore(-1.0)] * 3)
    twice = [*named, *named]
    scorer = Scorer()
    score_missing(missing_places(twice, kept), twice, kept, scorer)
    asked = [place for batch in scorer.batches for place in batch]
    assert asked == [place for place in range(30) if not 5 <= place < 8]
    assert missing_places(twice, kept) == []


@pytest.mark.parametrize(("seconds", "settled"), [(1e-6, missing.LARGEST_BATCH), (0.5, 10), (20.0, 1)])
def test_a_batch_takes_about_five_seconds_whatever_the_models_speed(
    kept: KeptScores, monkeypatch: pytest.MonkeyPatch, seconds: float, settled: int
) -> None:
    scorer = Scorer(seconds)
    monkeypatch.setattr(missing.time, "perf_counter", lambda: scorer.now)
    named = keys(4 * settled + 2000 if settled > 100 else 5 * settled + 20)
    score_missing(range(len(named)), named, kept, scorer)
    sizes = list(map(len, scorer.batches))
    assert sizes[0] == missing.FIRST_BATCH
    assert set(sizes[6 if settled > 100 else 2 : -1]) == {settled}


def test_an_interruption_loses_the_batch_that_was_under_way(kept: KeptScores) -> None:
    named, counted = keys(100), list[int]()
    broken, rest = Scorer(fails_at=3), Scorer()
    with pytest.raises(KeyboardInterrupt):
        score_missing(missing_places(named, kept), named, kept, broken, done=counted.append)
    assert sum(counted) == len(kept) == sum(map(len, broken.batches)) > 0
    score_missing(missing_places(named, kept), named, kept, rest)
    assert sorted(place for batch in (*broken.batches, *rest.batches) for place in batch) == list(range(100))


def test_a_list_with_a_missing_pair_is_scored_whole_and_in_one_batch(kept: KeptScores) -> None:
    named, lists = keys(21), [place // 7 for place in range(21)]
    kept.put(named[:10], [KeptScore(0.0)] * 10)
    scorer = Scorer()
    score_missing(missing_places(named, kept, lists=lists), named, kept, scorer, lists=lists)
    assert scorer.batches == [list(range(7, 14)), list(range(14, 21))]


def test_what_comes_by_itself_is_kept_as_it_comes(kept: KeptScores) -> None:
    named = keys(9)

    def answers(places: Sequence[int]) -> Generator[tuple[Sequence[int], list[KeptScore]]]:
        assert len(places) == 9
        yield places[:3], [KeptScore(1.0)] * 3
        yield [8, 4], [KeptScore(8.0), KeptScore(4.0)]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_missing(range(9), named, kept, answers, at_once=True)
    assert missing_places(named, kept) == [3, 5, 6, 7]
    assert kept.all([named[8], named[4]]) == [KeptScore(8.0), KeptScore(4.0)]
