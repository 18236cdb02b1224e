"""A finished distillation, made once, and copies of it to change."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .toy import JUDGED, Told, write_toy


@pytest.fixture(scope="session")
def _finished(tmp_path_factory: pytest.TempPathFactory, ettin: Path) -> Told:
    folder = tmp_path_factory.mktemp("distilled")
    told = Told(write_toy(folder / "data", ettin, more=JUDGED), folder / "work", [], {})
    told.run()
    return told


@pytest.fixture
def told(_finished: Told, tmp_path: Path) -> Told:
    """A copy of the finished distillation."""
    shutil.copytree(_finished.recipe.parent, tmp_path / "data")
    shutil.copytree(_finished.into, tmp_path / "work")
    return Told(tmp_path / "data" / "toy.toml", tmp_path / "work", list(_finished.said), dict(_finished.bars))
