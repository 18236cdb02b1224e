"""A finished distillation, made once, and copies of it to change."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .toy import JUDGED, Told, write_toy


@pytest.fixture(autouse=True, scope="module")
def _one_thread(one_torch_thread: None) -> None:
    """Every student here is tiny."""


@pytest.fixture(scope="session")
def _finished(tmp_path_factory: pytest.TempPathFactory, ettin: Path) -> Told:
    folder = tmp_path_factory.mktemp("distilled")
    told = Told(write_toy(folder / "data", ettin, more=JUDGED), folder / "work", [], {})
    told.run()
    return told


@pytest.fixture
def told(request: pytest.FixtureRequest, tmp_path: Path) -> Told:
    """A copy of the finished distillation."""
    finished: Told = request.getfixturevalue("_finished")  # as a parameter it would be made before torch has one thread
    shutil.copytree(finished.recipe.parent, tmp_path / "data")
    shutil.copytree(finished.into, tmp_path / "work")
    return Told(tmp_path / "data" / "toy.toml", tmp_path / "work", list(finished.said), dict(finished.bars))
