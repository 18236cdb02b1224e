"""What a comparison shows to others: no path of this machine, and models that can be told apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from rankladder.cost import Failure
from rankladder.cost.configuration import Configuration, shown_names
from rankladder.cost.report import failure_row
from rankladder.errors import BadTensor


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("MODEL/model.safetensors: cut short", "final/model.safetensors: cut short"),
        ("MODEL: no config.json", "final: no config.json"),
        ("no place for the graph: '/data/private/cache/graphs': full", "no place for the graph: 'graphs': full"),
        ("HOME/.cache/huggingface/x/config.json: no", "config.json: no"),
        ("https://hub.co/org/model: 500 and/or 502", "https://hub.co/org/model: 500 and/or 502"),
    ],
)  # fmt: skip
def test_a_failure_shows_the_last_part_of_a_path(message: str, shown: str, tmp_path: Path) -> None:
    folder = tmp_path / "secret client" / "final"
    folder.mkdir(parents=True)
    told = message.replace("MODEL", str(folder)).replace("HOME", str(Path.home()))
    row = failure_row(Failure(Configuration("final", str(folder), "onnx"), BadTensor(told)))
    assert row["message"] == shown


def test_a_name_that_is_a_common_word_does_not_garble_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    row = failure_row(Failure(Configuration("mine", ".", "onnx"), BadTensor("config.json: found 0.5. No such key.")))
    assert row["message"] == "config.json: found 0.5. No such key."


def test_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for part in ("a/final", "b/final", "other"):
        (tmp_path / part).mkdir(parents=True)
    first, second, other = (str(tmp_path / part) for part in ("a/final", "b/final", "other"))
    assert shown_names([first, second, other, "box", first]) == {
        first: "a/final",
        second: "b/final",
        other: "other",
        "box": "box",
    }
    assert shown_names([first]) == {first: "final"}
