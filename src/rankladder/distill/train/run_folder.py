"""A training run's folder: what it depends on, its checkpoints, and the finished student.

    train/
      key            digest of what the run depends on, written before the first step; empty while others' are cleared
      depends.json   the same, part by part, to say what changed
      batch.json     pairs or queries a step, which a resumed run keeps
      checkpoints/   the trainer's own
      best/          the student
      manifest.json  key, figures, plan, history and digests of ``best``, written last: the run is complete

A killed run resumes at the last complete checkpoint.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from rankladder.distill.data.training_rows import rows_digest
from rankladder.distill.manifests import clear, difference, expect_ours, plain, read_json, write_json
from rankladder.distill.recipe.tables import NANO_BEIR, Recipe
from rankladder.distill.stage import Made
from rankladder.distill.step import MARKS, Depends
from rankladder.distill.train.student import start_folder
from rankladder.storage import file_digest, path_digest, whole_file

_MARK = MARKS["train"]
_BATCH = "batch.json"
_BESIDE = {"logs", "keep", "start", "revision"}
"""Keys of ``[train]`` that do not affect the student; the start's name does not, as its files are digested."""
_SETTINGS = {"config.json", "modules.json", "tokenizer.json", "tokenizer_config.json"}
"""Files of the start, other than its weights, that affect the student."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished run: the best checkpoint, what it was chosen by, and the log of the run."""

    folder: Path
    key: str
    best: Mapping[str, float]
    history: tuple[Mapping[str, float], ...]
    depends: Mapping[str, Any] | None = None


def open_trained(folder: Path) -> Trained | None:
    """A finished run as its manifest has it; None where there is none, or a file of the student was altered since."""
    found = read_json(folder / "manifest.json")
    if found is None:
        return None
    for name, digest in found.get("files", {}).items():
        if not (folder / "best" / name).is_file() or file_digest(folder / "best" / name) != digest:
            return None
    depends = read_json(folder / "depends.json")
    return Trained(folder / "best", found["key"], found["best"], tuple(found["history"]), depends)


def is_made_with(found: Trained | None, recipe: Recipe) -> bool:
    """Whether a run is finished and had these settings, whatever its rows: they need no check any more."""
    begun = found.depends if found is not None else None
    return begun is not None and begun["settings"] == run_settings(recipe)


def complete_run(trained: Trained, facts: Mapping[str, Any]) -> None:
    """Writes the manifest of a run whose student lies in its folder, with the digests of the student's files."""
    folder = trained.folder
    files = {
        path.relative_to(folder).as_posix(): file_digest(path) for path in sorted(folder.rglob("*")) if path.is_file()
    }
    manifest = {"key": trained.key, "best": trained.best, **facts, "history": trained.history, "files": files}
    write_json(folder.parent / "manifest.json", manifest)


def train_depends(recipe: Recipe, sampled: Made | None) -> Depends:
    """What the run depends on: settings, the sets that the best is chosen by, rows, and what lies in the start's
    folder, wherever that is.
    """
    start = start_folder(recipe.train)
    during = sorted(path if path == NANO_BEIR else path_digest(path) for path in recipe.evaluate.during)
    depends = {
        "settings": run_settings(recipe),
        "during": [during, recipe.evaluate.queries_during, recipe.evaluate.top_k] if during else [],
        "seed": recipe.seed,
        "rows": rows_digest(recipe, sampled),
        "start": [file_digest(path) for path in sorted(start.rglob("*.safetensors"))],
        "start_settings": _settings_digest(start),
    }
    values = plain(depends)
    return Depends(values, key_of(values))


def run_settings(recipe: Recipe) -> dict[str, Any]:
    """The keys of ``[train]`` that affect the student."""
    found: dict[str, Any] = plain(
        {name: value for name, value in msgspec.to_builtins(recipe.train).items() if name not in _BESIDE}
    )
    return found


def _settings_digest(start: Path) -> str:
    """The digest of the start's tokenizer and configuration."""
    digest = hashlib.sha256()
    for path in sorted(start.rglob("*")):
        if path.name in _SETTINGS:
            digest.update(f"{path.relative_to(start).as_posix()} {file_digest(path)}\n".encode())
    return digest.hexdigest()


def key_of(depends: Mapping[str, Any]) -> str:
    """The digest of what a run depends on."""
    parts = [
        json.dumps(depends["settings"], sort_keys=True),
        json.dumps(depends["during"]),
        str(depends["seed"]),
        depends["rows"],
        *depends["start"],
        depends["start_settings"],
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def begun_batch(folder: Path, key: str) -> int | None:
    """The batch of a run with this key that was begun in the folder, None where there is none."""
    marker, found = folder / _MARK, read_json(folder / _BATCH)
    return found["batch_size"] if found and _key_in(marker) == key else None


def begin_run(folder: Path, depends: Depends, batch_size: int, say: Callable[[str], object]) -> None:
    """Clears what another recipe or other rows left, saying what changed. Raises BadInput for files without a key.

    The key is emptied before what it stands for goes, and written after: killed in between, the folder is cleared by
    the next run, and no checkpoint of another recipe is resumed.
    """
    expect_ours(folder, _MARK)
    marker, key = folder / _MARK, depends.key
    had = _key_in(marker)
    if had == key:
        return
    if had:
        before = read_json(folder / "depends.json")
        changed = difference(before, depends.values) if before else ""
        say(f"train: remade: {changed or 'recipe, rows or start changed'}")
    folder.mkdir(parents=True, exist_ok=True)
    _write(marker, "")
    clear(folder, _MARK)
    write_json(folder / "depends.json", depends.values)
    write_json(folder / _BATCH, {"batch_size": batch_size})
    _write(marker, key)


def _key_in(marker: Path) -> str:
    return marker.read_bytes().decode("ascii", "replace") if marker.is_file() else ""


def _write(marker: Path, key: str) -> None:
    with whole_file(marker) as file:
        file.write(key)


def last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written whole: the trainer writes its state last, and may be killed in it."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]), reverse=True)
    return next((path for path in found if read_json(path / "trainer_state.json") is not None), None)
