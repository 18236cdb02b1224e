"""A result is taken for what was asked for only where it was made with the same; what differs is named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rankladder.distill.step import Depends, Step
from rankladder.errors import NotFound

NOW: Mapping[str, Any] = {"settings": {"depth": 3}, "inputs": {"corpus": "c0"}}


@dataclass(frozen=True)
class Kept:
    key: str
    depends: Mapping[str, Any] | None


def step(kept: Kept | None, now: Mapping[str, Any] = NOW) -> Step[Kept]:
    return Step("mine", Path("work"), lambda: Depends(now, "now"), lambda folder: kept, lambda: Kept("now", now))


@pytest.mark.parametrize(
    "kept",
    [
        Kept("now", NOW),
        Kept("now", None),  # an earlier version kept the key alone
        Kept("other", NOW),
        Kept("other", {"settings": {"depth": 3}, "inputs": {"corpus": "c0", "teacher": "t"}}),  # not known now
    ],
)
def test_what_was_made_with_the_same_is_the_result(kept: Kept) -> None:
    assert step(kept).done() is kept
    assert step(kept).need() is kept


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (None, "this stage is not complete"),
        (Kept("other", None), "made with something else\nhint"),
        (Kept("other", {**NOW, "settings": {"depth": 4}}), "made with something else: depth was 4, is 3"),
        (Kept("other", {**NOW, "settings": {"depth": 3, "ways": 2}}), "ways was 2, is not there"),
        (Kept("other", {**NOW, "inputs": {}}), 'corpus was not there, is "c0"'),
    ],
)
def test_anything_else_is_none_and_says_what_differs_and_what_to_run(kept: Kept | None, said: str) -> None:
    assert step(kept).done() is None
    with pytest.raises(NotFound, match=re.escape(said)) as refused:
        step(kept).need()
    assert refused.value.hint == "rankladder distill mine RECIPE makes it"
    assert str(refused.value).startswith(str(Path("work") / "mine"))
